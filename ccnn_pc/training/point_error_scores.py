"""Scores of numbers per point."""

from __future__ import annotations

import torch
from torch import Tensor

from ccnn_pc.training.scores import Scores, running_sum


def known_targets(target: Tensor, directions: bool = False) -> Tensor:
    """Of which points the target ``[n, c]`` is known, bool ``[n]``: no number of it is NaN; directions are not 0."""
    known = ~target.isnan().any(dim=1)
    return known & target.ne(0).any(dim=1) if directions else known


def squared_cosine(first: Tensor, second: Tensor) -> Tensor:
    r"""Squared cosine of the angles between rows, ``[n]``: :math:`(a \cdot b)^2 / (|a|^2 |b|^2)`; 0 beside a zero row.

    Example:
        >>> squared_cosine(torch.tensor([[1.0, 0.0]]), torch.tensor([[-2.0, 0.0]])).item()
        1.0
    """
    lengths = first.square().sum(dim=1) * second.square().sum(dim=1)
    tiny = torch.finfo(first.dtype).tiny
    return (first * second).sum(dim=1).square() / lengths.clamp(min=tiny)


class PointErrorScores(Scores):
    """Mean loss, mean squared and mean absolute error over the points whose target is known."""

    names: tuple[str, ...] = ("loss", "mse", "mae")

    def __init__(self) -> None:
        super().__init__(
            loss=running_sum(), squares=running_sum(), sizes=running_sum(), numbers=running_sum(), seen=running_sum()
        )  # fmt: skip

    def add(self, loss: Tensor, answers: Tensor, target: Tensor) -> None:
        """Take in one batch: mean loss, answers and targets ``[n, c]``."""
        known = known_targets(target)
        error = answers.detach()[known].double() - target[known].double()
        self.states["loss"].update(loss.detach().double() * len(error))
        self.states["squares"].update(error.square().sum())
        self.states["sizes"].update(error.abs().sum())
        self.states["numbers"].update(error.numel())
        self.states["seen"].update(len(error))

    def count(self) -> int:
        """Return the number of points with a target so far."""
        return int(self.total("seen"))

    def results(self) -> dict[str, float]:
        """Return loss and errors so far."""
        numbers = max(self.total("numbers"), 1.0)
        return {
            "loss": self.total("loss") / max(self.total("seen"), 1.0),
            "mse": self.total("squares") / numbers,
            "mae": self.total("sizes") / numbers,
        }


class DirectionScores(Scores):
    """Of directions up to their sign: mean loss, mean angle in degrees, shares of points below 10 and 30 degrees."""

    names: tuple[str, ...] = ("loss", "angle", "within_10", "within_30")

    def __init__(self) -> None:
        super().__init__(seen=running_sum(), **{name: running_sum() for name in self.names})

    def add(self, loss: Tensor, answers: Tensor, target: Tensor) -> None:
        """Take in one batch: mean loss, answers and targets ``[n, D]``."""
        known = known_targets(target, directions=True)
        cosine = squared_cosine(answers.detach()[known].double(), target[known].double()).sqrt()
        angle = torch.rad2deg(cosine.clamp(max=1.0).acos())
        self.states["loss"].update(loss.detach().double() * len(angle))
        self.states["angle"].update(angle.sum())
        for limit in (10, 30):
            self.states[f"within_{limit}"].update((angle < limit).sum())
        self.states["seen"].update(len(angle))

    def count(self) -> int:
        """Return the number of points with a target so far."""
        return int(self.total("seen"))

    def results(self) -> dict[str, float]:
        """Return loss, angle and shares so far."""
        seen = max(self.total("seen"), 1.0)
        return {name: self.total(name) / seen for name in self.names}
