"""Series as a table with one observation per row."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ccnn_pc._files import written_whole
from ccnn_pc.datasets.tables.observations import LongColumns, as_columns
from ccnn_pc.datasets.transforms.base import has


def write_long_csv(
    data: Any,
    table: str | os.PathLike[str],
    labels: str | os.PathLike[str] | None = None,
    *,
    variables: Sequence[str] | None = None,
    columns: LongColumns | Mapping[str, str] | None = None,
) -> int:
    """Write irregular series as :class:`LongCSV` reads them: a row for each value that was observed.

    Series are called by their ``name``, else by their number, filled up with zeros so that they sort as they come.

    Args:
        data: a data set of irregular series: items with ``times [n]``, ``x [n, C]``, optionally ``mask [n, C]``.
        table: the file to write.
        labels: file of labels to write, one row per series; None: none.
        variables: names of the C channels (default: channel_0, channel_1 …).
        columns: what the columns are called.

    Returns:
        the number of observations.

    Raises:
        OSError: a file cannot be written.
        ValueError: another number of names than of channels.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from ccnn_pc.datasets import LongCSV, Oscillations
        >>> data = Oscillations("test", per_class=2)
        >>> with TemporaryDirectory() as folder:
        ...     count = write_long_csv(data, f"{folder}/long.csv", f"{folder}/labels.csv", variables=["signal"])
        ...     again = LongCSV(f"{folder}/long.csv", None, labelled=False)
        >>> count == sum(len(item.times) for item in data), again.variables, bool((again[3].x == data[3].x).all())
        (True, ['signal'], True)
    """
    columns, width = as_columns(columns), len(str(max(len(data) - 1, 0)))
    names: list[tuple[str, str]] = []
    count = 0

    def rows() -> Iterable[Sequence[str]]:
        nonlocal count
        for number, item in enumerate(data):
            name = item.name if has(item, "name") else f"{number:0{width}d}"
            channels = (
                [f"channel_{c}" for c in range(item.x.shape[1])] if variables is None else list(variables)
            )
            if len(channels) != item.x.shape[1]:
                raise ValueError(f"'variables' must name {item.x.shape[1]} channels (got {len(channels)})")
            names.append((name, data.classes[int(item.y)]))
            times, x = item.times.numpy(), item.x.numpy()
            known = item.mask.numpy() if has(item, "mask") else np.ones(x.shape, dtype=bool)
            for sample, channel in np.argwhere(known):
                count += 1
                yield name, str(times[sample]), channels[channel], str(x[sample, channel])

    _write(Path(table), columns.observation, rows())
    if labels is not None:
        _write(Path(labels), (columns.id, columns.label), names)
    return count


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with written_whole(path) as hidden, open(hidden, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
