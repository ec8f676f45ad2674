"""This library's nodes of graphs in PyTorch's own operators, so that a file needs nothing of this library."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ccnn_pc.domains.grid.graph_nodes import formula_values
from ccnn_pc.ops.coordinates import FUTURE

_CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}


def _segment_sum(x: Tensor, segment: Tensor, num_segments: int) -> Tensor:
    """In ONNX a ScatterElements; ``index_add`` would be a ScatterND: see :func:`unsafe_sums`."""
    where = segment.view(-1, *[1] * (x.dim() - 1)).expand_as(x)
    return x.new_zeros(num_segments, *x.shape[1:]).scatter_add(0, where, x)


def _coordinates(
    buffers: Sequence[Tensor],
    known: Sequence[float],
    spacing: Sequence[float],
    first: Sequence[int],
    last: Sequence[int],
    causal: bool,
) -> Tensor:
    """As :func:`ccnn_pc.ops.coordinates.tap_coordinates`, of numbers alone: a file holds no other extent."""
    axes = []
    for reach, step, a, b in zip(known, spacing, first, last, strict=False):
        rel = torch.arange(a, b + 1, dtype=torch.float64, device=buffers[0].device) * step
        scaled = rel / reach
        if causal:
            scaled = torch.where(rel > 0, (1 + 2 * scaled).clamp(min=1 + FUTURE), 1 + 2 * scaled)
        axes.append(scaled)
    u = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
    return u.clamp(-1, 1).to(buffers[0].dtype)


def correlate(x: Tensor, kernel: Tensor, origin: Sequence[int], method: str, result: torch.dtype) -> Tensor:
    """``x [B, *S, C]`` with a kernel ``[*K, C]`` or ``[*K, C_in, C_out]``; see :mod:`ccnn_pc.ops.grids.convolution`.

    Example:
        >>> x, k = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1), torch.tensor([10.0, 1.0]).view(2, 1)
        >>> correlate(x, k, [1], "auto", torch.float32).flatten().tolist()
        [1.0, 12.0, 23.0]
    """
    dim = len(origin)
    if dim not in _CONVOLUTIONS:
        raise ValueError(f"'dim' must be 1 to 3 for grids in a file (got {dim})")
    sides = [
        side
        for taps, before in zip(reversed(kernel.shape[:dim]), reversed(origin), strict=True)
        for side in (before, taps - 1 - before)
    ]
    padded = functional.pad(x.movedim(-1, 1), sides)
    depthwise = kernel.dim() == dim + 1
    weight = kernel.movedim(-1, 0)  # [C, *K], or [C_out, *K, C_in]
    weight = weight[:, None] if depthwise else weight.movedim(-1, 1)
    y = _CONVOLUTIONS[dim](padded, weight, groups=kernel.shape[-1] if depthwise else 1)
    return y.movedim(1, -1).to(result)


def decompositions() -> dict[Any, Callable[..., Any]]:
    """What each node becomes."""
    ours = torch.ops.ccnn_pc
    return {
        ours.segment_sum.default: _segment_sum,
        ours.tap_coordinates.default: _coordinates,
        ours.rendered_formula.default: formula_values,
        ours.grid_correlation.default: correlate,
    }


def foreign_nodes(graph: Any) -> list[str]:
    """Names of operators in a graph that PyTorch does not have."""
    named = {str(node.target) for node in graph.nodes if node.op == "call_function"}
    return sorted(name for name in named if name.startswith("ccnn_pc."))


def unsafe_sums(nodes: Iterable[Any]) -> list[str]:
    """Of the nodes of an ONNX graph those that add into rows in a way that loses some of them, by name.

    Threads of onnxruntime share the updates of a ScatterND out among them and add without a lock. Where two meet in a
    row, one addition is lost: in some calls, and not in others.

    Example:
        >>> unsafe_sums([])
        []
    """
    return [
        f"ScatterND {node.name}"
        for node in nodes
        if node.op_type == "ScatterND" and node.attributes.get_string("reduction", "none") != "none"
    ]
