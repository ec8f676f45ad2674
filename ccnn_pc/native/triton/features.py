r"""Kernel coordinates, windows and features of edges in Triton, and the gradients of their parameters.

Frequencies are split once into parts whose products with split coordinates are exact. Forward, one program computes all
layers at a tile of edges. Backward, each layer is a pass over tiles whose programs add up the gradients of the layer's
parameters; their sums are added in a fixed order. Products of features have the precision of float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from ccnn_pc.native.triton.launch import power_of_two, programs, single_precision
from ccnn_pc.native.triton.neighbour_sums import Rows

#: Numbers of a tile, edges times units, and its warps: forward, and backward, where sums are held beside it.
FORWARD, BACKWARD = (2048, 4), (1024, 2)
#: Numbers of an edge in memory: u, 1, u^2, and u as a multiple of 2^-10 and what is left; zeros up to this.
COLUMNS = tl.constexpr(16)
INVERSE_TURN = tl.constexpr(0.15915494309189533577)
TURN = tl.constexpr(6.283185307179586476925)
GABOR = tl.constexpr(1)
FOURIER = tl.constexpr(2)
SIREN = tl.constexpr(3)
RANDOM_FOURIER = tl.constexpr(4)


@triton.jit
def _locate(
    pos, query_pos, index, start, length, first, mean, precision, sample, query, columns, window,
    tolerance, first_query, D: tl.constexpr, CAUSAL: tl.constexpr, WINDOW: tl.constexpr, E: tl.constexpr,
):  # fmt: skip
    q = tl.program_id(0).to(tl.int64) + first_query
    begin = tl.load(start + q)
    count = tl.load(length + q)
    place = tl.load(first + q) - tl.load(first + first_query)
    for done in range(0, count, E):
        edge = done + tl.arange(0, E)
        there = edge < count
        slot = (place + edge).to(tl.int64)
        j = tl.load(index + begin + edge, mask=there, other=0).to(tl.int64)
        tl.store(sample + slot, j.to(tl.int32), mask=there)
        tl.store(query + slot, tl.zeros([E], tl.int32) + q.to(tl.int32), mask=there)
        m = tl.zeros([E], tl.float32) + 1.0
        exponent = tl.zeros([E], tl.float32)
        to = columns + slot * COLUMNS
        for d in tl.static_range(D):
            u = tl.load(pos + j * D + d, mask=there, other=0.0) - tl.load(query_pos + q * D + d)
            if CAUSAL:
                lagged = 1.0 + 2.0 * u
                u = tl.where((u > 0) & (lagged < 1.001), 1.001, lagged)
            m = tl.where(tl.abs(u) > 1.0 + tolerance, 0.0, m)
            u = tl.minimum(tl.maximum(u, -1.0), 1.0)
            high = tl.floor(u * 1024.0 + 0.5) * 0.0009765625
            single = u.to(tl.float32)
            tl.store(to + d, single, mask=there)
            tl.store(to + D + 1 + d, single * single, mask=there)
            tl.store(to + 2 * D + 1 + d, high.to(tl.float32), mask=there)
            tl.store(to + 3 * D + 1 + d, (u - high).to(tl.float32), mask=there)
            if WINDOW:
                t = single - tl.load(mean + d)
                exponent += t * t * tl.load(precision + d)
        tl.store(to + D, tl.zeros([E], tl.float32) + 1.0, mask=there)
        for c in tl.static_range(4 * D + 1, COLUMNS):
            tl.store(to + c, tl.zeros([E], tl.float32), mask=there)
        if WINDOW:
            m *= tl.exp2(-tl.minimum(exponent * 1.4426950408889634, 86.0))
        tl.store(window + slot, m, mask=there)


@triton.jit
def _quarter_sine(r):
    """sin(2 pi r) for abs(r) <= 1/4."""
    s = r * r
    p = s * -14.393966295455940587 + 42.009779303153907276
    p = p * s - 76.704279876042621497
    p = p * s + 81.605226174029661063
    p = p * s - 41.341702116744000156
    return (p * s + 6.2831853070722640628) * r


@triton.jit
def _sine(r):
    """sin(2 pi t) where r is t - 1/4 less a whole number, abs(r) <= 1/2."""
    return _quarter_sine(0.25 - tl.abs(r))


@triton.jit
def _cosine(r):
    folded = 0.25 - tl.abs(tl.abs(r) - 0.25)
    return _quarter_sine(tl.where(r < 0, folded, -folded))


@triton.jit
def _split(parameters, turns, units, D: tl.constexpr, U: tl.constexpr):
    """W and b in turns, as :func:`_phase` reads them: leading part, what is left and the whole along each axis; b."""
    unit = tl.program_id(0) * U + tl.arange(0, U)
    in_units = unit < units
    reach = tl.zeros([U], tl.float32) + 1.0
    for d in tl.static_range(D):
        reach += tl.abs(tl.load(parameters + unit * D + d, mask=in_units, other=0.0)) * INVERSE_TURN
    # a power of two above the reach, times 2^-13: leading parts of W and u have exact products and sums
    power = (reach.to(tl.int32, bitcast=True) & 0x7F800000).to(tl.float32, bitcast=True)
    step = (power * 0.000244140625).to(tl.float64)
    to = turns + unit * (3 * D + 1)
    for d in tl.static_range(D):
        value = tl.load(parameters + unit * D + d, mask=in_units, other=0.0).to(tl.float64) * INVERSE_TURN
        main = tl.floor(value / step + 0.5) * step
        tl.store(to + 3 * d, main.to(tl.float32), mask=in_units)
        tl.store(to + 3 * d + 1, (value - main).to(tl.float32), mask=in_units)
        tl.store(to + 3 * d + 2, value.to(tl.float32), mask=in_units)
    bias = tl.load(parameters + units * D + unit, mask=in_units, other=0.0).to(tl.float64) * INVERSE_TURN
    tl.store(to + 3 * D, (bias - tl.floor(bias + 0.5)).to(tl.float32), mask=in_units)


@triton.jit
def _phase(turns, unit, in_units, quarter, columns, slot, there, D: tl.constexpr):
    """W u + b in turns, less a quarter and less whole turns, exact to a few 1e-8 of a turn whatever W."""
    of = turns + unit * (3 * D + 1)
    begin = tl.load(of + 3 * D, mask=in_units, other=0.0) - 0.25 + quarter
    rest = tl.zeros([slot.shape[0], unit.shape[0]], tl.float32) + begin[None, :]
    leading = tl.zeros([slot.shape[0], unit.shape[0]], tl.float32)
    for d in tl.static_range(D):
        main = tl.load(of + 3 * d, mask=in_units, other=0.0)
        left = tl.load(of + 3 * d + 1, mask=in_units, other=0.0)
        whole = tl.load(of + 3 * d + 2, mask=in_units, other=0.0)
        high = tl.load(columns + slot * COLUMNS + (2 * D + 1 + d), mask=there, other=0.0)
        low = tl.load(columns + slot * COLUMNS + (3 * D + 1 + d), mask=there, other=0.0)
        leading += high[:, None] * main[None, :]
        rest += high[:, None] * left[None, :] + low[:, None] * whole[None, :]
    return (leading - tl.floor(leading + rest + 0.5)) + rest


@triton.jit
def _envelope(gamma, mu, unit, in_units, columns, slot, there, D: tl.constexpr):
    """exp(-1/2 sum_d [gamma (u - mu)]^2), which stops falling far above the subnormal numbers."""
    exponent = tl.zeros([slot.shape[0], unit.shape[0]], tl.float32)
    for d in tl.static_range(D):
        slope = tl.load(gamma + unit * D + d, mask=in_units, other=0.0) * 0.84932180028801904272
        u = tl.load(columns + slot * COLUMNS + d, mask=there, other=0.0)
        t = slope[None, :] * (u[:, None] - tl.load(mu + unit * D + d, mask=in_units, other=0.0)[None, :])
        exponent += t * t
    return tl.exp2(-tl.minimum(exponent, 86.0))


@triton.jit
def _units(parameters, turns, layer, columns, slot, there, H: tl.constexpr, HP: tl.constexpr, D: tl.constexpr,
           LAYERS: tl.constexpr, FAMILY: tl.constexpr):  # fmt: skip
    """Values of a layer's filters, or of the first layer of a perceptron, and their slopes along the phase."""
    h = tl.arange(0, HP)
    in_units = h < H
    if FAMILY == GABOR or FAMILY == FOURIER:  # noqa: SIM109  (Triton knows no `in`)
        count = (LAYERS + 1) * H
        unit = layer * H + h
        quarter = 0.0
    elif FAMILY == RANDOM_FOURIER:  # cosines are sines a quarter of a turn later
        count = H // 2
        unit = h % count
        quarter = tl.where(h < count, 0.25, 0.0)
    else:
        count = H
        unit = h
        quarter = 0.0
    phase = _phase(turns, unit, in_units, quarter, columns, slot, there, D)
    value = _sine(phase)
    slope = _cosine(phase)
    if FAMILY == GABOR:
        gamma = parameters + count * (D + 1)
        envelope = _envelope(gamma, gamma + count * D, unit, in_units, columns, slot, there, D)
        value *= envelope
        slope *= envelope
    keep = there[:, None] & in_units[None, :]
    return tl.where(keep, value, 0.0), tl.where(keep, slope, 0.0)


