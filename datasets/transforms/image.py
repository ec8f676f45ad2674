"""Random changes of images ``x [1, C, H, W]``, values in [0, 1]: crop, mirror, cut out, move."""

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
from ccnn_pc.datasets.transforms.base import RandomTransform


class Padding(enum.Enum):
    """What surrounds an image: ZEROS, or SYMMETRIC: its mirror image, the edge pixels repeated."""

    ZEROS = "zeros"
    SYMMETRIC = "symmetric"


def check_probability(name: str, value: float) -> float:
    """``value`` must lie in [0, 1].

    Raises:
        ValueError: outside of [0, 1].
    """
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"'{name}' must be in [0, 1] (got {value})")
    return float(value)


def check_image(x: Any) -> Tensor:
    """``x`` must hold images ``[B, C, H, W]``.

    Raises:
        ValueError: another shape.
    """
    if not isinstance(x, Tensor) or x.dim() != 4:
        found = list(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"'data.x' must be an image [1, C, H, W] (got {found})")
    return x


def _happens(probability: float, generator: torch.Generator | None) -> bool:
    return float(torch.rand(1, generator=generator)) < probability


def _below(end: int, generator: torch.Generator | None) -> int:
    return int(torch.randint(end, (1,), generator=generator))


def mirrored_index(size: int, padding: int) -> Tensor:
    """Pixels of an axis continued by its mirror image on both sides, int64 ``[size + 2 padding]``.

    Example:
        >>> mirrored_index(3, 2).tolist()
        [1, 0, 0, 1, 2, 2, 1]
    """
    place = torch.arange(-padding, size + padding) % (2 * size)
    return torch.minimum(place, 2 * size - 1 - place)


class RandomCrop(RandomTransform):
    """Surround the image by ``padding`` pixels and cut out a piece of its old size, every place equally likely.

    Args:
        padding: pixels on each side (CIFAR: 4, STL-10: 12).
        mode: zeros (default; FlexConv) or symmetric (CCNN).
    """

    def __init__(self, padding: int = 4, mode: Padding | str = Padding.ZEROS) -> None:
        self.padding = check_at_least("padding", padding, 1)
        self.mode = choice("mode", mode, Padding)

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Replace ``x``."""
        x, p = check_image(data.x), self.padding
        height, width = x.shape[2:]
        top, left = _below(2 * p + 1, generator), _below(2 * p + 1, generator)
        if self.mode is Padding.SYMMETRIC:
            rows = mirrored_index(height, p)[top : top + height]
            columns = mirrored_index(width, p)[left : left + width]
            data.x = x[:, :, rows[:, None].to(x.device), columns.to(x.device)]
        else:
            data.x = F.pad(x, (p, p, p, p))[:, :, top : top + height, left : left + width].contiguous()
        return data

    def __repr__(self) -> str:
        return f"RandomCrop({self.padding}, {self.mode.value})"


class RandomMirror(RandomTransform):
    """Exchange left and right with ``probability`` (default 0.5)."""

    def __init__(self, probability: float = 0.5) -> None:
        self.probability = check_probability("probability", probability)

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Replace ``x``."""
        x = check_image(data.x)
        if _happens(self.probability, generator):
            data.x = x.flip(3)
        return data

    def __repr__(self) -> str:
        return f"RandomMirror({self.probability})"


