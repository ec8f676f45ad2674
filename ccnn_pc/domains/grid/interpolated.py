"""Grids coarser than that of training: what their samples stand for between them."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ccnn_pc.domains.base import ConvolutionTerms
from ccnn_pc.domains.grid.rendered import TAP_TOLERANCE, Taps, taps_within


class Interpolation(enum.Enum):
    """Data between samples that are farther apart than in training: not asked for (NONE), linear (LINEAR).

    NONE is the sum over samples, weighted by their spacing (CKConv, arXiv 2102.02611, eq. 5): it needs samples as dense
    as kernels are fine. LINEAR convolves the straight lines between samples at the spacing of training: of a
    :class:`ccnn_pc.domains.Grid` in every layer, of irregular series once (:func:`ccnn_pc.domains.resampled`).
    """

    NONE = "none"
    LINEAR = "linear"


def line_spacing(spacing: Sequence[float], trained: Sequence[float]) -> tuple[float, ...]:
    """Distance of the places that lines between samples are read at: that of training, or of the samples if less.

    Example:
        >>> line_spacing([2.0, 0.5], [1.0, 1.0])
        (1.0, 0.5)
    """
    return tuple(t if s > t * (1 + TAP_TOLERANCE) else s for s, t in zip(spacing, trained, strict=True))


def covering(
    terms: ConvolutionTerms, steps: Sequence[float], spacing: Sequence[float], furthest: Sequence[int]
) -> tuple[Taps, Taps]:
    """Taps of a kernel, and the samples whose lines they lie on.

    Args:
        terms: of the layer.
        steps: spacing of the taps, per axis.
        spacing: that of the samples.
        furthest: offsets beyond which no two samples lie.
    """
    within = [math.ceil((far + 1) * s / t) for far, s, t in zip(furthest, spacing, steps, strict=True)]
    fine = taps_within(terms, steps, within)
    first, last = [], []
    for a, b, step, width, far in zip(fine.first, fine.last, steps, spacing, furthest, strict=True):
        first.append(max(math.floor(a * step / width + TAP_TOLERANCE), -far))
        last.append(min(math.ceil(b * step / width - TAP_TOLERANCE), far))
    return fine, Taps(tuple(first), tuple(last))


def gathered(
    kernel: Tensor, fine: Taps, taps: Taps, steps: Sequence[float], spacing: Sequence[float]
) -> Tensor:
    r"""What each sample contributes to a convolution of the straight lines between samples.

    .. math:: \bar k_q = \frac{\tau}{\Delta} \sum_d \Lambda(d\,\tau / \Delta - q)\, k_d,
        \qquad \Lambda(s) = \max(0, 1 - |s|)

    with the spacing :math:`\tau` of the kernel's taps and that of the samples, :math:`\Delta`; axis by axis. With the
    weights :math:`w = \Delta / \tau` of the samples, :math:`\sum_q w\, \bar k_q\, x_{i+q} = \sum_d k_d\, \tilde x(q_i +
    d\,\tau)`, where :math:`\tilde x` is linear between samples and falls to 0 within one spacing beyond the last.

    Args:
        kernel: values at the fine taps ``[*K, ...]``.
        fine: its taps.
        taps: samples, see :func:`covering`.
        steps: spacing of the kernel's taps, per axis.
        spacing: spacing of the samples, per axis.
    """
    for axis, (step, width) in enumerate(zip(steps, spacing, strict=True)):
        if math.isclose(step, width, rel_tol=TAP_TOLERANCE):
            kernel = kernel.narrow(axis, taps.first[axis] - fine.first[axis], taps.shape[axis])
            continue
        place, sample = (
            torch.arange(t.first[axis], t.last[axis] + 1, device=kernel.device, dtype=torch.float64)
            for t in (fine, taps)
        )
        ratio = step / width
        hat = ratio * (1.0 - (place * ratio - sample[:, None]).abs()).clamp(min=0.0)
        kernel = torch.tensordot(hat.to(kernel), kernel.movedim(axis, 0), dims=1).movedim(0, axis)
    return kernel
