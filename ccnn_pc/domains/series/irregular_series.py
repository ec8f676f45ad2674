"""Irregular time series: samples at any times, each standing for the time around it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ccnn_pc._checks import check_batch, check_floating, check_positive
from ccnn_pc._choices import choice
from ccnn_pc.domains.base import AbstractDomain, ConvolutionTerms
from ccnn_pc.domains.grid.rendered import TAP_TOLERANCE
from ccnn_pc.domains.points.checks import centered, centers
from ccnn_pc.domains.pooling import Pool, pool_segments
from ccnn_pc.domains.series.checks import check_mask, check_query_series, check_times, check_weights
from ccnn_pc.domains.series.direct import convolve_runs, interval
from ccnn_pc.domains.series.lattice import SeriesLattice
from ccnn_pc.ops.coordinates import TOLERANCE
from ccnn_pc.ops.grids.convolution import Method
from ccnn_pc.ops.neighbors.rows import Rows
from ccnn_pc.ops.points.convolution import PointGeometry
from ccnn_pc.ops.series.segment_search import search_segments
from ccnn_pc.ops.series.stamps import common_spacing, lattice_cells
from ccnn_pc.ops.series.weights import Weights, cell_widths, later_shares, series_volume


class IrregularSeries(AbstractDomain):
    r"""A ragged batch of series, sampled at any times.

    .. math:: y(q_i) = \sum_j w_j \, m(u_{ij}) \, K(u_{ij}) \, x_j, \qquad w_j = \Delta_j / \Delta_\mathrm{train}

    with the width :math:`\Delta_j` of sample j's cell (CKConv, arXiv 2102.02611, eq. 8) and the training ``spacing`` of
    the layer (its eq. 5). Uniform sampling at that spacing gives w = 1 everywhere, and the result of a ``Grid``. Each
    series is moved to its mean time in float64, so that stamps in seconds since 1970 keep their detail.

    Args:
        times: stamps ``[n]``, float32 or float64, in any unit, which is that of a layer's extent and spacing; each
            series in order (:meth:`order` sorts). Stamps may repeat.
        batch: series of each sample, sorted int64 ``[n]``; None is one series.
        query_times: when outputs are wanted ``[m]``, each series in order; default at the samples.
        query_batch: series of each query ``[m]``.
        lattice: spacing of the lattice that all stamps of a series lie on (:meth:`lattice_spacing` finds it): offsets
            become exact, and convolutions run on a grid filled up with zeros where it has at most 32 cells per sample.
        mask: which channels were observed at which stamps, boolean ``[n, C_in]``. A channel's weight is 0 where it
            was not, and its cells lie between the stamps where it was. For the layer that reads the data; models take
            it from there (see :meth:`filled`).
        weights: how the times that samples stand for are measured; or these times themselves, ``[n]`` or
            ``[n, C_in]``.
        method: how to convolve on a lattice; a measured rule by default.

    Raises:
        TypeError: half precision or integer times, a mask that is not boolean.
        ValueError: no samples, NaN or infinite times, unsorted times or batch vectors, times off the lattice or a
            lattice where times need a gradient, lengths that do not fit.

    Example:
        >>> times, batch = torch.tensor([0.0, 0.5, 2.0, 7.0, 7.1]), torch.tensor([0, 0, 0, 1, 1])
        >>> series = IrregularSeries(times, batch)
        >>> series
        IrregularSeries(samples=5, series=2)
        >>> series.quadrature(torch.tensor([0.5])).tolist()
        [1.0, 2.0, 3.0, 0.1999..., 0.1999...]
    """

    dim = 1

    def __init__(
        self,
        times: Tensor,
        batch: Tensor | None = None,
        *,
        query_times: Tensor | None = None,
        query_batch: Tensor | None = None,
        lattice: float | None = None,
        mask: Tensor | None = None,
        weights: Weights | Tensor = Weights.CELL,
        method: Method = Method.AUTO,
    ) -> None:
        check_floating("times", times)
        self.batch = check_batch("batch", batch, times)
        check_times("times", times, self.batch)
        self.num_series = int(self.batch[-1]) + 1
        self.rounding = TOLERANCE[times.dtype]
        self.center = centers(times[:, None], self.batch, self.num_series)
        self.times = self._centered(times, self.batch)
        self.bipartite = query_times is not None
        if query_times is None:
            if query_batch is not None:
                raise ValueError("'query_batch' needs 'query_times' beside it (got query_times=None)")
            self.query_times, self.query_batch = self.times, self.batch
        else:
            self.query_batch = check_query_series(query_times, query_batch, times, self.num_series)
            self.query_times = self._centered(query_times, self.query_batch)
        self.num_samples, self.num_queries = len(self.times), len(self.query_times)
        counts = torch.bincount(self.batch)
        self.pointer = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        self.mask = check_mask(mask, self.num_samples)
        self.weights = check_weights(weights, self.mask, self.num_samples)
        self.method = choice("method", method, Method)
        self.lattice = None if lattice is None else self._lattice(check_positive("lattice", lattice))
        self._kept: dict[float, Tensor] = {}

    def _centered(self, times: Tensor, series: Tensor) -> Tensor:
        """Times relative to the mean of their series, float64."""
        return centered(times.double()[:, None], self.center, series)[:, 0]

    def _lattice(self, spacing: float) -> SeriesLattice:
        if self.requires_grad:
            raise ValueError(f"'lattice' must be None where times need a gradient (got {spacing:g})")
        first = self.times[self.pointer[:-1]]
        cell = lattice_cells(self.times, first, self.batch, spacing)
        query = lattice_cells(self.query_times, first, self.query_batch, spacing, "query_times")
        return SeriesLattice.of(spacing, cell, query, self.batch, self.query_batch, self.num_series)

    def __repr__(self) -> str:
        parts = [f"samples={self.num_samples}", f"series={self.num_series}"]
        if self.bipartite:
            parts.insert(1, f"queries={self.num_queries}")
        if self.lattice is not None:
            parts.append(f"lattice={self.lattice.spacing:g}")
        if self.mask is not None:
            parts.append(f"channels={self.mask.shape[1]}")
        return f"IrregularSeries({', '.join(parts)})"

    def _with(self, **changes: Any) -> IrregularSeries:
        """A copy that shares all tensors but ``changes``; nothing is checked again."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, _kept={})
        other.__dict__.update(changes)
        return other

    @staticmethod
    def order(times: Tensor, batch: Tensor | None = None) -> Tensor:
        """Permutation that sorts samples by series and time, int64 ``[n]``; equal stamps keep their order.

        Example:
            >>> IrregularSeries.order(torch.tensor([2.0, 1.0, 5.0]), torch.tensor([1, 1, 0])).tolist()
            [2, 1, 0]
        """
        by_time = times.argsort(stable=True)
        return by_time if batch is None else by_time[batch[by_time].argsort(stable=True)]

    @staticmethod
    def lattice_spacing(times: Tensor, batch: Tensor | None = None) -> float | None:
        """The widest spacing whose multiples all stamps of each series are apart, up to rounding; None without one.

        Example:
            >>> round(IrregularSeries.lattice_spacing(torch.tensor([0.0, 0.3, 0.4, 1.2])), 4)
            0.1
        """
        check_floating("times", times)
        series = check_batch("batch", batch, times)
        check_times("times", times, series)
        return common_spacing(times, series)

    @property
    def renders(self) -> bool:  # type: ignore[override]
        """Whether :meth:`convolve` renders kernels: on a lattice that is not too sparse."""
        return self.lattice is not None and self.lattice.is_dense

    @property
    def requires_grad(self) -> bool:
        """Whether somebody wants gradients with respect to times."""
        return self.times.requires_grad or self.query_times.requires_grad

    def to(self, device: Any) -> IrregularSeries:
        """The same series on another device."""
        kinds = (Tensor, SeriesLattice)
        return self._with(**{k: v.to(device) for k, v in self.__dict__.items() if isinstance(v, kinds)})

    def unmasked(self) -> IrregularSeries:
        """The same series for features that exist at every stamp, as hidden layers have them."""
        return self if self.mask is None else self._with(mask=None)

    def filled(self, x: Tensor, spacing: float = 1.0) -> tuple[Tensor, IrregularSeries]:
        r"""Data with a mask as data without one, for networks, whose hidden features are there at every stamp.

        .. math:: x'_{jc} = (w_{jc} / w_j)\, x_{jc}, \qquad x'_{jc} = 0 \;\text{where c was not observed}

        A layer makes the same of these on the series without mask as of x on the series with it. What stands
        in x where a channel was not observed does not matter; NaN will do.

        Args:
            x: ``[n, C_in]``.
            spacing: that of training, which stands in for the width of a cell where a channel was observed once only.

        Raises:
            ValueError: x does not have the shape of the mask.
        """
        if self.mask is None:
            return x, self
        if x.shape != self.mask.shape:
            raise ValueError(
                f"'x' must have the shape of 'mask', {list(self.mask.shape)} (got {list(x.shape)})"
            )
        step, plain = self.times.new_tensor([spacing]), self.unmasked()
        whole, part = plain.quadrature(step), self.quadrature(step)
        if part is None:
            part = self.mask.to(self.times)
        ratio = part if whole is None else part / whole[:, None]
        return torch.where(self.mask, x * ratio.to(x), x.new_zeros(())), plain

    def _runs(self, back: float, ahead: float) -> tuple[Tensor, Tensor]:
        """First sample and number of samples within [q + back, q + ahead] of each query's time q."""
        if self.lattice is None:
            values, query = self.times.detach(), self.query_times.detach()
            low, high = query + back, query + ahead
        else:
            step, values = self.lattice.spacing, self.lattice.cell.double()
            query = self.lattice.query_cell.double()
            low, high = query + (back / step - TAP_TOLERANCE), query + (ahead / step + TAP_TOLERANCE)
        first = search_segments(values, self.pointer, low, self.query_batch)
        return first, search_segments(values, self.pointer, high, self.query_batch, right=True) - first

    def edges(self, reach: float = math.inf) -> Tensor:
        """All pairs of one series within ``reach``, ``[2, E]``, by query and time."""
        first, count = self._runs(-reach * (1 + self.rounding), reach * (1 + self.rounding))
        query = torch.arange(self.num_queries, device=first.device).repeat_interleave(count)
        begin = (count.cumsum(0) - count)[query]
        return torch.stack([first[query] + torch.arange(len(query), device=first.device) - begin, query])

    def rel(self, edge_index: Tensor) -> Tensor:
        """Offsets sample - query ``[E, 1]``, float64; on a lattice whole steps times spacing."""
        j, i = edge_index
        if self.lattice is not None:
            steps = (self.lattice.cell[j] - self.lattice.query_cell[i]).double()
            return (steps * self.lattice.spacing)[:, None]
        return (self.times[j] - self.query_times[i])[:, None]

    def tolerance(self, extent: Tensor) -> float:
        """On a lattice a small part of its spacing, else the rounding of the stamps' type, in kernel coordinates.

        It is for the far end of a kernel. Causal layers compare stamps as they are: no later sample counts.
        """
        if self.lattice is None:
            return self.rounding
        return TAP_TOLERANCE * self.lattice.spacing / float(extent)

    def segments(self) -> tuple[Tensor, int]:
        """Series of each query, and how many series there are."""
        return self.query_batch, self.num_series

    def quadrature(self, spacing: Tensor, reference_count: float | None = None) -> Tensor | None:
        """Weights: the time each sample stands for over the spacing of training.

        Args:
            spacing: of training ``[1]``.
            reference_count: not used: series refer to a spacing.

        Returns:
            ``[n]``, or ``[n, C_in]`` with a mask; None where every weight is 1 by definition.
        """
        if not isinstance(self.weights, Weights):
            return self.weights / spacing.to(self.weights)
        if self.weights is Weights.CONSTANT and self.mask is None:
            return None
        step = float(spacing)
        kept = self._kept.get(step)
        if kept is None:
            times = self.exact_times()
            kept = series_volume(times, self.batch, self.weights, alone=step, mask=self.mask) / step
            if not self.requires_grad:
                kept = self._kept[step] = torch.where((kept - 1).abs() <= 1e-6, 1.0, kept)  # as grids do
        return kept

    def later_share(self, spacing: Tensor | None) -> Tensor | None:
        """Share of each cell after its stamp ``[n]``, masked channels or not; None, one half, for other weights."""
        if self.weights is Weights.CELL or self.weights is Weights.TRAPEZOID:
            return later_shares(self.exact_times(), self.batch, self.weights)
        return None

    def exact_times(self) -> Tensor:
        """Stamps ``[n]``, float64, counted from some time of each series; on a lattice whole steps times spacing."""
        return self.times if self.lattice is None else self.lattice.cell.double() * self.lattice.spacing

    def convolve(self, x: Tensor, terms: ConvolutionTerms) -> tuple[Tensor, Tensor | None]:
        """A grid convolution on a lattice that is not too sparse, else the fused operator on runs of samples."""
        if self.lattice is not None and self.lattice.is_dense:
            return self.lattice.convolve(x, terms, self.method)
        first, count = self._runs(*interval(terms, self.rounding))
        rows = Rows(torch.arange(self.num_samples, device=first.device), first, count)
        pos, query, extent = self.times, self.query_times, terms.extent.double()
        if self.lattice is not None:  # in steps, so that offsets are exact
            pos, query = self.lattice.cell.double(), self.lattice.query_cell.double()
            extent = extent / self.lattice.spacing
        tolerance = self.tolerance(terms.extent)
        geometry = PointGeometry(pos[:, None], query[:, None], rows, extent, terms.causal, tolerance)
        return convolve_runs(x, terms, geometry)

    def pool(self, x: Tensor, reduce: Pool = Pool.MEAN) -> Tensor:
        """One row per series; the mean is over time: weighted by cells, but not where weights are CONSTANT."""
        reduce = choice("reduce", reduce, Pool)
        volume = None
        if reduce in (Pool.MEAN, Pool.MEAN_MAX) and self.weights is not Weights.CONSTANT:
            volume = self.unmasked().quadrature(self.times.new_ones(1))
            if self.bipartite or (volume is not None and volume.dim() == 2):
                volume = cell_widths(self.query_times.detach(), self.query_batch)
        return pool_segments(x, self.query_batch, self.num_series, reduce, volume)