@triton.jit
def _mixing(parameters, H: tl.constexpr, D: tl.constexpr, LAYERS: tl.constexpr, FAMILY: tl.constexpr):
    """Where the matrices of the layers begin."""
    if FAMILY == GABOR:
        return parameters + (LAYERS + 1) * H * (3 * D + 1)
    elif FAMILY == FOURIER:
        return parameters + (LAYERS + 1) * H * (D + 1)
    elif FAMILY == RANDOM_FOURIER:
        return parameters + H // 2 * (D + 1)
    else:
        return parameters + H * (D + 1)


@triton.jit
def _mix(matrix, z, H: tl.constexpr, HP: tl.constexpr, PRECISION: tl.constexpr):
    """A z + a, edges as rows."""
    h = tl.arange(0, HP)
    inside = (h < H)[:, None] & (h < H)[None, :]
    transposed = tl.load(matrix + h[:, None] + h[None, :] * H, mask=inside, other=0.0)
    offset = tl.load(matrix + H * H + h, mask=h < H, other=0.0)
    return tl.dot(z, transposed, input_precision=PRECISION) + offset[None, :]


@triton.jit
def _turned(mixed):
    """A mixed phase in turns, less a quarter and less whole turns."""
    turns = mixed * INVERSE_TURN - 0.25
    return turns - tl.floor(turns + 0.5)


