"""Folders of files that become arrays of one shape: volumes, sound."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ccnn_pc._choices import choice
from ccnn_pc.datasets.common.broken import warn_broken
from ccnn_pc.datasets.common.cache import cached, fingerprint
from ccnn_pc.datasets.common.grid_data import GridData, set_windows
from ccnn_pc.datasets.common.grids import GridDataset
from ccnn_pc.datasets.common.items import Division, find_items, rows_of_part
from ccnn_pc.datasets.common.labelled import taken
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.preprocessing.files import FilePreprocessing


class StoredArrays:
    """Arrays of equal shape, and which of the files could not be read.

    Attributes:
        values: ``[n, C, *S]`` float32, one after the other: each file is one of them, or several windows.
        rows: which of the files can be read.
        broken: name and reason of the others.
        facts: of each file, ``[n]`` or ``[n, k]`` by name; see :class:`~ccnn_pc.datasets.preprocessing.files.FileRead`.
        weights: of the windows, ``[n]``.
        ends: behind the windows of each file.
    """

    def __init__(
        self,
        values: np.ndarray,
        rows: np.ndarray,
        broken: list[tuple[str, str]],
        facts: dict[str, np.ndarray],
        weights: np.ndarray,
        ends: np.ndarray,
    ) -> None:
        self.values, self.rows, self.broken, self.facts = values, rows, broken, facts
        self.weights, self.ends = weights, ends

    def windows(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        """Which values are those of some files."""
        begins = np.concatenate([[0], self.ends])
        return np.concatenate([np.arange(begins[row], begins[row + 1]) for row in rows])

    def save(self, folder: Path) -> None:
        """Write into an existing folder."""
        np.save(folder / "values.npy", self.values)
        broken = np.asarray(self.broken, dtype=np.str_).reshape(-1, 2)
        np.savez(folder / "rest.npz", rows=self.rows, broken=broken, weights=self.weights, ends=self.ends)
        np.savez(folder / "facts.npz", **self.facts)  # type: ignore[arg-type]

    @classmethod
    def load(cls, folder: Path) -> StoredArrays:
        """Read what :meth:`save` wrote."""
        with np.load(folder / "rest.npz") as rest:
            rows, broken = rest["rows"], [(str(path), str(reason)) for path, reason in rest["broken"]]
            weights, ends = rest["weights"], rest["ends"]
        with np.load(folder / "facts.npz") as stored:
            facts = dict(stored)
        values = np.load(folder / "values.npy", mmap_mode="r")
        if {len(ends), *map(len, facts.values())} != {len(rows)} or not len(values) == len(weights) == ends[
            -1
        ]:
            raise ValueError(f"arrays of {len(rows)} files are stored (got {len(values)} of {len(ends)})")
        return cls(values, rows, broken, facts, weights, ends)


class FileArrays(GridDataset):
    """Files in class folders, or with a table of labels, as arrays of one shape.

    All files are read once; the arrays lie in the cache. Those that cannot be read are left out, with one warning.

    Args:
        root: the folder.
        split: TRAIN, VAL, TEST: folders of that name, what a table says, or what is drawn; None (default): all.
        reading: how files become arrays, what follows from them left open; None: all of it. Open fields follow from the
            training part, where there is one.
        cache: folder of processed data (None: the default cache).
        longest: of a file that is read as one; longer ones are items ``x [w, C, *S]`` in windows, with ``windows`` and
            ``window_weight`` (:func:`ccnn_pc.models.windows.answer`). None (default): they are cut.
        options: test_fraction, val_fraction, split_seed, split_file, labels, targets: see
            :class:`~ccnn_pc.datasets.common.items.Division`; transform, pre_transform, seed, numbers: see
            :class:`LabelledDataset`.

    Attributes:
        files: paths, in the order of the rows.
        said: what was known of the reading before.
        reading: how files become arrays, everything known.
        broken: files that could not be read, with the reason.
        all_facts: numbers of every file that was read, by name; see
            :class:`~ccnn_pc.datasets.preprocessing.files.FileRead`.

    Raises:
        FileNotFoundError: no such folder, no file, or no such part.
        ImportError: a package for this format is missing.
        ValueError: no file can be read; files of several numbers of channels.
    """

    words: tuple[type, ...] = (Division,)
    make_reading: ClassVar[type[FilePreprocessing]]

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: Split | str | None = None,
        *,
        reading: FilePreprocessing | Mapping[str, Any] | None = None,
        cache: str | os.PathLike[str] | None = None,
        longest: float | None = None,
        **options: Any,
    ) -> None:
        root = Path(root)
        split = None if split is None else choice("split", split, Split)
        division = taken(Division, options)
        items = find_items(root, self.is_data, division, ", ".join(self.make_reading.suffixes))
        rows = rows_of_part(items, split, division, root)
        training = np.flatnonzero([part in (None, Split.TRAIN) for part in items.parts])
        training = (
            rows_of_part(items, Split.TRAIN, division, root) if len(training) else np.arange(len(items.paths))
        )
        self.root = root
        self.said = (
            reading if isinstance(reading, FilePreprocessing) else self.make_reading.from_json(reading or {})
        )
        used = self.said.filled([items.paths[row] for row in training])
        described = {**used.to_json(), "mean": None, "std": None, "files": None}
        channels = None if used.mean is None else len(used.mean)
        settings = {"files": fingerprint(items.paths), "reading": described, "facts": 4, "channels": channels}
        settings["longest"] = longest
        name = f"{used.dataset}-{root.resolve().name}"
        stored = cached(cache, name, settings, lambda: _read(items.paths, used, longest), StoredArrays.load)
        self.broken = stored.broken
        warn_broken(self.broken, len(items.paths), root)
        place = {int(row): number for number, row in enumerate(stored.rows)}
        known = [place[row] for row in training.tolist() if row in place]
        self.reading = used.measured_on(
            stored.values[stored.windows(known)], {name: each[known] for name, each in stored.facts.items()}
        )
        self.files = [items.paths[row] for row in stored.rows]
        super().__init__(items.classes, items.labels[stored.rows], **options)
        if items.numbers is not None:
            self._values, self.classes = items.numbers[stored.rows], list(division.targets or ())
        self._rows = np.array([place[row] for row in rows.tolist() if row in place], dtype=np.int64)
        self._stored, self.values, self.all_facts = stored, stored.values, stored.facts

    @classmethod
    def is_data(cls, path: Path) -> bool:
        """Whether a file may be an item, by the end of its name."""
        return path.name.lower().endswith(cls.make_reading.suffixes)

    def raw(self, rows: np.ndarray) -> Tensor:
        return torch.from_numpy(np.array(self.values[self._stored.windows(rows)]))

    def load(self, row: int) -> GridData:
        item = super().load(row)
        if self.in_windows:
            set_windows(item, torch.from_numpy(self._stored.weights[self._stored.windows([row])]))
        return item

    @property
    def in_windows(self) -> bool:
        """Whether some file is longer than what is read as one."""
        return bool(np.any(self.all_facts.get("windows", np.ones(1)) > 1))

    @property
    def batches_at_once(self) -> bool:
        """As of all arrays, where each item is one."""
        return super().batches_at_once and not self.in_windows

    def last(self, x: Tensor) -> Tensor:
        return self.reading.standardized(x)

    @property
    def facts(self) -> dict[str, np.ndarray]:
        """Numbers of the file of each item, ``[n]`` or ``[n, k]`` by name."""
        return {name: each[self._rows] for name, each in self.all_facts.items()}

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels and sizes of an item, ``(C, *S)``."""
        return tuple(self.values.shape[1:])

    def measured(self) -> dict[str, Any]:
        """What a network must know: ``in_channels``, ``shape``, and the ``preprocessing`` with everything known."""
        described = self.reading.to_json()
        known = {key: value for key, value in described.items() if key not in ("kind", "version")}
        channels, *shape = self.shape
        return {"in_channels": channels, "shape": shape, "spacing": 1.0, "preprocessing": known}


