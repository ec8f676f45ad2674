r"""The fused point convolution: message passing with a factorised kernel, without a tensor of size edges x channels.

A factorised kernel is a linear read-out of features, :math:`K(u) = W h(u) + b`, so the sum over neighbours can be done
before the read-out:

.. math::
    y_{ic} = \sum_j m_{ij} (W h_{ij} + b)_c\, x_{jc} = \sum_h W_{ch} Z_{ihc} + b_c Z_{i0c}, \qquad
    Z_i = \sum_j m_{ij} [h_{ij}, 1]\, x_j^\top

Queries are worked off in chunks that stay in cache, and the backward pass computes the features anew instead of
keeping them. Peak memory is that of ``x``, ``y`` and one chunk, whatever the number of neighbours. The full kernel
(``out x in`` values per offset) costs about as much as the depthwise one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ccnn_pc.ops.coordinates import in_support, kernel_coordinates
from ccnn_pc.ops.rows import Rows

#: Edges in one chunk. On CPU a chunk's tensors should stay in cache, on CUDA they should fill the device.
CHUNK_EDGES = {"cpu": 4096, "cuda": 1 << 19}


@dataclass(frozen=True)
class PointGeometry:
    """Where samples and queries lie and which samples each query reads.

    Attributes:
        pos: samples ``[n, D]``. query_pos: queries ``[m, D]``.
        rows: the neighbours of each query.
        extent: reach of the kernel per axis ``[D]``. causal: see :func:`kernel_coordinates`.
        tolerance: see :func:`in_support`.
    """

    pos: Tensor
    query_pos: Tensor
    rows: Rows
    extent: Tensor
    causal: bool = False
    tolerance: float | None = None

    def block(self, queries: Tensor, width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        """Sample numbers ``[q, width]``, kernel coordinates ``[q, width, D]`` and what counts ``[q, width, 1]``."""
        index, counts = self.rows.gather(queries, width)
        rel = self.pos[index] - self.query_pos[queries, None]
        u = kernel_coordinates(rel, self.extent, self.causal)
        inside = in_support(u, self.tolerance) & counts
        return index, u.clamp_(-1, 1).to(dtype), inside[..., None].to(dtype)


@dataclass(frozen=True)
class FactorizedProfile:
    """A windowed factorised kernel as plain functions.

    Attributes:
        features: kernel coordinates ``[..., D]`` -> ``[..., H]``.
        envelope: kernel coordinates ``[..., D]`` -> window ``[..., 1]``.
        parameters: every tensor that ``features`` and ``envelope`` depend on.
    """

    features: Callable[[Tensor], Tensor]
    envelope: Callable[[Tensor], Tensor]
    parameters: Sequence[Tensor]

    def __call__(self, u: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``h [q, width, H]`` and window times support ``m [q, width, 1]``."""
        return self.features(u), self.envelope(u) * inside


def point_convolution(
    x: Tensor,
    geometry: PointGeometry,
    profile: FactorizedProfile,
    table: Tensor,
    *,
    gram: bool = False,
    chunk_edges: int | None = None,
) -> tuple[Tensor, Tensor | None]:
    r"""Convolve samples with a windowed factorised kernel.

    Args:
        x: samples, already multiplied by their quadrature weights, ``[n, C_in]``.
        geometry: positions and neighbours.
        profile: the kernel's features and window.
        table: the read-out with its bias as last row: ``[H + 1, C]`` for a depthwise kernel (C = C_in), or
            ``[H + 1, C_in, C_out]`` for a full one.
        gram: also return :math:`\sum_{ij} m_{ij}^2 [h_{ij},1][h_{ij},1]^\top`, ``[H + 1, H + 1]``, from which the
            kernel's L2 penalty follows (CCNN eq. 3).
        chunk_edges: edges worked off at a time; default 4096 on CPU. Bounds memory, does not change the result
            beyond rounding.

    Returns:
        ``y [m, C]`` and the Gram matrix or None. Differentiable (once) in ``x``, ``table`` and the profile's
        parameters; not in positions.

    Example:
        >>> pos = torch.tensor([[0.0], [0.5]])
        >>> rows = Rows(torch.tensor([0, 1, 1, 0]), torch.tensor([0, 2]), torch.tensor([2, 2]))
        >>> geometry = PointGeometry(pos, pos, rows, extent=torch.ones(1))
        >>> box = FactorizedProfile(features=lambda u: u, envelope=lambda u: torch.ones_like(u[..., :1]), parameters=())
        >>> y, _ = point_convolution(torch.tensor([[1.0], [2.0]]), geometry, box, table=torch.tensor([[1.0], [0.0]]))
        >>> y.flatten().tolist()  # kernel K(u) = u: 0 * 1 + 0.5 * 2 and 0 * 2 - 0.5 * 1
        [1.0, -0.5]
    """
    size = chunk_edges or CHUNK_EDGES.get(x.device.type, CHUNK_EDGES["cuda"])
    y, moments = _PointConvolution.apply(x, table, geometry, profile, gram, size, *profile.parameters)
    return y, (moments if gram else None)


