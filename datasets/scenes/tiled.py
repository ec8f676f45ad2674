"""One scene in tiles: which they are, and a tile as an item that networks read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from ccnn_pc.datasets.clouds.data import PointCloudData
from ccnn_pc.datasets.common.seeding import seeded_generator
from ccnn_pc.datasets.preprocessing.scenes import ScenePreprocessing
from ccnn_pc.datasets.scenes.splits import Area
from ccnn_pc.datasets.scenes.targets import NumberTarget, SceneTarget
from ccnn_pc.datasets.scenes.thinned import ThinnedScene
from ccnn_pc.datasets.scenes.tiles import CHUNK, Tile


class Place(NamedTuple):
    """A tile that covers: its centre, and which of how many subsets of its points."""

    centre: np.ndarray
    part: int
    parts: int


@dataclass
class TiledScene:
    """A thinned scene, or an area of it, in tiles.

    Args:
        scene: kept points.
        preprocessing: tiles, features, classes.
        area: what of it is read; points outside do not exist.
        number: of the scene in its data set.
    """

    scene: ThinnedScene
    preprocessing: ScenePreprocessing
    area: Area = Area()
    number: int = 0

    @property
    def tile(self) -> Tile:
        """Shape and size."""
        tile: Tile = self.preprocessing.tile  # type: ignore[assignment]
        return tile

    @property
    def target(self) -> SceneTarget:
        """What is learned of each point."""
        return self.preprocessing.wanted

    @property
    def answered(self) -> bool:
        """Whether the scene was read with what is learned."""
        return self.scene.truth is not None or len(self.scene.numbers) > 0

    def members(self) -> np.ndarray:
        """Rows of all kept points in the area, int64."""
        if self.area.whole:
            return np.arange(len(self.scene))
        pieces = range(0, len(self.scene), CHUNK)
        return np.concatenate(
            [
                first + np.flatnonzero(self.area.holds(self.scene.pos[first : first + CHUNK]))
                for first in pieces
            ]
        )

    def original_points(self) -> int:
        """How many original points belong to kept ones of the area."""
        if self.area.whole:
            return len(self.scene.nearest)
        return int(np.bincount(self.scene.nearest, minlength=len(self.scene))[self.members()].sum())

    def rows(self, centre: np.ndarray) -> np.ndarray:
        """Rows of the kept points of the area in the tile at ``centre``, int64, ascending."""
        rows = self.scene.rows_in(self.tile, centre)
        return rows if self.area.whole else rows[self.area.holds(self.scene.pos[rows])]

    def counts(self, rows: np.ndarray) -> np.ndarray:
        """How many original points of each class went to some kept ones, int32 ``[r, K]``, as the target has it."""
        return self.target.counts(self.scene, rows)

    def labels(self, rows: np.ndarray) -> np.ndarray:
        """Class of most original points of each kept one, int64, -100 where none has a class; or scaled numbers."""
        return self.target.of(self.scene, rows)

    def originals(self, size: int = CHUNK) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Kept point of each original one of the area, and its numbers ``[r, T]``, some at a time."""
        truth, nearest = self.scene.truth, self.scene.nearest
        if truth is None:
            raise ValueError("a scene must be read with its numbers to know them")
        inside = np.zeros(len(self.scene), dtype=bool)
        inside[self.members()] = True
        for first in range(0, len(nearest), size):
            kept = np.asarray(nearest[first : first + size])
            mine = inside[kept]
            yield kept[mine], np.asarray(truth.values[first : first + size])[mine]

    def covering(self) -> list[Place]:
        """Tiles that hold every kept point of the area well inside; those with too many points as several subsets."""
        members = self.members()
        if not len(members):
            return []
        pos = self.scene.pos if self.area.whole else self.scene.pos[members]
        found = []
        for centre in self.tile.covering(pos):
            around = self.scene.blocks.rows(
                *(centre[:2] + side for side in (-self.tile.radius, self.tile.radius))
            )
            few = len(around) <= self.tile.points  # as often; then nothing is read from disk
            parts = 1 if few else -(-len(self.rows(centre)) // self.tile.points)
            found += [Place(centre, part, parts) for part in range(parts)]
        return found

    def at(self, place: Place, seed: int = 0) -> PointCloudData:
        """The item of a covering tile; of several subsets each point is in one."""
        rows = self.rows(place.centre)
        if place.parts > 1:
            key = (seed, self.number, *(abs(int(each)) for each in place.centre))
            order = torch.randperm(len(rows), generator=seeded_generator(*key)).numpy()
            rows = np.sort(rows[order[place.part :: place.parts]])
        return self.item(rows, place.centre, counted=True)

    def item(self, rows: np.ndarray, centre: np.ndarray, counted: bool = False) -> PointCloudData:
        """Some kept points as networks read them.

        Args:
            rows: which.
            centre: of the tile; heights in cylinders and boxes count from the median of the points.
            counted: whether the scene can be judged by such tiles: ``counts`` come along, int32 ``[n, K]``, of how many
                original points of each class each point is the nearest kept one; of numbers this scene, ``tiled``.
        """
        place = self.scene.pos[rows]
        origin = np.array(centre, dtype=np.float64)
        if self.tile.axes == 2:
            origin[2] = np.median(place[:, 2])
        data = PointCloudData(
            pos=torch.from_numpy((place - origin).astype(np.float32)),
            kept=torch.from_numpy(rows),
            scene=torch.tensor([self.number]),
            scene_size=torch.tensor([len(self.scene)]),
        )
        values: Mapping[str, np.ndarray] = {
            name: self.scene.values[name][rows] for name in self.preprocessing.stored
        }
        if values:
            data.stored = torch.from_numpy(self.preprocessing.scaled(values))
        target = self.target
        if not self.answered:
            return data
        data.y = torch.from_numpy(target.of(self.scene, rows))
        if isinstance(target, NumberTarget):
            if target.direction:
                data.normal = data.y  # turned as positions are
            data.unit = torch.tensor([[size for _, size in target.scales or ()]])
            if counted:
                data.tiled = self
        elif counted:
            data.counts = torch.from_numpy(self.counts(rows))
        return data


class CoveringTiles:
    """The tiles that cover one scene, as a network reads them.

    Args:
        scene: in tiles.
        seed: of the subsets of tiles with too many points.
    """

    def __init__(self, scene: TiledScene, seed: int = 0) -> None:
        self.scene, self.seed = scene, seed
        self.places, self.transform = scene.covering(), scene.preprocessing.transform()

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> PointCloudData:
        item: PointCloudData = self.transform(self.scene.at(self.places[index], self.seed))
        return item

    def set_epoch(self, epoch: int) -> None:
        """Tiles that cover are the same in every epoch."""
