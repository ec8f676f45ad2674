"""Irregular time series: samples at any times, each standing for the time around it."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ccnn_pc._autograd import is_tracked
from ccnn_pc._checks import check_batch, check_floating, check_positive, check_query_batch
from ccnn_pc._choices import choice
from ccnn_pc._values import number, readable
from ccnn_pc.domains.base import AbstractDomain, ConvolutionTerms, moved_source
from ccnn_pc.domains.factorized import convolve_factorized, runs_natively
from ccnn_pc.domains.grid.rendered import TAP_TOLERANCE
from ccnn_pc.domains.pooling import Pool, pool_segments
from ccnn_pc.domains.ragged import centered, centers
from ccnn_pc.domains.sampling import Interpolation, Sampling
from ccnn_pc.domains.series.lattice import SeriesLattice
from ccnn_pc.ops.coordinates import TOLERANCE
from ccnn_pc.ops.grids.convolution import Method
from ccnn_pc.ops.neighbors.lists import NeighborLists
from ccnn_pc.ops.points.convolution import PointGeometry
from ccnn_pc.ops.segments import segment_sum
from ccnn_pc.ops.series.interpolation import interpolate_series, last_observed
from ccnn_pc.ops.series.segment_search import search_segments
from ccnn_pc.ops.series.stamps import lattice_cells, lattice_spacing, regular_times, shortened_pauses
from ccnn_pc.ops.series.weights import Weights, cell_widths, future_fractions, series_volume


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
            become exact, and convolutions run on a grid padded with zeros where it has at most 32 cells per sample.
        mask: which channels were observed at which stamps, boolean ``[n, C_in]``. A channel's weight is 0 where it
            was not, and its cells lie between the stamps where it was. For the layer that reads the data; models take
            it from there (see :meth:`as_input`).
        weights: how the times that samples stand for are measured; or these times themselves, ``[n]`` or
            ``[n, C_in]``.
        method: how to convolve on a lattice; a measured rule by default.

    Attributes:
        longest_pause: longer pauses between samples count as so long; None: as long as they are (see
            :meth:`with_pauses_of`, which models call).

    Raises:
        TypeError: half precision or integer times, a mask that is not boolean.
        ValueError: no samples, NaN or infinite times, unsorted times or batch vectors, times off the lattice or a
            lattice where times need a gradient, lengths that do not fit, times so large that their floating type does
            not hold the steps between them (seconds since 1970 in float32).

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
        _check_times("times", times, self.batch)
        _check_resolution("times", times, self.batch)
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
            self.query_batch = _check_query_series(query_times, query_batch, times, self.num_series)
            self.query_times = self._centered(query_times, self.query_batch)
        self.num_samples, self.num_queries = len(self.times), len(self.query_times)
        counts = torch.bincount(self.batch)
        self.pointer = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        self.mask = _check_mask(mask, self.num_samples)
        self.weights = _check_weights(weights, self.mask, self.num_samples)
        self.method = choice("method", method, Method)
        self.lattice = None if lattice is None else self._lattice(check_positive("lattice", lattice))
        self.longest_pause: float | None = None
        self._weights: dict[float, Tensor] = {}
        self._parts: tuple[Tensor, Tensor] | None = None

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
        other = object.__new__(IrregularSeries)
        other.__dict__.update(self.__dict__, _weights={}, _parts=None)
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
        _check_times("times", times, series)
        return lattice_spacing(times, series)

    @property
    def renders(self) -> bool:  # type: ignore[override]
        """Whether :meth:`convolve` renders kernels: on a lattice that is not too sparse."""
        return self.lattice is not None and self.lattice.is_dense

    @property
    def requires_grad(self) -> bool:
        """Whether somebody may want derivatives with respect to times."""
        return is_tracked(self.times) or is_tracked(self.query_times)

    def differentiates(self, x: Tensor, terms: ConvolutionTerms) -> bool:
        """Where the native operator runs, and times lie on no lattice."""
        return self.lattice is None and runs_natively(x, terms, 1)

    def to(self, device: Any) -> IrregularSeries:
        """The same series on another device."""
        kinds = (Tensor, SeriesLattice)
        moved = {k: v.to(device) for k, v in self.__dict__.items() if isinstance(v, kinds)}
        return self._with(**moved, resampled_from=moved_source(self, device))

    def unmasked(self) -> IrregularSeries:
        """The same series for features that exist at every stamp, as hidden layers have them."""
        return self if self.mask is None else self._with(mask=None)

    def as_input(self, x: Tensor, sampling: Sampling) -> tuple[Tensor, IrregularSeries]:
        """Data as a network reads them: :meth:`resampled` on straight lines or curves, or :meth:`apply_mask`.

        Pauses are no longer than its kernels see at once (:meth:`with_pauses_of`). Where nobody says how, series are
        read on lines if their weights are cells, their stamps need no gradient, queries are the samples, and answers
        per sample may know later ones.
        """
        spacing, between = sampling.spacing[0], sampling.series
        if between is None:
            sums = self.weights is not Weights.CELL or self.requires_grad or self.bipartite or sampling.causal
            between = Interpolation.NONE if sums else Interpolation.LINEAR
        short = self
        if between is not Interpolation.NONE and torch.compiler.is_compiling():
            return self._outside_of_graphs(x, sampling)
        if sampling.support is not None and not self.bipartite:
            short = self.with_pauses_of(sampling.support, spacing)
        if between is Interpolation.NONE:
            return short.apply_mask(x, spacing)
        values, regular = short.resampled(x, spacing, between, causal=sampling.causal)
        if short is not self and regular.resampled_from is not None:
            regular.resampled_from = (self, regular.resampled_from[1])
        return values, regular

    @torch.compiler.disable(
        reason="straight lines have as many times as stamps say: leave out fullgraph, or series_interpolation='none'"
    )
    def _outside_of_graphs(self, x: Tensor, sampling: Sampling) -> tuple[Tensor, IrregularSeries]:
        return self.as_input(x, sampling)

    def with_pauses_of(self, longest: float, step: float) -> IrregularSeries:
        r"""The series with its long pauses cut: what comes after one moves by whole steps towards what was before.

        .. math:: t_{j+1} - t_j \le \mathrm{longest} + \mathrm{step}, \qquad \Delta_j \le \mathrm{longest}

        A kernel that sees no more than ``longest`` at once finds the same samples at the same offsets. But weights,
        means over time and straight lines of a series do not grow with a pause that nobody observed.

        Args:
            longest: how long pauses may be.
            step: stamps move by whole multiples of it; of the lattice, where there is one.

        Raises:
            ValueError: numbers that are not positive, queries other than the samples, stamps so large that no number
                holds a step beside them.

        Example:
            >>> series = IrregularSeries(torch.tensor([0.0, 1.0, 1e6, 1e6 + 1], dtype=torch.float64))
            >>> short = series.with_pauses_of(4.0, 1.0)
            >>> (short.times - short.times[0]).tolist(), short.quadrature([1.0]).tolist()
            ([0.0, 1.0, 6.0, 7.0], [1.0, 2.5, 2.5, 1.0])
        """
        longest, step = check_positive("longest", longest), check_positive("step", step)
        if self.bipartite:
            raise ValueError("'query_times' must be the samples' where pauses are cut (got others)")
        if self.lattice is not None:
            step = self.lattice.spacing
        times = shortened_pauses(self.exact_times(), self.batch, longest, step)
        if readable(times) and torch.equal(times, self.exact_times()):
            return self._with(longest_pause=longest)
        short = self._with(times=times, query_times=times, longest_pause=longest)
        if self.lattice is not None:
            short.lattice = short._lattice(step)
        return short

    def apply_mask(self, x: Tensor, spacing: float = 1.0) -> tuple[Tensor, IrregularSeries]:
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
            return x, self.as_given()
        self._check_mask_fits(x)
        step, plain = self.times.new_tensor([spacing]), self.unmasked()
        whole, part = plain.quadrature(step), self.quadrature(step)
        if part is None:
            part = self.mask.to(self.times)
        ratio = part if whole is None else part / whole[:, None]
        return torch.where(self.mask, x * ratio.to(x), x.new_zeros(())), plain

    def _check_mask_fits(self, x: Tensor) -> None:
        if self.mask is not None and x.shape != self.mask.shape:
            raise ValueError(
                f"'x' must have the shape of 'mask', {list(self.mask.shape)} (got {list(x.shape)})"
            )

    def resampled(
        self,
        x: Tensor,
        spacing: float,
        interpolation: Interpolation = Interpolation.LINEAR,
        *,
        causal: bool = False,
    ) -> tuple[Tensor, IrregularSeries]:
        r"""The straight lines, or cubic curves, between the stamps of series, read ``spacing`` apart.

        .. math:: \tilde x(t) = x_j + \frac{t - t_j}{t_{j+1} - t_j} (x_{j+1} - x_j), \qquad t_j \le t \le t_{j+1}

        at :math:`t = t_\mathrm{newest} - k\, \mathrm{spacing}`. Channels with a mask go from one stamp at which they
        were observed to the next, keep the first and the last value before and after them, and are 0 where they were
        never observed. Samples of one stamp and channel count as their mean. Answers at samples between two of these
        times are interpolated as well (:meth:`at_source`).

        Answers of causal networks at the samples do not know the future with ``causal``: times count from the first
        stamp, :math:`t = t_\mathrm{first} + k\, \mathrm{spacing}`; a channel keeps the value that it had when it was
        last observed at all stamps until it is observed again, and is 0 before the first; a sample is answered at the
        last of these times that is not after it.

        Kernels that are finer than the stamps of a series find nothing between them, however samples are weighted; on
        these lines they find what they find in training, up to :math:`\Delta^2 / 8\, \max|x''|`, on curves up to third
        order in the steps (:func:`ccnn_pc.ops.series.interpolation.interpolate_series`). The result lies on a
        lattice, so that convolutions are fast whatever the stamps were.

        Args:
            x: samples ``[n, C]``.
            spacing: that of training.
            interpolation: LINEAR (default) or CUBIC.
            causal: whether answers at the samples must not know later ones.

        Returns:
            the values ``[p, C]``, and the series of their times, without mask; see :meth:`at_source` for the samples
            among them.

        Raises:
            ValueError: a spacing that is not positive, queries other than the samples, stamps that need a gradient,
                curves where later samples must not be known, more than 1024 times per sample, x of another length, or
                of another shape than the mask.

        Example:
            >>> series = IrregularSeries(torch.tensor([0.0, 1.0, 4.0]))
            >>> values, regular = series.resampled(torch.tensor([[0.0], [2.0], [5.0]]), 1.0)
            >>> values.flatten().tolist()
            [0.0, 2.0, 3.0, 4.0, 5.0]
            >>> regular.at_source(values)[0].flatten().tolist()
            [0.0, 2.0, 5.0]
        """
        if len(x) != self.num_samples:
            raise ValueError(f"'x' must have {self.num_samples} samples like the series (got {len(x)})")
        self._check_mask_fits(x)
        step = check_positive("spacing", spacing)
        cubic = choice("interpolation", interpolation, Interpolation) is Interpolation.CUBIC
        if cubic and causal:
            raise ValueError(
                "'interpolation' must be 'linear' where later samples must not be known, for a curve between two "
                "samples bends towards the one behind them (got 'cubic')"
            )
        if self.bipartite:
            raise ValueError("'query_times' must be the samples' where straight lines are read (got others)")
        if self.requires_grad:
            raise ValueError(
                "'times' must not need a gradient where straight lines are read (got ones that do)"
            )
        stamps, mask = self.exact_times(), self.mask
        times, batch, place = regular_times(stamps, self.pointer, self.batch, step, from_first=causal)
        regular = IrregularSeries(times, batch, lattice=step, method=self.method)
        if causal:
            place = place.floor().long()  # never before the first stamp, where the times begin
            times = times.scatter_reduce(0, place, stamps, "amin")  # never after a stamp, by rounding
            if mask is not None:
                x, mask = last_observed(x, mask, self.pointer), None
        elif bool((place == place.floor()).all()):
            place = place.long()
        regular.resampled_from = (self, place)
        return interpolate_series(x, stamps, self.pointer, times, batch, mask, cubic=cubic), regular

    def _ranges(self, back: float | Tensor, ahead: float | Tensor) -> tuple[Tensor, Tensor]:
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
        first, count = self._ranges(-reach * (1 + self.rounding), reach * (1 + self.rounding))
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

    def tolerance(self, extent: Tensor) -> float | Tensor:
        """On a lattice a small part of its spacing, else the rounding of the stamps' type, in kernel coordinates.

        It is for the far end of a kernel. Causal layers compare stamps as they are: no later sample counts.
        """
        if self.lattice is None:
            return self.rounding
        return number(TAP_TOLERANCE * self.lattice.spacing / extent.detach().double().min())

    def segments(self) -> tuple[Tensor, int]:
        """Series of each query, and how many series there are."""
        return self.query_batch, self.num_series

    def quadrature(
        self, spacing: Tensor | Sequence[float], reference_count: float | Tensor | None = None
    ) -> Tensor | None:
        """Weights: the time each sample stands for over the spacing of training.

        Args:
            spacing: of training ``[1]``.
            reference_count: not used: series refer to a spacing.

        Returns:
            ``[n]``, or ``[n, C_in]`` with a mask; None where every weight is 1 by definition.
        """
        spacing = spacing if isinstance(spacing, Tensor) else self.exact_times().new_tensor(spacing)
        if not isinstance(self.weights, Weights):
            return self.weights / spacing.to(self.weights)
        if self.weights is Weights.CONSTANT and self.mask is None:
            return None
        step = number(spacing)
        weight = None if isinstance(step, Tensor) else self._weights.get(step)
        if weight is None:
            weight = self._volume(self.weights, step) / step
            if not self.requires_grad:
                weight = torch.where((weight - 1).abs() <= 1e-6, 1.0, weight)  # as grids do
                if not isinstance(step, Tensor):
                    self._weights[step] = weight
        return weight

    def _volume(self, weights: Weights, default: float | Tensor) -> Tensor:
        """Time that each sample stands for; ``default`` where there is nothing to measure.

        It is linear in ``default``: where that is a number on a device, both parts are kept for all layers.
        """
        measure = functools.partial(
            series_volume,
            self.exact_times(),
            self.batch,
            weights,
            mask=self.mask,
            longest=self.longest_pause,
        )
        if not isinstance(default, Tensor) or self.requires_grad or not readable(self.times, default):
            return measure(default=default)
        if self._parts is None:
            least = measure(default=0.0)
            self._parts = least, measure(default=1.0) - least
        return self._parts[0] + self._parts[1] * default

    def future_fraction(self) -> Tensor | None:
        """Fraction of each cell after its stamp ``[n]``, masked channels or not; None, one half, for other weights."""
        if self.weights is Weights.CELL or self.weights is Weights.TRAPEZOID:
            return future_fractions(self.exact_times(), self.batch, self.weights, longest=self.longest_pause)
        return None

    def exact_times(self) -> Tensor:
        """Stamps ``[n]``, float64, counted from some time of each series; on a lattice whole steps times spacing."""
        return self.times if self.lattice is None else self.lattice.cell.double() * self.lattice.spacing

    def convolve(self, x: Tensor, terms: ConvolutionTerms) -> tuple[Tensor, Tensor | None]:
        """A grid convolution on a lattice that is not too sparse, else the fused operator on ranges of samples.

        Samples are sorted, so that what a kernel reaches is one range of them: first sample and number are all that
        the neighbour lists need.
        """
        if self.lattice is not None and self.lattice.is_dense:
            return self.lattice.convolve(x, terms, self.method)
        first, count = self._ranges(*_interval(terms, self.rounding))
        lists = NeighborLists(torch.arange(self.num_samples, device=first.device), first, count)
        pos, query, extent = self.times, self.query_times, terms.extent.double()
        if self.lattice is not None:  # in steps, so that offsets are exact
            pos, query = self.lattice.cell.double(), self.lattice.query_cell.double()
            extent = extent / self.lattice.spacing
        tolerance = self.rounding
        if self.lattice is not None:
            tolerance = TAP_TOLERANCE * self.lattice.spacing / terms.reach_as_numbers()[0]
        geometry = PointGeometry(pos[:, None], query[:, None], lists, extent, terms.causal, tolerance)
        return convolve_factorized(x, terms, geometry)

    def pool(self, x: Tensor, reduce: Pool = Pool.MEAN) -> Tensor:
        """One row per series; the mean is over time: weighted by cells, but not where weights are CONSTANT."""
        reduce = choice("reduce", reduce, Pool)
        volume = None
        if reduce in (Pool.MEAN, Pool.MEAN_MAX) and self.weights is not Weights.CONSTANT:
            volume = self.unmasked().quadrature(self.times.new_ones(1))
            if self.bipartite or (volume is not None and volume.dim() == 2):
                volume = cell_widths(self.query_times.detach(), self.query_batch, longest=self.longest_pause)
        return pool_segments(x, self.query_batch, self.num_series, reduce, volume)


def _interval(terms: ConvolutionTerms, rounding: float) -> tuple[Tensor, Tensor]:
    """Offsets sample - query between which the window is not below the threshold; 0 is among them.

    Args:
        terms: of the layer.
        rounding: widens the interval by this part of it; never beyond the present of a causal layer.
    """
    low, high = (corner.double() for corner in terms.window.support(terms.threshold))
    extent, slack = terms.extent.double(), 1 + rounding
    if terms.causal:
        return (extent * (low - 1) / 2).clamp(max=0.0) * slack, torch.zeros_like(extent)
    return (extent * low).clamp(max=0.0) * slack, (extent * high).clamp(min=0.0) * slack


def _check_times(name: str, times: Tensor, series: Tensor) -> Tensor:
    """``times`` must be finite stamps ``[n]``, n >= 1, in order within each series.

    Raises:
        ValueError: otherwise; the message names the first bad row.
    """
    if times.dim() != 1:
        raise ValueError(f"'{name}' must have shape [n] (got {list(times.shape)})")
    if len(times) == 0:
        raise ValueError(f"'{name}' must hold at least one stamp (got an empty series)")
    finite = torch.isfinite(times)
    if not bool(finite.all()):
        row = int((~finite).nonzero()[0, 0])
        raise ValueError(f"'{name}' must be finite (got {float(times[row])} in row {row})")
    falls = (times[1:] < times[:-1]) & (series[1:] == series[:-1])
    if bool(falls.any()):
        row = int(falls.nonzero()[0, 0])
        raise ValueError(
            f"'{name}' must be in order within each series; IrregularSeries.order sorts them (got "
            f"{float(times[row]):g} and then {float(times[row + 1]):g} in rows {row}, {row + 1})"
        )
    return times


#: Part of the typical step between stamps that neighbouring numbers of their floating type may be apart.
COARSEST = 0.1
#: Share of the stamps of a series that must be too coarse: pauses make few of them so large, years since 1970 all.
MOST = 0.9


def _check_resolution(name: str, times: Tensor, series: Tensor) -> None:
    """Steps between stamps must be ten times as large as the distance of numbers of their floating type.

    Raises:
        ValueError: at nine tenths of the stamps of a series they are not, or all are one and the same, and large.
    """
    if not readable(times) or times.dtype == torch.float64:
        return
    stamps, inside = times.detach(), series[1:] == series[:-1]
    gap, apart = (stamps[1:] - stamps[:-1])[inside], stamps[1:][inside].abs() * torch.finfo(times.dtype).eps
    steps = gap[gap > 0]
    step = float(steps.median()) if len(steps) else 0.0
    coarse = apart > COARSEST * step if len(steps) else apart >= 1
    if not bool(coarse.any()):
        return
    counts = segment_sum(
        torch.stack([coarse, torch.ones_like(coarse)], 1).double(), series[1:][inside], int(series[-1]) + 1
    )
    worst = int((counts[:, 0] - MOST * counts[:, 1]).argmax())
    if float(counts[worst, 0]) > MOST * float(counts[worst, 1]):
        kind, largest = str(times.dtype).removeprefix("torch."), float(stamps[series == worst].abs().max())
        raise ValueError(
            f"'{name}' must be float64, or count from the start of each series: numbers of {kind} as large as "
            f"{largest:.6g} (series {worst}, counted from 0) are {largest * torch.finfo(times.dtype).eps:.3g} apart, "
            f"and the steps between stamps are {step:.3g} (subtract the first stamp before anything becomes {kind})"
        )


def _check_query_series(
    query_times: Tensor, query_batch: Tensor | None, times: Tensor, num_series: int
) -> Tensor:
    """``query_times`` must be like ``times``; returns the series of each query.

    Raises:
        TypeError: another type than that of the samples' times.
        ValueError: as :func:`_check_times`, or other series than the samples'.
    """
    check_floating("query_times", query_times)
    if query_times.dtype != times.dtype:
        raise TypeError(
            f"'query_times' must have the dtype of 'times' ({times.dtype}; got {query_times.dtype})"
        )
    if query_times.dim() != 1 or len(query_times) == 0:
        raise ValueError(f"'query_times' must have shape [m], m >= 1 (got {list(query_times.shape)})")
    series = check_query_batch(query_batch, query_times, num_series)
    _check_times("query_times", query_times, series)
    return series


def _check_mask(mask: Tensor | None, num_samples: int) -> Tensor | None:
    """``mask`` must say for each sample and channel whether it was observed.

    Raises:
        TypeError: not boolean.
        ValueError: another shape.
    """
    if mask is None:
        return None
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        raise TypeError(f"'mask' must be boolean (got {getattr(mask, 'dtype', type(mask).__name__)})")
    if mask.dim() != 2 or len(mask) != num_samples or mask.shape[1] == 0:
        raise ValueError(f"'mask' must have shape [{num_samples}, channels] (got {list(mask.shape)})")
    return mask


def _check_weights(weights: Weights | Tensor, mask: Tensor | None, num_samples: int) -> Weights | Tensor:
    """``weights`` must be a kind of them, or times that are finite and not negative, ``[n]`` or ``[n, C]``.

    Raises:
        TypeError: neither, or numbers that are not float32 or float64.
        ValueError: no such kind, other shapes or numbers, or numbers beside a mask.
    """
    if isinstance(weights, (Weights, str)):
        return choice("weights", weights, Weights)
    if not isinstance(weights, Tensor):
        raise TypeError(f"'weights' must be a Weights or a tensor (got {weights!r})")
    check_floating("weights", weights)
    if mask is not None:
        raise ValueError("'mask' must be None where 'weights' are numbers: they can hold zeros (got both)")
    if weights.dim() not in (1, 2) or len(weights) != num_samples:
        raise ValueError(
            f"'weights' must have shape [{num_samples}] or [{num_samples}, channels] (got {list(weights.shape)})"
        )
    good = torch.isfinite(weights) & (weights >= 0)
    if not bool(good.all()):
        raise ValueError(f"'weights' must be finite and not negative (got {float(weights[~good][0])})")
    return weights
