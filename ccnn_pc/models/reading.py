"""How data become features on a domain: PyG data, arrays, or samples that bring their domain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch_geometric.data import Data

from ccnn_pc._checks import check_at_least, check_extent, check_metric, check_positive
from ccnn_pc._choices import choice
from ccnn_pc._values import readable
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.grid.grid import Grid
from ccnn_pc.domains.points.point_set import PointSet
from ccnn_pc.domains.sampling import Interpolation, Sampling
from ccnn_pc.domains.series.irregular_series import IrregularSeries
from ccnn_pc.ops.neighbors.k_nearest import Neighbors
from ccnn_pc.ops.series.weights import Weights

Input: TypeAlias = "Data | Tensor"
Spacing: TypeAlias = "float | Sequence[float]"
Judge: TypeAlias = "Callable[[Tensor, AbstractDomain], None]"


def _accept(x: Tensor, where: AbstractDomain) -> None:
    """Data are taken as they are."""


@dataclass(frozen=True)
class Nearest:
    """Which neighbours are searched.

    Attributes:
        k: how many, the point itself included.
        metric: factors of the axes, see :meth:`ccnn_pc.domains.PointSet.knn`; None: all alike.

    Raises:
        ValueError: no k.
    """

    k: int = 256
    metric: Sequence[float] | None = None

    def __post_init__(self) -> None:
        check_at_least("num_neighbors", self.k, 1)
        if self.metric is not None:
            object.__setattr__(self, "metric", tuple(map(float, self.metric)))


@dataclass(frozen=True)
class Reading:
    """What comes in becomes features ``[n, C]`` with the domain they lie on; answers per sample go out as it came.

    Attributes:
        dim: axes of the positions.
        in_channels: channels of the data.
        spacing: distance of samples in training, one number or one per axis.
        neighbors: of clouds that bring none: :class:`Nearest`, or k.
        series_weights: what samples of irregular series stand for that come as PyG data (default: the width of their
            cell; see :class:`ccnn_pc.domains.Weights`). Grids are weighted by their spacing.
        interpolation: what samples of arrays stand for between them that are farther apart than in training; see
            :class:`ccnn_pc.domains.Interpolation`. None (default): curves, "cubic", where there are several axes, and
            straight lines, "linear", along one, for a curve looks ahead. The papers' networks have "none".
        series_interpolation: what samples of irregular series stand for between them: "linear" reads straight lines at
            the spacing of training, "cubic" cubic curves, and neither needs weights; "none" sums over samples. None
            (default): lines, but sums where samples are weighted otherwise than by their cells, their times need a
            gradient, or answers per sample must not know later ones: a sample between two regular times is answered at
            the earlier.
        shape: samples per axis of the grids that the network was trained on; then scattered samples are read on such a
            grid (:meth:`ccnn_pc.domains.PointSet.on_grid`), unless ``interpolation`` is "none". None (default): they
            are points, where they lie.
        support: how much time the kernels of a network see at once; a longer pause in a series counts as so long. None
            (default): as long as it is.
        causal: whether answers per sample of a series must not know later samples (default False).

    Raises:
        ValueError: numbers out of range, strings that are no choice, weights or lines of series where there are more
            axes than one, weights where straight lines are read, curves where later samples must not be known.

    Example:
        >>> x, where = Reading(2, 3, spacing=0.5).read(torch.rand(4, 3, 8, 8))
        >>> x.shape, where.spacing
        (torch.Size([256, 3]), (0.5, 0.5))
    """

    dim: int
    in_channels: int
    spacing: Spacing = 1.0
    neighbors: Nearest | int = Nearest()  # noqa: RUF009  (frozen)
    series_weights: Weights | str = Weights.CELL
    interpolation: Interpolation | str | None = None
    series_interpolation: Interpolation | str | None = None
    shape: Sequence[int] | None = None
    support: float | None = None
    causal: bool = False

    def __post_init__(self) -> None:
        check_at_least("dim", self.dim, 1)
        nearest = self.neighbors if isinstance(self.neighbors, Nearest) else Nearest(self.neighbors)
        if nearest.metric is not None:
            check_metric(nearest.metric, self.dim)
        object.__setattr__(self, "neighbors", nearest)
        if self.interpolation is None:
            usual = Interpolation.LINEAR if self.dim == 1 else Interpolation.CUBIC
            object.__setattr__(self, "interpolation", usual)
        for name, kind in (
            ("series_weights", Weights),
            ("interpolation", Interpolation),
            ("series_interpolation", Interpolation),
        ):
            if name != "series_interpolation" or self.series_interpolation is not None:
                object.__setattr__(self, name, choice(name, getattr(self, name), kind))
        for name in ("interpolation", "series_interpolation"):
            if self.dim == 1 and self.causal and getattr(self, name) is Interpolation.CUBIC:
                raise ValueError(
                    f"'{name}' must be 'none' or 'linear' where answers per sample must not know later samples, for a "
                    "curve between two samples bends towards the one behind them (got 'cubic')"
                )
        if self.shape is not None:
            if len(self.shape) != self.dim:
                raise ValueError(f"'shape' must have {self.dim} entries (got {list(self.shape)})")
            object.__setattr__(self, "shape", tuple(check_at_least("shape", int(s), 1) for s in self.shape))
        if self.support is not None:
            check_positive("support", self.support)
        steps = check_extent("spacing", self.spacing, self.dim).to(torch.get_default_dtype())
        object.__setattr__(self, "spacing", tuple(steps.tolist()))
        for name, default in (
            ("series_weights", Weights.CELL),
            ("series_interpolation", Interpolation.NONE),
        ):
            value = getattr(self, name)
            if value is not None and value is not default and self.dim != 1:
                raise ValueError(
                    f"'{name}' must be '{default.value}' for {self.dim} axes (got '{value.value}')"
                )
        between = self.series_interpolation in (Interpolation.LINEAR, Interpolation.CUBIC)
        if between and self.series_weights is not Weights.CELL:
            raise ValueError(
                "'series_weights' must be 'cell' where straight lines or curves are read, for they need none "
                f"(got '{choice('series_weights', self.series_weights, Weights).value}')"
            )

    def read(
        self,
        data: Input,
        domain: AbstractDomain | None = None,
        spacing: Spacing | None = None,
        judge: Judge = _accept,
    ) -> tuple[Tensor, AbstractDomain]:
        """Features ``[n, C]`` and where they lie.

        Args:
            data: an array ``[B, C, *S]``; or PyG ``Data`` or ``Batch``: clouds (x, pos, batch, and optionally
                neighbor_index with neighbor_count, or edge_index, volume, lattice; background ``[1, C]``: what cells
                hold that are not among the points, where a network reads on a grid); series of one axis (x and
                times ``[n]``, or pos ``[n, 1]`` without neighbours and volume; batch, and optionally mask, lattice);
                or, without pos, an array x (and optionally occupied, spacing); or features ``[n, C]`` that come with
                ``domain``.
            domain: where the features lie; not with PyG data.
            spacing: distance of an array's samples; None: that of training.
            judge: is told features and domain as they were given, and may refuse them.

        Raises:
            TypeError: something else, or arguments that exclude each other.
            ValueError: positions, arrays, features or neighbours that do not fit the model or each other.
        """
        if isinstance(data, Tensor):
            return self._input(data, domain, spacing, judge)
        return self._input_of_data(data, domain, spacing, judge)

    def samples(
        self, data: Input, domain: AbstractDomain | None = None, spacing: Spacing | None = None
    ) -> tuple[Tensor, AbstractDomain]:
        """Features and where they lie as they were given: with their mask, and before anything is read between them."""
        if isinstance(data, Tensor):
            return self._tensor(data, domain, spacing)
        return self._data(data, domain, spacing)

    def _input(
        self, data: Input, domain: AbstractDomain | None, spacing: Spacing | None, judge: Judge
    ) -> tuple[Tensor, AbstractDomain]:
        x, where = self.samples(data, domain, spacing)
        if not x.is_floating_point():
            raise TypeError(f"'x' must be a floating tensor (got {x.dtype}; x.float() makes one)")
        judge(x, where)
        return where.as_input(x, self.sampling)

    @torch.compiler.disable  # searches for neighbours and checks values; the network behind it is compiled
    def _input_of_data(
        self, data: Data, domain: AbstractDomain | None, spacing: Spacing | None, judge: Judge
    ) -> tuple[Tensor, AbstractDomain]:
        x, where = self._input(data, domain, spacing, judge)
        if not isinstance(where, Grid) and not bool(torch.isfinite(x).all()):
            observed = " where it was observed" if isinstance(where, IrregularSeries) else ""
            raise ValueError(f"'data.x' must be finite{observed} (got NaN or inf)")
        return x, where

    def _data(
        self, data: Data, domain: AbstractDomain | None, spacing: Spacing | None
    ) -> tuple[Tensor, AbstractDomain]:
        if domain is not None:
            raise TypeError("'domain' must be None with PyG data, which bring their own positions")
        if not isinstance(data, Data):
            hint = "; torch.from_numpy makes a tensor of an array" if hasattr(data, "__array__") else ""
            raise TypeError(
                "'data' must be PyG Data, a tensor [batch, channels, *sizes], or features with a domain "
                f"(got {type(data).__name__}{hint})"
            )
        if data.pos is None and self._is_array(data.x):
            step = data.get("spacing") if spacing is None else spacing
            common = None if step is None else common_spacing("spacing", step, self.dim)
            return self._array(data.x, None, common, data.get("occupied"))
        if spacing is not None:
            raise TypeError("'spacing' must be None with clouds, which bring positions")
        return self._series(data) if self.dim == 1 and is_series(data) else self._cloud(data)

    def as_given(self, answers: Tensor, where: AbstractDomain, data: Input) -> Tensor:
        """Answers per sample where samples came, of an array as an array ``[B, K, *S]``."""
        answers, source = where.at_source(answers)
        x = data if isinstance(data, Tensor) else data.x
        return source.unflatten(answers) if self._is_array(x) else answers  # type: ignore[attr-defined]

    @property
    def num_neighbors(self) -> int:
        """k, for clouds that bring no neighbours."""
        return self.neighbors.k  # type: ignore[union-attr]

    @property
    def sampling(self) -> Sampling:
        """How domains are read."""
        return Sampling(
            self.spacing,  # type: ignore[arg-type]
            self.interpolation,  # type: ignore[arg-type]
            self.series_interpolation,  # type: ignore[arg-type]
            self.shape,  # type: ignore[arg-type]
            self.support,
            self.causal,
        )

    @property
    def on_grid(self) -> bool:
        """Whether scattered samples are read on a grid."""
        return self.shape is not None and self.interpolation is not Interpolation.NONE

    def _is_array(self, x: object) -> bool:
        return isinstance(x, Tensor) and x.dim() == self.dim + 2

    def _tensor(
        self, x: Tensor, domain: AbstractDomain | None, spacing: Spacing | None
    ) -> tuple[Tensor, AbstractDomain]:
        if self._is_array(x):
            return self._array(x, domain, spacing)
        if domain is None:
            axes = ", ".join(f"S{d + 1}" for d in range(self.dim)) if self.dim > 1 else "length"
            raise TypeError(
                f"'domain' must say where features lie: model(x, domain); an array must have shape "
                f"[batch, {self.in_channels}, {axes}] (got {list(x.shape)})"
            )
        if spacing is not None:
            raise TypeError("'spacing' must be None with features that come with a domain")
        return x, domain

    def _array(
        self,
        x: Tensor,
        domain: AbstractDomain | None,
        spacing: Spacing | None,
        occupied: Tensor | None = None,
    ) -> tuple[Tensor, AbstractDomain]:
        if x.shape[1] != self.in_channels:
            raise ValueError(
                f"'x' must have {self.in_channels} channels for this model (got shape {list(x.shape)})"
            )
        if readable(x) and not bool(torch.isfinite(x).all()):
            raise ValueError("'x' must be finite (got NaN or inf)")
        if domain is None:
            step = self.spacing if spacing is None else spacing
            domain = Grid(tuple(x.shape[2:]), step, len(x), occupied=occupied, device=x.device)
        elif spacing is not None:
            raise TypeError("'spacing' must be None with a domain, which has its own")
        elif not isinstance(domain, Grid):
            raise TypeError(
                f"'domain' must be a Grid for an array of shape {list(x.shape)} (got {type(domain).__name__})"
            )
        return domain.flatten(x), domain

    def _series(self, data: Data) -> tuple[Tensor, AbstractDomain]:
        x = data.pos if data.x is None else data.x
        if x is None or x.dim() != 2 or x.shape[1] != self.in_channels:
            raise ValueError(
                f"'data.x' must have shape [n, {self.in_channels}] for this model "
                f"(got {None if x is None else list(x.shape)})"
            )
        weights = choice("series_weights", self.series_weights, Weights)
        return x, irregular_series(data, weights)

    def _cloud(self, data: Data) -> tuple[Tensor, AbstractDomain]:
        if data.pos is None:
            raise ValueError("'data.pos' must hold the positions of the points (got None)")
        if data.pos.dim() != 2 or data.pos.shape[1] != self.dim:
            raise ValueError(
                f"'data.pos' must have shape [n, {self.dim}] for this model (got {list(data.pos.shape)})"
            )
        x = data.pos if data.x is None else data.x
        if x.dim() != 2 or x.shape[1] != self.in_channels:
            what = "data.x" if data.x is not None else "data.pos (there is no data.x)"
            raise ValueError(
                f"'{what}' must have {self.in_channels} channels for this model (got shape {list(x.shape)})"
            )
        if not self.on_grid:
            return x, point_set(data, self.neighbors)  # type: ignore[arg-type]
        cloud = point_set(data, None)
        background = data.get("background")
        if background is None:
            return x, cloud
        return cloud.on_grid(x, self.shape, self.spacing, background)  # type: ignore[arg-type]


def common_spacing(name: str, spacing: Any, dim: int) -> Spacing:
    """The spacing of a batch, per axis, which is the same for all of its items.

    Raises:
        ValueError: items of several spacings.
    """
    if not isinstance(spacing, Tensor):
        found: Spacing = spacing
        return found
    rows = spacing.view(-1, dim) if spacing.numel() % dim == 0 else spacing.view(-1, 1)
    if bool((rows != rows[:1]).any()):
        raise ValueError(f"'data.{name}' must be the same for all items of a batch (got several)")
    return [float(value) for value in rows[0].expand(dim)]


def is_series(data: Data) -> bool:
    """Whether data of one axis are a series: they have times, or positions and nothing that only clouds have."""
    clouds = ("neighbor_index", "neighbor_table", "edge_index", "volume")
    return data.get("times") is not None or (
        data.pos is not None and all(data.get(name) is None for name in clouds)
    )


def check_no_item_is_empty(data: Data) -> None:
    """Every item of a batch must have samples; one without would have no answer, and its place would be lost.

    Raises:
        ValueError: an item without samples; the message says which.
    """
    ends = data.get("ptr")
    if isinstance(ends, Tensor) and bool((empty := ends.diff() == 0).any()):
        first = int(empty.nonzero()[0, 0])
        raise ValueError(
            f"'data' must have samples in each of its {len(empty)} items (got none in item {first}, counted from 0): "
            "leave empty ones out of the batch"
        )


def irregular_series(data: Data, weights: Weights = Weights.CELL) -> IrregularSeries:
    """The series of PyG data: ``times [n]`` or ``pos [n, 1]``, batch, and optionally mask and lattice.

    Raises:
        ValueError: both times and pos, pos of more than one axis, a series without samples, or what
            :class:`IrregularSeries` refuses.
    """
    check_no_item_is_empty(data)
    times, lattice = data.get("times"), data.get("lattice")
    if times is None:
        if data.pos.dim() != 2 or data.pos.shape[1] != 1:
            raise ValueError(f"'data.pos' must have shape [n, 1] for this model (got {list(data.pos.shape)})")
        times = data.pos[:, 0]
    elif data.pos is not None:
        raise ValueError("'data.pos' must be None beside 'data.times' (got both)")
    step = None if lattice is None else common_spacing("lattice", lattice, 1)
    return IrregularSeries(
        times,
        data.get("batch"),
        lattice=step[0] if isinstance(step, Sequence) else step,
        mask=data.get("mask"),
        weights=weights,
    )


def point_set(data: Data, nearest: Nearest | None) -> PointSet:
    """The point clouds of PyG data, with the neighbours they bring or their nearest ones; None: no others.

    Raises:
        ValueError: a cloud without points, or what :class:`PointSet` refuses.
    """
    check_no_item_is_empty(data)

    def get(name: str) -> Any:
        return data.get(name)

    index, edge_index, pos = get("neighbor_index"), get("edge_index"), data.pos
    table = (
        get("neighbor_table") if index is None else index.t().contiguous()
    )  # the table: as earlier versions wrote
    neighbors = None
    if table is not None:
        count = get("neighbor_count")
        full = torch.full((len(table),), table.shape[1], dtype=torch.int32, device=table.device)
        neighbors = Neighbors(table, full if count is None else count)
    lattice = get("lattice")
    cloud = PointSet(
        pos,
        get("batch"),
        edge_index=edge_index,
        neighbors=neighbors,
        volume=get("volume"),
        lattice=None if lattice is None else common_spacing("lattice", lattice, pos.shape[1]),
    )
    searched = nearest is not None and cloud.neighbors is None
    return cloud.knn(nearest.k, metric=nearest.metric) if searched else cloud  # type: ignore[union-attr]
