"""What is measured on training scenes: fixed scales of fields, a table of the classes that occur."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ccnn_pc.datasets.scenes.class_table import ClassTable
from ccnn_pc.datasets.scenes.splits import Area
from ccnn_pc.datasets.scenes.targets import Scale
from ccnn_pc.datasets.scenes.thinned import ThinnedScene

#: Kept points of a scene that scales are measured on.
LOOKED_AT = 100_000
#: Names of classes of LAS files (ASPRS LAS 1.4 R15, table 17); 0 was never classified.
ASPRS = {
    **{1: "unclassified", 2: "ground", 3: "low vegetation", 4: "medium vegetation", 5: "high vegetation"},
    **{6: "building", 7: "low noise", 8: "model key point", 9: "water", 10: "rail", 11: "road surface"},
    **{13: "wire guard", 14: "wire conductor", 15: "transmission tower", 16: "wire connector"},
    **{17: "bridge deck", 18: "high noise"},
}


def field_scales(
    scenes: Iterable[tuple[ThinnedScene, Area | None]], names: Sequence[str]
) -> dict[str, Scale]:
    """Median, and half the way from the 5 % to the 95 % quantile, of each column of each field, over all scenes alike.

    Where these quantiles are equal it is the standard deviation, of constants 1.

    Raises:
        ValueError: a field that has another number of columns in another scene.
    """
    seen: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for scene, area in scenes:
        rows = np.arange(0, len(scene), max(1, len(scene) // LOOKED_AT))
        if area is None:
            continue
        rows = rows[area.holds(scene.pos[rows])]
        for name in names:
            values = np.asarray(scene.values[name][rows], dtype=np.float64).reshape(len(rows), -1)
            if seen[name] and seen[name][0].shape[1] != values.shape[1]:
                raise ValueError(
                    f"'{scene.source}': field '{name}' must have {seen[name][0].shape[1]} columns, as in other scenes "
                    f"(got {values.shape[1]})"
                )
            seen[name].append(values)
    found: dict[str, Scale] = {}
    for name, parts in seen.items():
        values = np.concatenate(parts)
        low, middle, high = np.quantile(values, [0.05, 0.5, 0.95], axis=0)
        half, deviation = (high - low) / 2, values.std(axis=0)
        size = np.where(half > 0, half, np.where(deviation > 0, deviation, 1.0))
        found[name] = tuple(zip(middle.tolist(), size.tolist(), strict=True))
    return found


def target_scales(scenes: Iterable[tuple[ThinnedScene, Area | None]], names: Sequence[str]) -> Scale:
    """Mean and standard deviation of the known numbers of kept points, over all scenes alike.

    Raises:
        ValueError: nothing is known of a target, or it is one number everywhere.
    """
    parts = []
    for scene, area in scenes:
        if area is None or scene.truth is None:
            continue
        rows = np.arange(0, len(scene), max(1, len(scene) // LOOKED_AT))
        parts.append(scene.truth.of(rows[area.holds(scene.pos[rows])]))
    values = np.concatenate(parts) if parts else np.empty((0, len(names)))
    found = []
    for name, column in zip(names, values.T, strict=True):
        known = column[np.isfinite(column)]
        if not len(known):
            raise ValueError(f"field '{name}' must be known of some points of the training scenes (got none)")
        if known.min() == known.max():
            raise ValueError(
                f"field '{name}' must differ between points of the training scenes to be learned (all are {known[0]:g})"
            )
        found.append((float(known.mean()), float(known.std())))
    return tuple(found)


def class_table(scenes: Sequence[ThinnedScene], field: str) -> ClassTable:
    """A table of the numbers that occur; of LAS classifications by their standard names, and 0 ignored.

    Raises:
        ValueError: fewer than two classes; the message names the files' field.
    """
    numbers = sorted({int(number) for scene in scenes for number in scene.numbers})
    standard = field == "classification"
    ignored = tuple(number for number in numbers if standard and number == 0)
    named = {
        number: ASPRS.get(number, f"class {number}") if standard else f"class {number}"
        for number in numbers
        if number not in ignored
    }
    if len(named) < 2:
        raise ValueError(
            f"field '{field}' must hold two classes or more in the training scenes (got the numbers "
            f"{', '.join(map(str, numbers)) or 'none'} in {len(scenes)} files, the first '{scenes[0].source}')"
        )
    return ClassTable(named, ignored)
