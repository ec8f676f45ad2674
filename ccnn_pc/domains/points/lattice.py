"""Convolution of points that lie on a lattice: one kernel evaluation per distinct offset."""

from __future__ import annotations

import torch
from torch import Tensor

from ccnn_pc.domains.base import ConvolutionTerms
from ccnn_pc.domains.factorized import fused_terms, penalty_from_moments
from ccnn_pc.domains.points.joined_rows import JoinedRows
from ccnn_pc.ops.coordinates import in_support, kernel_coordinates
from ccnn_pc.ops.points.lattice_convolution import lattice_convolution


def convolve_on_lattice(
    x: Tensor, terms: ConvolutionTerms, joined: JoinedRows, spacing: Tensor, tolerance: float | None
) -> tuple[Tensor, Tensor | None]:
    """As :meth:`PointSet.convolve`, for points on a lattice of that spacing ``[D]``.

    Returns:
        ``[m, C]``, and the kernel penalty if asked for.
    """
    profile, table = fused_terms(terms)
    offsets = joined.distinct(spacing)
    u = kernel_coordinates(offsets.steps * spacing, terms.extent.double(), terms.causal)
    inside = in_support(u, tolerance)[:, None].to(terms.extent)
    h, window = profile(u.clamp(-1, 1).to(terms.extent), inside)
    features = torch.cat([h * window, window], dim=1)
    rows = joined.within(float(terms.window.reach(terms.extent, terms.threshold)))
    y = lattice_convolution(x, rows, offsets.which, features, table)
    if not terms.penalty:
        return y, None
    weighted = features * joined.occurrences(rows, len(features)).to(features)[:, None]
    return y, penalty_from_moments(weighted.t() @ features, table, len(rows))
