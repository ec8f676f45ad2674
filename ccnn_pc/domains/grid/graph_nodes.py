"""What grids compute beside their sums, as nodes of graphs: coordinates of taps, kernels that are known formulas.

Traced call by call kernel networks are most of a graph, and of the time that it takes to compile; there is little in
them for a compiler to fuse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ccnn_pc._values import numbers, placed
from ccnn_pc.domains.base import ConvolutionTerms
from ccnn_pc.kernels.base import FactorizedKernel
from ccnn_pc.kernels.formula import formula_of, gaussian_of
from ccnn_pc.native.reference import FEATURES
from ccnn_pc.ops.coordinates import tap_coordinates


def coordinates_node(
    terms: ConvolutionTerms, spacing: Sequence[float], taps: Sequence[Sequence[int]]
) -> Tensor:
    """Kernel coordinates of taps ``[*K, D]``; taps: the first and the last per axis.

    Graphs read no numbers: how many taps there are, and what samples weigh, stays as it was when they were compiled.
    With other values in a layer's buffers they would compute what no layer does.

    Raises:
        ValueError: other values, when the graph runs (on a CPU; elsewhere an error of the device).
    """
    buffers = [terms.extent] if terms.spacing is None else [terms.extent, terms.spacing]
    known = [value for each in (terms.known or ())[: len(buffers)] for value in each]
    found: Tensor = _coordinates(buffers, known, list(spacing), *map(list, taps), terms.causal)
    return found


@torch.library.custom_op("ccnn_pc::tap_coordinates", mutates_args=())
def _coordinates(
    buffers: Sequence[Tensor],
    known: Sequence[float],
    spacing: Sequence[float],
    first: Sequence[int],
    last: Sequence[int],
    causal: bool,
) -> Tensor:
    values = torch.cat(list(buffers))
    if values.device.type != "cpu":  # nobody waits for the device
        wanted = placed(known, values.device).to(values)
        torch._assert_async(torch.isclose(values, wanted, rtol=1e-6, atol=0.0).all())
    elif not all(math.isclose(a, b, rel_tol=1e-6) for a, b in zip(numbers(values), known, strict=True)):
        raise ValueError(
            f"'extent' and 'spacing' must be {list(known)}, as when the graph was compiled, for it to hold (got "
            f"{numbers(values)}): set them through load_state_dict, then compile or export anew"
        )
    return tap_coordinates(buffers[0], spacing, first, last, causal).clone()


@_coordinates.register_fake
def _(buffers, known, spacing, first, last, causal):  # type: ignore[no-untyped-def]
    taps = [b - a + 1 for a, b in zip(first, last, strict=True)]
    return buffers[0].new_empty(*taps, len(taps))


def formula_node(u: Tensor, terms: ConvolutionTerms) -> Tensor | None:
    """Windowed kernel ``[..., C]`` at coordinates ``u [..., D]``; None where kernel or window is no known formula."""
    kernel = terms.kernel
    if not isinstance(kernel, FactorizedKernel) or u.requires_grad:
        return None
    formula, gaussian = formula_of(kernel), gaussian_of(terms.window)
    if formula is None or gaussian is None:
        return None
    weight, bias = kernel.readout.weight, kernel.readout.bias
    first = (weight, weight.new_zeros(len(weight)) if bias is None else bias, *gaussian)
    sizes = [formula.hidden_channels, formula.num_layers]
    flat: Tensor = _node(u.flatten(0, -2), [*first, *formula.numbers], formula.function.name, sizes)
    return flat.unflatten(0, u.shape[:-1])


def formula_values(u: Tensor, tensors: Sequence[Tensor], family: str, sizes: Sequence[int]) -> Tensor:
    """``m(u) K(u)``, ``[E, C]``; tensors: read-out, bias, mean and precision of the window, the formula's."""
    weight, bias, mean, precision, *numbers = tensors
    features = FEATURES[family](u.to(weight), torch.cat([number.reshape(-1) for number in numbers]), *sizes)
    window = torch.exp(-(precision * (u.to(mean) - mean).square()).sum(1, keepdim=True))
    return torch.addmm(bias, features, weight.t()) * window


@torch.library.custom_op("ccnn_pc::rendered_formula", mutates_args=())
def _node(u: Tensor, tensors: Sequence[Tensor], family: str, sizes: Sequence[int]) -> Tensor:
    return formula_values(u, tensors, family, sizes)


@_node.register_fake
def _(u, tensors, family, sizes):  # type: ignore[no-untyped-def]
    return tensors[0].new_empty(len(u), len(tensors[0]))


@torch.library.custom_op("ccnn_pc::rendered_formula_backward", mutates_args=())
def _backward(
    grad: Tensor, u: Tensor, tensors: Sequence[Tensor], family: str, sizes: Sequence[int]
) -> list[Tensor]:
    pull = torch.func.vjp(lambda *given: formula_values(u, given, family, sizes), *tensors)[1]
    return [gradient.clone(memory_format=torch.contiguous_format) for gradient in pull(grad)]


@_backward.register_fake
def _(grad, u, tensors, family, sizes):  # type: ignore[no-untyped-def]
    return [tensor.new_empty(tensor.shape) for tensor in tensors]


def _keep(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    u, tensors, ctx.family, ctx.sizes = inputs
    ctx.save_for_backward(u, *tensors)


def _differentiate(ctx, grad):  # type: ignore[no-untyped-def]
    u, *tensors = ctx.saved_tensors
    return None, _backward(grad, u, tensors, ctx.family, ctx.sizes), None, None


_node.register_autograd(_differentiate, setup_context=_keep)
