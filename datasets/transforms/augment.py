"""Random motions of a cloud. Normals go along."""

from __future__ import annotations

import enum
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc._choices import choice
from ccnn_pc.datasets.transforms.base import MovesPoints, RandomTransform, has


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


class RandomScale(RandomTransform, MovesPoints):
    """Scale by factors uniform in [``low``, ``high``], one for all axes or one per axis.

    Normals follow the inverse transpose, so that they stay perpendicular to the surface.
    """

    def __init__(self, low: float = 0.8, high: float = 1.25, per_axis: bool = False) -> None:
        self.low, self.high = check_positive("low", low), check_positive("high", high)
        if high < low:
            raise ValueError(f"'high' must be at least 'low' ({low}; got {high})")
        self.per_axis = per_axis

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Scale ``pos``, correct ``normal``."""
        size = data.pos.shape[1] if self.per_axis else 1
        factor = self.low + (self.high - self.low) * torch.rand(size, generator=generator).to(data.pos.device)
        data.pos = data.pos * factor
        if self.per_axis and has(data, "normal"):
            data.normal = F.normalize(data.normal / factor, dim=1)
        return data

    def __repr__(self) -> str:
        return f"RandomScale({self.low}, {self.high}, per_axis={self.per_axis})"


class RandomTranslate(RandomTransform, MovesPoints):
    """Move the whole cloud by a vector uniform in [-``reach``, ``reach``]^D."""

    def __init__(self, reach: float = 0.1) -> None:
        self.reach = check_positive("reach", reach)

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Move ``pos``."""
        draw = torch.rand(data.pos.shape[1], generator=generator).to(data.pos.device)
        data.pos = data.pos + self.reach * (2 * draw - 1)
        return data

    def __repr__(self) -> str:
        return f"RandomTranslate({self.reach})"


class Jitter(RandomTransform, MovesPoints):
    """Move each coordinate of each point by normal noise of deviation ``sigma``, cut at ±``clip``."""

    def __init__(self, sigma: float = 0.01, clip: float = 0.05) -> None:
        self.sigma, self.clip = check_positive("sigma", sigma), check_positive("clip", clip)

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Move ``pos``."""
        noise = torch.randn(data.pos.shape, generator=generator, dtype=data.pos.dtype).to(data.pos.device)
        data.pos = data.pos + noise.mul_(self.sigma).clamp_(-self.clip, self.clip)
        return data

    def __repr__(self) -> str:
        return f"Jitter({self.sigma}, {self.clip})"


class RandomFlip(RandomTransform, MovesPoints):
    """Mirror coordinate ``axis`` (0 = x) with ``probability``; normals are mirrored too."""

    def __init__(self, axis: int = 0, probability: float = 0.5) -> None:
        self.axis = check_at_least("axis", axis, 0)
        if not 0.0 <= probability <= 1.0:
            raise ValueError(f"'probability' must be in [0, 1] (got {probability})")
        self.probability = probability

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Mirror ``pos`` and ``normal``."""
        if float(torch.rand(1, generator=generator)) < self.probability:
            sign = data.pos.new_ones(data.pos.shape[1])
            sign[self.axis] = -1.0
            data.pos = data.pos * sign
            if has(data, "normal"):
                data.normal = data.normal * sign
        return data

    def __repr__(self) -> str:
        return f"RandomFlip({self.axis}, {self.probability})"