class Cutout(RandomTransform):
    """Fill a square at a random place (DeVries, Taylor, 2017, arXiv 1708.04552).

    Args:
        size: pixels per side (STL-10: 32; MNIST: 4).
        probability: of doing it (default 1).
        inside: True: the whole square lies in the image; False (default): its centre does, what sticks out is
            cut off.
        value: one number or one per channel, in the units of ``x`` (default 0). The published experiments on
            STL-10 fill with the mean of the data.
    """

    def __init__(
        self, size: int, probability: float = 1.0, inside: bool = False, value: float | Sequence[float] = 0.0
    ) -> None:
        self.size = check_at_least("size", size, 1)
        self.probability, self.inside = check_probability("probability", probability), inside
        self.value = torch.as_tensor(value, dtype=torch.float32).reshape(-1, 1, 1)

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Replace ``x``."""
        x = check_image(data.x)
        if not _happens(self.probability, generator):
            return data
        if len(self.value) not in (1, x.shape[1]):
            raise ValueError(f"'value' must be one number or one per channel (got {len(self.value)})")
        pieces = []
        for side in x.shape[2:]:
            if self.inside and self.size > side:
                raise ValueError(f"'size' must be at most {side} pixels (got {self.size})")
            start = (
                _below(side - self.size + 1, generator)
                if self.inside
                else _below(side, generator) - self.size // 2
            )
            pieces.append(slice(max(start, 0), start + self.size))
        data.x = x.clone()
        data.x[:, :, pieces[0], pieces[1]] = self.value
        return data

    def __repr__(self) -> str:
        return f"Cutout({self.size}, {self.probability})"


class RandomMotion(RandomTransform):
    """Turn, shift and scale an image about its centre, in one bilinear interpolation; what comes in is 0.

    Each of the three happens with ``probability`` of its own draw. With the defaults these are the augmentations
    of the published MNIST experiments (with :class:`Cutout` of 4 x 4 pixels).

    Args:
        degrees: the angle is uniform in ±``degrees`` (default 30).
        shift: the shift is a whole number of pixels, uniform in ±``shift`` per axis (default 2).
        low, high: the factor of size is uniform in [low, high] (default 0.75 to 1).
        probability: default 0.5.
    """

    def __init__(
        self,
        degrees: float = 30.0,
        shift: int = 2,
        low: float = 0.75,
        high: float = 1.0,
        probability: float = 0.5,
    ) -> None:
        if not 0.0 <= degrees <= 180.0:
            raise ValueError(f"'degrees' must be in [0, 180] (got {degrees})")
        self.degrees, self.shift = float(degrees), check_at_least("shift", shift, 0)
        self.low, self.high = check_positive("low", low), check_positive("high", high)
        if self.high < self.low:
            raise ValueError(f"'high' must be at least 'low' ({low}; got {high})")
        self.probability = check_probability("probability", probability)

    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        """Replace ``x``."""
        x = check_image(data.x)
        # all numbers are drawn every time, so that one of them does not depend on whether another one counts
        chance, draw = torch.rand(3, generator=generator), torch.rand(2, generator=generator)
        moved = torch.randint(-self.shift, self.shift + 1, (2,), generator=generator)
        turns, shifts, scales = (chance < self.probability).tolist()
        angle = math.radians(self.degrees) * (2 * float(draw[0]) - 1) if turns else 0.0
        right, down = moved.tolist() if shifts else (0, 0)
        factor = self.low + (self.high - self.low) * float(draw[1]) if scales else 1.0
        if angle or right or down or factor != 1.0:
            data.x = move(x, angle, float(right), float(down), factor)
        return data

    def __repr__(self) -> str:
        return f"RandomMotion({self.degrees}, {self.shift}, {self.low}, {self.high}, {self.probability})"


def move(x: Tensor, angle: float = 0.0, right: float = 0.0, down: float = 0.0, factor: float = 1.0) -> Tensor:
    r"""Turn, scale and shift images about their centre: the pixel at p goes to :math:`s R p + t`.

    Args:
        x: images ``[B, C, H, W]``.
        angle: counter-clockwise as seen on a screen, in radians.
        right: first part of the shift t, in pixels.
        down: its second part.
        factor: the scale s; 0.5 halves what is seen.

    Returns:
        Images of the same size, by bilinear interpolation, 0 where nothing was.

    Example:
        >>> move(torch.eye(3)[None, None], right=1.0)[0, 0].tolist()
        [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    height, width = x.shape[2:]
    rows = torch.arange(height, dtype=torch.float64) - (height - 1) / 2 - down
    columns = torch.arange(width, dtype=torch.float64) - (width - 1) / 2 - right
    c, s = math.cos(angle) / factor, math.sin(angle) / factor
    # where each pixel comes from: the inverse map; rows count downwards
    from_row = c * rows[:, None] + s * columns
    from_column = -s * rows[:, None] + c * columns
    place = torch.stack([from_column * 2 / width, from_row * 2 / height], dim=-1).to(x)
    return F.grid_sample(
        x, place.expand(len(x), -1, -1, -1), mode="bilinear", padding_mode="zeros", align_corners=False
    )
