"""What builders of networks share: choices from strings, norms, the geometry of training, frozen numbers."""

from __future__ import annotations

import enum
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc._choices import choice
from ccnn_pc.domains.pooling import Pool
from ccnn_pc.models.base import Model
from ccnn_pc.models.registry import register_model
from ccnn_pc.nn.blocks import NormFactory
from ccnn_pc.nn.fan import Reference, cloud_reference
from ccnn_pc.nn.norms import BatchNorm, GroupNorm, LayerNorm, NoNorm

#: Shapes that models are built for when nobody says: a sequence of MNIST pixels, a CIFAR image, clouds.
DEFAULT_SHAPES: dict[int, tuple[int, ...] | None] = {1: (784,), 2: (32, 32), 3: None}


class NormKind(enum.Enum):
    """Norms by name: over the batch, over all of a cloud (GROUP), over the channels of a sample (LAYER), none.

    GROUP lets outputs know the future of a series; LAYER does not, nor does BATCH once trained.
    """

    BATCH = "batch"
    GROUP = "group"
    LAYER = "layer"
    NONE = "none"

    def factory(self, eps: float) -> NormFactory:
        """What makes such a norm: called with ``channels``."""
        if self is NormKind.GROUP:
            return functools.partial(GroupNorm, eps=check_positive("norm_eps", eps))
        if self is NormKind.LAYER:
            return functools.partial(LayerNorm, eps=check_positive("norm_eps", eps))
        return BatchNorm if self is NormKind.BATCH else NoNorm


def pool_choice(pool: Pool | str | None, dim: int) -> Pool | None:
    """How samples become one answer; "auto" is the newest sample of a series, else the mean.

    Raises:
        ValueError: no such choice, or the last sample of data with several axes.
    """
    if pool is None:
        return None
    if pool == "auto":
        return Pool.LAST if dim == 1 else Pool.MEAN
    reduce = choice("pool", pool, Pool)
    if reduce is Pool.LAST and dim != 1:
        raise ValueError(f"'pool' must not be 'last' where samples have no order (got dim={dim})")
    return reduce


@dataclass(frozen=True)
class Geometry:
    """What training data look like to a kernel.

    Attributes:
        dim: axes.
        spacing: distance of samples on grids.
        extent: reach of the kernels in position units, per axis.
        taps: taps of a kernel per axis on the grid of training; None for clouds.
        causal: whether kernels see the past only.
        fan: geometry that initial kernels are scaled for; None: the grid.
        count: samples of the grid of training, which weights of points refer to; None for clouds.
    """

    dim: int
    spacing: float
    extent: tuple[float, ...]
    taps: tuple[int, ...] | None
    causal: bool
    fan: Reference | None
    count: int | None = None

    def options(self) -> dict[str, Any]:
        """Arguments of :class:`ContinuousConv`."""
        return {
            "dim": self.dim,
            "spacing": self.spacing,
            "extent": self.extent,
            "causal": self.causal,
            "fan": self.fan,
            "reference_count": self.count,
        }


def training_geometry(
    dim: int, shape: Sequence[int] | None, spacing: float, num_points: int = 512, num_neighbors: int = 256
) -> Geometry:
    """Kernels as long as the training data: causal on one axis, centred on several; clouds reach 1.

    Args:
        dim: axes.
        shape: samples per axis in training; None: 784, 32 x 32, or clouds.
        spacing: distance of these samples.
        num_points: points per cloud in training.
        num_neighbors: neighbours per point.

    Raises:
        ValueError: numbers out of range, or a shape of another number of axes.

    Example:
        >>> training_geometry(2, (32, 32), 0.5).taps
        (33, 33)
    """
    check_at_least("dim", dim, 1)
    check_positive("spacing", spacing)
    grid = shape if shape is not None else DEFAULT_SHAPES.get(dim)
    if grid is None:
        check_at_least("num_points", num_points, 1)
        check_at_least("num_neighbors", num_neighbors, 1)
        fan = cloud_reference(dim, num_points, num_neighbors)
        return Geometry(dim, spacing, (1.0,) * dim, None, False, fan)
    if len(grid) != dim:
        raise ValueError(f"'shape' must have {dim} entries (got {list(grid)})")
    sizes = [check_at_least("shape", size, 2) for size in grid]
    if dim == 1:
        return Geometry(dim, spacing, ((sizes[0] - 1) * spacing,), (sizes[0],), True, None, sizes[0])
    half = [size // 2 for size in sizes]
    extent, taps = tuple(h * spacing for h in half), tuple(2 * h + 1 for h in half)
    return Geometry(dim, spacing, extent, taps, False, None, math.prod(sizes))


def register_frozen(
    name: str, build: Callable[..., Model], defaults: Mapping[str, Any] | None = None, **numbers: Any
) -> None:
    """Enter a network of fixed size under a name; its numbers cannot be options, ``defaults`` can."""

    def builder(**arguments: Any) -> Model:
        clash = sorted(set(numbers) & set(arguments))
        if clash:
            raise TypeError(
                f"{', '.join(clash)} cannot be options of '{name}': the name freezes them (got {arguments})"
            )
        return build(**numbers, **{**(defaults or {}), **arguments})

    register_model(name)(builder)