def _read(paths: list[Path], used: FilePreprocessing, longest: float | None) -> StoredArrays:
    values: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    rows: list[int] = []
    broken: list[tuple[str, str]] = []
    facts: list[dict[str, Any]] = []
    for row, path in enumerate(paths):
        try:
            made, here, weight = used.read_checked(path, longest)
        except (OSError, ValueError) as error:
            broken.append((str(path), str(error)))
            continue
        values.append(made[None] if weight is None else made)
        weights.append(np.ones(1) if weight is None else weight)
        rows.append(row)
        facts.append(here)
    if not values:
        raise ValueError(f"none of the {len(broken)} files can be read; the first: {broken[0][1]}")
    _check_channels([(paths[row], each.shape[1]) for row, each in zip(rows, values, strict=True)])
    by_name = {name: np.array([each[name] for each in facts], dtype=np.float64) for name in facts[0]}
    ends = np.cumsum([len(each) for each in values])
    return StoredArrays(
        np.concatenate(values), np.array(rows, dtype=np.int64), broken, by_name, np.concatenate(weights), ends
    )


def _check_channels(found: list[tuple[Path, int]]) -> None:
    """All files must have as many channels.

    Raises:
        ValueError: they have not; the message names one of those that most are not like.
    """
    (usual, _), *others = Counter(channels for _, channels in found).most_common()
    if others:
        like, other = (
            next(path for path, channels in found if (channels == usual) is same) for same in (True, False)
        )
        raise ValueError(
            f"'{other}' must have {usual} channels, as '{like}' and most files have (got {dict(found)[other]}): keep "
            "files of one kind"
        )
