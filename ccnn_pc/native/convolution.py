r"""The native point convolution as an operator of torch.

.. math:: y_i = \sum_j m(u_{ij}) \, [h(u_{ij}), 1]^\top T \, x_j

Features h, window m and sums are one pass over tiles of edges in C++; the backward pass computes them anew. Sums have a
fixed order, whatever the number of threads.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ccnn_pc._autograd import Operator, Tensors
from ccnn_pc._edges import all_edges, kernel_sum
from ccnn_pc.native import triton
from ccnn_pc.native.library import MAX_DIM, Gradients, Problem, call, state
from ccnn_pc.native.reference import FEATURES, windowed_features


class Family(enum.IntEnum):
    """Features that the library computes; ``ROWS`` takes them from a table."""

    ROWS = 0
    GABOR = 1
    FOURIER = 2
    SIREN = 3
    RANDOM_FOURIER = 4
    TENTS = 5


@dataclass(frozen=True)
class Features:
    r"""Features of kernel coordinates as the library takes them.

    Attributes:
        family: which function of u.
        hidden: number of features H.
        layers: layers behind the first one.
        parameters: all numbers, one after the other, 1-D; the order is that of ``src/features.h``.
        window: mean and precision of the window :math:`\exp(-\sum_d p_d (u_d - \mu_d)^2)`, ``[2, D]``; None: 1.
    """

    family: Family
    hidden: int
    layers: int
    parameters: Tensor
    window: Tensor | None


@dataclass(frozen=True)
class Edges:
    """Where samples and queries lie, and which samples each query reads.

    Attributes:
        pos: samples ``[n, D]``. query_pos: queries ``[m, D]``.
        index: samples of all edges ``[T]``; start, length: edges of each query ``[m]``.
        extent: reach of the kernel ``[D]``.
        causal: see :func:`ccnn_pc.ops.coordinates.kernel_coordinates`.
        tolerance: how far outside of the support is still inside.
        order: queries in the order in which they are worked off ``[m]``; None: as they are numbered.
    """

    pos: Tensor
    query_pos: Tensor
    index: Tensor
    start: Tensor
    length: Tensor
    extent: Tensor
    causal: bool = False
    tolerance: float = 1e-6
    order: Tensor | None = None

    def spans(self) -> Tensor:
        """First edge and number of edges of queries in the order of the work, and their numbers, ``[2 or 3, m]``."""
        spans = torch.stack([self.start, self.length])
        return spans if self.order is None else torch.cat([spans[:, self.order], self.order[None]])


def native_convolution(
    x: Tensor, table: Tensor, features: Features, edges: Edges, gram: bool = False
) -> tuple[Tensor, Tensor]:
    """Convolve samples with a windowed factorised kernel of 1 to 3 axes; float32, on the CPU float64 as well.

    Args:
        x: weighted samples ``[n, C_in]``; on the CPU sums run in the type of ``table``, on CUDA in that of ``x``.
        table: read-out with bias, ``[H + 1, C]`` or ``[H + 1, C_in, C_out]``.
        features: the kernel's features and window.
        edges: positions and neighbours.
        gram: also the sums of products of windowed features.

    Returns:
        ``y [m, C]`` and ``[H + 1, H + 1]``, or no numbers unless ``gram``. Differentiable in x, table, parameters,
        window and positions; second derivatives cost what message passing costs.
    """
    settings = [int(features.family), features.hidden, features.layers, int(edges.causal), int(gram)]
    query_pos = edges.query_pos if edges.order is None else edges.query_pos[edges.order]
    y, moments = _CONVOLVE(
        (settings, edges.tolerance),
        _summed(x, table),
        table,
        features.parameters,
        features.window,
        edges.pos.double() / edges.extent,
        query_pos.double() / edges.extent,
        edges.index,
        edges.spans(),
    )
    return y, moments


def native_row_convolution(
    x: Tensor, table: Tensor, rows: Tensor, which: Tensor | None, edges: Edges
) -> Tensor:
    """The same where windowed features are given.

    Args:
        x: weighted samples ``[n, C_in]``; on the CPU sums run in the type of ``table``, on CUDA in that of ``x``.
        table: read-out with bias, ``[H + 1, C]`` or ``[H + 1, C_in, C_out]``.
        rows: windowed features, the window itself last, ``[U, H + 1]``, in the type of ``table``.
        which: row of each edge, int64 ``[T]``; None: the edge's own number.
        edges: neighbours; their positions are not looked at.

    Returns:
        ``y [m, C]``; differentiable in x, table and rows.
    """
    nowhere = [x.new_empty(count, 0, dtype=torch.float64) for count in (len(x), len(edges.start))]
    settings = [int(Family.ROWS), rows.shape[1] - 1, 0, 0, 0]
    given = [edges.index, edges.spans(), *([] if which is None else [which])]
    y, _ = _CONVOLVE((settings, 0.0), _summed(x, table), table, rows, None, *nowhere, *given)
    return y


def row_sums(x: Tensor, table: Tensor, rows: Tensor, edges: list[Tensor]) -> Tensor:
    """:func:`native_row_convolution` without derivatives; edges: samples, and first and number of each query's."""
    nowhere = [x.new_empty(count, 0, dtype=torch.float64) for count in (len(x), edges[1].shape[1])]
    settings = [int(Family.ROWS), rows.shape[1] - 1, 0, 0, 0]
    with torch.no_grad():
        inputs = _contiguous([x, table, rows, None, *nowhere])
        y, _ = _forward(*inputs, _contiguous(edges), settings, 0.0)
    return y


