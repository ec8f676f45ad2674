"""Scenes as a data set: its items are tiles."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice
from ccnn_pc.datasets.clouds.data import PointCloudData
from ccnn_pc.datasets.common.broken import BrokenFileError, warn_broken
from ccnn_pc.datasets.common.cache import cache_root, cached
from ccnn_pc.datasets.common.labelled import LabelledDataset, taken
from ccnn_pc.datasets.common.seeding import seeded_generator
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.preprocessing import preprocessing_from_json
from ccnn_pc.datasets.preprocessing.scenes import ScenePreprocessing
from ccnn_pc.datasets.scenes.class_table import IGNORED
from ccnn_pc.datasets.scenes.copies import Copies
from ccnn_pc.datasets.scenes.scene import common_crs
from ccnn_pc.datasets.scenes.splits import Area, Areas, Division, divided, listed_parts
from ccnn_pc.datasets.scenes.statistics import class_table, field_scales, target_scales
from ccnn_pc.datasets.scenes.targets import ClassTarget, NumberTarget
from ccnn_pc.datasets.scenes.thinned import ThinnedScene, thinned_scene, warn_of_cell
from ccnn_pc.datasets.scenes.tiled import Place, TiledScene
from ccnn_pc.datasets.scenes.tiles import TileShape
from ccnn_pc.datasets.transforms.base import Transform
from ccnn_pc.datasets.transforms.sampling import draw_rows


class Scenes(LabelledDataset[PointCloudData]):
    """Tiles of scenes, each file a scene.

    A tile is ``PointCloudData(pos, x, y, kept, scene, scene_size)``: ``pos [n, 3]`` float32 relative to its centre, a
    class ``y [n]`` for each point (-100: none), ``kept [n]`` its rows in the thinned scene of number ``scene [1]``,
    which has ``scene_size [1]`` of them. Covering tiles also have ``counts [n, K]``, what the original points are that
    each point answers for. Where numbers are learned, ``y [n, T]`` are these, scaled, NaN where they are not known, and
    ``unit [1, T]`` what they were divided by; covering tiles have their scene, ``tiled``. Each file is read once; see
    :func:`~ccnn_pc.datasets.scenes.thinned.thinned_scene`.

    The parts of a folder are its sub-folders ``train``, ``val``, ``test``; or what a list says; where there is none,
    areas of the (training) scenes, see :class:`~ccnn_pc.datasets.scenes.splits.Division`.

    Args:
        root: the folder, or a file.
        split: TRAIN, VAL, TEST, or None (default) for every file.
        preprocessing: how scenes are read, an object or what describes one; scales and classes that it does not say
            are measured on the training part.
        drawn: items are tiles drawn anew in every epoch, every other one around a point of a random class, the others
            around one of a random place, such that all places come up in turn; False (default): tiles that cover the
            scenes, scene by scene.
        tiles_per_epoch: how many are drawn (default: as many as would cover).
        augment: transforms of drawn tiles that move points, or leave some out.
        copies: thinner and turned copies of the scenes that tiles are drawn from, whose computed features are their
            own; :class:`~ccnn_pc.datasets.scenes.copies.Copies` or its fields.
        cache: folder of processed data (None: the default cache).
        options: fields of :class:`~ccnn_pc.datasets.scenes.splits.Division`; seed.

    Attributes:
        preprocessing: with scales and classes.
        broken: files that could not be read, with the reason; one warning tells their number.

    Raises:
        FileNotFoundError: no such folder, no scene in it, or no such part.
        ValueError: every file is broken; a field that is missing in a file, is not finite, or holds numbers that the
            class table does not know; no point with a class, in training fewer than two classes.
    """

    _what = "tiles"
    words = (Division,)

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        split: Split | str | None = None,
        preprocessing: ScenePreprocessing | Mapping[str, Any] | None = None,
        drawn: bool = False,
        tiles_per_epoch: int | None = None,
        augment: Sequence[Transform] = (),
        copies: Copies | Mapping[str, Any] = Copies(),  # noqa: B008  (frozen)
        cache: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        self.root, self.cache = Path(root), cache
        self.broken: list[tuple[str, str]] = []
        division = taken(Division, options)
        part = None if split is None else choice("split", split, Split)
        found = preprocessing_from_json(preprocessing or ScenePreprocessing())
        if not isinstance(found, ScenePreprocessing):
            raise TypeError(f"'preprocessing' must be one of scenes (got {type(found).__name__})")
        self.preprocessing = found
        self._open(part, division)
        self._originals = len(self.scenes)
        if drawn:
            self._add_copies(copies if isinstance(copies, Copies) else Copies(**copies))
        self._places: list[tuple[TiledScene, Place]] = [
            (scene, place) for scene in self.scenes for place in scene.covering()
        ]
        self._crowded = sum(place.parts > 1 and place.part == 0 for _, place in self._places)
        self._tiles = sum(place.part == 0 for _, place in self._places)
        self._of_class: list[np.ndarray] = []
        self._counts = self._look_at_targets(drawn, part)
        self.drawn = drawn
        if drawn:
            self._places = [each for each in self._places if each[1].part == 0]
        count = len(self._places)
        if drawn and tiles_per_epoch is not None:
            count = check_at_least("tiles_per_epoch", tiles_per_epoch, 1)
        options.setdefault("transform", self.preprocessing.transform(augment if drawn else ()))
        super().__init__(self.preprocessing.wanted.names, np.zeros(count, dtype=np.int64), **options)
        self._turn: tuple[int, np.ndarray] = (-1, np.empty(0, dtype=np.int64))

    def _open(self, part: Split | None, division: Division) -> None:
        """Thin what is needed, and find the areas of the part."""
        files = listed_parts(self.root, division)
        pool = files.get(None) or files.get(Split.TRAIN) or []
        given = self.preprocessing
        shares = {
            split: share
            for split, share in ((Split.VAL, division.val_fraction), (Split.TEST, division.test_fraction))
            if split not in files
        }
        if part in shares and shares[part] == 0:
            raise FileNotFoundError(
                f"'{self.root}' has no part '{part.value}': make a folder of that name, or give {part.value}_fraction"
            )
        by_area = (
            any(shares.values())
            and part is not None
            and part not in files
            or (part is Split.TRAIN and any(shares.values()))
        )
        target = given.wanted
        self._table_measured = isinstance(target, ClassTarget) and not target.known
        measured = not given.known
        training = self._thinned(pool, given) if by_area or measured or part in (None, Split.TRAIN) else []
        areas: list[Area | None] = [Area()] * len(training)
        if isinstance(target, ClassTarget) and not target.known:
            table = class_table(training, target.field)
            self.preprocessing = dataclasses.replace(given, target=ClassTarget(target.field, table))
        if by_area or (measured and any(shares.values())):
            cut = self._areas(training, shares)
            areas = cut.of[Split.TRAIN]
        if isinstance(target, NumberTarget) and not target.known:
            found = target_scales(zip(training, areas, strict=True), target.numbers)
            self.preprocessing = dataclasses.replace(
                self.preprocessing, target=dataclasses.replace(target, scales=found)
            )
        if given.scales is None and given.stored:
            scales = field_scales(zip(training, areas, strict=True), given.fields)
            scales |= {name: ((0.0, 1.0),) for name in given.stored if name not in given.fields}
            self.preprocessing = dataclasses.replace(self.preprocessing, scales=scales)
        if part is None:
            rest = [
                path for split, paths in files.items() if split not in (None, Split.TRAIN) for path in paths
            ]
            scenes = [*training, *self._thinned(rest, given)]
            areas = [Area()] * len(scenes)
        elif part is Split.TRAIN:
            scenes = training
        elif part in files:
            scenes = self._thinned(files[part], given)
            areas = [Area()] * len(scenes)
        else:
            scenes, areas = training, cut.of[part]
        used = [(scene, area) for scene, area in zip(scenes, areas, strict=True) if area is not None]
        self.scenes = [
            TiledScene(scene, self.preprocessing, area, number) for number, (scene, area) in enumerate(used)
        ]
        common_crs(scenes)
        warn_of_cell(scenes, self.preprocessing.cell, stacklevel=4)
        warn_broken(self.broken, len(scenes) + len(self.broken), self.root)

    def _add_copies(self, copies: Copies) -> None:
        """More scenes to draw tiles from."""
        for each in self.scenes[: self._originals] if copies.number else ():
            for copy in copies.drawn(each.scene.pos, each.number):
                thinner = thinned_scene(each.scene.source, self.preprocessing, self.cache, copy=copy)
                self.scenes.append(dataclasses.replace(each, scene=thinner, number=len(self.scenes)))

    def _thinned(self, paths: Sequence[Path], preprocessing: ScenePreprocessing) -> list[ThinnedScene]:
        """The scenes of some files; those that cannot be read are noted."""
        found = []
        for path in paths:
            try:
                found.append(thinned_scene(path, preprocessing, self.cache))
            except BrokenFileError as error:
                self.broken.append((str(path), str(error)))
        if paths and not found:
            raise ValueError(
                f"'{self.root}' must hold a scene that can be read (all {len(paths)} are broken; the first: "
                f"{self.broken[-len(paths)][1]})"
            )
        return found

    def _areas(self, scenes: Sequence[ThinnedScene], shares: Mapping[Split, float]) -> Areas:
        """How scenes are divided by area, from the cache or now."""
        target = self.preprocessing.wanted
        settings = {
            "scenes": [None if scene.folder is None else scene.folder.name for scene in scenes],
            "shares": {split.value: share for split, share in shares.items()},
            "classes": target.classes.to_json() if isinstance(target, ClassTarget) else list(target.numbers),
        }
        return cached(
            self.cache,
            f"areas-{self.root.resolve().name}",
            settings,
            lambda: divided(scenes, shares, target.counts),
            Areas.load,
        )

    def _look_at_targets(self, drawn: bool, part: Split | None) -> np.ndarray:
        """Points of each class, or points whose numbers are known; where tiles are drawn, note where they are.

        Raises:
            ValueError: there is nothing to learn, or to judge.
        """
        target = self.preprocessing.wanted
        total = np.zeros(len(target.names) if isinstance(target, ClassTarget) else 1, dtype=np.int64)
        rows: list[list[np.ndarray]] = [[] for _ in total]
        for scene in self.scenes:
            members = scene.members()
            try:
                counts = scene.counts(members)
            except ValueError as error:
                if not self._table_measured:
                    raise
                raise ValueError(
                    f"{error} (the table is that of the training scenes: give 'classes' one that names or ignores them)"
                ) from None
            total += counts.sum(axis=0, dtype=np.int64)
            if drawn:
                label = np.where(counts.any(axis=1), counts.argmax(axis=1), IGNORED)
                for number, places in enumerate(rows):
                    mine = members[label == number].astype(np.int64)
                    places.append(np.stack([np.full_like(mine, scene.number), mine], axis=1))
        self._check_targets(total, drawn, part)
        self._of_class = [np.concatenate(places) for places in rows if drawn and any(map(len, places))]
        return total

    def _check_targets(self, counts: np.ndarray, drawn: bool, part: Split | None) -> None:
        """There is something to learn, or to judge."""
        target, present = self.preprocessing.wanted, int((counts > 0).sum())
        where = "" if part is None else f" in its part '{part.value}'"
        if isinstance(target, NumberTarget):
            if not present:
                listed = ", ".join(target.numbers)
                raise ValueError(f"'{self.root}' must have points whose {listed} are known{where} (got none)")
        elif present < (2 if drawn else 1):
            named = [name for name, count in zip(target.names, counts, strict=True) if count]
            wanted = "points of two classes or more to learn from" if drawn else "points that have a class"
            raise ValueError(
                f"'{self.root}' must have {wanted}{where}, in the field '{target.field}' "
                f"(got {', '.join(named) or 'none'})"
            )

    def class_counts(self) -> list[int]:
        """How many original points of the part are of each class; of numbers how many kept points have them."""
        found: list[int] = self._counts.tolist()
        return found

    def measured(self) -> dict[str, Any]:
        """What only the open scenes say: channels, and what of the preprocessing was measured."""
        described = self.preprocessing.to_json()
        return {
            "in_channels": self.preprocessing.channels,
            "preprocessing": {name: described[name] for name in ("scales", "target")},
        }

    def report(self) -> str:
        """How the scenes are read, in one line."""
        tile, used = self.scenes[0].tile, self.preprocessing
        scenes, more = self.scenes[: self._originals], len(self.scenes) - self._originals
        kept = sum(len(scene.members()) for scene in scenes)
        points = sum(scene.original_points() for scene in scenes)
        gaps = ""
        if isinstance(used.wanted, NumberTarget):
            unknown = kept - sum(int(scene.counts(scene.members()).sum()) for scene in scenes)
            gaps = f"; {unknown} kept points lack numbers and are left out" if unknown else ""
        thinned = f", {kept} kept (one per cell of {used.cell:g})" if used.cell else ""
        areas = sum(not scene.area.whole for scene in scenes)
        cut = f"; of {areas} of them an area, kept in {self.cache_folder()}" if areas else ""
        copied = f"; {more} thinner copies of them" if more else ""
        shape = choice("shape", tile.shape, TileShape).value
        crowd = (
            f", {self._crowded} of them hold more than {tile.points} points and are read as random subsets"
            if self._crowded
            else ""
        )
        return (
            f"{len(scenes)} scenes of {points} points{thinned}{cut}{copied}{gaps}; {self._tiles} tiles ({shape} of "
            f"radius {tile.radius:g}) cover them{crowd}"
        )

    def cache_folder(self) -> Path:
        """Where thinned scenes and areas lie."""
        return cache_root(self.cache)

    def load(self, row: int) -> PointCloudData:
        """The tile ``row``: the one that covers, or the one that is drawn in this epoch."""
        if self.drawn:
            return self._draw(row)
        scene, place = self._places[row]
        return scene.at(place, self.seed)

    def _draw(self, row: int) -> PointCloudData:
        """A tile of this epoch: a function of (seed, epoch, row)."""
        generator = seeded_generator(self.seed, self.epoch, row, 1)
        scene, base = self._place_in_turn(row, generator) if row % 2 == 0 else self._of_a_class(generator)
        tile = scene.tile
        moved = (torch.rand(3, generator=generator, dtype=torch.float64).numpy() - 0.5) * tile.radius
        centre = scene.scene.pos[base] + moved
        rows = scene.rows(centre)
        if len(rows) > tile.points:
            rows = np.sort(rows[draw_rows(len(rows), tile.points, generator).numpy()])
        return scene.item(rows, centre)

    def _of_a_class(self, generator: torch.Generator) -> tuple[TiledScene, int]:
        """A random point of a random class."""
        members = self._of_class[_below(len(self._of_class), generator)]
        number, row = members[_below(len(members), generator)].tolist()
        return self.scenes[number], row

    def _place_in_turn(self, row: int, generator: torch.Generator) -> tuple[TiledScene, int]:
        """A random point of the place whose turn it is; all places come up once before one comes up again."""
        count = len(self._places)
        turn, place = divmod(self.epoch * -(-len(self._labels) // 2) + row // 2, count)
        if self._turn[0] != turn:
            order = torch.randperm(count, generator=seeded_generator(self.seed, turn)).numpy()
            self._turn = (turn, order)
        scene, where = self._places[self._turn[1][place]]
        rows = scene.rows(where.centre)
        off = np.abs(scene.scene.pos[rows] - where.centre)[:, : scene.tile.axes]
        near = rows[(off <= scene.tile.step / 2).all(axis=1)]
        rows = near if len(near) else rows  # a scene of one tile may be empty around its middle
        return scene, int(rows[_below(len(rows), generator)])


def _below(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (1,), generator=generator))


def validation_scenes(root: str | os.PathLike[str], **options: Any) -> Scenes | None:
    """The validation part of a folder; None where its share is 0 and it has no such folder.

    Args:
        root: the folder.
        options: of :class:`Scenes`, all but ``split``.
    """
    division = taken(Division, dict(options))
    if division.val_fraction == 0 and Split.VAL not in listed_parts(Path(root), division):
        return None
    return Scenes(root, split=Split.VAL, **options)
