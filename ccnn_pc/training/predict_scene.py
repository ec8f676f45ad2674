"""A trained model on a whole scene: probabilities of every original point."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from ccnn_pc.datasets.preprocessing import ScenePreprocessing
from ccnn_pc.datasets.scenes.class_table import ClassTable
from ccnn_pc.datasets.scenes.files import probability_fields, read_scene
from ccnn_pc.datasets.scenes.scene import Scene
from ccnn_pc.datasets.scenes.targets import ClassTarget, NumberTarget, SceneTarget
from ccnn_pc.datasets.scenes.thinned import ThinnedScene, thin_scene, warn_of_cell
from ccnn_pc.datasets.scenes.tiled import CoveringTiles, TiledScene
from ccnn_pc.models.base import Model
from ccnn_pc.training.loader import ResumableLoader
from ccnn_pc.training.scene_numbers import SceneNumbers
from ccnn_pc.training.scene_predictions import SceneMeans, ScenePredictions


@dataclasses.dataclass(frozen=True, eq=False)
class PredictedScene:
    """What a model says of the points of a scene.

    Attributes:
        kept: mean probabilities of the kept points, float32 ``[m, K]``; or their numbers, in the unit of files.
        nearest: kept point of each original one, int32 ``[n]``.
        target: classes, or numbers.
    """

    kept: np.ndarray
    nearest: np.ndarray
    target: SceneTarget

    def __len__(self) -> int:
        return len(self.nearest)

    @property
    def table(self) -> ClassTable:
        """The classes.

        Raises:
            TypeError: numbers were answered.
        """
        if not isinstance(self.target, ClassTarget):
            raise TypeError(f"a scene must be answered with classes to have them (got {self.target})")
        return self.target.classes

    def probabilities(self, rows: slice = slice(None)) -> np.ndarray:
        """Of some original points (default: all), float32 ``[r, K]``; or their numbers."""
        return self.kept[self.nearest[rows]]

    def numbers(self) -> np.ndarray:
        """Class of each original point as its number in files, int64 ``[n]``."""
        return self.table.numbers(self.kept.argmax(axis=1))[self.nearest]

    def fields(self, probabilities: bool = False) -> dict[str, np.ndarray]:
        """What is written into files, ``[n]`` by name: a class, or numbers.

        Args:
            probabilities: whether those of all classes come along.
        """
        if not isinstance(self.target, ClassTarget):
            return {name: self.kept[:, place][self.nearest] for place, name in enumerate(self.target.names)}
        found = {self.target.field: self.numbers()}
        return found | (probability_fields(self.probabilities(), self.table.classes) if probabilities else {})

    def pieces(self, size: int = 1_000_000) -> Iterator[slice]:
        """Slices of at most ``size`` original points."""
        return (slice(first, min(first + size, len(self))) for first in range(0, len(self), size))


def predict_scene(
    model: nn.Module,
    scene: Scene | str | os.PathLike[str],
    preprocessing: ScenePreprocessing,
    *,
    batch_size: int = 4,
    seed: int = 0,
    shown: Callable[[Any], Iterable[Any]] = lambda loader: loader,
) -> PredictedScene:
    """Answers for every point of a scene: tiles that cover it, mean probabilities, or numbers, where they overlap.

    Time grows linearly with the points. Beside the model's own it takes the memory of
    :func:`~ccnn_pc.datasets.scenes.thinned.thin_scene`, and ``4 K`` bytes per kept point.

    Args:
        model: ``model(batch) -> answers [n, K]``, logits or scaled numbers; is put into eval mode.
        scene: or its file, of which the fields that are features are read.
        preprocessing: how it is read, with scales and classes.
        batch_size: tiles per batch.
        seed: of the subsets of tiles with too many points.
        shown: wraps the loader, which has a length, e.g. in a progress bar.

    Raises:
        ValueError: scales or classes are unknown; what reading and thinning refuse.
    """
    target = preprocessing.wanted
    if not target.known:
        raise ValueError("'preprocessing' must have classes and scales, as those of trained models have")
    thinned = _thinned(scene, preprocessing)
    tiles = CoveringTiles(TiledScene(thinned, preprocessing), seed)
    predictions: SceneMeans = (
        SceneNumbers(len(target.names), directions=target.direction)
        if isinstance(target, NumberTarget)
        else ScenePredictions(len(target.names))
    )
    _predict(model, shown(ResumableLoader(tiles, batch_size, shuffle=False)), predictions)
    kept = predictions.mean().cpu().numpy()
    if isinstance(target, NumberTarget):
        kept = target.restored(kept).astype(np.float32)
    return PredictedScene(kept, thinned.nearest, target)


def scene_tiles(
    scene: Scene | str | os.PathLike[str], preprocessing: ScenePreprocessing, *, seed: int = 0
) -> CoveringTiles:
    """Tiles that cover a scene, as a trained model reads them; its classes, if it has some, are not looked at.

    Args:
        scene: or its file.
        preprocessing: how it is read, with scales.
        seed: of the subsets of tiles with too many points.

    Raises:
        ValueError: scales are unknown; what reading and thinning refuse.
    """
    return CoveringTiles(TiledScene(_thinned(scene, preprocessing), preprocessing), seed)


def scene_features(
    model: Model, scene: Scene | str | os.PathLike[str], preprocessing: ScenePreprocessing, *, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """What a model's head reads at the kept points of a scene: means over the tiles that a point is in.

    Args:
        model: without a head, ``model(batch) -> [n, C]``; is put into eval mode.
        scene: or its file.
        preprocessing: how it is read, with scales.
        seed: of the subsets of tiles with too many points.

    Returns:
        features, float32 ``[m, C]``, and positions of the kept points, float64 ``[m, 3]``.

    Raises:
        ValueError: scales are unknown; what reading and thinning refuse.
    """
    thinned = _thinned(scene, preprocessing)
    tiles = CoveringTiles(TiledScene(thinned, preprocessing), seed)
    features = SceneNumbers(model.num_features)
    _predict(model, ResumableLoader(tiles, 4, shuffle=False), features)
    return features.mean().cpu().numpy(), np.asarray(thinned.pos, dtype=np.float64)


def _thinned(scene: Scene | str | os.PathLike[str], preprocessing: ScenePreprocessing) -> ThinnedScene:
    if preprocessing.channels is None:
        raise ValueError("'preprocessing' must have classes and scales, as those of trained models have")
    found = scene if isinstance(scene, Scene) else read_scene(scene, fields=preprocessing.fields)
    thinned = thin_scene(found, preprocessing, labelled=False)
    warn_of_cell([thinned], preprocessing.cell)
    return thinned


def _predict(model: nn.Module, batches: Iterable[Any], predictions: SceneMeans) -> None:
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    model.eval()
    with torch.inference_mode():
        for batch in batches:
            batch = batch.to(device)
            predictions.add(batch, model(batch))
