"""Any data set of the UEA and UCR archives: series of one or several channels, in a training and a test file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ccnn_pc._choices import choice
from ccnn_pc.datasets.common.cache import fingerprint
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.uea import SUFFIXES, read_stamped
from ccnn_pc.datasets.registry import is_found, register_dataset
from ccnn_pc.datasets.series.dataset import SeriesDataset, SeriesForm
from ccnn_pc.datasets.series.stored import (
    NO_LONGER,
    StoredSeries,
    cached_series,
    join_series,
    on_lattice,
    rows_of_labels,
    sorted_names,
    typical_grid,
)

_PACKED = ("", ".gz", ".xz")
_PART = re.compile(r"(?P<name>.+)_(?P<part>TRAIN|TEST)(?P<end>\.\w+(?:\.gz|\.xz)?)", re.IGNORECASE)
#: Beside the file of all channels the archive has one of each.
_CHANNEL = re.compile(r"Dimension\d+$", re.IGNORECASE)
Parts = Mapping[Split | None, Path]
"""The file of each part; None: one file that is no part."""


def _is_there(path: Path) -> bool:
    if path.is_file():
        return is_archive(path) or _of_part(path) is not None
    return is_found(find_uea, path)


def _split_of(path: Path) -> Split | None:
    parts = find_uea(path)
    if path.is_file():
        return next(part for part, file in parts.items() if file == path)
    return Split.TEST if Split.TEST in parts else None


@register_dataset("uea", recognises=_is_there, split_of=_split_of, own_validation=False, rank=1)
class UEAArchive(SeriesDataset):
    """Series of the UEA and UCR archives (https://www.timeseriesclassification.com) with their classes by name.

    Read at ``root``: ``NAME_TRAIN`` and ``NAME_TEST``, as ``.ts`` or ``.arff``, or as ``.tsv`` or ``.txt`` whose first
    column is the class; also ``.gz`` and ``.xz``. Classes are sorted, as numbers where all of them are numbers.
    Missing values are 0 on a grid, as what stands behind shorter series; in the irregular form a mask says so. Files
    with time stamps (``@timeStamps true``, numbers or dates, which are counted in seconds) need the irregular form.

    Args:
        root: a folder with these files, one of them (the other one is found beside it), or any single ``.ts`` or
            ``.arff``, which is all of the data whatever ``split`` says.
        split: TRAIN (default) or TEST, the official parts; None: both.
        labelled: False reads this file alone, and no labels: items have no ``y``, there are no classes and no split.
        cache: folder of processed data (None: the default cache).
        options: form, length, normalize, drop, drop_seed, spacing, transform, pre_transform, seed, and numbers, which
            the archives of regression need: see :class:`SeriesDataset`. Values are normalised by the training file
            where there is one.

    Raises:
        FileNotFoundError: no such files, or not the one of the wanted part.
        ValueError: a damaged file, parts that do not belong together, time stamps on a grid; the message names the
            file.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: Split | str | None = Split.TRAIN,
        *,
        labelled: bool = True,
        cache: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        split = None if split is None else choice("split", split, Split)
        if split is Split.VAL:
            raise ValueError(
                "'split' must be 'train' or 'test' (got 'val'): draw validation from the training part"
            )
        if split is not None and not labelled:
            raise ValueError(f"'split' must be None for series without labels (got {split.value!r})")
        parts: Parts = find_uea(root) if labelled else {None: Path(root)}
        if split is not None and None not in parts and split not in parts:
            there = next(iter(parts.values()))
            raise FileNotFoundError(
                f"'{there}' must have the file of the part '{split.value}' beside it (found none)"
            )
        numbers = bool(options.get("numbers"))
        settings = {
            "version": 3, "source": fingerprint(parts.values()), "parts": str(list(parts)), "numbers": numbers
        }  # fmt: skip
        self.labelled = labelled
        stored = (
            cached_series(cache, "uea", settings, lambda: read_parts(parts, numbers))
            if labelled
            else read_parts(parts, labelled=False)
        )
        if stored.times is not None:
            if choice("form", options.get("form", SeriesForm.GRID), SeriesForm) is SeriesForm.GRID:
                raise ValueError(
                    f"'form' must be irregular for series with time stamps, as those of "
                    f"'{next(iter(parts.values()))}' (got grid): data.form=irregular"
                )
            stored, lattice = on_lattice(stored) or (stored, None)
            options.setdefault("lattice", lattice)
        part = np.asarray(stored.static)[:, 0]
        rows = {each: np.flatnonzero(part == number) for number, each in enumerate(parts)}
        everything = np.arange(len(stored))
        self._training = rows.get(Split.TRAIN, everything)
        super().__init__(
            stored,
            everything if split is None or None in parts else rows[split],
            self._training,
            **options,
        )
        self._missing = bool(np.isnan(stored.values).any())

    def load(self, row: int) -> Any:
        item = super().load(row)
        if not self.labelled:
            del item.y
        return item

    @property
    def has_missing(self) -> bool:
        return self._missing

    def measured(self) -> dict[str, Any]:
        """What a network must know: ``in_channels``, ``shape`` (length of the grid, or a usual one), ``spacing``."""
        spacing = self.spacing
        if self.stored.times is not None:
            channels, (spacing, length) = (
                self.shape[0],
                typical_grid(self.stored, self._training, self.lattice),
            )
        elif self.form is SeriesForm.GRID:
            channels, length = self.shape
        else:
            channels, length = (
                self.shape[0],
                max(2, int(np.quantile(self.stored.lengths[self._rows], NO_LONGER))),
            )
        return {"in_channels": channels, "shape": [length], "spacing": spacing}


def _of_part(path: Path) -> tuple[str, Split, str] | None:
    """Name of the data set, part, and format of a file; None where it is not called so."""
    found = _PART.fullmatch(path.name)
    if found is None or found["end"].lower() not in {
        kind + packed for kind in SUFFIXES for packed in _PACKED
    }:
        return None
    return found["name"], Split[found["part"].upper()], found["end"].lower()


def find_uea(root: str | os.PathLike[str]) -> Parts:
    """The files of the parts at ``root``.

    Raises:
        FileNotFoundError: there are none.
        ValueError: a folder with several data sets; the message names them.
    """
    root = Path(root)
    if root.is_file() and _of_part(root) is None:
        return {None: root}
    folder = root.parent if root.is_file() else root
    found: dict[tuple[str, str], dict[Split | None, Path]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        key = None if path.name.startswith(".") or not path.is_file() else _of_part(path)
        if key is not None:
            found.setdefault((key[0], key[2]), {})[key[1]] = path
    if root.is_file():
        name, _, end = _of_part(root) or ("", None, "")
        return dict(sorted(found[name, end].items(), key=lambda item: item[1] != root))
    names = sorted({name for name, _ in found if not _CHANNEL.search(name)} or {name for name, _ in found})
    if root.resolve().name in names:
        names = [root.resolve().name]
    if not names:
        raise FileNotFoundError(
            f"'root' must hold NAME_TRAIN and NAME_TEST, as {', '.join(SUFFIXES)} (found none at '{root}')"
        )
    if len(names) > 1:
        raise ValueError(
            f"'{root}' must hold one data set (got {', '.join(names[:5])}): give one of its files"
        )
    of_name = [(len(files), -SUFFIXES.index("." + end.split(".")[1]), files) for (name, end), files in found.items()
               if name == names[0]]  # fmt: skip
    return max(of_name, key=lambda item: item[:2])[2]


def is_archive(path: Path) -> bool:
    """Whether the name of a file ends as those of the archives do that are nothing else: ``.ts``, ``.arff``.

    Example:
        >>> is_archive(Path("a.ts")), is_archive(Path("a.ARFF.gz")), is_archive(Path("a.txt"))
        (True, True, False)
    """
    return path.name.lower().removesuffix(".gz").removesuffix(".xz").endswith((".ts", ".arff"))


def read_parts(parts: Parts, numbers: bool = False, labelled: bool = True) -> StoredSeries:
    """The series of the files of some parts, ``static`` the number of the part; see :func:`read_stamped`."""
    series: list[np.ndarray] = []
    labels: list[str] = []
    part: list[int] = []
    times: list[np.ndarray] = []
    for number, path in enumerate(parts.values()):
        found, names, stamps = read_stamped(path, numbers, labelled)
        if series and bool(times) != (stamps is not None):
            raise ValueError(
                f"'{path}' must have time stamps where the other part has them, and none where it has none"
            )
        times += stamps or []
        if series and found[0].shape[1] != series[0].shape[1]:
            raise ValueError(
                f"'{path}' must have series of {series[0].shape[1]} channels, as the other part has "
                f"(got {found[0].shape[1]})"
            )
        series += found
        labels += names
        part += [number] * len(found)
    classes = sorted_names(set(labels)) if labelled else []
    return join_series(
        series,
        rows_of_labels(labels, classes) if labelled else np.zeros(len(labels), dtype=np.int64),
        classes,
        static=np.array(part, dtype=np.float32)[:, None],
        times=np.concatenate(times) if times else None,
    )
