r"""Sums over neighbours in Triton, and their gradients, from windowed features of each edge or of each row of a table.

.. math:: z_i = \sum_j m_{ij} [h_{ij}, 1]\, x_j^\top, \qquad y_i = \langle T, z_i \rangle

One program sums the edges of a query in their order, so that results have the same bits in every run. What is
multiplied may be coarse (bfloat16, or float32 as tf32); sums are float32.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

import torch
import triton
import triton.language as tl
from torch import Tensor

from ccnn_pc.native.triton.launch import matrix_precision, power_of_two, programs

#: Bytes of sums before the read-out that a full kernel has in memory at a time.
BLOCK_BYTES = 1 << 27
#: Edges and channels of a tile at most, and warps that work on it.
EDGES, CHANNELS, WARPS = 32, 32, 2


class Answer(enum.IntEnum):
    """What a program makes of its sums z ``[H + 1, C]``."""

    READ_OUT = 0
    SUMS = 1
    TABLE = 2


@triton.jit
def _sum_neighbours(
    x, features, window, sample, row, first, length, table, g, out,
    queries, per_program, channels_in_units,
    H: tl.constexpr, HP: tl.constexpr, E: tl.constexpr, CB: tl.constexpr, UNIT: tl.constexpr,
    JOINT: tl.constexpr, ROWS: tl.constexpr, ANSWER: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    channels = channels_in_units * UNIT  # so that wide reads are known to be aligned
    part = tl.program_id(0).to(tl.int64)
    c = tl.program_id(1) * CB + tl.arange(0, CB)
    h = tl.arange(0, HP)
    in_c = c < channels
    at = h[:, None] * channels + c[None, :]
    inside = (h < H)[:, None] & in_c[None, :]
    total = tl.zeros([HP, CB], tl.float32)
    total_last = tl.zeros([CB], tl.float32)
    for query in range(part * per_program, tl.minimum((part + 1) * per_program, queries)):
        z = tl.zeros([HP, CB], tl.float32)
        by_edge = tl.zeros([E, CB], tl.float32)  # with the window; added up once, at the end
        begin = tl.load(first + query)
        count = tl.load(length + query)
        for done in range(0, count, E):
            edge = done + tl.arange(0, E)
            there = edge < count
            slot = (begin + edge).to(tl.int64)
            j = tl.load(sample + slot, mask=there, other=0).to(tl.int64)
            if ROWS:
                slot = tl.load(row + slot, mask=there, other=0).to(tl.int64)
            values = tl.load(
                x + j[:, None] * channels + c[None, :], mask=there[:, None] & in_c[None, :], other=0.0
            )
            in_row = there[:, None] & (h < H)[None, :]
            hm = tl.load(features + slot[:, None] * (H + JOINT) + h[None, :], mask=in_row, other=0.0)
            m = tl.load(window + slot * (1 + JOINT * H), mask=there, other=0.0)
            z = tl.dot(tl.trans(hm.to(values.dtype)), values, z, input_precision=PRECISION)
            by_edge += m[:, None] * values.to(tl.float32)
        last = tl.sum(by_edge, axis=0)
        if ANSWER == 0:
            t = tl.load(table + at, mask=inside, other=0.0).to(tl.float32)
            t_last = tl.load(table + H * channels + c, mask=in_c, other=0.0).to(tl.float32)
            y = tl.sum(z * t, axis=0) + last * t_last
            tl.store(out + query * channels + c, y.to(out.dtype.element_ty), mask=in_c)
        elif ANSWER == 1:
            to = out + query * (H + 1) * channels
            tl.store(to + at, z.to(out.dtype.element_ty), mask=inside)
            tl.store(to + H * channels + c, last.to(out.dtype.element_ty), mask=in_c)
        else:
            gradient = tl.load(g + query * channels + c, mask=in_c, other=0.0).to(tl.float32)
            total += z * gradient[None, :]
            total_last += last * gradient
    if ANSWER == 2:
        to = out + part * (H + 1) * channels
        tl.store(to + at, total, mask=inside)
        tl.store(to + H * channels + c, total_last, mask=in_c)


@triton.jit
def _differentiate_features(
    x, sample, first, length, table, g, d_features, d_window,
    channels_in_units,
    H: tl.constexpr, HP: tl.constexpr, E: tl.constexpr, CB: tl.constexpr, UNIT: tl.constexpr,
    JOINT: tl.constexpr, SUMS: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    channels = channels_in_units * UNIT
    query = tl.program_id(0).to(tl.int64)
    h = tl.arange(0, HP)
    begin = tl.load(first + query)
    count = tl.load(length + query)
    done = tl.program_id(1) * E
    while done < count:
        edge = done + tl.arange(0, E)
        there = edge < count
        slot = (begin + edge).to(tl.int64)
        j = tl.load(sample + slot, mask=there, other=0).to(tl.int64)
        d = tl.zeros([E, HP], tl.float32)
        by_channel = tl.zeros([E, CB], tl.float32)
        for start in range(0, channels, CB):
            c = start + tl.arange(0, CB)
            in_c = c < channels
            inside = (h < H)[:, None] & in_c[None, :]
            at = h[:, None] * channels + c[None, :]
            values = tl.load(
                x + j[:, None] * channels + c[None, :], mask=there[:, None] & in_c[None, :], other=0.0
            )
            if SUMS:  # gradients of the sums, from memory
                of = g + query * (H + 1) * channels
                dz = tl.load(of + at, mask=inside, other=0.0).to(tl.float32)
                dz_last = tl.load(of + H * channels + c, mask=in_c, other=0.0).to(tl.float32)
            else:
                gradient = tl.load(g + query * channels + c, mask=in_c, other=0.0).to(tl.float32)
                dz = tl.load(table + at, mask=inside, other=0.0).to(tl.float32) * gradient[None, :]
                dz_last = tl.load(table + H * channels + c, mask=in_c, other=0.0).to(tl.float32) * gradient
            d = tl.dot(values, tl.trans(dz.to(values.dtype)), d, input_precision=PRECISION)
            by_channel += values.to(tl.float32) * dz_last[None, :]
        to = d_features + slot[:, None] * (H + JOINT) + h[None, :]
        tl.store(to, d, mask=there[:, None] & (h < H)[None, :])
        tl.store(d_window + slot * (1 + JOINT * H), tl.sum(by_channel, axis=1), mask=there)
        done += E * tl.num_programs(1)


@triton.jit
def _sum_segments(
    values, order, first, length, out, width, E: tl.constexpr, WP: tl.constexpr, ORDER: tl.constexpr
):
    segment = tl.program_id(0).to(tl.int64)
    w = tl.arange(0, WP)
    begin = tl.load(first + segment)
    count = tl.load(length + segment)
    total = tl.zeros([WP], tl.float32)
    for done in range(0, count, E):
        edge = done + tl.arange(0, E)
        there = edge < count
        slot = (begin + edge).to(tl.int64)
        if ORDER:
            slot = tl.load(order + slot, mask=there, other=0).to(tl.int64)
        inside = there[:, None] & (w < width)[None, :]
        total += tl.sum(tl.load(values + slot[:, None] * width + w[None, :], mask=inside, other=0.0), axis=0)
    tl.store(out + segment * width + w, total, mask=w < width)


@dataclass(frozen=True)
class Rows:
    """Windowed features of each edge, or of each row of a table.

    Attributes:
        features: ``[E, H]``. window: ``[E]``.
        joint: ``[E, H + 1]``, of which both are parts; None: they are tensors of their own, which is faster to read.
    """

    features: Tensor
    window: Tensor
    joint: Tensor | None = None

    @staticmethod
    def of(joint: Tensor) -> Rows:
        """Parts of one contiguous tensor."""
        return Rows(joint[:, :-1], joint[:, -1], joint)

    @staticmethod
    def empty(count: int, hidden: int, like: Tensor, joint: bool) -> Rows:
        """Float32, not filled yet."""
        if joint:
            return Rows.of(torch.empty(count, hidden + 1, device=like.device))
        return Rows(torch.empty(count, hidden, device=like.device), torch.empty(count, device=like.device))

    @property
    def hidden(self) -> int:
        """H."""
        return self.features.shape[1]


@dataclass(frozen=True)
class Slots:
    """Edges of some queries, one behind the other.

    Attributes:
        sample: of each edge ``[E]``. first, length: edges of each query ``[m]``.
        row: of the features of each edge ``[E]``; None: the edge's own number.
    """

    sample: Tensor
    first: Tensor
    length: Tensor
    row: Tensor | None = None

    def __len__(self) -> int:
        return self.first.shape[0]

    def part(self, start: int, stop: int) -> Slots:
        """Queries ``start`` to ``stop`` only."""
        return replace(self, first=self.first[start:stop], length=self.length[start:stop])

    def tile(self) -> int:
        """Edges that a program takes at a time."""
        return min(max(power_of_two(len(self.sample) // max(len(self), 1)), 16), EDGES)

    def turned(self, query: Tensor, samples: int) -> Slots:
        """The edges of each sample in a fixed order; ``query`` is that of each edge ``[E]``."""
        sample, order = torch.sort(self.sample, stable=True)
        first, length = segments(sample, samples)
        return Slots(
            query.index_select(0, order), first, length, order if self.row is None else self.row[order]
        )


def segments(numbers: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Where each number below ``count`` begins in the sorted ``numbers``, and how often it is there."""
    bounds = torch.searchsorted(numbers, torch.arange(count + 1, dtype=numbers.dtype, device=numbers.device))
    return bounds[:-1], bounds[1:] - bounds[:-1]