def row_gradients(
    grad_y: Tensor, x: Tensor, table: Tensor, rows: Tensor, edges: list[Tensor], of_samples: bool
) -> list[Tensor]:
    """What :func:`row_sums` gives back: to the samples alone, whose values are not read; or to table and rows."""
    nowhere = [x.new_empty(count, 0, dtype=torch.float64) for count in (len(x), edges[1].shape[1])]
    settings = [int(Family.ROWS), rows.shape[1] - 1, 0, 0, 0]
    wanted = [of_samples, not of_samples, not of_samples, False, False, False]
    with torch.no_grad():
        inputs = _contiguous([x, table, rows, None, *nowhere])
        return _backward(grad_y.contiguous(), None, inputs, _contiguous(edges), settings, 0.0, wanted)[:3]


def _summed(x: Tensor, table: Tensor) -> Tensor:
    """The samples in the type that they are added up in."""
    return x if x.device.type == "cuda" or triton.interpreted() else x.to(table.dtype)


# Arguments of both operators: what has gradients, positions in units of the extent; samples of all edges, first edge
# and number of edges of each query, perhaps the query's own number ``[2 or 3, m]``, and perhaps the row of each edge;
# family, H, layers, causal and gram.
@torch.library.custom_op("ccnn_pc::point_convolution", mutates_args=(), device_types="cpu")
def _forward(
    x: Tensor,
    table: Tensor,
    parameters: Tensor,
    window: Tensor | None,
    pos: Tensor,
    query_pos: Tensor,
    edges: list[Tensor],
    settings: list[int],
    tolerance: float,
) -> tuple[Tensor, Tensor]:
    inputs = [x, table, parameters, window, pos, query_pos]
    if triton.interpreted():
        return _forward_on_cuda(*inputs, edges, settings, tolerance)  # type: ignore[no-any-return]
    y, moments = _results(x, table, edges, settings)
    problem = _problem(inputs, edges, settings, tolerance)
    problem.y, problem.moments = y.data_ptr(), _address(moments if moments.numel() else None)
    call("forward", x.dtype, problem)
    return _numbered(y, edges), moments


@_forward.register_kernel("cuda")
def _forward_on_cuda(x, table, parameters, window, pos, query_pos, edges, settings, tolerance):  # type: ignore[no-untyped-def]
    from ccnn_pc.native.triton.convolution import Call, forward

    y, moments = _results(x, table, edges, settings)
    inputs = [x, table, parameters, window, pos, query_pos]
    forward(Call(inputs, edges, settings, tolerance), y, moments)
    return _numbered(y, edges), moments


@_forward.register_fake
def _(x, table, parameters, window, pos, query_pos, edges, settings, tolerance):  # type: ignore[no-untyped-def]
    return _results(x, table, edges, settings)


def _results(x: Tensor, table: Tensor, edges: list[Tensor], settings: list[int]) -> tuple[Tensor, Tensor]:
    size = table.shape[0] if settings[4] else 0
    return x.new_empty(edges[1].shape[1], table.shape[-1]), table.new_empty(size, size)


def _numbered(y: Tensor, edges: list[Tensor]) -> Tensor:
    """Answers as queries are numbered, from those in the order of the work."""
    _, _, *order = edges[1]
    return torch.empty_like(y).index_copy_(0, order[0], y) if order else y


