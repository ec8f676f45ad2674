r"""The fused point convolution: message passing with a factorised kernel, in memory that does not grow with the edges.

A factorised kernel is a linear read-out of features, :math:`K(u) = W h(u) + b`, so that

.. math:: y_i = \sum_j m_{ij} (W h_{ij} + b)\, x_j

needs ``H`` numbers per edge from the kernel network, not ``C`` or ``C_in C_out``. Queries are worked off in chunks that
stay in cache; the backward pass computes the features anew instead of keeping them. Peak memory is that of ``x``, ``y``
and one chunk, whatever the number of neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ccnn_pc._autograd import Operator, Tensors, is_tracked
from ccnn_pc._edges import all_edges, kernel_sum
from ccnn_pc._precision import at_least_single, autocast_type, own_types
from ccnn_pc.native import Edges, Features, native_convolution, runs_on
from ccnn_pc.ops.coordinates import TOLERANCE, in_support, kernel_coordinates
from ccnn_pc.ops.neighbors.lists import Chunk, NeighborLists
from ccnn_pc.ops.points.contraction import Buffer, chunk_sums, summed_natively

#: Bytes per channel-sized tensor of a chunk: on CPU a chunk should stay in cache, on CUDA it should fill the device.
CHUNK_BYTES = {"cpu": 6 << 20, "cuda": 1 << 28}
#: Chunks are never smaller than this, lest the calls cost more than the work.
MIN_CHUNK_EDGES = 2048
#: Chunks whose sums run in C++, where nothing of the size of channels is made for their edges.
NATIVE_CHUNK_EDGES = 1 << 17


@dataclass(frozen=True)
class PointGeometry:
    """Where samples and queries lie and which samples each query reads.

    Attributes:
        pos: samples ``[n, D]``. query_pos: queries ``[m, D]``.
        lists: the neighbours of each query.
        extent: reach of the kernel per axis ``[D]``. causal: see :func:`kernel_coordinates`.
        tolerance: see :func:`in_support`.
        rel: offsets of all edges of ``lists.index``, ``[T, D]``, where they are no differences of positions, as on a
            circle; None: they are.
        kept: gives those differences where somebody keeps them, else None.
    """

    pos: Tensor
    query_pos: Tensor
    lists: NeighborLists
    extent: Tensor
    causal: bool = False
    tolerance: float | None = None
    rel: Tensor | None = None
    kept: Callable[[], Tensor | None] = lambda: None

    def offsets(self) -> Tensor | None:
        """Offsets of all edges that need not be computed."""
        return self.kept() if self.rel is None else self.rel

    def block(self, chunk: Chunk, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        """Sample numbers ``[q k]``, kernel coordinates ``[q k, D]`` and what counts ``[q k, 1]``."""
        edge, counts = self.lists.edges(chunk)
        index = self.lists.index[edge].long()
        offsets = self.offsets()
        if offsets is not None:
            rel = offsets[edge]
        else:
            query = self.query_pos[chunk.queries]
            rel = (
                self.pos.index_select(0, index).view(len(query), chunk.width, -1) - query[:, None]
            ).flatten(0, 1)
        u = kernel_coordinates(rel, self.extent, self.causal)
        inside = in_support(u, self.tolerance)
        if counts is not None:
            inside &= counts
        return index, u.clamp_(-1, 1).to(dtype), inside[:, None].to(dtype)

    def all_edges(self, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of every edge sample and query ``[E]``, kernel coordinates ``[E, D]``, whether inside ``[E, 1]``."""
        edge, query = all_edges(self.lists.start, self.lists.length)
        index = self.lists.index[edge].long()
        offsets = self.offsets()
        rel = self.pos[index] - self.query_pos[query] if offsets is None else offsets[edge]
        u = kernel_coordinates(rel, self.extent, self.causal)
        inside = in_support(u, self.tolerance)
        return index, query, u.clamp(-1, 1).to(dtype), inside[:, None].to(dtype)