def sum_segments(values: Tensor, first: Tensor, length: Tensor, order: Tensor | None = None) -> Tensor:
    """Sums of rows of ``values [E, W]`` segment by segment ``[S, W]``, read in ``order`` where it is given."""
    width = values.shape[1]
    out = values.new_empty(len(first), width)
    if len(first):
        _sum_segments[(len(first),)](
            values, values if order is None else order, first, length, out, width,
            E=32, WP=power_of_two(width), ORDER=order is not None,
        )  # fmt: skip
    return out


def sum_by_number(values: Tensor, number: Tensor, count: int) -> Tensor:
    """Sums of the rows of ``values [E, W]`` that have each ``number [E]`` below ``count``, in a fixed order."""
    sorted_number, order = torch.sort(number, stable=True)
    return sum_segments(values, *segments(sorted_number, count), order)


def _unit(channels: int) -> int:
    """Channels that can be read at once."""
    return 4 if channels % 4 == 0 else 1


def _sums(x: Tensor, hm: Rows, slots: Slots, table: Tensor, g: Tensor, out: Tensor, answer: Answer) -> None:
    channels, hidden, queries, unit = x.shape[1], hm.hidden, len(slots), _unit(x.shape[1])
    if not queries:
        return
    count = programs(x.device, queries) if answer is Answer.TABLE else queries
    block = min(max(power_of_two(channels), 16), CHANNELS)
    _sum_neighbours[(count, triton.cdiv(channels, block))](
        x, hm.features, hm.window, slots.sample, slots.sample if slots.row is None else slots.row,
        slots.first, slots.length, table, g, out, queries, triton.cdiv(queries, count), channels // unit,
        H=hidden, HP=max(power_of_two(hidden), 16), E=slots.tile(), CB=block, UNIT=unit,
        JOINT=int(hm.joint is not None), ROWS=slots.row is not None,
        ANSWER=int(answer), PRECISION=matrix_precision(), num_warps=WARPS,
    )  # fmt: skip


