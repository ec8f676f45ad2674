"""Numbers for whole scenes from tiles that overlap, and their errors at all original points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ccnn_pc.datasets.scenes.targets import NumberTarget, SceneTarget
from ccnn_pc.datasets.scenes.tiled import TiledScene
from ccnn_pc.training.directions import angles, known_targets
from ccnn_pc.training.scene_predictions import SceneMeans


class SceneNumbers(SceneMeans):
    """Mean numbers of the kept points of a scene, as networks answer them; of directions mean directions.

    Directions have no sign: those of a point are turned to the side of what tiles before said of it, lest opposite
    ones cancel.

    Args:
        width: numbers per point.
        directions: whether they are coordinates of a direction.
        ended: see :class:`~ccnn_pc.training.scene_predictions.SceneMeans`; is told, and scores are taken, while
            ``tiled``, the scene, is there.

    Example:
        >>> from ccnn_pc.datasets import PointCloudData
        >>> tile = PointCloudData(scene=torch.tensor([0]), scene_size=torch.tensor([1]), kept=torch.tensor([0]))
        >>> found = SceneNumbers(2, directions=True)
        >>> for side in (1.0, -1.0):
        ...     found.add(tile, torch.tensor([[0.0, 2.0 * side]]))
        >>> found.mean().tolist()
        [[0.0, 1.0]]
    """

    def __init__(
        self,
        width: int,
        *,
        directions: bool = False,
        ended: Callable[[SceneNumbers], None] | None = None,
    ) -> None:
        self.directions = directions
        super().__init__(width, ended)

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self.tiled: TiledScene | None = None

    def read(self, answers: Tensor) -> Tensor:
        """Numbers; of directions with length 1."""
        answers = answers.detach().float()
        return functional.normalize(answers, dim=1) if self.directions else answers

    def _turned(self, rows: Tensor, found: Tensor) -> Tensor:
        if not self.directions:
            return found
        against = (self._sums[rows] * found).sum(dim=1, keepdim=True) < 0
        return torch.where(against, -found, found)

    def _begin(self, batch: Any, tile: int, size: int, device: torch.device) -> None:
        super()._begin(batch, tile, size, device)
        known = batch.get("tiled")
        self.tiled = known[tile] if isinstance(known, list) else known

    def _leave(self) -> None:
        self.reset()

    def mean(self) -> Tensor:
        """Mean numbers ``[M, K]``; of directions of length 1, and those up that have an up."""
        found = super().mean()
        if not self.directions:
            return found
        found = functional.normalize(found, dim=1)
        return torch.where(found[:, -1:] < 0, -found, found)


class NumberErrors:
    """Errors of numbers at points whose numbers are known, added up in float64.

    Args:
        names: of the T numbers.

    Example:
        >>> errors = NumberErrors(["height"])
        >>> errors.add(np.array([[1.0], [2.0], [9.0]]), np.array([[2.0], [4.0], [np.nan]]))
        >>> errors.results()
        {'mae': 1.5, 'rmse': 1.5811388300841898, 'r2': -1.5, 'n': 2, 'missing': 1}
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names, self.points, self.missing = list(names), 0, 0
        #: Of sizes and squares of errors; of true numbers about the first one, and their squares.
        self._sums = np.zeros((4, len(self.names)))
        self._first: np.ndarray | None = None

    def add(self, said: np.ndarray, truth: np.ndarray) -> None:
        """Take in numbers ``[n, T]`` and true ones, NaN where they are not known."""
        said, truth = self._known(said, truth)
        if not len(truth):
            return
        if self._first is None:
            self._first = truth[0]
        error, about = said - truth, truth - self._first
        self._sums += np.stack([each.sum(axis=0) for each in (np.abs(error), error**2, about, about**2)])

    def _known(self, said: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        known = np.isfinite(truth).all(axis=1)
        self.points += int(known.sum())
        self.missing += int((~known).sum())
        return said[known].astype(np.float64), truth[known].astype(np.float64)

    def results(self) -> dict[str, Any]:
        """Mean absolute error, root of the mean squared one, R^2 (left out where all true numbers are equal).

        Of several numbers these are those of all together, and ``targets`` has those of each.
        """
        sizes, squares, about, spread = self._sums / max(self.points, 1)
        variance = np.where(spread - about**2 > 1e-12 * spread, spread - about**2, 0.0)
        found = {**_errors(sizes, squares, variance), "n": self.points, "missing": self.missing}
        if len(self.names) > 1:
            columns = enumerate(np.stack([sizes, squares, variance]).T[:, :, None])
            found["targets"] = {self.names[place]: _errors(*each) for place, each in columns}
        return found


def _errors(sizes: np.ndarray, squares: np.ndarray, variance: np.ndarray) -> dict[str, Any]:
    """Scores of some numbers together."""
    found = {"mae": float(sizes.mean()), "rmse": float(np.sqrt(squares.mean()))}
    total = float(variance.sum())
    return found | ({"r2": float(1 - squares.sum() / total)} if total > 0 else {})


class DirectionErrors:
    """Angles between directions at points whose own are known, whatever their signs.

    Example:
        >>> errors = DirectionErrors()
        >>> errors.add(np.array([[0.0, 0.0, 1.0]] * 2), np.array([[0.0, 0.0, -2.0], [np.nan, 0.0, 0.0]]))
        >>> errors.results()
        {'angle': 0.0, 'within_10': 1.0, 'within_30': 1.0, 'n': 1, 'missing': 1}
    """

    def __init__(self) -> None:
        self.points, self.missing, self._sums = 0, 0, np.zeros(3)

    def add(self, said: np.ndarray, truth: np.ndarray) -> None:
        """Take in directions ``[n, 3]`` and true ones, NaN or of length 0 where they are not known."""
        true = torch.from_numpy(np.asarray(truth, dtype=np.float64))
        known = known_targets(true, directions=True)
        self.points += int(known.sum())
        self.missing += int((~known).sum())
        angle = angles(torch.from_numpy(np.asarray(said, dtype=np.float64))[known], true[known]).numpy()
        self._sums += np.array([angle.sum(), (angle < 10).sum(), (angle < 30).sum()])

    def results(self) -> dict[str, Any]:
        """Mean angle in degrees, shares of points below 10 and 30 degrees."""
        means = (self._sums / max(self.points, 1)).tolist()
        found = dict(zip(("angle", "within_10", "within_30"), means, strict=True))
        return {**found, "n": self.points, "missing": self.missing}


def errors_for(target: SceneTarget) -> NumberErrors | DirectionErrors:
    """What adds up the errors of numbers, or of directions."""
    return DirectionErrors() if getattr(target, "direction", False) else NumberErrors(target.names)


def scene_pairs(predictions: SceneNumbers) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What is said of the original points of the present scene ``[r, T]`` in the unit of its file, and what is true."""
    said = restored(predictions)
    if predictions.tiled is not None:
        for kept, truth in predictions.tiled.originals():
            yield said[kept], truth


def restored(predictions: SceneNumbers) -> np.ndarray:
    """Mean numbers of the kept points of the present scene in the unit of its file, ``[M, T]``."""
    found = predictions.mean().cpu().numpy()
    target = None if predictions.tiled is None else predictions.tiled.target
    return target.restored(found) if isinstance(target, NumberTarget) else found
