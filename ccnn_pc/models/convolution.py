"""What makes the convolutions of a network: kernel and window, and what they need to know of the data."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from ccnn_pc._checks import check_at_least, check_extent, check_flags, check_metric, check_positive
from ccnn_pc.kernels import GaussianWindow, MAGNet
from ccnn_pc.kernels.registry import factory_options
from ccnn_pc.nn.conv import ContinuousConv
from ccnn_pc.nn.fan import CloudReference
from ccnn_pc.nn.quadrature import Quadrature

#: Shapes that models are built for when nobody says: a sequence of MNIST pixels, a CIFAR image, clouds.
DEFAULT_SHAPES: dict[int, tuple[int, ...] | None] = {1: (784,), 2: (32, 32), 3: None}


@dataclass(frozen=True)
class TrainingGeometry:
    """What the data of training look like to a kernel.

    Kernels are as long as the data: causal on one axis unless ``centred``, centred on several; on clouds they reach 1.

    Attributes:
        dim: axes of the positions.
        shape: samples per axis in training, for grids and sequences; None: 784 for one axis, 32 x 32 for two, clouds
            for three and more.
        spacing: distance of these samples, in position units.
        extent: reach of the kernels in position units, one number or one per axis: half-width, or full lag on series.
            None: all of a series, half of an image (kernels as wide as the image), 1 on clouds.
        num_points: points per cloud in training, for the initial scale of the kernels.
        num_neighbors: neighbours per point, itself included.
        reference_count: points per cloud that quadrature weights refer to; None: each cloud's own count, or for grids
            the number of their samples.
        point_spacing: distance of neighbouring points of a cloud, for the initial scale of the kernels; None: that of
            ``num_points`` on a sphere of radius 1.
        metric: factors of the axes in the search for neighbours, see :meth:`ccnn_pc.domains.PointSet.knn`; None: all
            alike.
        centred: kernels of one axis see as much of what comes later as of what was before: for answers per sample that
            may know the whole series.

    Raises:
        ValueError: numbers out of range, or a shape of another number of axes.

    Example:
        >>> geometry = TrainingGeometry(2, (32, 32), spacing=0.5)
        >>> geometry.taps, geometry.reach, geometry.causal
        ((33, 33), (8.0, 8.0), False)
    """

    dim: int
    shape: Sequence[int] | None = None
    spacing: float = 1.0
    extent: float | Sequence[float] | None = None
    num_points: int = 512
    num_neighbors: int = 256
    reference_count: float | None = None
    point_spacing: float | None = None
    metric: Sequence[float] | None = None
    centred: bool = False

    def __post_init__(self) -> None:
        check_at_least("dim", self.dim, 1)
        check_positive("spacing", self.spacing)
        check_at_least("num_points", self.num_points, 1)
        check_at_least("num_neighbors", self.num_neighbors, 1)
        if self.shape is not None:
            if len(self.shape) != self.dim:
                raise ValueError(f"'shape' must have {self.dim} entries (got {list(self.shape)})")
            sizes = tuple(check_at_least("shape", size, 2) for size in self.shape)
            object.__setattr__(self, "shape", sizes)
        if self.extent is not None:
            check_extent("extent", self.extent, self.dim)
            if not isinstance(self.extent, (int, float)):
                object.__setattr__(self, "extent", tuple(self.extent))
        if self.reference_count is not None:
            check_positive("reference_count", self.reference_count)
        if self.point_spacing is not None:
            check_positive("point_spacing", self.point_spacing)
        if self.metric is not None:
            object.__setattr__(self, "metric", check_metric(self.metric, self.dim))

    @property
    def grid(self) -> tuple[int, ...] | None:
        """Samples per axis of the grid of training; None for clouds."""
        return DEFAULT_SHAPES.get(self.dim) if self.shape is None else tuple(self.shape)

    @property
    def causal(self) -> bool:
        """Whether kernels see the past only."""
        return self.dim == 1 and self.grid is not None and not self.centred

    @property
    def taps(self) -> tuple[int, ...] | None:
        """Taps per axis of a kernel as long as the data; None for clouds."""
        if self.grid is None or self.causal:
            return self.grid
        return tuple(2 * (size // 2) + 1 for size in self.grid)

    @property
    def reach(self) -> tuple[float, ...]:
        """Extent of the kernels per axis."""
        if self.extent is not None:
            return tuple(check_extent("extent", self.extent, self.dim).tolist())
        if self.taps is None:
            return (1.0,) * self.dim
        return tuple(((k - 1) if self.causal else k // 2) * self.spacing for k in self.taps)

    @property
    def fan(self) -> CloudReference | None:
        """Geometry that initial kernels are scaled for; None: the grid."""
        if self.grid is not None:
            return None
        return CloudReference(self.num_points, self.num_neighbors, self.point_spacing)

    def grown(self, factor: float) -> TrainingGeometry:
        """The same geometry seen from so many times farther away: kernels reach as many times farther.

        Example:
            >>> TrainingGeometry(3, extent=(2.0, 2.0, 8.0)).grown(2).reach
            (4.0, 4.0, 16.0)
        """
        check_positive("factor", factor)
        spacing = None if self.point_spacing is None else self.point_spacing * factor
        extent = tuple(reach * factor for reach in self.reach)
        return dataclasses.replace(self, extent=extent, point_spacing=spacing)

    def arguments(self, **rules: Any) -> dict[str, Any]:
        """What :class:`ContinuousConv` is told of the data; ``rules`` are other fields of its :class:`Quadrature`."""
        count = self.reference_count
        if count is None and self.grid is not None:
            count = math.prod(self.grid)
        return {
            "dim": self.dim,
            "extent": self.reach,
            "causal": self.causal,
            "quadrature": Quadrature(self.spacing, reference_count=count, fan=self.fan, **rules),
        }


@dataclass(frozen=True)
class Convolution:
    """Makes the convolutions of a network: called with ``in_channels, out_channels``.

    Attributes:
        geometry: of the data of training.
        kernel: makes a kernel: called with ``dim, out_channels, fan, causal``; and with ``in_channels``, those of a
            full layer, if it takes them and they are not set.
        window: makes a window: called with ``dim, causal``.
        separable: depthwise kernel and channel mixing, or a full kernel.
        full_stem: whether the first layer of a network has a full kernel. The papers' separable one has a kernel for
            every channel of the data: for few channels these are few.
        bias: see :class:`ContinuousConv`.
        threshold: window value below which samples may be left out.
        endpoint: how much of the present sample causal kernels count (series).
        layer: the class of the convolutions; another one only for comparisons.

    Example:
        >>> from ccnn_pc.kernels import SIREN
        >>> Convolution(TrainingGeometry(2, (32, 32)), kernel=SIREN)(6, 32)
        ContinuousConv(6, 32, dim=2, kernel=SIREN, extent=16.0, quadrature=Quadrature(reference_count=1024.0))
    """

    geometry: TrainingGeometry
    kernel: Callable[..., nn.Module] = MAGNet
    window: Callable[..., nn.Module] = GaussianWindow
    separable: bool = True
    full_stem: bool = False
    bias: bool = True
    threshold: float | None = None
    endpoint: float = 1.0
    layer: Callable[..., ContinuousConv] = ContinuousConv

    def __post_init__(self) -> None:
        check_flags(separable=self.separable, full_stem=self.full_stem, bias=self.bias)

    def __call__(self, in_channels: int, out_channels: int) -> ContinuousConv:
        kernel = self.kernel
        if not self.separable and "in_channels" in set(factory_options(kernel)) - set_options(kernel):
            kernel = functools.partial(kernel, in_channels=in_channels)
        return self.layer(
            in_channels,
            out_channels,
            kernel=kernel,
            window=self.window,
            separable=self.separable,
            bias=self.bias,
            **self.geometry.arguments(threshold=self.threshold, endpoint=self.endpoint),
        )

    def stem(self, in_channels: int, out_channels: int) -> ContinuousConv:
        """The first convolution of a network."""
        first = dataclasses.replace(self, separable=False) if self.full_stem else self
        return first(in_channels, out_channels)


def set_options(factory: Callable[..., Any]) -> set[str]:
    """Names of the arguments that a ``functools.partial`` sets."""
    return set(factory.keywords) if isinstance(factory, functools.partial) else set()
