"""Kernels rendered on the taps of a grid, and a memory of those that did not change."""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ccnn_pc.domains.base import ConvolutionTerms
from ccnn_pc.kernels.base import AbstractKernel
from ccnn_pc.ops.coordinates import kernel_coordinates

#: Part of a tap spacing that the edge of a kernel's support may be off by rounding.
TAP_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Taps:
    """Integer offsets sample - query of a grid kernel, per axis ``first .. last``, 0 among them."""

    first: tuple[int, ...]
    last: tuple[int, ...]

    @property
    def shape(self) -> list[int]:
        """Number of taps per axis K."""
        return [b - a + 1 for a, b in zip(self.first, self.last, strict=True)]

    @property
    def origin(self) -> list[int]:
        """Index of offset 0 per axis."""
        return [-a for a in self.first]

    def offsets(self, device: torch.device) -> Tensor:
        """Offsets of all taps ``[*K, D]``, float64."""
        axes = [
            torch.arange(a, b + 1, device=device, dtype=torch.float64)
            for a, b in zip(self.first, self.last, strict=True)
        ]
        return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)


def taps_within(terms: ConvolutionTerms, spacing: Sequence[float], furthest: Sequence[int]) -> Taps:
    """Taps inside of the support and where the window is not below the threshold.

    Args:
        terms: of the layer.
        spacing: of the grid, per axis.
        furthest: offsets beyond which no two samples lie, per axis.

    Returns:
        the smallest box of taps; the query itself is always in it.
    """
    lower, upper = (corner.tolist() for corner in terms.window.support(terms.threshold))
    first, last = [], []
    for reach, step, low, high, far in zip(
        terms.extent.tolist(), spacing, lower, upper, furthest, strict=True
    ):
        back, ahead = (
            (reach * (low - 1) / 2, reach * (high - 1) / 2) if terms.causal else (reach * low, reach * high)
        )
        first.append(max(min(0, math.ceil(back / step - TAP_TOLERANCE)), -far))
        last.append(min(max(0, math.floor(ahead / step + TAP_TOLERANCE)), far))
    return Taps(tuple(first), tuple(last))


def check_resolution(terms: ConvolutionTerms, spacing: Sequence[float]) -> None:
    """Samples must be as close as in training, or as kernels reach.

    Raises:
        ValueError: they are farther apart, so that no sample would have a neighbour.
    """
    if terms.spacing is None:
        return
    for here, then, reach in zip(spacing, terms.spacing.tolist(), terms.extent.tolist(), strict=True):
        if here > max(then, reach) * (1 + TAP_TOLERANCE):
            raise ValueError(
                f"'spacing' must be at most {reach:g}, as far as kernels reach, for a sample to have neighbours "
                f"(got {here:g}; trained at {then:g})"
            )


def render(terms: ConvolutionTerms, spacing: Sequence[float], taps: Taps) -> Tensor:
    """Windowed kernel at the taps: ``[*K, C]`` depthwise, ``[*K, C_in, C_out]`` full.

    Coordinates follow from integer offsets, so that rounding never decides whether a tap counts. Without gradients and
    out of training mode the last rendering of a kernel is kept until a parameter changes.
    """
    kept = not torch.is_grad_enabled() and not terms.kernel.training
    state = _state(terms, tuple(spacing), taps) if kept else None
    if state is not None:
        entry = _memory.get(terms.kernel)
        if entry is not None and entry[0] == state:
            return entry[1]
    rel = taps.offsets(terms.extent.device) * torch.tensor(spacing, dtype=torch.float64).to(
        terms.extent.device
    )
    u = kernel_coordinates(rel, terms.extent.double(), terms.causal).clamp(-1, 1).to(terms.extent)
    values = terms.kernel(u) * terms.window(u)
    if not terms.separable:
        values = values.unflatten(-1, (-1, terms.channels_in)).transpose(-2, -1)
    if state is not None:
        _memory[terms.kernel] = (state, values)
    return values


def smoothed(kernel: Tensor, deviations: float, trained: Sequence[float], spacing: Sequence[float]) -> Tensor:
    r"""A rendered kernel, blurred along axes that are finer than in training.

    .. math::
        \tilde k_t = \sum_s g_{t-s} k_s, \qquad
        g_s \propto \exp(-\tfrac12 (s \Delta / \sigma)^2), \quad \sum_s g_s = 1

    with :math:`\sigma` = ``deviations`` times the spacing of training (CKConv, arXiv 2102.02611, appendix E.3; the
    released code neither normalises nor scales with the ratio). Beyond its ends the kernel is 0.

    Args:
        kernel: ``[*K, ...]``.
        deviations: standard deviation, in spacings of training.
        trained: spacing of training, per axis.
        spacing: spacing of the kernel's taps, per axis.
    """
    for axis, (coarse, fine) in enumerate(zip(trained, spacing, strict=True)):
        if fine >= coarse * (1 - TAP_TOLERANCE):
            continue
        width = deviations * coarse / fine
        reach = max(1, math.ceil(4 * width))
        steps = torch.arange(-reach, reach + 1, dtype=torch.float64, device=kernel.device)
        weights = torch.exp(-0.5 * (steps / width).square())
        weights = (weights / weights.sum()).to(kernel)
        rows = kernel.movedim(axis, -1)
        flat = torch.nn.functional.conv1d(
            rows.reshape(-1, 1, rows.shape[-1]), weights.view(1, 1, -1), padding=reach
        )
        kernel = flat.view(rows.shape).movedim(-1, axis)
    return kernel


_memory: weakref.WeakKeyDictionary[AbstractKernel, tuple[object, Tensor]] = weakref.WeakKeyDictionary()


def _state(terms: ConvolutionTerms, spacing: tuple[float, ...], taps: Taps) -> object:
    """Everything that a rendering depends on; a parameter changes its version, or its memory, when it changes."""
    parts = [*terms.kernel.parameters(), *terms.window.parameters()]
    tensors = [*parts, *terms.kernel.buffers(), *terms.window.buffers(), terms.extent]
    versions = tuple((t.data_ptr(), t._version, t.dtype, t.device) for t in tensors)
    return versions, spacing, taps, terms.causal, terms.separable, terms.channels_in
