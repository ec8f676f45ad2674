"""Convolution of series whose stamps lie on a lattice: zeros where nothing was measured, then a grid convolution."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ccnn_pc.domains.base import ConvolutionTerms
from ccnn_pc.domains.grid.rendered import Taps, render, taps_within
from ccnn_pc.ops.grids.convolution import Method, count_pairs, grid_convolution
from ccnn_pc.ops.segments import segment_sum

#: A lattice with at most this many cells per sample or query is padded with zeros to a grid.
MAX_CELLS_PER_SAMPLE = 32


@dataclass(frozen=True)
class SeriesLattice:
    """Where samples and queries of a batch of series lie on a common lattice of time.

    Attributes:
        spacing: of the lattice.
        cell: cell of each sample, int64 ``[n]``, from 0.
        query_cell: cell of each query, int64 ``[m]``.
        batch: series of each sample. query_batch: of each query.
        num_series: B.
        length: cells of the longest series L.
    """

    spacing: float
    cell: Tensor
    query_cell: Tensor
    batch: Tensor
    query_batch: Tensor
    num_series: int
    length: int

    @staticmethod
    def of(
        spacing: float,
        cell: Tensor,
        query_cell: Tensor,
        batch: Tensor,
        query_batch: Tensor,
        num_series: int,
    ) -> SeriesLattice:
        """From steps that may be negative: the earliest of a series, sample or query, becomes its cell 0."""
        lowest = cell.new_zeros(num_series)
        for steps, series in ((cell, batch), (query_cell, query_batch)):
            lowest = lowest.scatter_reduce(0, series, steps, "amin")
        cell, query_cell = cell - lowest[batch], query_cell - lowest[query_batch]
        length = 1 + int(torch.maximum(cell.max(), query_cell.max()))
        return SeriesLattice(spacing, cell, query_cell, batch, query_batch, num_series, length)

    def to(self, device: Any) -> SeriesLattice:
        """The same on another device."""
        names = ("cell", "query_cell", "batch", "query_batch")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})

    @property
    def is_dense(self) -> bool:
        """Whether padding it with zeros is worth it."""
        return self.num_series * self.length <= MAX_CELLS_PER_SAMPLE * max(
            len(self.cell), len(self.query_cell)
        )

    def convolve(self, x: Tensor, terms: ConvolutionTerms, method: Method) -> tuple[Tensor, Tensor | None]:
        """Weighted samples ``[n, C_in]`` to ``[m, C]``, and the kernel penalty if asked for.

        Samples in one cell add up; cells without samples are zero, which is what a sum over samples takes them for.
        """
        taps = taps_within(terms, (self.spacing,), [self.length - 1])
        kernel = render(terms, (self.spacing,), taps)
        y = grid_convolution(self._scatter(x, self.cell, self.batch), kernel, taps.origin, method=method)
        rows = y.flatten(0, 1)[self.query_batch * self.length + self.query_cell]
        return rows, self._penalty(kernel, taps) if terms.penalty else None

    def _scatter(self, x: Tensor, cell: Tensor, batch: Tensor) -> Tensor:
        """``[n, C]`` to cells ``[B, L, C]``."""
        cells = segment_sum(x, batch * self.length + cell, self.num_series * self.length)
        return cells.view(self.num_series, self.length, -1)

    def _penalty(self, kernel: Tensor, taps: Taps) -> Tensor:
        """``(1/m) Σ_i Σ_j ‖m K‖²``: each tap counts for every pair of a query and a sample that it joins."""
        samples, queries = (
            self._scatter(torch.ones(len(cell), 1, dtype=torch.float64, device=cell.device), cell, batch)
            for cell, batch in ((self.cell, self.batch), (self.query_cell, self.query_batch))
        )
        found = count_pairs(samples, queries, taps.shape, taps.origin)
        return (kernel.square().flatten(1).sum(-1) * found.to(kernel)).sum() / len(self.query_cell)
