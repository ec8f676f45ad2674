"""Kernels rendered on the taps of a grid, and a memory of those that did not change."""

from __future__ import annotations

import enum
import math
import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ccnn_pc._autograd import in_torch_func
from ccnn_pc._precision import own_types
from ccnn_pc._values import numbers, readable
from ccnn_pc.domains.base import ConvolutionTerms
from ccnn_pc.domains.grid.graph_nodes import coordinates_node, formula_node
from ccnn_pc.kernels.base import AbstractKernel
from ccnn_pc.ops.coordinates import tap_coordinates

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


def taps_within(terms: ConvolutionTerms, spacing: Sequence[float], furthest: Sequence[int]) -> Taps:
    """Taps inside of the support and where the window is not below the threshold.

    Args:
        terms: of the layer.
        spacing: of the grid, per axis.
        furthest: offsets beyond which no two samples lie, per axis.

    Returns:
        the smallest box of taps, or all of the support where no values can be read; the query itself is always in it.
    """
    lower, upper = [-1.0] * len(spacing), [1.0] * len(spacing)
    if not torch.compiler.is_compiling():
        corners = terms.window.support(terms.threshold)
        if readable(*corners):
            lower, upper = map(numbers, corners)
    extent = terms.reach_as_numbers()
    first, last = [], []
    for reach, step, low, high, far in zip(extent, spacing, lower, upper, furthest, strict=True):
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
    if terms.spacing is None or not readable(terms.spacing, terms.extent):
        return
    for here, then, reach in zip(spacing, numbers(terms.spacing), numbers(terms.extent), strict=True):
        if here > max(then, reach) * (1 + TAP_TOLERANCE):
            raise ValueError(
                f"'spacing' must be at most {reach:g}, as far as kernels reach, for a sample to have neighbours "
                f"(got {here:g}; trained at {then:g})"
            )


def render(terms: ConvolutionTerms, spacing: Sequence[float], taps: Taps) -> Tensor:
    """Windowed kernel at the taps: ``[*K, C]`` depthwise, ``[*K, C_in, C_out]`` full; float32 or better.

    Coordinates follow from integer offsets, so that rounding never decides whether a tap counts. On a CPU, without
    gradients and out of training mode, the last rendering of a kernel is kept, with copies of all that it was rendered
    from: it is used again where these have the same values, however they were set.
    """
    kept = not (torch.is_grad_enabled() or terms.kernel.training or in_torch_func())
    tensors = [terms.extent, *terms.kernel.parameters()]
    plain = kept and readable(*tensors) and terms.extent.device.type == "cpu"
    source = _Source.of(terms, tuple(spacing), taps) if plain else None
    if source is not None:
        entry = _memory.get(terms.kernel)
        if entry is not None and entry[0].equals(source):
            return entry[1]
    compiling = torch.compiler.is_compiling()
    if compiling:
        u = coordinates_node(terms, spacing, (taps.first, taps.last))
    else:
        u = tap_coordinates(terms.extent, spacing, taps.first, taps.last, terms.causal)
    with own_types(u.device.type):
        node = formula_node(u, terms) if compiling else None
        values = terms.kernel(u) * terms.window(u) if node is None else node
    if not terms.separable:
        values = values.unflatten(-1, (-1, terms.channels_in)).transpose(-2, -1)
    if source is not None:
        _memory[terms.kernel] = (source.copied(), values)
    return values


@dataclass(frozen=True)
class _Source:
    """Everything that a rendering depends on.

    Attributes:
        tensors: parameters and buffers of kernel and window, and the extent.
        parts: modules of kernel and window, their numbers and options; spacing, taps and the layer's options.
    """

    tensors: list[Tensor]
    parts: list[object]

    @staticmethod
    def of(terms: ConvolutionTerms, spacing: tuple[float, ...], taps: Taps) -> _Source:
        """What a rendering made now would depend on."""
        modules = [*terms.kernel.modules(), *terms.window.modules()]
        options = [
            v for m in modules for v in vars(m).values() if isinstance(v, (int, float, str, enum.Enum))
        ]
        tensors = [t for m in (terms.kernel, terms.window) for t in (*m.parameters(), *m.buffers())]
        rest = (spacing, taps, terms.causal, terms.separable, terms.channels_in)
        return _Source([*tensors, terms.extent], [*map(weakref.ref, modules), *options, *rest])

    def copied(self) -> _Source:
        """The same, with tensors of its own."""
        return _Source([t.detach().clone() for t in self.tensors], self.parts)

    def equals(self, other: _Source) -> bool:
        """Whether both have the same values; what is NaN never has."""
        return (
            self.parts == other.parts
            and [(t.dtype, t.device) for t in self.tensors] == [(t.dtype, t.device) for t in other.tensors]
            and all(map(torch.equal, self.tensors, other.tensors))
        )


_memory: weakref.WeakKeyDictionary[AbstractKernel, tuple[_Source, Tensor]] = weakref.WeakKeyDictionary()


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
