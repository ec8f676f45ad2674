"""A scene as networks read it: thinned once on a grid, kept on disk, mapped into memory."""

from __future__ import annotations

import dataclasses
import math
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.common.cache import cached, fingerprint
from ccnn_pc.datasets.preprocessing.scenes import ScenePreprocessing
from ccnn_pc.datasets.scenes.class_table import IGNORED, ClassTable
from ccnn_pc.datasets.scenes.computed import EDITION, is_computed
from ccnn_pc.datasets.scenes.copies import SceneCopy
from ccnn_pc.datasets.scenes.files import read_scene, scene_parts
from ccnn_pc.datasets.scenes.scene import Scene
from ccnn_pc.datasets.scenes.targets import NumberTarget, Truth
from ccnn_pc.datasets.scenes.tiles import Tile
from ccnn_pc.ops.points.thinning import Keep, thin

#: Points that are thinned together; larger scenes are thinned strip by strip, lest copies fill the memory.
STRIP = 4_000_000
#: Kept points of a block, roughly: what is read from disk at once.
BLOCK = 512
#: Different numbers that a field of classes may hold.
MOST_NUMBERS = 256
#: Share of its points, and number of them, that a scene keeps at least, if the cell is in the unit of its positions.
LEFT, FEWEST = 1e-3, 4


