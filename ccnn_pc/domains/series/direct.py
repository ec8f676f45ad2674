"""Convolution of irregular series: each query reads a run of the samples before and after it."""

from __future__ import annotations

from torch import Tensor

from ccnn_pc.domains.base import ConvolutionTerms
from ccnn_pc.domains.factorized import fused_terms, penalty_from_moments
from ccnn_pc.ops.points.convolution import PointGeometry, point_convolution


def interval(terms: ConvolutionTerms, rounding: float) -> tuple[float, float]:
    """Offsets sample - query between which the window is not below the threshold; 0 is among them.

    Args:
        terms: of the layer.
        rounding: widens the interval by this part of it; never beyond the present of a causal layer.
    """
    low, high = (float(corner) for corner in terms.window.support(terms.threshold))
    extent, slack = float(terms.extent), 1 + rounding
    if terms.causal:
        return min(0.0, extent * (low - 1) / 2) * slack, 0.0
    return min(0.0, extent * low) * slack, max(0.0, extent * high) * slack


def convolve_runs(
    x: Tensor, terms: ConvolutionTerms, geometry: PointGeometry
) -> tuple[Tensor, Tensor | None]:
    """Weighted samples ``[n, C_in]`` to ``[m, C]`` by the fused operator, and the kernel penalty if asked for.

    Raises:
        TypeError: the kernel does not factorise.
    """
    profile, table = fused_terms(terms)
    y, moments = point_convolution(x, geometry, profile, table, gram=terms.penalty)
    return y, None if moments is None else penalty_from_moments(moments, table, len(geometry.rows))
