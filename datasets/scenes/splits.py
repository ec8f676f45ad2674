"""Parts of a folder of scenes: by its folders, by a list, or by area."""

from __future__ import annotations

import csv
import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from ccnn_pc._checks import check_fraction
from ccnn_pc._files import write_text_atomically
from ccnn_pc.datasets.common.folders import named_splits, split_named
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.scenes.files import scene_files
from ccnn_pc.datasets.scenes.thinned import ThinnedScene

#: Kept points of a scene that an area is chosen by.
LOOKED_AT = 200_000


@dataclass(frozen=True)
class Division:
    """How a folder of scenes is divided, where its folders do not say it.

    Args:
        split_file: a table (csv with the columns file and part, or json ``{file: part}``) that names files of the
            folder and their parts; others are left out. None: folders, or areas.
        part_names: names of files or folders of each part, as ``{"test": ["Area_5"]}``; ``*`` stands for anything. A
            name with ``/`` is one of the way from the folder, others are those of a file, with its suffix or without,
            or of a folder on the way to it. What no name says is training, or left out where ``train`` has names.
        val_fraction: share of the area of the training scenes that validation takes, where there is no such part
            (default 0.15).
        test_fraction: likewise for the test part.

    Raises:
        ValueError: shares outside of [0, 1), or that leave nothing; a ``split_file`` and ``part_names``.
    """

    split_file: str | None = None
    part_names: Mapping[str, Sequence[str]] | None = None
    val_fraction: float = 0.15
    test_fraction: float = 0.15

    def __post_init__(self) -> None:
        if self.split_file is not None and self.part_names is not None:
            raise ValueError(f"'part_names' must be None where 'split_file' is given (got {self.part_names})")
        shares = (
            check_fraction("val_fraction", self.val_fraction),
            check_fraction("test_fraction", self.test_fraction),
        )
        if sum(shares) >= 1:
            raise ValueError(
                f"'val_fraction' and 'test_fraction' must leave something for training (got {shares[0]}, {shares[1]})"
            )


@dataclass(frozen=True)
class Area:
    """What lies between two coordinates along one axis, ``low <= x < high``.

    Example:
        >>> Area(0, 1.0, 2.0).holds(np.array([[1.0, 0.0, 0.0], [2.0, 0.0, 0.0]])).tolist()
        [True, False]
    """

    axis: int = 0
    low: float = -math.inf
    high: float = math.inf

    def holds(self, pos: np.ndarray) -> np.ndarray:
        """Which positions ``[n, 3]`` lie in it, bool ``[n]``."""
        along = pos[:, self.axis]
        return (along >= self.low) & (along < self.high)

    @property
    def whole(self) -> bool:
        """Whether everything lies in it."""
        return self.low == -math.inf and self.high == math.inf

    def __str__(self) -> str:
        parts = (
            f"{self.low:.10g} <= " * math.isfinite(self.low),
            f" < {self.high:.10g}" * math.isfinite(self.high),
        )
        return "xyz"[self.axis].join(parts)


def listed_parts(root: Path, division: Division = Division()) -> dict[Split | None, list[Path]]:
    """Files of each part of a folder; those of None are to be divided by area.

    Raises:
        FileNotFoundError: no scene there.
        ValueError: a list that names unknown files or parts.

    Example:
        >>> listed_parts(Path("none"))
        Traceback (most recent call last):
        ...
        FileNotFoundError: 'none' must be a file, a folder or a pattern of scenes ...
    """
    if division.split_file is not None:
        return _parts_in(Path(division.split_file), root)
    if division.part_names is not None:
        return _parts_named(division.part_names, root)
    folders = named_splits(root)
    if not folders:
        return {None: scene_files(root)}
    found: dict[Split | None, list[Path]] = {}
    for split, places in folders.items():
        found[split] = scene_files(places)
    if Split.TRAIN not in found:
        raise FileNotFoundError(f"'{root}' must have a folder 'train' beside {', '.join(map(str, found))}")
    return found


def _parts_named(part_names: Mapping[str, Sequence[str]], root: Path) -> dict[Split | None, list[Path]]:
    """What names of files and folders say."""
    wanted: dict[Split, list[str]] = {}
    for name, patterns in part_names.items():
        split = split_named(str(name))
        if split is None or isinstance(patterns, str) or not all(isinstance(each, str) for each in patterns):
            raise ValueError(
                f"'part_names' must give train, val or test lists of names (got {name!r}: {patterns!r})"
            )
        wanted[split] = list(patterns)
    found: dict[Split | None, list[Path]] = {}
    unused = {pattern for patterns in wanted.values() for pattern in patterns}
    for path in scene_files(root):
        told = {}
        for split, patterns in wanted.items():
            told[split] = [each for each in patterns if _is_named(path.relative_to(root), each)]
            unused -= set(told[split])
        splits = [split for split, each in told.items() if each]
        if len(splits) > 1:
            raise ValueError(
                f"'part_names' must name each scene once (got '{path}' in {splits[0]} and {splits[1]})"
            )
        if splits or Split.TRAIN not in wanted:
            found.setdefault(splits[0] if splits else Split.TRAIN, []).append(path)
    if unused:
        raise FileNotFoundError(
            f"'{root}' has no scene called {', '.join(sorted(unused))}, as 'part_names' says"
        )
    if Split.TRAIN not in found:
        raise ValueError(
            f"'part_names' must leave scenes of '{root}' for the part train (got {dict(part_names)})"
        )
    return found