class Blocks(NamedTuple):
    """Squares seen from above, by which kept points are sorted: block (i, j) has rows ``start[i * w + j]`` onward.

    Attributes:
        first: least coordinates ``[2]``.
        side: of the squares.
        shape: how many there are along x and y.
        start: ``[shape[0] * shape[1] + 1]``.
    """

    first: np.ndarray
    side: float
    shape: tuple[int, int]
    start: np.ndarray

    def rows(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Rows of the blocks that a rectangle from ``low`` to ``high`` touches, int64, ascending."""
        limits = np.array(self.shape) - 1
        a = np.clip(np.floor((low - self.first) / self.side), 0, limits).astype(np.int64)
        b = np.clip(np.floor((high - self.first) / self.side), 0, limits).astype(np.int64)
        lines = np.arange(a[0], b[0] + 1) * self.shape[1]
        return np.concatenate(
            [np.arange(self.start[line + a[1]], self.start[line + b[1] + 1]) for line in lines]
        )


@dataclasses.dataclass
class ThinnedScene:
    """The kept points of a scene, and where its original points went.

    Attributes:
        pos: kept positions ``[m, 3]``, float64, sorted by block.
        values: what features are made of, by name, ``[m]`` or ``[m, c]``.
        counts: how many original points with each class number went to each kept one, int32 ``[m, U]``.
        numbers: these numbers, ascending ``[U]``; none where the scene has no classes.
        nearest: kept point of each original one, int32 ``[n]``: the one of its cell.
        blocks: where kept points lie.
        source: the file.
        crs: its coordinate system, if it names one.
        folder: where it is stored; None where it is in memory.
        truth: numbers that are learned; None where classes are, or nothing is.
    """

    pos: np.ndarray
    values: dict[str, np.ndarray]
    counts: np.ndarray
    numbers: np.ndarray
    nearest: np.ndarray
    blocks: Blocks
    source: str
    crs: str | None = None
    folder: Path | None = None
    truth: Truth | None = None

    def __len__(self) -> int:
        return len(self.pos)

    def rows_in(self, tile: Tile, centre: np.ndarray) -> np.ndarray:
        """Rows of the kept points in a tile, int64, ascending."""
        rows = self.blocks.rows(centre[:2] - tile.radius, centre[:2] + tile.radius)
        return rows[tile.inside(self.pos[rows] - centre)]

    def class_counts(self, table: ClassTable, field: str, rows: Any = slice(None)) -> np.ndarray:
        """How many original points of each class of a table went to some kept points, int32 ``[r, K]``.

        Raises:
            ValueError: a number that the table does not know; the message names the file and the ``field``.
        """
        counts = np.asarray(self.counts[rows])
        found = np.zeros((len(counts), len(table)), dtype=np.int32)
        known = {*table.names, *table.ignored}
        if not known.issuperset(self.numbers.tolist()):  # the message counts points
            numbers = np.repeat(self.numbers, self.counts.sum(axis=0))
            table.rows(numbers, source=self.source, field=field)
        for column, row in enumerate(table.rows(self.numbers)):
            if row != IGNORED:
                found[:, row] += counts[:, column]
        return found

    def save(self, folder: Path) -> None:
        """Write into an existing folder."""
        for name in ("pos", "counts", "nearest"):
            np.save(folder / f"{name}.npy", getattr(self, name))
        if self.truth is not None:
            np.save(folder / "truth.npy", self.truth.values)
            np.save(folder / "index.npy", self.truth.index)
        for number, values in enumerate(self.values.values()):
            np.save(folder / f"value_{number}.npy", values)
        np.savez(
            folder / "rest.npz",
            numbers=self.numbers,
            first=self.blocks.first,
            side=self.blocks.side,
            shape=self.blocks.shape,
            start=self.blocks.start,
            source=self.source,
            crs=self.crs or "",
            values=np.asarray(list(self.values), dtype=np.str_),
        )

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> ThinnedScene:
        """Read what :meth:`save` wrote; positions, values and counts stay on disk until they are used.

        Raises:
            ValueError: the arrays do not fit together; numpy lets other errors of damaged files through.
        """
        folder = Path(folder)
        with np.load(folder / "rest.npz") as rest:
            found = {key: rest[key] for key in rest.files}

        def mapped(name: str) -> np.ndarray:
            values: np.ndarray = np.load(folder / f"{name}.npy", mmap_mode="r")
            return values

        scene = cls(
            pos=mapped("pos"),
            values={str(name): mapped(f"value_{i}") for i, name in enumerate(found["values"])},
            counts=mapped("counts"),
            numbers=found["numbers"],
            nearest=mapped("nearest"),
            blocks=Blocks(
                found["first"], float(found["side"]), tuple(found["shape"].tolist()), found["start"]
            ),
            source=str(found["source"]),
            crs=str(found["crs"]) or None,
            folder=folder,
        )
        if (folder / "truth.npy").exists():
            scene.truth = Truth(mapped("truth"), mapped("index"))
        kept = [scene.pos, scene.counts, *scene.values.values()]
        kept += [] if scene.truth is None else [scene.truth.index]
        lengths = {len(each) for each in kept}
        if lengths != {int(scene.blocks.start[-1])} or scene.counts.shape[1] != len(scene.numbers):
            raise ValueError(f"arrays of one length are stored (got {sorted(lengths)} rows)")
        return scene

    def __getstate__(self) -> dict[str, Any]:
        # another process maps the files again instead of copying them
        return dict(self.__dict__) if self.folder is None else {"folder": self.folder}

    def __setstate__(self, state: dict[str, Any]) -> None:
        folder = state["folder"]
        self.__dict__.update(state if folder is None else ThinnedScene.load(folder).__dict__)


def thinned_scene(
    path: str | os.PathLike[str],
    preprocessing: ScenePreprocessing,
    cache: str | os.PathLike[str] | None = None,
    *,
    labelled: bool = True,
    copy: SceneCopy | None = None,
) -> ThinnedScene:
    """A file thinned as ``preprocessing`` says; read once, and found in the cache after that.

    Args:
        path: the file.
        preprocessing: cell, what is kept, features, field of the classes.
        cache: folder of processed data (None: the default cache).
        labelled: whether its classes are wanted.
        copy: which copy of the scene; None: the scene.

    Raises:
        BrokenFileError: the file cannot be read.
        ValueError: what :func:`thin_scene` refuses.
    """
    path = Path(path)
    target = preprocessing.wanted
    label = list(target.fields) if labelled else []
    numbers = label if isinstance(target, NumberTarget) else []
    settings = {"files": fingerprint(scene_parts(path)), **preprocessing.thinning(), "label": label}
    if numbers:
        settings["numbers"] = True
    if any(map(is_computed, preprocessing.features)):
        settings["computed"] = EDITION
    if copy is not None:
        settings["copy"] = dataclasses.asdict(copy)
    return cached(
        cache,
        f"scene-{path.stem}",
        settings,
        lambda: thin_scene(
            read_scene(path, fields=[*preprocessing.fields, *label], gaps=numbers),
            preprocessing,
            labelled=labelled,
            copy=copy,
        ),
        ThinnedScene.load,
    )


def thin_scene(
    scene: Scene, preprocessing: ScenePreprocessing, *, labelled: bool = True, copy: SceneCopy | None = None
) -> ThinnedScene:
    """A scene thinned in memory.

    Beside the scene itself it takes about 30 bytes per point and 120 per kept one, and 600 MB for each strip of 4
    million points that is thinned. Measured: 1.0 GB and 54 s for 10 million points of which 6 million are kept.

    Raises:
        ValueError: a feature that the scene does not have, or that is not finite; a field of classes that is missing
            or holds something else. Messages name the file and the field.
    """
    if copy is not None:
        scene = copy.of(scene)
    fields = {name: scene.numbers(name) for name in preprocessing.fields}
    index, nearest, kept = _thinned(scene.pos, preprocessing.cell, Keep(preprocessing.keep))
    blocks, order = _sorted_by_block(kept)
    index, kept = index[order], kept[order]
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    nearest = place[nearest]
    mean = preprocessing.cell is not None and preprocessing.keep is Keep.MEAN
    values = {
        name: _means(each, nearest, len(index)) if mean else each[index] for name, each in fields.items()
    }
    numbers, counts = np.empty(0, dtype=np.int64), np.empty((len(index), 0), dtype=np.int32)
    truth, target = None, preprocessing.wanted
    if labelled and isinstance(target, NumberTarget):
        truth = Truth(target.read(scene), index)
    elif labelled:
        label = target.fields[0]
        try:
            numbers, counts = _counted(scene.labels(label), nearest, len(index))
        except ValueError as error:
            named = str(error).startswith(f"'{scene.source}'")
            raise ValueError(str(error) if named else f"'{scene.source}': field '{label}': {error}") from None
    values |= preprocessing.computed(kept if copy is None else copy.turned(kept))
    return ThinnedScene(kept, values, counts, numbers, nearest, blocks, scene.source, scene.crs, truth=truth)


def warn_of_cell(scenes: Sequence[ThinnedScene], cell: float | None, stacklevel: int = 2) -> None:
    """Warn of cells that leave next to nothing, as of positions in degrees or kilometres."""
    few = [
        each
        for each in scenes
        if len(each) < LEFT * len(each.nearest) or len(each) <= FEWEST < len(each.nearest) // 10
    ]
    if few and cell:
        size = " x ".join(f"{each:.3g}" for each in np.ptp(few[0].pos, axis=0))
        warnings.warn(
            f"'cell' {cell:g} leaves {len(few[0])} of {len(few[0].nearest)} points of '{few[0].source}' ({size} wide), "
            f"and as few of {len(few)} of {len(scenes)} scenes: is it in the unit of the positions?",
            DataWarning,
            stacklevel=stacklevel + 1,
        )


def _strips(pos: np.ndarray) -> Iterator[np.ndarray]:
    """Rows of strips along x, each of about :data:`STRIP` points."""
    count = -(-len(pos) // STRIP)
    if count == 1:
        yield np.arange(len(pos))
        return
    bounds = np.quantile(pos[:: max(1, len(pos) // 100_000), 0], np.arange(1, count) / count)
    strip = np.searchsorted(bounds, pos[:, 0], side="right").astype(np.int16)
    for number in range(count):
        rows = np.flatnonzero(strip == number)
        if len(rows):
            yield rows


def _thinned(pos: np.ndarray, cell: float | None, keep: Keep) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Original row of each kept point ``[m]``, kept point of each original one ``[n]``, kept positions ``[m, 3]``."""
    if cell is None:
        every = np.arange(len(pos), dtype=np.int32)
        return every, every, pos
    nearest = np.empty(len(pos), dtype=np.int32)
    index, kept, before = [], [], 0
    for rows in _strips(pos):
        found = thin(torch.from_numpy(pos[rows]), cell, keep)
        nearest[rows] = found.cell.numpy() + before
        index.append(rows[found.index.numpy()])
        kept.append(found.pos.numpy())
        before += len(found.index)
    return np.concatenate(index), nearest, np.concatenate(kept)


def _sorted_by_block(pos: np.ndarray) -> tuple[Blocks, np.ndarray]:
    """Blocks of kept points, and the order that sorts by them."""
    flat = pos[:, :2]
    first = flat.min(axis=0)
    wide, high = flat.max(axis=0) - first
    wanted = -(-len(pos) // BLOCK)
    side = max(math.sqrt(wide * high / wanted), wide / wanted, high / wanted) or 1.0
    shape = (int(wide / side) + 1, int(high / side) + 1)
    place = np.minimum(((flat - first) / side).astype(np.int64), np.array(shape) - 1)
    number = place[:, 0] * shape[1] + place[:, 1]
    start = np.zeros(shape[0] * shape[1] + 1, dtype=np.int64)
    np.cumsum(np.bincount(number, minlength=len(start) - 1), out=start[1:])
    return Blocks(first, side, shape, start), number.argsort(kind="stable")


def _means(values: np.ndarray, nearest: np.ndarray, count: int) -> np.ndarray:
    """Mean of each cell, float64."""
    columns = values.reshape(len(values), -1)
    points = np.bincount(nearest, minlength=count)
    found = [np.bincount(nearest, each.astype(np.float64), minlength=count) / points for each in columns.T]
    return np.stack(found, axis=1).reshape(count, *values.shape[1:])


def _counted(labels: np.ndarray, nearest: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Class numbers, ascending ``[U]``, and how many points of each went to each kept point, int32 ``[m, U]``.

    Raises:
        ValueError: too many different numbers.
    """
    numbers = np.unique(labels)
    if len(numbers) > MOST_NUMBERS:
        raise ValueError(f"at most {MOST_NUMBERS} different numbers are classes (got {len(numbers)})")
    counts = np.empty((count, len(numbers)), dtype=np.int32)
    for column, number in enumerate(numbers):
        counts[:, column] = np.bincount(nearest[labels == number], minlength=count)
    return numbers, counts
