"""Scores of numbers per point."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from ccnn_pc.training.directions import angles, known_targets
from ccnn_pc.training.scene_numbers import SceneNumbers, scene_pairs
from ccnn_pc.training.scores import Scores, running_sum


class _PointNumberScores(Scores):
    """Sums over points whose target is known.

    Of tiles that cover scenes (they have ``tiled``) the mean answers for each kept point are judged, at all original
    points that it is the nearest of; see :class:`~ccnn_pc.training.scene_numbers.SceneNumbers`. The loss is that of the
    points of all tiles. Errors are in the unit of the files, whatever the targets were divided by (``unit``).
    """

    directions = False

    def __init__(self, **states: Metric) -> None:
        super().__init__(loss=running_sum(), seen=running_sum(), **states)
        self.scenes: SceneNumbers | None = None
        self._of_tiles = 0  # points that losses are means of, where the points that are judged are others

    def add(self, loss: Tensor, answers: Tensor, target: Tensor) -> None:
        """Take in one batch: mean loss, answers and targets ``[n, c]``."""
        self._add_loss(loss, target)
        self._add_pairs(answers.detach(), target)

    def _add_loss(self, loss: Tensor, target: Tensor) -> Tensor:
        """Take in a mean loss; how many points it is the mean of."""
        count = known_targets(target, self.directions).sum()
        self.states["loss"].update(torch.where(count > 0, loss.detach().double() * count, 0.0))
        return count

    def _add_pairs(self, answers: Tensor, target: Tensor) -> None:
        known = known_targets(target, self.directions)
        self.states["seen"].update(known.sum())
        self._add_known(answers[known].double(), target[known].double())

    @abc.abstractmethod
    def _add_known(self, answers: Tensor, target: Tensor) -> None:
        """Take in what is said and what is true of points whose target is known, float64 ``[n, c]``."""

    def add_batch(self, batch: Any, loss: Tensor, answers: Tensor, target: Tensor) -> None:
        """The same in the unit of files; of tiles that cover scenes what they say together."""
        get: Callable[[str], Any] = batch.get if hasattr(batch, "get") else lambda name: None
        if get("tiled") is not None:
            if self.scenes is None:
                self.scenes = SceneNumbers(answers.shape[1], directions=self.directions, ended=self._ended)
            self._of_tiles += int(self._add_loss(loss, target))
            self.scenes.add(batch, answers)
            return
        self._add_loss(loss, target)
        unit = get("unit")
        size = 1.0 if unit is None or self.directions else unit[:1]
        self._add_pairs(answers.detach() * size, target * size)

    def _ended(self, scenes: SceneNumbers) -> None:
        device = next(iter(self.states.values())).device
        for said, truth in scene_pairs(scenes):
            self._add_pairs(torch.from_numpy(said).to(device), torch.from_numpy(truth).to(device))

    def total(self, name: str) -> float:
        """Return one of the sums, the present scene included."""
        if self.scenes is not None:
            self.scenes.finish()
        return super().total(name)

    def mean_loss(self) -> float:
        """Return the mean loss over points so far."""
        return self.total("loss") / max(self._of_tiles or self.total("seen"), 1.0)

    def count(self) -> int:
        """Return the number of points with a target so far."""
        return int(self.total("seen"))

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self.scenes, self._of_tiles = None, 0


class PointErrorScores(_PointNumberScores):
    """Mean loss, mean squared and mean absolute error over the points whose target is known."""

    names: tuple[str, ...] = ("loss", "mse", "mae")

    def __init__(self) -> None:
        super().__init__(squares=running_sum(), sizes=running_sum(), numbers=running_sum())

    def _add_known(self, answers: Tensor, target: Tensor) -> None:
        error = answers - target
        self.states["squares"].update(error.square().sum())
        self.states["sizes"].update(error.abs().sum())
        self.states["numbers"].update(error.numel())

    def results(self) -> dict[str, float]:
        """Return loss and errors so far."""
        numbers = max(self.total("numbers"), 1.0)
        return {
            "loss": self.mean_loss(),
            "mse": self.total("squares") / numbers,
            "mae": self.total("sizes") / numbers,
        }


class DirectionScores(_PointNumberScores):
    """Of directions up to their sign: mean loss, mean angle in degrees, shares of points below 10 and 30 degrees."""

    names: tuple[str, ...] = ("loss", "angle", "within_10", "within_30")
    directions = True

    def __init__(self) -> None:
        super().__init__(**{name: running_sum() for name in self.names[1:]})

    def _add_known(self, answers: Tensor, target: Tensor) -> None:
        angle = angles(answers, target)
        self.states["angle"].update(angle.sum())
        for limit in (10, 30):
            self.states[f"within_{limit}"].update((angle < limit).sum())

    def results(self) -> dict[str, float]:
        """Return loss, angle and shares so far."""
        seen = max(self.total("seen"), 1.0)
        return {"loss": self.mean_loss(), **{name: self.total(name) / seen for name in self.names[1:]}}