def _worked_off(grad_y: Tensor, edges: list[Tensor]) -> Tensor:
    """The reverse of :func:`_numbered`."""
    _, _, *order = edges[1]
    return grad_y[order[0]] if order else grad_y


@torch.library.custom_op("ccnn_pc::point_convolution_backward", mutates_args=(), device_types="cpu")
def _backward(
    grad_y: Tensor,
    grad_moments: Tensor | None,
    inputs: list[Tensor | None],
    edges: list[Tensor],
    settings: list[int],
    tolerance: float,
    wanted: list[bool],
) -> list[Tensor]:
    if triton.interpreted():
        return _backward_on_cuda(  # type: ignore[no-any-return]
            grad_y, grad_moments, inputs, edges, settings, tolerance, wanted
        )
    found = _gradients(inputs, wanted)
    x, _, parameters, window, _, _ = inputs
    if x is None or parameters is None:
        raise TypeError("samples and parameters must be tensors (got None)")
    problem = _problem(inputs, edges, settings, tolerance)
    grad_y = _worked_off(grad_y, edges)
    gradients = Gradients(parameters.numel(), _address(grad_y), _address(grad_moments))
    for name, tensor in zip(("x", "table", "parameters", "window", "pos", "query"), found, strict=True):
        setattr(gradients, name, _address(tensor if tensor.numel() else None))
    call("backward", x.dtype, problem, gradients)
    if window is not None and wanted[3]:
        found[3] = found[3].flip(0)  # the library has precision first
    return found


@_backward.register_kernel("cuda")
def _backward_on_cuda(grad_y, grad_moments, inputs, edges, settings, tolerance, wanted):  # type: ignore[no-untyped-def]
    from ccnn_pc.native.triton.convolution import Call, backward

    found = _gradients(inputs, wanted)
    backward(
        Call(inputs, edges, settings, tolerance), _worked_off(grad_y, edges), grad_moments, found, wanted
    )
    return found


@_backward.register_fake
def _(grad_y, grad_moments, inputs, edges, settings, tolerance, wanted):  # type: ignore[no-untyped-def]
    return _gradients(inputs, wanted)


def _gradients(inputs: list[Tensor | None], wanted: list[bool]) -> list[Tensor]:
    """Zeros like each input, and nothing for those whose gradient nobody wants."""
    like = next(tensor for tensor in inputs if tensor is not None)
    return [
        like.new_empty(0) if tensor is None or not wants else torch.zeros_like(tensor)
        for tensor, wants in zip(inputs, wanted, strict=True)
    ]


