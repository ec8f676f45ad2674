"""Correlation on grids through the fast Fourier transform, one cache-sized chunk at a time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ccnn_pc.ops.grids.fft_lengths import fft_lengths
from ccnn_pc.ops.grids.fft_plan import FFTPlan


def fft_correlate(x: Tensor, kernel: Tensor, origin: Sequence[int]) -> Tensor:
    """``y[b, i] = Σ_t kernel[t] x[b, i + t - origin]``, zero outside; layouts as in ``grid_convolution``."""
    dim, depthwise = len(origin), kernel.dim() == x.dim() - 1
    plan = FFTPlan(x, kernel.shape[:dim], origin, whole=not depthwise)
    y = x.new_empty(*x.shape[:-1], kernel.shape[-1])
    if not depthwise:
        plan.write_samples(y, _mix(plan.samples(x), _full_kernel(plan, kernel)))
        return y
    for c, parts in plan.chunks():
        taps = plan.kernel(kernel[..., c])
        for b in parts:
            plan.write_samples(y[b, ..., c], plan.samples(x[b, ..., c]).mul_(taps))
    return y


def correlate_by_formula(x: Tensor, kernel: Tensor, origin: Sequence[int]) -> Tensor:
    """What :func:`fft_correlate` computes, all at once and in calls of torch that can be differentiated."""
    dim, depthwise = len(origin), kernel.dim() == x.dim() - 1
    shape, taps = x.shape[1:-1], kernel.shape[:dim]
    lengths, axes = fft_lengths(shape, taps, origin), list(range(1, dim + 1))
    sides = [side for a in reversed(origin) for side in (a, 0)]
    samples = torch.fft.rfftn(functional.pad(x, [0, 0, *sides]), lengths, axes)
    spectrum = torch.fft.rfftn(kernel[None], lengths, axes).conj()
    product = samples * spectrum if depthwise else (samples[..., None, :] @ spectrum)[..., 0, :]
    y = torch.fft.irfftn(product, lengths, axes)
    return y[(slice(None), *(slice(size) for size in shape))]


def fft_correlate_gradients(
    x: Tensor, g: Tensor, kernel: Tensor, origin: Sequence[int], needs: tuple[bool, bool] = (True, True)
) -> tuple[Tensor | None, Tensor | None]:
    """The gradients of :func:`fft_correlate` to samples and kernel, from one spectrum of ``g``.

    The gradient to the samples correlates ``g [B, *S, C_out]`` with the turned kernel; the gradient to the turned
    kernel correlates it with the samples.

    Args:
        x: samples ``[B, *S, C_in]``.
        g: gradient of the result ``[B, *S, C_out]``.
        kernel: ``[*K, C]`` depthwise, or ``[*K, C_in, C_out]``; only its shape counts for its own gradient.
        origin: as in :func:`fft_correlate`.
        needs: which ones; the other is None.
    """
    dim, depthwise = len(origin), kernel.dim() == x.dim() - 1
    after = [k - 1 - a for k, a in zip(kernel.shape[:dim], origin, strict=True)]
    plan = FFTPlan(g, kernel.shape[:dim], after, whole=not depthwise)
    grad_x = torch.empty_like(x, memory_format=torch.contiguous_format) if needs[0] else None
    grad_kernel = x.new_zeros(kernel.shape) if needs[1] else None
    axes = list(range(dim))
    if not depthwise:
        spectrum = plan.samples(g)
        if grad_kernel is not None:
            product = _mix(plan.cores(x).conj_physical_().transpose(0, 1), spectrum)
            grad_kernel.copy_(plan.to_taps(product).movedim((0, 1), (-2, -1)).flip(axes))
        if grad_x is not None:
            turned = _full_kernel(plan, kernel.flip(axes).transpose(-2, -1))
            plan.write_samples(grad_x, _mix(spectrum, turned))
        return grad_x, grad_kernel
    for c, parts in plan.chunks():
        taps = plan.kernel(kernel[..., c].flip(axes)) if needs[0] else None
        total: Tensor | None = None
        for b in parts:
            spectrum = plan.samples(g[b, ..., c])
            if grad_kernel is not None:
                part = plan.cores(x[b, ..., c]).conj_physical_().mul_(spectrum).sum((0, 2), keepdim=True)
                total = part if total is None else total.add_(part)
            if grad_x is not None and taps is not None:
                plan.write_samples(grad_x[b, ..., c], spectrum.mul_(taps))
        if grad_kernel is not None and total is not None:
            grad_kernel[..., c] = plan.to_taps(total)[0].movedim(0, -1).flip(axes)
    return grad_x, grad_kernel


def fft_correlate_samples(x: Tensor, g: Tensor, taps: Sequence[int], origin: Sequence[int]) -> Tensor:
    """``Σ_{b,i} g[b, i] x[b, i + t - origin]`` for every tap t: the gradient to a kernel of shape ``taps`` alone."""
    _, found = fft_correlate_gradients(x, g, x.new_empty(list(taps)), origin, (False, True))
    assert found is not None
    return found


def _full_kernel(plan: FFTPlan, kernel: Tensor) -> Tensor:
    """Conjugate spectrum ``[I, O, 1, *F]`` of taps ``[*K, I, O]``."""
    return plan.kernel(kernel.flatten(-2))[0].unflatten(0, kernel.shape[-2:])


def _mix(a: Tensor, b: Tensor) -> Tensor:
    """``Σ_j a[i, j, *F] b[j, o, *F]``: one small matrix product per frequency."""
    product = a.flatten(2).permute(2, 0, 1) @ b.flatten(2).permute(2, 0, 1)
    return product.permute(1, 2, 0).unflatten(2, a.shape[2:])