@dataclass(frozen=True)
class FactorizedProfile:
    """A windowed factorised kernel as plain functions of coordinates and numbers.

    Attributes:
        features: kernel coordinates ``[..., D]`` and ``parameters`` -> ``[..., H]``.
        envelope: kernel coordinates ``[..., D]`` and ``parameters`` -> window ``[..., 1]``.
        parameters: every tensor that ``features`` and ``envelope`` depend on.
        native: the same as the native operator takes it; None where it does not know it.
    """

    features: Callable[[Tensor, Sequence[Tensor]], Tensor]
    envelope: Callable[[Tensor, Sequence[Tensor]], Tensor]
    parameters: Sequence[Tensor]
    native: Features | None = None

    def __call__(
        self, u: Tensor, inside: Tensor, parameters: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Features ``h [E, H]`` and window times support ``m [E, 1]``, with its own parameters or others."""
        given = self.parameters if parameters is None else parameters
        return self.features(u, given), self.envelope(u, given) * inside


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
        x: samples, already multiplied by their quadrature weights, ``[n, C_in]``. Under autocast, or where x is
            coarser than ``table``, only the sums over neighbours run in the coarse type.
        geometry: positions and neighbours.
        profile: the kernel's features and window.
        table: the read-out with its bias as last row: ``[H + 1, C]`` for a depthwise kernel (C = C_in), or
            ``[H + 1, C_in, C_out]`` for a full one.
        gram: also return :math:`\sum_{ij} m_{ij}^2 [h_{ij},1][h_{ij},1]^\top`, ``[H + 1, H + 1]``, from which the
            kernel's L2 penalty follows (CCNN eq. 3).
        chunk_edges: edges worked off at a time; default such that a chunk stays in cache. Bounds memory, does not
            change the result beyond rounding.

    Returns:
        ``y [m, C]`` and the Gram matrix or None. Differentiable in ``x``, ``table``, the profile's parameters and
        positions. Second derivatives, and without the native operator gradients to positions, cost what message passing
        costs.

    Example:
        >>> pos = torch.tensor([[0.0], [0.5]])
        >>> lists = NeighborLists(torch.tensor([0, 1, 1, 0]), torch.tensor([0, 2]), torch.tensor([2, 2]))
        >>> geometry = PointGeometry(pos, pos, lists, extent=torch.ones(1))
        >>> box = FactorizedProfile(lambda u, _: u, envelope=lambda u, _: torch.ones_like(u[..., :1]), parameters=())
        >>> y, _ = point_convolution(torch.tensor([[1.0], [2.0]]), geometry, box, table=torch.tensor([[1.0], [0.0]]))
        >>> y.flatten().tolist()  # kernel K(u) = u: 0 * 1 + 0.5 * 2 and 0 * 2 - 0.5 * 1
        [1.0, -0.5]
    """
    native = profile.native
    if (
        native is not None
        and geometry.rel is None
        and runs_on(x, table, geometry.pos.shape[1], native.family)
    ):
        return _native_convolution(x, geometry, native, table, gram)
    if chunk_edges is None and summed_natively(x.to(autocast_type(x)), table):
        chunk_edges = max(NATIVE_CHUNK_EDGES, 2 * len(x))
    if chunk_edges is None:
        budget = CHUNK_BYTES.get(x.device.type, CHUNK_BYTES["cuda"])
        widest = max(x.shape[1], 4 * table.shape[0])
        chunk_edges = max(MIN_CHUNK_EDGES, budget // (widest * x.element_size()))
    x, lists = x.to(autocast_type(x)), geometry.lists
    # offsets that were computed before have no derivatives
    tracked = is_tracked(geometry.pos) or is_tracked(geometry.query_pos)
    rel = geometry.rel if tracked else geometry.offsets()
    settings = _Settings(profile, geometry.causal, geometry.tolerance, gram, chunk_edges)
    with own_types(x.device.type):  # coordinates, phases and windows keep their type
        y, moments = _CONVOLVE(
            settings, x, table, geometry.pos, geometry.query_pos, lists.index, lists.start, lists.length,
            geometry.extent, rel, *profile.parameters,
        )  # fmt: skip
    return y, (moments if gram else None)


def _native_convolution(
    x: Tensor, geometry: PointGeometry, features: Features, table: Tensor, gram: bool
) -> tuple[Tensor, Tensor | None]:
    """One node of torch; answers are in the type of autocast or of x."""
    kind, lists = autocast_type(x), geometry.lists
    with own_types(x.device.type):
        tolerance = TOLERANCE[geometry.pos.dtype] if geometry.tolerance is None else geometry.tolerance
        edges = Edges(
            geometry.pos, geometry.query_pos, lists.index, lists.start, lists.length, geometry.extent,
            geometry.causal, tolerance, lists.order,
        )  # fmt: skip
        y, moments = native_convolution(x.to(kind), table, features, edges, gram)
    return y.to(kind), (moments if gram else None)


@dataclass(frozen=True)
class _Settings:
    """What the operator is told beside tensors."""

    profile: FactorizedProfile
    causal: bool
    tolerance: float | None
    gram: bool
    chunk_edges: int

    def unpacked(self, tensors: Tensors) -> tuple[Tensor, Tensor, PointGeometry, Tensors]:
        """Samples, table, geometry and parameters."""
        x, table, pos, query_pos, index, start, length, extent, rel, *parameters = tensors
        lists = NeighborLists(index.contiguous(), start, length)  # native sums know no strides
        geometry = PointGeometry(pos, query_pos, lists, extent, self.causal, self.tolerance, rel)
        return x.contiguous(), table, geometry, parameters


def _forward(tensors: Tensors, settings: _Settings) -> tuple[Tensor, ...]:
    x, table, geometry, parameters = settings.unpacked(tensors)
    y = x.new_zeros(len(geometry.lists), table.shape[-1])
    moments = table.new_zeros(table.shape[0], table.shape[0]) if settings.gram else table.new_zeros(0)
    sums, windowed = chunk_sums(x, table), Buffer(table)
    for chunk in geometry.lists.chunks(settings.chunk_edges):
        index, u, inside = geometry.block(chunk, table.dtype)
        hm = _windowed(*settings.profile(u, inside, parameters), windowed)
        y[chunk.queries] = sums.forward(hm.to(x.dtype).unflatten(1, (chunk.count, chunk.width)), x, index)
        if settings.gram:
            moments.addmm_(hm, hm.t())
    return y, moments


def _formula(tensors: Tensors, settings: _Settings) -> tuple[Tensor, ...]:
    x, table, geometry, parameters = settings.unpacked(tensors)
    index, query, u, inside = geometry.all_edges(table.dtype)
    h, m = settings.profile(u, inside, parameters)
    hm = torch.cat([h * m, m], dim=1)
    y = kernel_sum(hm.to(x.dtype), table.to(x.dtype), x[index], query, len(geometry.lists))
    return y, (hm.t() @ hm if settings.gram else table.new_zeros(0))


def _backward(
    tensors: Tensors, grads: Tensors, wanted: Sequence[bool], settings: _Settings
) -> Sequence[Tensor | None]:
    if any(wanted[2:FIRST_PARAMETER]):  # positions, extent
        found = iter(_CONVOLVE.gradients(tensors, grads, wanted, settings))
        return [next(found) if wants else None for wants in wanted]
    x, table, geometry, parameters = settings.unpacked(tensors)
    leaves = [
        p.detach().requires_grad_(wants)
        for p, wants in zip(parameters, wanted[FIRST_PARAMETER:], strict=True)
    ]
    trained = [leaf for leaf in leaves if leaf.requires_grad]
    grad_x = torch.zeros_like(x, dtype=at_least_single(x.dtype)) if wanted[0] else None
    grad_table = torch.zeros_like(table) if wanted[1] else None
    totals = [torch.zeros_like(p) for p in trained]
    grad_y = grads[0].to(x.dtype).contiguous()
    symmetric = grads[1] + grads[1].t() if settings.gram else None
    sums, windowed = chunk_sums(x, table), Buffer(table)
    for chunk in geometry.lists.chunks(settings.chunk_edges):
        index, u, inside = geometry.block(chunk, table.dtype)
        with torch.enable_grad():
            features, window = settings.profile(u, inside, leaves)
        h, m, g = features.detach(), window.detach(), grad_y[chunk.queries]
        hm = _windowed(h, m, windowed)
        hm_block = hm.to(x.dtype).unflatten(1, (chunk.count, chunk.width))
        if grad_x is not None:
            sums.add_backward_samples(hm_block, index, g, grad_x)
        if grad_table is not None or trained:
            part, grad_hm = sums.backward(hm_block, x, index, g)
            if grad_table is not None:
                grad_table += part
            grad_hm = grad_hm.to(table.dtype)
            if symmetric is not None:
                grad_hm = torch.addmm(grad_hm, symmetric, hm)
            _backpropagate(features, window, h, m, grad_hm, trained, totals)
    of_parameters = iter(totals)
    grad_x = None if grad_x is None else grad_x.to(x.dtype)
    between = [None] * (FIRST_PARAMETER - 2)
    return grad_x, grad_table, *between, *(next(of_parameters) if p.requires_grad else None for p in leaves)


#: Tensors of the operator before the profile's parameters.
FIRST_PARAMETER = 9
_CONVOLVE = Operator(_forward, _backward, _formula, channels=lambda axes: (0, 1) if axes[1] == 2 else ())


def _windowed(h: Tensor, m: Tensor, buffer: Buffer) -> Tensor:
    """``m [h, 1]``, unit-major ``[H + 1, E]`` as kernels make their features."""
    block = buffer(h.shape[1] + 1, h.shape[0])
    torch.mul(h.t(), m.t(), out=block[:-1])
    block[-1] = m[:, 0]
    return block


def _backpropagate(
    features: Tensor,
    window: Tensor,
    h: Tensor,
    m: Tensor,
    grad_hm: Tensor,
    trained: list[Tensor],
    totals: list[Tensor],
) -> None:
    """From the gradient of ``m [h, 1]``, unit-major, to those of the parameters behind ``features`` and ``window``."""
    outputs, cotangents = [], []
    if features.requires_grad:
        outputs.append(features)
        cotangents.append((grad_hm[:-1] * m.t()).t())
    if window.requires_grad:
        outputs.append(window)
        cotangents.append(((grad_hm[:-1] * h.t()).sum(0) + grad_hm[-1])[:, None])
    if not outputs:
        return
    parts = torch.autograd.grad(outputs, trained, cotangents, allow_unused=True)
    for total, part in zip(totals, parts, strict=True):
        if part is not None:
            total += part