def _blocks(slots: Slots, numbers: int, size: int) -> range:
    """First queries of blocks whose sums, ``numbers`` per query, fit into memory."""
    return range(0, len(slots), max(16, BLOCK_BYTES // (numbers * size)))


def _neighbour_sums(x: Tensor, hm: Rows, slots: Slots) -> Tensor:
    """Sums before the read-out ``[m, (H + 1) C_in]``."""
    z = x.new_empty(len(slots), (hm.hidden + 1) * x.shape[1])
    _sums(x, hm, slots, x, x, z, Answer.SUMS)
    return z


def convolve(x: Tensor, hm: Rows, slots: Slots, table: Tensor) -> Tensor:
    """``y [m, C_out]`` of samples ``x [n, C_in]``, windowed features and the table, typed as ``x``."""
    y = x.new_empty(len(slots), table.shape[-1])
    if table.dim() == 2:
        _sums(x, hm, slots, table, x, y, Answer.READ_OUT)
        return y
    flat = table.to(x.dtype).flatten(0, 1)
    blocks = _blocks(slots, len(flat), x.element_size())
    for start in blocks:
        stop = min(start + blocks.step, len(slots))
        torch.mm(_neighbour_sums(x, hm, slots.part(start, stop)), flat, out=y[start:stop])
    return y


def differentiate_table(x: Tensor, hm: Rows, slots: Slots, table: Tensor, g: Tensor) -> Tensor:
    """The table's gradient, float32."""
    if table.dim() == 2:
        count = programs(x.device, len(slots))
        parts = torch.zeros(count, *table.shape, device=x.device)
        _sums(x, hm, slots, table, g, parts, Answer.TABLE)
        return parts.sum(0)
    flat = torch.zeros(table.shape[0] * table.shape[1], table.shape[2], device=x.device)
    blocks = _blocks(slots, len(flat), x.element_size())
    for start in blocks:
        stop = min(start + blocks.step, len(slots))
        flat += _neighbour_sums(x, hm, slots.part(start, stop)).t() @ g[start:stop]
    return flat.view(table.shape)


def differentiate_features(x: Tensor, slots: Slots, table: Tensor, g: Tensor, found: Rows) -> None:
    """Fill ``found`` with the gradient of every edge's windowed features."""
    rows, channels, unit = table.shape[0], x.shape[1], _unit(x.shape[1])
    full = table.dim() == 3
    flat = table.to(x.dtype).flatten(0, 1).t() if full else table
    blocks = (
        _blocks(slots, rows * channels, x.element_size())
        if full
        else range(0, len(slots), max(len(slots), 1))
    )
    tile = slots.tile()
    for start in blocks:
        part = slots.part(start, start + blocks.step)
        gradient = g[start : start + blocks.step]
        if full:
            gradient = gradient @ flat
        _differentiate_features[(len(part), 2 if tile > 16 else 1)](
            x, part.sample, part.first, part.length, flat, gradient, found.features, found.window, channels // unit,
            H=rows - 1, HP=max(power_of_two(rows - 1), 16), E=tile, CB=min(max(power_of_two(channels), 16), CHANNELS),
            UNIT=unit, JOINT=int(found.joint is not None), SUMS=full, PRECISION=matrix_precision(), num_warps=WARPS,
        )  # fmt: skip


def differentiate_samples(hm: Rows, turned: Slots, table: Tensor, g: Tensor) -> Tensor:
    """The gradient of samples ``[n, C_in]`` from the edges of each, typed as ``g``: the same sums, turned round."""
    return convolve(g, hm, turned, table if table.dim() == 2 else table.transpose(1, 2))
