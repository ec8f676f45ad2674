"""Many series of any length in flat arrays, memory-mapped: how data sets keep them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ccnn_pc.datasets.common.cache import cached, check_labels, check_stored
from ccnn_pc.datasets.common.shuffle_split import published_rows
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.numerals import is_number, number_in
from ccnn_pc.ops.series.stamps import lattice_spacing


@dataclasses.dataclass
class StoredSeries:
    """Series one after the other; series i has rows ``offset[i]`` to ``offset[i + 1]``.

    Attributes:
        values: ``[N, C]`` float32, NaN where nothing was observed; or int16, 32768 = 1.
        offset: ``[n + 1]`` int64.
        label: ``[n]`` int64.
        classes: names of the classes.
        times: ``[N]`` float64, rising in each series; None: sample number times the spacing of the data set.
        name: ``[n]`` names; None: row numbers.
        static: values of a whole series ``[n, S]`` float32, NaN where unknown; None: none.
        channels: names of the channels; None: they have none.
        broken: files that could not be read, with the reason.
        told: what was warned of when they were read.
    """

    values: np.ndarray
    offset: np.ndarray
    label: np.ndarray
    classes: list[str]
    times: np.ndarray | None = None
    name: Sequence[str] | np.ndarray | None = None
    static: np.ndarray | None = None
    channels: Sequence[str] | None = None
    broken: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    folder: Path | None = None

    def __post_init__(self) -> None:
        self.told: list[str] = []

    def __len__(self) -> int:
        return len(self.label)

    @property
    def lengths(self) -> np.ndarray:
        """Samples of each series, int64 ``[n]``."""
        return np.diff(self.offset)

    def series(self, row: int) -> np.ndarray:
        """Values of one series, float32 ``[n, C]``, a copy."""
        values = self.values[self.offset[row] : self.offset[row + 1]]
        if values.dtype == np.int16:
            return values.astype(np.float32) * np.float32(2.0**-15)
        return np.array(values, dtype=np.float32)

    def stamps(self, row: int) -> np.ndarray:
        """Time stamps of one series, float64 ``[n]``: sample numbers where none are stored."""
        first, last = int(self.offset[row]), int(self.offset[row + 1])
        return np.arange(last - first, dtype=np.float64) if self.times is None else self.times[first:last]

    def save(self, folder: Path) -> None:
        """Write into an existing folder."""
        np.save(folder / "values.npy", self.values)
        rest = {key: getattr(self, key) for key in ("offset", "label", "times", "static")}
        rest["classes"] = np.asarray(self.classes, dtype=np.str_)
        for key in ("name", "channels"):
            names = getattr(self, key)
            rest[key] = None if names is None else np.asarray(names, dtype=np.str_)
        rest["broken"] = np.asarray(self.broken, dtype=np.str_).reshape(-1, 2)
        rest["told"] = np.asarray(self.told, dtype=np.str_)
        np.savez(folder / "rest.npz", **{key: array for key, array in rest.items() if array is not None})

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> StoredSeries:
        """Read what :meth:`save` wrote; values stay on disk until they are used.

        Raises:
            ValueError: the arrays do not fit together; numpy lets other errors of damaged files through.
        """
        folder = Path(folder)
        with np.load(folder / "rest.npz") as rest:
            arrays: dict[str, Any] = {key: rest[key] for key in rest.files}
        arrays["classes"] = arrays["classes"].tolist()
        arrays["channels"] = arrays["channels"].tolist() if "channels" in arrays else None
        arrays["broken"] = [(str(path), str(reason)) for path, reason in arrays["broken"]]
        told = arrays.pop("told").tolist() if "told" in arrays else []
        stored = cls(values=np.load(folder / "values.npy", mmap_mode="r"), folder=folder, **arrays)
        stored.told = told
        check_stored(stored.offset, [stored.values, stored.times], [stored.label, stored.name, stored.static])
        check_labels(stored.label, stored.classes)
        if stored.values.ndim != 2:
            raise ValueError(f"'values' must have shape [N, C] (got {list(stored.values.shape)})")
        return stored

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if self.folder is not None:  # another process maps the file again instead of copying it
            state["values"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.folder is not None:
            self.values = np.load(self.folder / "values.npy", mmap_mode="r")


def join_series(
    series: Sequence[np.ndarray], label: Sequence[int] | np.ndarray, classes: Sequence[str], **rest: Any
) -> StoredSeries:
    """Series ``[n_i, C]`` as :class:`StoredSeries`; ``rest``: its other attributes.

    Example:
        >>> stored = join_series([np.zeros((3, 2)), np.ones((5, 2))], [0, 1], ["a", "b"])
        >>> len(stored), stored.lengths.tolist(), stored.series(1).shape
        (2, [3, 5], (5, 2))
    """
    offset = np.zeros(len(series) + 1, dtype=np.int64)
    np.cumsum([len(each) for each in series], out=offset[1:])
    values = np.concatenate(list(series))
    values = values if values.dtype == np.int16 else values.astype(np.float32)
    return StoredSeries(values, offset, np.asarray(label, dtype=np.int64), list(classes), **rest)


def cached_series(
    root: str | os.PathLike[str] | None,
    name: str,
    settings: dict[str, Any],
    build: Callable[[], StoredSeries],
) -> StoredSeries:
    """The series that ``build()`` returns; see :func:`ccnn_pc.datasets.common.cache.cached`."""
    return cached(root, name, settings, build, StoredSeries.load)


def rows_of_labels(labels: Iterable[str], classes: Sequence[str]) -> np.ndarray:
    """Class index of each name, int64.

    Raises:
        ValueError: a name that is no class.
    """
    index = {name: number for number, name in enumerate(classes)}
    unknown = sorted({name for name in labels if name not in index})
    if unknown:
        known = ", ".join(list(classes)[:10]) + ", …" * (len(classes) > 10)
        raise ValueError(
            f"'classes' must name every class of the data (got no {', '.join(unknown[:5])}; known: {known})"
        )
    return np.array([index[name] for name in labels], dtype=np.int64)


def sorted_names(names: Iterable[str]) -> list[str]:
    """The names, sorted: as numbers where all of them are numbers, else as text.

    Example:
        >>> sorted_names(["10", "9"]), sorted_names(["10", "9", "a"])
        (['9', '10'], ['10', '9', 'a'])
    """
    texts = sorted(names)
    try:
        return sorted(texts, key=number_in)
    except ValueError:
        return texts


def rows_of_split(
    where: object, stored: StoredSeries, split: Split | None, seeds: tuple[int, int] = (0, 1)
) -> np.ndarray:
    """:func:`published_rows` of the series that were read from ``where``; None: all rows.

    Raises:
        ValueError: a class has too few series to be in each of the three parts; the message names ``where``.
    """
    try:
        if split is not None:
            published_rows(stored.label, Split.TEST, seeds)  # all parts or none
        return published_rows(stored.label, split, seeds)
    except ValueError as error:
        sizes = np.bincount(stored.label, minlength=len(stored.classes))
        counted = [f"{size} of {name!r}" for name, size in zip(stored.classes, sizes, strict=True)]
        more = f" and {len(counted) - 8} more classes" if len(counted) > 8 else ""
        hint = (
            ": numbers as targets have task=regression"
            if more and all(map(is_number, stored.classes))
            else ""
        )
        raise ValueError(
            f"'{where}' must have about ten series of each class, for three parts (got {', '.join(counted[:8])}{more})"
            f"{hint}"
        ) from error


#: Share of the series that are no longer than what is called typical.
NO_LONGER = 0.95
#: A pause of more than so many typical distances of the stamps of a table is none that its sampling explains.
LONG_PAUSE = 100.0
#: Fewer distances than these tell no lattice from chance where digits were cut.
_LEAST_DISTANCES = 20
#: A lattice with more than so many times per sample is none.
_SPARSEST = 32.0
#: Mean pauses that series may begin behind the first of them, on average, to begin together.
TOGETHER = 2.0
#: A lattice of which fewer than one in so many times is seen is finer than its data.
SPARSEST = 4.0
#: Part of a step that is rounding of float64; such stamps stay as they are.
_SAME = 1e-6


def typical_spacing(stored: StoredSeries, rows: np.ndarray) -> float | None:
    r"""The distance of consecutive values of a variable, as half of all values see it.

    Each variable of each series has a mean distance :math:`d = (t_\mathrm{last} - t_\mathrm{first}) / (n - 1)`
    over the n times at which it was observed; the result is the median of d, each counted n - 1 times. Regular
    sampling gives its spacing, random times the inverse of their rate; pauses of a few series, and variables that are
    rarely observed, do not move it. Samples so far apart have weight 1 in a layer of that spacing.

    Args:
        stored: the series, with times.
        rows: those that count (of the training part).

    Returns:
        The distance in the unit of the times; None where nothing was observed twice.

    Example:
        >>> times = np.array([0.0, 2.0, 4.0, 6.0, 0.0, 50.0])
        >>> typical_spacing(join_series([np.ones((4, 1)), np.ones((2, 1))], [0, 0], ["a"], times=times), np.arange(2))
        2.0
    """
    distances, counts = [], []
    for row in rows:
        times, known = stored.stamps(int(row)), np.isfinite(stored.series(int(row)))
        count = known.sum(axis=0)
        known = known[:, count > 1]
        if known.shape[1]:
            first, last = known.argmax(axis=0), len(known) - 1 - known[::-1].argmax(axis=0)
            distances.append((times[last] - times[first]) / (count[count > 1] - 1))
            counts.append(count[count > 1] - 1)
    if not distances:
        return None
    distance, weight = np.concatenate(distances), np.concatenate(counts)
    order = np.argsort(distance, kind="stable")
    total = np.cumsum(weight[order])
    return float(distance[order][np.searchsorted(total, total[-1] / 2)])


def typical_duration(stored: StoredSeries, rows: np.ndarray) -> float:
    """The time from first to last sample that 95 % of the series do not exceed.

    A pause counts as no longer than 100 median distances of consecutive stamps, so that no wrong stamp, and no series
    that rests for months, says how far kernels reach.

    Args:
        stored: the series, with times.
        rows: those that count.
    """
    gaps = [np.diff(stored.stamps(int(row))) for row in rows]
    longest = LONG_PAUSE * float(
        np.median(np.concatenate(gaps) if gaps else [0.0]) if any(map(len, gaps)) else 0.0
    )
    return float(np.quantile([np.minimum(gap, longest).sum() for gap in gaps], NO_LONGER))


def typical_grid(
    stored: StoredSeries, rows: np.ndarray, lattice: float | None = None, given: float | None = None
) -> tuple[float, int]:
    """The regular grid that series are most like: its spacing and its number of samples.

    Args:
        stored: the series, with times.
        rows: those that count.
        lattice: that of their stamps, if there is one; the spacing if at least every fourth of its times was seen.
        given: a spacing that was given; None: :func:`typical_spacing`, 1 where nothing was observed twice.

    Returns:
        The spacing; and how many samples so far apart span :func:`typical_duration`, at least 2.
    """
    spacing = given or typical_spacing(stored, rows) or 1.0
    if lattice is not None and spacing <= SPARSEST * lattice:
        spacing = lattice
    return spacing, max(round(typical_duration(stored, rows) / spacing), 1) + 1


def common_span(stored: StoredSeries, rows: np.ndarray) -> tuple[float | None, float | None]:
    """When series begin that begin together, and end that end together; None: they do not.

    They begin together where, on average, they begin at most two mean pauses behind the first of them: where samples
    that are missing explain it. Ends likewise.

    Args:
        stored: the series, with times.
        rows: those that count.

    Example:
        >>> times = np.array([0.0, 2.0, 3.0, 1.0, 2.0, 19.0])
        >>> common_span(join_series([np.ones((3, 1))] * 2, [0, 0], ["a"], times=times), np.arange(2))
        (0.0, 19.0)
        >>> times[3:] += 30.0
        >>> common_span(join_series([np.ones((3, 1))] * 2, [0, 0], ["a"], times=times), np.arange(2))
        (None, None)
    """
    stamps = [stored.stamps(int(row)) for row in rows]
    first, last = (np.array([each[place] for each in stamps]) for place in (0, -1))
    most = TOGETHER * float((last - first).sum()) / max(sum(map(len, stamps)) - len(stamps), 1)
    begin, end = float(first.min()), float(last.max())
    return begin if (first - begin).mean() <= most else None, end if (end - last).mean() <= most else None


def on_lattice(stored: StoredSeries) -> tuple[StoredSeries, float] | None:
    """The series with their stamps on the lattice that they were written from, and its spacing; None without one.

    Looked for are the widest spacing of which stamps are whole multiples apart up to the rounding of float64, and
    a wider one from which they are off by half of the last digit that is written, at most. Pauses of more than 100
    median distances say nothing; what follows one moves by half a step at most. A lattice of which fewer than one in 32
    times was seen is only that of the digits: none.

    Args:
        stored: the series, with times.

    Example:
        >>> times = np.round(np.arange(40) / 30, 3)
        >>> found, spacing = on_lattice(join_series([np.ones((40, 1))], [0], ["a"], times=times))
        >>> round(1 / spacing, 3), bool(np.allclose(found.times, np.arange(40) / 30, atol=2e-4))
        (30.0, True)
    """
    if stored.times is None:
        return None
    times, first = np.array(stored.times, dtype=np.float64), np.zeros(len(stored.times), dtype=bool)
    first[stored.offset[:-1]] = True
    gaps = np.diff(times)
    inside = gaps[~first[1:] & (gaps > 0)]
    if not len(inside):
        return None
    breaks = first.copy()
    breaks[1:] |= gaps > LONG_PAUSE * np.median(inside)
    stamps, runs = torch.from_numpy(times), torch.from_numpy(np.cumsum(breaks) - 1)
    spacing = lattice_spacing(stamps, runs)
    digits = next((d for d in range(10) if np.array_equal(np.round(times, d), times)), None)
    if digits is not None and len(inside) >= _LEAST_DISTANCES:
        wider = lattice_spacing(stamps, runs, 0.5 * 10.0**-digits)
        spacing = spacing if wider is None else wider if spacing is None else max(spacing, wider)
    if spacing is None or np.median(inside) > _SPARSEST * spacing:
        return None
    steps = np.cumsum(np.where(first[1:], 0, np.rint(gaps / spacing)))
    steps = np.concatenate([[0.0], steps])
    began = np.repeat(stored.offset[:-1], stored.lengths)
    exact = times[began] + (steps - steps[began]) * spacing
    same = np.abs(exact - times).max() <= _SAME * spacing
    return stored if same else dataclasses.replace(stored, times=exact), spacing


def long_pauses(stored: StoredSeries, rows: np.ndarray, longest: float) -> list[tuple[int, int]]:
    """Of each series that rests for more than ``longest``: its row, and which stamp follows its longest pause."""
    gaps = {int(row): np.diff(stored.stamps(int(row)), prepend=stored.stamps(int(row))[:1]) for row in rows}
    return [(row, int(gap.argmax())) for row, gap in gaps.items() if len(gap) and gap.max() > longest]