def _keep(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    *tensors, edges, settings, tolerance = inputs
    ctx.save_for_backward(*tensors, *edges)
    ctx.settings, ctx.tolerance = settings, tolerance


def _differentiate(ctx, grad_y, grad_moments):  # type: ignore[no-untyped-def]
    inputs, edges = list(ctx.saved_tensors[:6]), list(ctx.saved_tensors[6:])
    wanted = [bool(needs) for needs in ctx.needs_input_grad[:6]]
    symmetric = (grad_moments + grad_moments.t()).contiguous() if ctx.settings[4] else None
    found = _backward(grad_y.contiguous(), symmetric, inputs, edges, ctx.settings, ctx.tolerance, wanted)
    gradients = [gradient if wants else None for gradient, wants in zip(found, wanted, strict=True)]
    return *gradients, [None] * len(edges), None, None


_forward.register_autograd(_differentiate, setup_context=_keep)  # in graphs; elsewhere _CONVOLVE has more


def _run(tensors: Tensors, settings: tuple[list[int], float]) -> tuple[Tensor, ...]:
    inputs, edges = _contiguous(tensors[:6]), _contiguous(tensors[6:])
    found: tuple[Tensor, Tensor] = _forward(*inputs, edges, *settings)
    return found


def _run_backward(
    tensors: Tensors, grads: Tensors, wanted: Sequence[bool], settings: tuple[list[int], float]
) -> Sequence[Tensor | None]:
    inputs, edges = _contiguous(tensors[:6]), _contiguous(tensors[6:])
    symmetric = (grads[1] + grads[1].t()).contiguous() if settings[0][4] else None
    found = _backward(grads[0].contiguous(), symmetric, inputs, edges, *settings, list(wanted[:6]))
    return *found, *(None for _ in edges)


def _contiguous(tensors: Tensors) -> list[Any]:
    return [None if tensor is None else tensor.contiguous() for tensor in tensors]


def _formula(tensors: Tensors, settings: tuple[list[int], float]) -> tuple[Tensor, ...]:
    x, table, parameters, window, pos, query_pos, index, spans, *which = tensors
    (family, hidden, layers, causal, gram), tolerance = settings
    edge, query = all_edges(*spans[:2])
    sample = index[edge].long()
    if family == Family.ROWS:
        hm = parameters[which[0][edge] if which else edge]
    else:
        compute = FEATURES[Family(family).name]

        def features(u: Tensor) -> Tensor:
            return compute(u, parameters, hidden, layers)

        offset = pos[sample] - query_pos[query]
        hm = windowed_features(offset, features, window, bool(causal), tolerance).to(table.dtype)
    numbers = spans[2][query] if len(spans) == 3 else query
    y = kernel_sum(hm.to(x.dtype), table.to(x.dtype), x[sample], numbers, spans.shape[1])
    return y, (hm.t() @ hm if gram else table.new_empty(0, 0))


_CONVOLVE = Operator(
    _run, _run_backward, _formula, channels=lambda axes: (0, 1) if axes[1] == 2 else (), node=_run
)


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _problem(
    inputs: list[Tensor | None], edges: list[Tensor], settings: list[int], tolerance: float
) -> Problem:
    """The structure; it holds addresses only, so that the tensors must outlive it."""
    x, table, parameters, window, pos, query_pos = inputs
    if x is None or table is None or parameters is None or pos is None:
        raise TypeError("samples, table, parameters and positions must be tensors (got None)")
    family, hidden, layers, causal, _ = settings
    index, spans, *row = edges
    dim = pos.shape[1]
    problem = Problem(
        samples=x.shape[0],
        queries=spans.shape[1],
        channels_in=x.shape[1],
        channels_out=table.shape[-1],
        dim=dim,
        hidden=hidden,
        full=int(table.dim() == 3),
        causal=causal,
        threads=torch.get_num_threads(),
        wide_index=int(index.dtype == torch.int64),
        tolerance=tolerance,
    )
    problem.kernel.family, problem.kernel.hidden, problem.kernel.layers = family, hidden, layers
    if family == Family.ROWS:
        problem.row_count, problem.row = len(parameters), _address(row[0] if row else None)
    for place, offset in enumerate(_offsets(Family(family), hidden, layers, dim)):
        if offset is not None:
            problem.kernel.parameters[place] = parameters.data_ptr() + offset * parameters.element_size()
    if window is not None:
        problem.mean, problem.precision = window[0].data_ptr(), window[1].data_ptr()
    for name, tensor in {
        "pos": pos, "query": query_pos, "index": index, "start": spans[0], "length": spans[1], "x": x, "table": table
    }.items():  # fmt: skip
        setattr(problem, name, _address(tensor))
    return problem


def _offsets(family: Family, hidden: int, layers: int, dim: int) -> list[int | None]:
    """Where W (or places), b (or steepness), gamma, mu and the mixing layers begin."""
    if family is Family.ROWS:
        return [0]
    if family is Family.GABOR or family is Family.FOURIER:
        units = (layers + 1) * hidden
        if family is Family.FOURIER:
            return [0, units * dim, None, None, units * (dim + 1)]
        return [0, units * dim, units * (dim + 1), units * (2 * dim + 1), units * (3 * dim + 1)]
    units = hidden // 2 if family is Family.RANDOM_FOURIER else hidden
    return [0, units * dim, None, None, units * (dim + 1)]


def runs_on(x: Tensor, table: Tensor, dim: int, family: Family = Family.ROWS) -> bool:
    """Whether an operator for such tensors and features is there and turned on."""
    if x.device.type != "cpu" or _is_interpreted():
        return family is not Family.TENTS and triton.runs_on(x, table, dim)
    return dim <= MAX_DIM and table.dtype in (torch.float32, torch.float64) and is_on()


def runs(device: torch.device) -> bool:
    """Whether there are native operators for a device, turned on.

    Example:
        >>> runs(torch.device("meta"))
        False
    """
    if device.type == "cuda" or (device.type == "cpu" and _is_interpreted()):
        return triton.state().runs
    return device.type == "cpu" and is_on()


@torch.compiler.assume_constant_result
def is_on() -> bool:
    """Whether the library is there and turned on; graphs take the answer of when they were made."""
    return state().runs


@torch.compiler.assume_constant_result
def _is_interpreted() -> bool:
    return triton.interpreted()
