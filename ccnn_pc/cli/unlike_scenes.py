"""Fields of scenes that hold other numbers than those of a training: other units, or nothing measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ccnn_pc.cli.unlike import VALUES, Unlike, some, warn_once

if TYPE_CHECKING:
    from ccnn_pc.datasets import ScenePreprocessing

#: Points of a scene that are looked at, and fewest that say anything.
LOOKED_AT, FEWEST = 100_000, 100
#: What lies so many usual deviations off is cut; a field that varies so many times more, or less, is another one.
OFF, TIMES = 5.0, 9.0


def unlike_fields(
    used: ScenePreprocessing, scenes: Sequence[tuple[str, Mapping[str, np.ndarray]]]
) -> Iterator[Unlike]:
    """Fields whose medians, or spreads, are not those of training; each field once.

    Args:
        used: preprocessing of a model of scenes, with the scales of its training.
        scenes: names and fields ``[n]`` or ``[n, c]``.
    """
    for field in getattr(used, "fields", ()) if scenes else ():
        texts = [_otherwise(values[field], (used.scales or {})[field]) for _, values in scenes]
        rows = np.array([bool(text) for text in texts])
        if rows.any():
            names = [name for name, _ in scenes]
            holds = "hold" if len(names) > 1 else "holds"
            text = f"{some(rows, names)} {holds} '{field}' {next(filter(None, texts))}"
            yield Unlike(f"field {field}", text, rows, VALUES)


def _otherwise(values: np.ndarray, scales: Sequence[tuple[float, float]]) -> str:
    """What is otherwise with a field, and what mends it; "": nothing."""
    some_rows = np.asarray(values[:: max(1, len(values) // LOOKED_AT)], dtype=np.float64)
    columns = some_rows.reshape(len(some_rows), -1).T
    if len(some_rows) < FEWEST or len(columns) != len(scales):
        return ""
    for column, (usual, half) in zip(columns, scales, strict=True):
        low, middle, high = np.quantile(column, [0.05, 0.5, 0.95])
        there = f"in training {usual:.4g} ± {half:.4g}"
        if column.min() == column.max():
            if abs(middle - usual) > half:
                return f"{middle:.4g} at every point ({there}): was it measured? Train without it, or give its values"
            continue
        spread = (high - low) / 2
        if abs(middle - usual) > OFF * half or spread > TIMES * half or 0 < spread < half / TIMES:
            return (
                f"around {middle:.4g} ± {spread:.4g} ({there}): is it in another unit, or of 8 bits here and 16 there? "
                "Bring it to that of training"
            )
    return ""


@contextmanager
def compared_fields(model: Any, scenes: Sequence[tuple[str, Mapping[str, np.ndarray]]]) -> Iterator[None]:
    """Warn of such fields, once per model, which then does not say what follows from it while it is asked inside."""
    fields = list(unlike_fields(model.preprocessing, scenes))
    if not fields:  # also of networks that warn of nothing
        yield
        return
    explained: set[str] = set()
    for found in fields:
        explained |= found.explains - model.warned
        warn_once(model, found)
    model.warned |= explained
    try:
        yield
    finally:
        model.warned -= explained