@triton.jit
def _compute(
    parameters, turns, columns, window, features, windows, kept, edges,
    H: tl.constexpr, HP: tl.constexpr, D: tl.constexpr, LAYERS: tl.constexpr, FAMILY: tl.constexpr,
    KEEP: tl.constexpr, JOINT: tl.constexpr, E: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    slot = tl.program_id(0).to(tl.int64) * E + tl.arange(0, E)
    there = slot < edges
    h = tl.arange(0, HP)
    keep = there[:, None] & (h < H)[None, :]
    matrix = _mixing(parameters, H, D, LAYERS, FAMILY)
    z, _ = _units(parameters, turns, 0, columns, slot, there, H, HP, D, LAYERS, FAMILY)
    for layer in tl.static_range(1, LAYERS + 1):
        if KEEP:
            tl.store(kept + (slot[:, None] * LAYERS + layer - 1) * H + h[None, :], z, mask=keep)
        mixed = _mix(matrix + (layer - 1) * H * (H + 1), z, H, HP, PRECISION)
        if FAMILY == SIREN:
            z = _sine(_turned(mixed))
        elif FAMILY == RANDOM_FOURIER:
            z = tl.maximum(mixed, 0.0)
        else:
            value, _ = _units(parameters, turns, layer, columns, slot, there, H, HP, D, LAYERS, FAMILY)
            z = value * mixed
        z = tl.where(keep, z, 0.0)
    m = tl.load(window + slot, mask=there, other=0.0)
    tl.store(features + slot[:, None] * (H + JOINT) + h[None, :], z * m[:, None], mask=keep)
    if JOINT:
        tl.store(windows + slot * (H + 1), m, mask=there)


@triton.jit
def _differentiate_layer(
    parameters, turns, columns, window, d_features, d_windows, kept, dz, d_window, moves, parts, edges,
    LAYER: tl.constexpr, H: tl.constexpr, HP: tl.constexpr, D: tl.constexpr, LAYERS: tl.constexpr,
    FAMILY: tl.constexpr, MOVED: tl.constexpr, JOINT: tl.constexpr, E: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    h = tl.arange(0, HP)
    k = tl.arange(0, COLUMNS)
    program = tl.program_id(0).to(tl.int64)
    in_units = h < H
    multiplies: tl.constexpr = (FAMILY == GABOR) or (FAMILY == FOURIER)  # noqa: SIM109
    has_waves: tl.constexpr = (LAYER == 0) or multiplies
    matrix = _mixing(parameters, H, D, LAYERS, FAMILY) + (LAYER - 1) * H * (H + 1)
    square = h[:, None] * H + h[None, :]
    inside = in_units[:, None] & in_units[None, :]
    total_matrix = tl.zeros([HP, HP], tl.float32)
    total_offset = tl.zeros([HP], tl.float32)
    total_phase = tl.zeros([HP, COLUMNS], tl.float32)
    total_exponent = tl.zeros([HP, COLUMNS], tl.float32)
    for tile in range(program, tl.cdiv(edges, E), tl.num_programs(0)):
        slot = tile * E + tl.arange(0, E)
        there = slot < edges
        keep = there[:, None] & in_units[None, :]
        place = slot[:, None] * H + h[None, :]
        if LAYER == LAYERS:
            m = tl.load(window + slot, mask=there, other=0.0)
            incoming = tl.load(d_features + slot[:, None] * (H + JOINT) + h[None, :], mask=keep, other=0.0)
            d = incoming * m[:, None]
        else:
            d = tl.load(dz + place, mask=keep, other=0.0)
        d_value = d
        if has_waves:
            value, slope = _units(parameters, turns, LAYER, columns, slot, there, H, HP, D, LAYERS, FAMILY)
            z = value
        if LAYER > 0:
            before = tl.load(
                kept + (slot[:, None] * LAYERS + LAYER - 1) * H + h[None, :], mask=keep, other=0.0
            )
            mixed = _mix(matrix, before, H, HP, PRECISION)
            if FAMILY == SIREN:
                turned = _turned(mixed)
                z = _sine(turned)
                d_mixed = d * _cosine(turned)
            elif FAMILY == RANDOM_FOURIER:
                z = tl.maximum(mixed, 0.0)
                d_mixed = tl.where(mixed > 0, d, 0.0)
            else:
                z = value * mixed
                d_mixed = d * value
                d_value = d * mixed
            total_matrix = tl.dot(tl.trans(d_mixed), before, total_matrix, input_precision=PRECISION)
            total_offset += tl.sum(d_mixed, axis=0)
            weights = tl.load(matrix + square, mask=inside, other=0.0)
            tl.store(dz + place, tl.dot(d_mixed, weights, input_precision=PRECISION), mask=keep)
        if LAYER == LAYERS:
            last = tl.load(d_windows + slot * (1 + JOINT * H), mask=there, other=0.0)
            tl.store(d_window + slot, tl.sum(tl.where(keep, incoming * z, 0.0), axis=1) + last, mask=there)
        if has_waves:
            numbers = tl.load(columns + slot[:, None] * COLUMNS + k[None, :], mask=there[:, None], other=0.0)
            d_phase = d_value * slope
            total_phase = tl.dot(tl.trans(d_phase), numbers, total_phase, input_precision=PRECISION)
            if FAMILY == GABOR:
                d_exponent = d_value * value
                total_exponent = tl.dot(
                    tl.trans(d_exponent), numbers, total_exponent, input_precision=PRECISION
                )
            if MOVED:
                units: tl.constexpr = (
                    (LAYERS + 1) * H if multiplies else (H // 2 if FAMILY == RANDOM_FOURIER else H)
                )
                unit = LAYER * H + h if multiplies else h % units
                for axis in tl.static_range(D):
                    weight = tl.load(parameters + unit * D + axis, mask=in_units, other=0.0)
                    move = d_phase * weight[None, :]
                    if FAMILY == GABOR:
                        gamma = tl.load(
                            parameters + units * (D + 1) + unit * D + axis, mask=in_units, other=0.0
                        )
                        mu = tl.load(
                            parameters + units * (2 * D + 1) + unit * D + axis, mask=in_units, other=0.0
                        )
                        u = tl.load(columns + slot * COLUMNS + axis, mask=there, other=0.0)
                        move -= d_exponent * (gamma * gamma)[None, :] * (u[:, None] - mu[None, :])
                    to = moves + slot * D + axis
                    tl.store(to, tl.load(to, mask=there, other=0.0) + tl.sum(move, axis=1), mask=there)
    width: tl.constexpr = HP + 1 + 2 * COLUMNS
    to = parts + (program * HP + h) * width
    if LAYER > 0:
        tl.store(to[:, None] + h[None, :], total_matrix)
        tl.store(to + HP, total_offset)
    if has_waves:
        tl.store(to[:, None] + (HP + 1) + k[None, :], total_phase)
        tl.store(to[:, None] + (HP + 1 + COLUMNS) + k[None, :], total_exponent)


@dataclass(frozen=True)
class Waves:
    """A kernel's features: which function, H, layers behind the first one, axes, and all parameters, flat."""

    family: int
    hidden: int
    layers: int
    dim: int
    parameters: Tensor

    @property
    def padded(self) -> int:
        """Units up to a power of two that products take."""
        return max(power_of_two(self.hidden), 16)

    @property
    def multiplies(self) -> bool:
        """Whether every layer has filters of its own."""
        return self.family in (GABOR.value, FOURIER.value)

    @property
    def frequencies(self) -> int:
        """How many W and b there are."""
        if self.multiplies:
            return (self.layers + 1) * self.hidden
        return self.hidden // 2 if self.family == RANDOM_FOURIER.value else self.hidden

    @cached_property
    def turns(self) -> Tensor:
        """W and b, split by :func:`_split`."""
        count = self.frequencies
        found = torch.empty(count, 3 * self.dim + 1, device=self.parameters.device)
        _split[(triton.cdiv(count, 128),)](self.parameters, found, count, D=self.dim, U=128)
        return found

    def shapes(self, numbers: int, warps: int) -> dict[str, Any]:
        """As kernels take them, for tiles of about so many numbers."""
        return {
            "H": self.hidden, "HP": self.padded, "D": self.dim, "LAYERS": self.layers, "FAMILY": self.family,
            "E": min(max(numbers // self.padded, 16), 128), "PRECISION": single_precision(), "num_warps": warps,
        }  # fmt: skip


@dataclass(frozen=True)
class Located:
    """Edges with their coordinates.

    Attributes:
        sample, query: of each edge, int32 ``[E]``.
        columns: see :data:`COLUMNS`, ``[E, 16]``. window: of each edge ``[E]``.
    """

    sample: Tensor
    query: Tensor
    columns: Tensor
    window: Tensor

    def __len__(self) -> int:
        return self.sample.shape[0]


def locate(
    positions: tuple[Tensor, Tensor], lists: tuple[Tensor, Tensor, Tensor, Tensor], window: Tensor | None,
    part: tuple[int, int, int], causal: bool, tolerance: float,
) -> Located:  # fmt: skip
    """Coordinates and windows of the edges of some queries.

    Args:
        positions: of samples and queries, in units of the extent, float64 ``[n, D]`` and ``[m, D]``.
        lists: index, start, length, and each query's first edge where they lie one behind the other.
        window: mean and precision ``[2, D]``; None: 1.
        part: first query, the one behind the last, edges.
        causal: see :func:`ccnn_pc.ops.coordinates.kernel_coordinates`.
        tolerance: how far outside of the support is still inside.
    """
    pos, query_pos = positions
    index, start, length, first = lists
    first_query, last_query, edges = part
    sample, query = torch.empty(2, edges, dtype=torch.int32, device=pos.device)
    columns = torch.empty(edges, COLUMNS.value, device=pos.device)
    envelope = torch.empty(edges, device=pos.device)
    mean, precision = (envelope, envelope) if window is None else window
    _locate[(last_query - first_query,)](
        pos, query_pos, index, start, length, first, mean, precision, sample, query, columns, envelope,
        tolerance, first_query, D=pos.shape[1], CAUSAL=causal, WINDOW=window is not None, E=32,
    )  # fmt: skip
    return Located(sample, query, columns, envelope)


def compute(waves: Waves, edges: Located, keep: bool, joint: bool) -> tuple[Rows, Tensor]:
    """Windowed features, as parts of one tensor where that is wanted; and what backward wants ``[E, L, H]``."""
    device, count, sizes = waves.parameters.device, len(edges), waves.shapes(*FORWARD)
    features = torch.empty(count, waves.hidden + joint, device=device)
    found = Rows.of(features) if joint else Rows(features, edges.window)
    kept = torch.empty(count if keep else 0, waves.layers, waves.hidden, device=device)
    _compute[(triton.cdiv(count, sizes["E"]),)](
        waves.parameters, waves.turns, edges.columns, edges.window, found.features, found.window, kept, count,
        KEEP=keep, JOINT=int(joint), **sizes,
    )  # fmt: skip
    return found, kept


def differentiate(
    waves: Waves, edges: Located, kept: Tensor, d_hm: Rows, moved: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """From gradients of windowed features to those of parameters (flat), windows ``[E]`` and coordinates ``[E, D]``."""
    device, count, sizes = waves.parameters.device, len(edges), waves.shapes(*BACKWARD)
    dz = torch.empty(count, waves.hidden, device=device)
    d_window = torch.empty(count, device=device)
    moves = torch.zeros(count if moved else 0, waves.dim, device=device)
    hidden, padded, wide = waves.hidden, waves.padded, COLUMNS.value
    number = programs(device, triton.cdiv(count, sizes["E"]))
    parts = torch.empty(waves.layers + 1, number, padded, padded + 1 + 2 * wide, device=device)
    for layer in reversed(range(waves.layers + 1)):
        _differentiate_layer[(number,)](
            waves.parameters, waves.turns, edges.columns, edges.window, d_hm.features, d_hm.window, kept, dz, d_window,
            moves, parts[layer], count, LAYER=layer, MOVED=moved, JOINT=int(d_hm.joint is not None), **sizes,
        )  # fmt: skip
    matrix, offset, phase, exponent = parts.sum(1)[:, :hidden].split([padded, 1, wide, wide], dim=2)
    mixing = torch.cat([matrix[1:, :, :hidden].flatten(1), offset[1:, :, 0]], dim=1).flatten()
    filtered = slice(None) if waves.multiplies else slice(1)
    filters = _filters(waves, phase[filtered].flatten(0, 1), exponent[filtered].flatten(0, 1))
    return torch.cat([*filters, mixing]), d_window, moves


def _filters(waves: Waves, phase: Tensor, exponent: Tensor) -> list[Tensor]:
    """Gradients of W, b, gamma and mu, flat, from the sums over edges of the phases' and exponents' gradients."""
    dim, units = waves.dim, waves.frequencies
    if waves.family == RANDOM_FOURIER.value:
        phase = phase[:units] + phase[units:]
    found = [phase[:, :dim].flatten(), phase[:, dim]]
    if waves.family == GABOR.value:
        gamma, mu = waves.parameters[units * (dim + 1) :][: 2 * units * dim].view(2, units, dim)
        first, zeroth, second = exponent[:, : 2 * dim + 1].split([dim, 1, dim], dim=1)
        found.append((-gamma * (second - 2 * mu * first + mu * mu * zeroth)).flatten())
        found.append((gamma * gamma * (first - mu * zeroth)).flatten())
    return found
