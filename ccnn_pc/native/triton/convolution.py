"""The point convolution on CUDA: edges in chunks, their features, the sums over neighbours, and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ccnn_pc.native.triton import features, neighbour_sums
from ccnn_pc.native.triton.features import Located, Waves
from ccnn_pc.native.triton.neighbour_sums import Rows, Slots, sum_by_number, sum_segments

#: Bytes of features in memory at a time.
CHUNK_BYTES = 1 << 28


@dataclass(frozen=True)
class Chunk:
    """Some queries with their edges: first query, the one behind the last, query of each edge, edges.

    ``located`` has their coordinates, where features are computed of them.
    """

    start: int
    stop: int
    query: Tensor
    slots: Slots
    located: Located | None


@dataclass(frozen=True)
class Call:
    """One call of the operator; see :mod:`ccnn_pc.native.convolution` for its arguments."""

    inputs: list[Tensor | None]
    edges: list[Tensor]
    settings: list[int]
    tolerance: float

    @cached_property
    def waves(self) -> Waves:
        """The kernel's features."""
        family, hidden, layers, _, _ = self.settings
        return Waves(family, hidden, layers, self.tensor(4).shape[1], self.tensor(2))

    @property
    def has_rows(self) -> bool:
        """Whether windowed features are given, as the parameters."""
        return self.settings[0] == 0

    def tensor(self, number: int) -> Tensor:
        """An input that there must be."""
        found = self.inputs[number]
        if found is None:
            raise TypeError("samples, table, parameters and positions must be tensors (got None)")
        return found

    def all_rows(self) -> Slots:
        """All edges as they lie in the lists, for given features."""
        index, spans, *row = self.edges
        return Slots(index, spans[0], spans[1], row[0] if row else None)

    def chunks(self) -> Iterator[Chunk]:
        """Consecutive queries; looks at the lengths of the lists, which waits for the device once."""
        _, spans, *_ = self.edges
        ends = np.cumsum(spans[1].cpu().numpy())
        first = spans[1].cumsum(0) - spans[1]
        most = max(CHUNK_BYTES // (4 * (self.settings[1] + 1) * (self.settings[2] + 3)), 1)
        begin, done = 0, 0
        while begin < len(ends):
            end = max(int(np.searchsorted(ends, done + most, side="right")), begin + 1)
            edges = int(ends[end - 1]) - done
            if edges:
                part = Part(begin, end, edges, done)
                yield self._rows(part, first) if self.has_rows else self._located(part, first)
            begin, done = end, done + edges

    def _located(self, part: Part, first: Tensor) -> Chunk:
        index, spans, *_ = self.edges
        located = features.locate(
            (self.tensor(4), self.tensor(5)), (index, spans[0], spans[1], first), self.inputs[3],
            (part.begin, part.end, part.edges), bool(self.settings[3]), self.tolerance,
        )  # fmt: skip
        slots = Slots(located.sample, first[part.queries] - part.before, spans[1, part.queries])
        return Chunk(part.begin, part.end, located.query, slots, located)

    def _rows(self, part: Part, first: Tensor) -> Chunk:
        index, spans, *row = self.edges
        start, length = spans[:2, part.queries]
        first = first[part.queries] - part.before
        query = torch.arange(part.begin, part.end, device=index.device)
        query = query.repeat_interleave(length, output_size=part.edges)
        edge = torch.arange(part.edges, device=index.device) + (start - first)[query - part.begin]
        slots = Slots(index[edge], first, length, row[0][edge] if row else edge)
        return Chunk(part.begin, part.end, query, slots, None)


@dataclass(frozen=True)
class Part:
    """Queries ``begin`` to ``end`` with their edges, and how many edges those before them have."""

    begin: int
    end: int
    edges: int
    before: int

    @property
    def queries(self) -> slice:
        """Where they are among all."""
        return slice(self.begin, self.end)


def forward(call: Call, y: Tensor, moments: Tensor) -> None:
    """Fill ``y`` and, unless it has no numbers, the Gram matrix ``moments``."""
    x, table, parameters = call.tensor(0), call.tensor(1), call.tensor(2)
    if call.has_rows:
        y.copy_(neighbour_sums.convolve(x, Rows.of(parameters), call.all_rows(), table))
        return
    y.zero_()
    moments.zero_()
    for chunk in call.chunks():
        assert chunk.located is not None
        hm, _ = features.compute(call.waves, chunk.located, keep=False, joint=moments.numel() > 0)
        y[chunk.start : chunk.stop] = neighbour_sums.convolve(x, hm, chunk.slots, table)
        if hm.joint is not None:
            moments.addmm_(hm.joint.t(), hm.joint)


def backward(
    call: Call, grad_y: Tensor, grad_moments: Tensor | None, found: list[Tensor], wanted: list[bool]
) -> None:
    """Add gradients to ``found``, zeros like the inputs; ``grad_moments`` is symmetric."""
    x, table, parameters = call.tensor(0), call.tensor(1), call.tensor(2)
    grad_x = torch.zeros_like(x, dtype=torch.float32)
    grad_y = grad_y.to(x.dtype)
    moved = wanted[4] or wanted[5]
    trains = wanted[2] or (wanted[3] and call.inputs[3] is not None) or moved
    for chunk in call.chunks():
        g, slots = grad_y[chunk.start : chunk.stop], chunk.slots
        if chunk.located is None:
            hm, kept = Rows.of(parameters), parameters
        else:
            hm, kept = features.compute(call.waves, chunk.located, trains, joint=grad_moments is not None)
        turned = slots.turned(chunk.query - chunk.start, len(x)) if wanted[0] or wanted[4] else slots
        if wanted[0]:
            grad_x += neighbour_sums.differentiate_samples(hm, turned, table, g)
        if wanted[1]:
            found[1] += neighbour_sums.differentiate_table(x, hm, slots, table, g)
        if not trains:
            continue
        d_hm = Rows.empty(len(slots.sample), hm.hidden, x, hm.joint is not None)
        neighbour_sums.differentiate_features(x, slots, table, g, d_hm)
        if slots.row is not None and d_hm.joint is not None:
            found[2] += sum_by_number(d_hm.joint, slots.row, len(parameters))
            continue
        if grad_moments is not None and d_hm.joint is not None and hm.joint is not None:
            d_hm.joint.addmm_(hm.joint, grad_moments)
        _differentiate_parameters(call, chunk, (kept, d_hm), found, wanted, turned)
    if wanted[0]:
        found[0].copy_(grad_x)


def _differentiate_parameters(
    call: Call,
    chunk: Chunk,
    tensors: tuple[Tensor, Rows],
    found: list[Tensor],
    wanted: list[bool],
    turned: Slots,
) -> None:
    """From the gradient of windowed features to those of parameters, window and positions."""
    window, moved, dim = call.inputs[3], wanted[4] or wanted[5], call.waves.dim
    located = chunk.located
    assert located is not None
    d_parameters, d_window, moves = features.differentiate(call.waves, located, *tensors, moved)
    if wanted[2]:
        found[2] += d_parameters
    if window is not None and (wanted[3] or moved):
        u = located.columns[:, :dim] - window[0]
        weighted = u * (d_window * located.window)[:, None]
        if wanted[3]:
            found[3] += torch.stack([2 * window[1] * weighted.sum(0), -(weighted * u).sum(0)])
        if moved:
            moves -= 2 * window[1] * weighted
    if moved and call.settings[3]:
        moves *= 2  # causal coordinates are 1 + 2 rel
    if wanted[4]:
        found[4] += sum_segments(moves, turned.first, turned.length, turned.row)
    if wanted[5]:
        found[5][chunk.start : chunk.stop] -= sum_segments(moves, chunk.slots.first, chunk.slots.length)
