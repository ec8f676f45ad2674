"""Random motions of a cloud. Normals go along."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc._choices import choice
from ccnn_pc.datasets.transforms.base import MovesPoints, RandomTransform, has
from ccnn_pc.datasets.transforms.many import Generators, WorksOnMany, alike, assign, stacked


class Axis(enum.Enum):
    """Axis of a rotation; ANY is uniform over all rotations."""

    X = "x"
    Y = "y"
    Z = "z"
    ANY = "any"


def random_rotation(axis: Axis, generator: torch.Generator | None = None, degrees: float = 180.0) -> Tensor:
    """A rotation matrix ``[3, 3]``: angle uniform in ±``degrees`` about an axis, or uniform on SO(3)."""
    if axis is Axis.ANY:
        w, x, y, z = F.normalize(torch.randn(4, generator=generator, dtype=torch.float64), dim=0).tolist()
    else:
        half = math.radians(degrees) * (float(torch.rand(1, generator=generator, dtype=torch.float64)) - 0.5)
        w, s = math.cos(half), math.sin(half)
        x, y, z = (s if axis is each else 0.0 for each in (Axis.X, Axis.Y, Axis.Z))
    return torch.tensor(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


class RandomRotation(RandomTransform, MovesPoints):
    """Rotate about the origin.

    Args:
        axis: ``Axis.Z`` (default; ModelNet's up axis), X, Y, or ``Axis.ANY`` for all rotations.
        degrees: largest angle to either side; not used with ``Axis.ANY``.
    """

    def __init__(self, axis: Axis | str = Axis.Z, degrees: float = 180.0) -> None:
        self.axis = choice("axis", axis, Axis)
        self.degrees = check_positive("degrees", degrees)

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Rotate ``pos`` and ``normal``."""
        turn = random_rotation(self.axis, generator, self.degrees).t().to(data.pos)
        data.pos = data.pos @ turn
        if has(data, "normal"):
            data.normal = data.normal @ turn
        return data

    def __repr__(self) -> str:
        return f"RandomRotation({self.axis}, degrees={self.degrees:g})"


class RandomScale(WorksOnMany, RandomTransform, MovesPoints):
    """Scale by factors uniform in [``low``, ``high``], one for all axes or one per axis.

    Normals follow the inverse transpose, so that they stay perpendicular to the surface.
    """

    def __init__(self, low: float = 0.8, high: float = 1.25, per_axis: bool = False) -> None:
        self.low, self.high = check_positive("low", low), check_positive("high", high)
        if high < low:
            raise ValueError(f"'high' must be at least 'low' ({low}; got {high})")
        self.per_axis = per_axis

    def many(self, items: Sequence[Any], generators: Generators) -> list[Any]:
        """Scale ``pos``, correct ``normal``."""
        for group, drawn in alike(items, generators, "pos", "normal"):
            pos = stacked(group, "pos")
            size = pos.shape[2] if self.per_axis else 1
            draws = torch.stack([torch.rand(1, size, generator=each) for each in drawn]).to(pos.device)
            factor = self.low + (self.high - self.low) * draws
            assign(group, "pos", pos * factor)
            if self.per_axis and has(group[0], "normal"):
                assign(group, "normal", F.normalize(stacked(group, "normal") / factor, dim=2))
        return list(items)

    def __repr__(self) -> str:
        return f"RandomScale({self.low}, {self.high}, per_axis={self.per_axis})"


class RandomTranslate(WorksOnMany, RandomTransform, MovesPoints):
    """Move the whole cloud by a vector uniform in [-``reach``, ``reach``]^D."""

    def __init__(self, reach: float = 0.1) -> None:
        self.reach = check_positive("reach", reach)

    def many(self, items: Sequence[Any], generators: Generators) -> list[Any]:
        """Move ``pos``."""
        for group, drawn in alike(items, generators, "pos"):
            pos = stacked(group, "pos")
            draws = torch.stack([torch.rand(1, pos.shape[2], generator=each) for each in drawn]).to(
                pos.device
            )
            assign(group, "pos", pos + self.reach * (2 * draws - 1))
        return list(items)

    def __repr__(self) -> str:
        return f"RandomTranslate({self.reach})"


class Jitter(WorksOnMany, RandomTransform, MovesPoints):
    """Move each coordinate of each point by normal noise of deviation ``sigma``, cut at ±``clip``."""

    def __init__(self, sigma: float = 0.01, clip: float = 0.05) -> None:
        self.sigma, self.clip = check_positive("sigma", sigma), check_positive("clip", clip)

    def many(self, items: Sequence[Any], generators: Generators) -> list[Any]:
        """Move ``pos``."""
        for group, drawn in alike(items, generators, "pos"):
            pos = stacked(group, "pos")
            noise = torch.stack(
                [torch.randn(pos.shape[1:], generator=each, dtype=pos.dtype) for each in drawn]
            ).to(pos.device)
            assign(group, "pos", noise.mul_(self.sigma).clamp_(-self.clip, self.clip).add_(pos))
        return list(items)

    def __repr__(self) -> str:
        return f"Jitter({self.sigma}, {self.clip})"


class RandomFlip(WorksOnMany, RandomTransform, MovesPoints):
    """Mirror coordinate ``axis`` (0 = x) with ``probability``; normals are mirrored too."""

    def __init__(self, axis: int = 0, probability: float = 0.5) -> None:
        self.axis = check_at_least("axis", axis, 0)
        if not 0.0 <= probability <= 1.0:
            raise ValueError(f"'probability' must be in [0, 1] (got {probability})")
        self.probability = probability

    def many(self, items: Sequence[Any], generators: Generators) -> list[Any]:
        """Mirror ``pos`` and ``normal``."""
        turned = [
            item
            for item, generator in zip(items, generators, strict=True)
            if float(torch.rand(1, generator=generator)) < self.probability
        ]
        for group, _ in alike(turned, [None] * len(turned), "pos", "normal"):
            sign = group[0].pos.new_ones(group[0].pos.shape[1])
            sign[self.axis] = -1.0
            for key in ("pos", "normal"):
                if has(group[0], key):
                    assign(group, key, stacked(group, key) * sign)
        return list(items)

    def __repr__(self) -> str:
        return f"RandomFlip({self.axis}, {self.probability})"