def _is_named(path: Path, name: str) -> bool:
    """Whether a relative path has a name, in which ``*`` stands for anything."""
    if "/" in name:
        return fnmatchcase(path.as_posix(), name)
    return any(fnmatchcase(each, name) for each in (*path.parts, path.stem))


def _parts_in(listed: Path, root: Path) -> dict[Split | None, list[Path]]:
    """What a list of files and parts says."""
    if not listed.is_file():
        raise FileNotFoundError(f"'split_file' must be an existing file (got '{listed}')")
    text = listed.read_text(encoding="utf-8")
    if listed.suffix.lower() == ".json":
        told = json.loads(text)
        rows = list(told.items()) if isinstance(told, Mapping) else []
    else:
        rows = [(row.get("file"), row.get("part")) for row in csv.DictReader(text.splitlines())]
    if not rows or any(not isinstance(each, str) for row in rows for each in row):
        raise ValueError(f"'{listed}' must have the columns file and part, or be json {{file: part}}")
    there = {str(path.relative_to(root)): path for path in scene_files(root)}
    names: dict[str, list[Path]] = {}
    for path in there.values():
        names.setdefault(path.name, []).append(path)
    found: dict[Split | None, list[Path]] = {}
    for file, part in rows:
        split, paths = split_named(part.strip()), [there[file]] if file in there else names.get(file, [])
        if split is None:
            raise ValueError(f"'{listed}' must name parts train, val and test (got {part!r} for {file!r})")
        if len(paths) != 1:
            reason = (
                "which is not there" if not paths else "which is there several times: give the folder, too"
            )
            raise ValueError(f"'{listed}' must name files of '{root}' (got {file!r}, {reason})")
        found.setdefault(split, []).append(paths[0])
    twice = [path for path, parts in _parts_of(found).items() if len(parts) > 1]
    if twice:
        raise ValueError(f"'{listed}' must name each file once (got '{twice[0]}' twice)")
    if Split.TRAIN not in found:
        raise ValueError(f"'{listed}' must name files of the part train (got none)")
    return found


def _parts_of(found: Mapping[Split | None, Sequence[Path]]) -> dict[Path, list[Split | None]]:
    parts: dict[Path, list[Split | None]] = {}
    for split, paths in found.items():
        for path in paths:
            parts.setdefault(path, []).append(split)
    return parts


@dataclass
class Areas:
    """Areas of the parts of some scenes, as a cache keeps them.

    Attributes:
        of: for each part the area of each scene; None where it has none.
    """

    of: dict[Split, list[Area | None]]

    def save(self, folder: Path) -> None:
        """Write ``areas.json`` into an existing folder."""
        told = {
            split.value: [None if area is None else asdict(area) for area in areas]
            for split, areas in self.of.items()
        }
        write_text_atomically(folder / "areas.json", json.dumps(told, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Areas:
        """Read what :meth:`save` wrote."""
        told: dict[str, list[Any]] = json.loads((folder / "areas.json").read_text(encoding="utf-8"))
        return cls(
            {Split(name): [None if a is None else Area(**a) for a in areas] for name, areas in told.items()}
        )


def divided(
    scenes: Sequence[ThinnedScene],
    shares: Mapping[Split, float],
    counts: Callable[[ThinnedScene], np.ndarray],
) -> Areas:
    """Areas of the parts of scenes: each scene is cut across.

    Of both axes and all orders of the parts those are taken that make the classes of the parts most alike. No random
    number is drawn, and no point lies in two parts. A scene whose parts would not all hold points with a class belongs
    to training as a whole.

    Args:
        scenes: what is divided.
        shares: of the kept points of each scene that VAL and TEST take; TRAIN has the rest.
        counts: class counts of the kept points of a scene ``[m, K]``.
    """
    wanted = {split: share for split, share in shares.items() if share > 0}
    wanted[Split.TRAIN] = 1 - sum(wanted.values())
    found: dict[Split, list[Area | None]] = {split: [] for split in wanted}
    for scene in scenes:
        areas = _cut(scene.pos, counts(scene), wanted) or {Split.TRAIN: Area()}
        for split, places in found.items():
            places.append(areas.get(split))
    return Areas(found)


def _cut(pos: np.ndarray, counts: np.ndarray, shares: Mapping[Split, float]) -> dict[Split, Area] | None:
    """The best of all ways to cut one scene; None where each leaves a part empty."""
    every = max(1, len(pos) // LOOKED_AT)
    pos, counts = np.asarray(pos[::every, :2]), np.asarray(counts[::every], dtype=np.float64)
    total = counts.sum(axis=0) / max(counts.sum(), 1)
    best, least = None, math.inf
    for axis in (0, 1):
        order = pos[:, axis].argsort(kind="stable")
        along, summed = pos[order, axis], np.pad(counts[order].cumsum(axis=0), ((1, 0), (0, 0)))
        for splits in itertools.permutations(sorted(shares, key=lambda split: split.value)):
            ends = np.cumsum([shares[split] for split in splits])[:-1]
            cuts = along[np.minimum((ends * len(along)).astype(int), len(along) - 1)]
            places = np.array([0, *np.searchsorted(along, cuts), len(along)])
            parts = np.diff(summed[places], axis=0)
            if (parts.sum(axis=1) == 0).any() or (np.diff(places) <= 0).any():
                continue
            unlike = float(np.abs(parts / parts.sum(axis=1, keepdims=True) - total).sum())
            if unlike < least - 1e-12:
                edges = [-math.inf, *map(float, cuts), math.inf]
                least = unlike
                best = {split: Area(axis, *edges[place : place + 2]) for place, split in enumerate(splits)}
    return best