class _PointConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, table: Tensor, geometry: PointGeometry, profile: FactorizedProfile,
                gram: bool, chunk_edges: int, *parameters: Tensor) -> tuple[Tensor, Tensor]:  # fmt: skip
        ctx.save_for_backward(x, table, *parameters)
        ctx.geometry, ctx.profile, ctx.gram, ctx.chunk_edges = geometry, profile, gram, chunk_edges
        width_out = table.shape[-1]
        y = x.new_zeros(len(geometry.rows), width_out)
        moments = table.new_zeros(table.shape[0], table.shape[0]) if gram else table.new_zeros(0)
        buffer, block = _Buffer(x), _Buffer(x)
        for queries, width in geometry.rows.chunks(chunk_edges):
            index, u, inside = geometry.block(queries, width, x.dtype)
            hm = _windowed(*profile(u, inside), block)
            z = torch.bmm(hm, _gathered(x, index, buffer))
            y[queries] = _read_out(z, table)
            if gram:
                flat = hm.transpose(0, 1).flatten(1)
                moments.addmm_(flat, flat.t())
        return y, moments

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor, grad_moments: Tensor) -> tuple[Tensor | None, ...]:
        x, table, *parameters = ctx.saved_tensors
        geometry: PointGeometry = ctx.geometry
        wants_x, wants_table = ctx.needs_input_grad[:2]
        trained = [p for p in ctx.profile.parameters if p.requires_grad]
        grad_x = torch.zeros_like(x) if wants_x else None
        grad_table = torch.zeros_like(table) if wants_table else None
        grads = [torch.zeros_like(p) for p in trained]
        symmetric = grad_moments + grad_moments.t() if ctx.gram else None
        grad_y = grad_y.contiguous()
        buffer, block, edge_buffer = _Buffer(x), _Buffer(x), _Buffer(x)
        for queries, width in geometry.rows.chunks(ctx.chunk_edges):
            index, u, inside = geometry.block(queries, width, x.dtype)
            with torch.enable_grad():
                features, window = ctx.profile(u, inside)
            h, m, g = features.detach(), window.detach(), grad_y[queries]
            hm = _windowed(h, m, block)
            grad_z = _read_out_backward(g, table)
            if grad_x is not None:
                edges = edge_buffer(*index.shape, x.shape[1])
                torch.bmm(hm.transpose(1, 2), grad_z, out=edges)
                grad_x.index_add_(0, index.flatten(), edges.flatten(0, 1))
            x_j = _gathered(x, index, edge_buffer)
            if grad_table is not None:
                grad_table += _table_gradient(torch.bmm(hm, x_j), g, table)
            if trained and (features.requires_grad or window.requires_grad):
                grad_hm = torch.bmm(grad_z, x_j.transpose(1, 2))  # [q, H + 1, width]
                if symmetric is not None:
                    grad_hm += symmetric @ hm
                _backpropagate(features, window, h, m, grad_hm, trained, grads)
        by_id = {id(p): grad for p, grad in zip(trained, grads, strict=True)}
        return grad_x, grad_table, None, None, None, None, *(by_id.get(id(p)) for p in ctx.profile.parameters)


class _Buffer:
    """One block of memory that every chunk uses again: fresh pages cost more than filling them."""

    def __init__(self, like: Tensor) -> None:
        self.memory = like.new_empty(0)

    def __call__(self, *shape: int) -> Tensor:
        size = math.prod(shape)
        if self.memory.numel() < size:
            self.memory = self.memory.new_empty(size)
        return self.memory[:size].view(shape)


def _gathered(x: Tensor, index: Tensor, buffer: _Buffer) -> Tensor:
    """Rows of ``x`` at ``index [q, width]``: ``[q, width, C]``."""
    block = buffer(index.numel(), x.shape[1])
    torch.index_select(x, 0, index.flatten(), out=block)
    return block.view(*index.shape, x.shape[1])


def _windowed(h: Tensor, m: Tensor, buffer: _Buffer) -> Tensor:
    """``m [h, 1]`` as ``[q, H + 1, width]``, in memory ``[H + 1, q, width]``: features are the slow axis, as kernels make them."""
    q, width, features = h.shape
    block = buffer(features + 1, q, width)
    torch.mul(h.movedim(-1, 0), m.movedim(-1, 0), out=block[:features])
    block[features] = m[..., 0]
    return block.transpose(0, 1)


def _backpropagate(
    features: Tensor, window: Tensor, h: Tensor, m: Tensor, grad_hm: Tensor, trained: list[Tensor], grads: list[Tensor]
) -> None:
    """Add the gradients of ``m [h, 1]`` to those of the parameters behind ``features`` and ``window``."""
    d = grad_hm.movedim(1, -1)  # [q, width, H + 1]
    outputs, cotangents = [], []
    if features.requires_grad:
        outputs.append(features)
        cotangents.append(d[..., :-1] * m)
    if window.requires_grad:
        outputs.append(window)
        cotangents.append((d[..., :-1] * h).sum(-1, keepdim=True) + d[..., -1:])
    parts = torch.autograd.grad(outputs, trained, cotangents, allow_unused=True)
    for total, part in zip(grads, parts, strict=True):
        if part is not None:
            total += part


def _read_out(z: Tensor, table: Tensor) -> Tensor:
    """``[q, H+1, C_in]`` and the table to ``[q, C_out]``."""
    if table.dim() == 2:
        return (z * table).sum(1)
    return z.flatten(1) @ table.flatten(0, 1)


def _read_out_backward(g: Tensor, table: Tensor) -> Tensor:
    """Gradient of :func:`_read_out` to ``z``."""
    if table.dim() == 2:
        return g[:, None, :] * table
    return (g @ table.flatten(0, 1).t()).view(len(g), table.shape[0], table.shape[1])


def _table_gradient(z: Tensor, g: Tensor, table: Tensor) -> Tensor:
    """Gradient of :func:`_read_out` to the table."""
    if table.dim() == 2:
        return (z * g[:, None, :]).sum(0)
    return (z.flatten(1).t() @ g).view_as(table)
