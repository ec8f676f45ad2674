"""Series at any times in plain calls of torch: every pair of samples of a series, what exported files compute."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ccnn_pc.domains.base import ConvolutionTerms
from ccnn_pc.domains.pooling import Pool, pool_segments
from ccnn_pc.export.points import PlainPoints
from ccnn_pc.ops.coordinates import TOLERANCE, in_support, kernel_coordinates
from ccnn_pc.ops.series.weights import Weights


class PlainSeries(PlainPoints):
    """Samples at times that grow within each series, which a graph of torch's own operators computes on.

    Args:
        times: ``[n]``.
        sizes: samples of each series, int64 ``[B]``.
        weights: CELL, TRAPEZOID, PAST or CONSTANT.
        longest: longer pauses count as so long; None: as long as they are.
    """

    def __init__(
        self, times: Tensor, sizes: Tensor, weights: Weights = Weights.CELL, longest: float | None = None
    ) -> None:
        super().__init__(times[:, None].double(), sizes, torch.zeros((), dtype=torch.long))
        self.weights, self.longest = weights, longest

    def widths(self, default: float | Tensor) -> Tensor:
        """As :func:`ccnn_pc.ops.series.weights.cell_widths` has them, of times that differ."""
        times, batch = self.pos[:, 0], self.batch
        step = torch.where(batch[1:] == batch[:-1], times[1:] - times[:-1], 0.0)
        if self.longest is not None:
            step = step.clamp(max=self.longest)
        end = step.new_zeros(1)
        before, after = torch.cat([end, step]), torch.cat([step, end])
        if self.weights is Weights.PAST:
            return torch.where(before > 0, before, default)
        width = (before + after) / 2
        if self.weights is Weights.CELL:
            width = torch.where((before > 0) & (after > 0), width, before + after)
        return torch.where(before + after > 0, width, default)

    def quadrature(
        self, spacing: Tensor | Sequence[float], reference_count: float | Tensor | None = None
    ) -> Tensor | None:
        """As :meth:`ccnn_pc.domains.IrregularSeries.quadrature` has them."""
        if self.weights is Weights.CONSTANT:
            return None
        step = spacing[0].double() if isinstance(spacing, Tensor) else spacing[0]
        weight = self.widths(step) / step
        return torch.where((weight - 1).abs() <= 1e-6, 1.0, weight)

    def convolve(self, x: Tensor, terms: ConvolutionTerms) -> tuple[Tensor, Tensor | None]:
        """The definition, over all pairs ``[n, n]`` at once."""
        times, batch = self.pos[:, 0], self.batch
        rel = (times[None] - times[:, None])[..., None]
        u = kernel_coordinates(rel, terms.extent.double(), terms.causal)
        same = batch[None] == batch[:, None]
        inside = (in_support(u, TOLERANCE[torch.float32]) & same)[..., None].to(terms.extent)
        u = u.clamp(-1, 1).to(terms.extent)
        values = terms.kernel(u) * (terms.window(u) * inside)
        if terms.separable:
            return (values * x[None]).sum(dim=1), None
        return torch.einsum("mkoc,kc->mo", values.unflatten(-1, (-1, terms.channels_in)), x), None

    def pool(self, x: Tensor, reduce: Pool = Pool.MEAN) -> Tensor:
        """One row per series; the mean is over time."""
        if reduce is Pool.LAST:
            return x[self.sizes.cumsum(0) - 1]
        volume = None if self.weights is Weights.CONSTANT else self.quadrature([1.0])
        return pool_segments(x, *self.segments(), reduce, volume)
