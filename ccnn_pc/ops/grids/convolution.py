"""Convolution on regular grids with rendered kernels: direct or through the Fourier transform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ccnn_pc._autograd import Operator, Tensors
from ccnn_pc._choices import choice
from ccnn_pc._precision import at_least_single, autocast_type, own_types
from ccnn_pc.ops.grids.direct import direct_correlate, direct_correlate_samples
from ccnn_pc.ops.grids.fft import (
    correlate_by_formula,
    fft_correlate,
    fft_correlate_gradients,
    fft_correlate_samples,
)
from ccnn_pc.ops.grids.method import Method, is_direct


def grid_convolution(
    x: Tensor,
    kernel: Tensor,
    origin: Sequence[int],
    *,
    circular: bool = False,
    method: Method = Method.AUTO,
) -> Tensor:
    r"""Cross-correlate samples on a regular grid with a rendered kernel.

    .. math:: y_{b,i} = \sum_t k_t \, x_{b,\, i + t - a}

    Every path returns the same numbers up to rounding, for odd and even sizes and any number of taps. The rule of
    ``AUTO`` is :func:`ccnn_pc.ops.grids.method.is_direct`: direct for few taps, FFT beyond. Transforms, gradients
    to kernels and all sums on CPUs are float32 or better, whatever the types; direct sums on other devices are in the
    type of the result.

    Args:
        x: samples ``[B, *S, C_in]``, channels last.
        kernel: depthwise ``[*K, C]`` (C = C_in), or full ``[*K, C_in, C_out]``.
        origin: index a of the tap with offset 0, per axis: K // 2 for a centred kernel, K - 1 for a causal one.
        circular: samples repeat outside of the grid; else they are zero.
        method: how.

    Returns:
        ``[B, *S, C]`` in the type of x (under autocast in that of autocast); differentiable in ``x`` and ``kernel``.

    Raises:
        ValueError: shapes that do not fit, or a circular kernel of more taps than the grid has samples.

    Example:
        >>> x = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1)
        >>> k = torch.tensor([10.0, 1.0]).view(2, 1)  # ten times the sample before, and the sample
        >>> grid_convolution(x, k, [1]).flatten().tolist()
        [1.0, 12.0, 23.0]
    """
    method = choice("method", method, Method)
    dim = x.dim() - 2
    if dim < 1 or kernel.dim() not in (dim + 1, dim + 2):
        raise ValueError(
            f"'kernel' must have {dim + 1} axes (depthwise) or {dim + 2} (full) for 'x' of shape {list(x.shape)} "
            f"(got {list(kernel.shape)})"
        )
    if kernel.shape[dim] != x.shape[-1]:
        raise ValueError(
            f"'kernel' must have {x.shape[-1]} input channels like 'x' (got {kernel.shape[dim]})"
        )
    taps = list(kernel.shape[:dim])
    if len(origin) != dim or any(not 0 <= a < k for a, k in zip(origin, taps, strict=True)):
        raise ValueError(f"'origin' must name one of {taps} taps per axis (got {list(origin)})")
    shape = list(x.shape[1:-1])
    if not circular:
        if not torch.compiler.is_compiling():
            kept, origin = _within_reach(taps, origin, shape)
            kernel = kernel[kept]
        return _correlation(x, kernel, origin, method)
    if any(k > s for k, s in zip(taps, shape, strict=True)):
        raise ValueError(
            f"'kernel' must have at most {shape} taps on a circular grid of that shape (got {taps})"
        )
    y = _correlation(_padded(x, taps, origin, "circular"), kernel, origin, method)
    return y[(slice(None), *(slice(a, a + s) for a, s in zip(origin, shape, strict=True)))]


def count_pairs(
    samples: Tensor, queries: Tensor, taps: Sequence[int], origin: Sequence[int], *, circular: bool = False
) -> Tensor:
    """How many cells of ``queries [B, *S, 1]`` find one of ``samples`` at each tap, ``[*K]``; cells hold counts."""
    if circular:
        samples = _padded(samples, taps, origin, "circular")
        queries = _padded(queries, taps, origin, "constant")
    found: Tensor = _count_pairs(samples, queries, list(taps), list(origin))
    return found


@torch.library.custom_op("ccnn_pc::count_pairs", mutates_args=())
def _count_pairs(samples: Tensor, queries: Tensor, taps: Sequence[int], origin: Sequence[int]) -> Tensor:
    return fft_correlate_samples(samples, queries, [*taps, 1], origin)[..., 0].round()


@_count_pairs.register_fake
def _(samples, queries, taps, origin):  # type: ignore[no-untyped-def]
    return samples.new_empty(taps)


def _padded(x: Tensor, taps: Sequence[int], origin: Sequence[int], mode: str) -> Tensor:
    """``x [B, *S, C]`` with what the outermost outputs read, per axis."""
    sides = [
        p for k, a in zip(reversed(list(taps)), reversed(list(origin)), strict=True) for p in (a, k - 1 - a)
    ]
    return functional.pad(x.movedim(-1, 1), sides, mode=mode).movedim(1, -1)


def _within_reach(
    taps: Sequence[int], origin: Sequence[int], shape: Sequence[int]
) -> tuple[tuple[slice, ...], list[int]]:
    """The taps with offsets that join two samples of the grid, and where offset 0 is among them."""
    first = [max(0, a - (s - 1)) for a, s in zip(origin, shape, strict=True)]
    kept = tuple(slice(f, a + s) for f, a, s in zip(first, origin, shape, strict=True))
    return kept, [a - f for a, f in zip(origin, first, strict=True)]


@dataclass(frozen=True)
class _Correlation:
    """How to correlate: the tap of offset 0, the method, and the type of the result."""

    origin: tuple[int, ...]
    method: Method
    result: torch.dtype


def _correlation(x: Tensor, kernel: Tensor, origin: Sequence[int], method: Method) -> Tensor:
    settings = _Correlation(tuple(origin), method, autocast_type(x))
    with own_types(x.device.type):
        (y,) = _CORRELATE(settings, x, kernel)
    return y


def _forward(tensors: Tensors, settings: _Correlation) -> tuple[Tensor, ...]:
    x, kernel = tensors
    direct = is_direct(settings.method, x, kernel, settings.origin)
    x, kernel = _for_sums(settings.result, direct, x, kernel)
    return ((direct_correlate if direct else fft_correlate)(x, kernel, settings.origin).to(settings.result),)


def _formula(tensors: Tensors, settings: _Correlation) -> tuple[Tensor, ...]:
    x, kernel = tensors
    direct = is_direct(settings.method, x, kernel, settings.origin)
    x, kernel = _for_sums(settings.result, False, x, kernel)
    correlate = direct_correlate if direct else correlate_by_formula
    return (correlate(x, kernel, settings.origin).to(settings.result),)


def _backward(
    tensors: Tensors, grads: Tensors, wanted: Sequence[bool], settings: _Correlation
) -> Sequence[Tensor | None]:
    x, kernel = tensors
    found = _gradients(x, grads[0].contiguous(), kernel, settings.origin, settings.method, wanted)
    return [None if g is None else g.to(like) for g, like in zip(found, tensors, strict=True)]


@torch.library.custom_op("ccnn_pc::grid_correlation", mutates_args=())
def _correlate(x: Tensor, kernel: Tensor, origin: list[int], method: str, result: torch.dtype) -> Tensor:
    kept, origin = _within_reach(kernel.shape[: len(origin)], origin, x.shape[1:-1])
    (y,) = _forward((x, kernel[kept]), _Correlation(tuple(origin), Method(method), result))
    return y.contiguous()


@_correlate.register_fake
def _(x, kernel, origin, method, result):  # type: ignore[no-untyped-def]
    return x.new_empty(*x.shape[:-1], kernel.shape[-1], dtype=result)


@torch.library.custom_op("ccnn_pc::grid_correlation_backward", mutates_args=())
def _correlate_backward(
    grad: Tensor, x: Tensor, kernel: Tensor, origin: list[int], method: str, wanted: list[bool]
) -> list[Tensor]:
    kept, origin = _within_reach(kernel.shape[: len(origin)], origin, x.shape[1:-1])
    settings = _Correlation(tuple(origin), Method(method), grad.dtype)
    grad_x, part = _backward((x, kernel[kept]), (grad,), wanted, settings)
    grad_kernel = None if part is None else torch.zeros_like(kernel)
    if grad_kernel is not None and part is not None:
        grad_kernel[kept] = part
    return [x.new_empty(0) if g is None else g.contiguous() for g in (grad_x, grad_kernel)]


@_correlate_backward.register_fake
def _(grad, x, kernel, origin, method, wanted):  # type: ignore[no-untyped-def]
    pairs = zip((x, kernel), wanted, strict=True)
    return [like.new_empty(like.shape) if wants else x.new_empty(0) for like, wants in pairs]


def _keep(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    x, kernel, ctx.origin, ctx.method, _ = inputs
    ctx.save_for_backward(x, kernel)


def _differentiate(ctx, grad):  # type: ignore[no-untyped-def]
    wanted = [bool(needs) for needs in ctx.needs_input_grad[:2]]
    found = _correlate_backward(grad, *ctx.saved_tensors, ctx.origin, ctx.method, wanted)
    return *(g if wants else None for g, wants in zip(found, wanted, strict=True)), None, None, None


_correlate.register_autograd(_differentiate, setup_context=_keep)


def _node(tensors: Tensors, settings: _Correlation) -> tuple[Tensor, ...]:
    return (_correlate(*tensors, list(settings.origin), settings.method.value, settings.result),)


_CORRELATE = Operator(
    _forward, _backward, _formula, lambda axes: (0, 1) if axes[1] == axes[0] - 1 else (), node=_node
)


def _for_sums(result: torch.dtype, direct: bool, *tensors: Tensor) -> tuple[Tensor, ...]:
    """Tensors in the type that sums run in: float32 for half precision, but for direct sums on GPUs."""
    coarse = direct and tensors[0].device.type != "cpu"
    return tuple(t.to(result if coarse else at_least_single(result)) for t in tensors)


def _gradients(
    x: Tensor, g: Tensor, kernel: Tensor, origin: Sequence[int], method: Method, needs: Sequence[bool]
) -> tuple[Tensor | None, Tensor | None]:
    """To samples and kernel, each by its own rule; what goes through the Fourier transform goes together."""
    by_fft = (
        needs[0] and not is_direct(method, x, kernel, origin),
        needs[1] and not is_direct(method, x, kernel, origin, gradient=True),
    )
    result = g.dtype
    x, g, kernel = _for_sums(result, False, x, g, kernel)
    grad_x, grad_kernel = (
        fft_correlate_gradients(x, g, kernel, origin, by_fft) if any(by_fft) else (None, None)
    )
    if needs[1] and grad_kernel is None:
        grad_kernel = direct_correlate_samples(x, g, kernel.shape, origin)
    if needs[0] and grad_x is None:
        g, kernel = _for_sums(result, True, g, kernel)
        grad_x = direct_correlate(g, *_turned(kernel, origin))
    return grad_x, grad_kernel


def _turned(kernel: Tensor, origin: Sequence[int]) -> tuple[Tensor, list[int]]:
    """The kernel of the gradient to the samples, and where its offset 0 is."""
    dim = len(origin)
    turned = kernel.flip(list(range(dim)))
    after = [k - 1 - a for k, a in zip(kernel.shape[:dim], origin, strict=True)]
    return turned.transpose(-2, -1) if kernel.dim() == dim + 2 else turned, after
