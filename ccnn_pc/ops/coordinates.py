"""Kernel coordinates: where in its own support a kernel is read for a given offset."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ccnn_pc._values import placed

#: How far outside of ``|u_d| <= 1`` still counts as inside, for offsets that are differences of floats.
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}
#: Causal coordinates of later samples are at least this far beyond the present, lest rounding makes them present.
FUTURE = 1e-3


def kernel_coordinates(rel: Tensor, extent: Tensor, causal: bool = False) -> Tensor:
    r"""Map offsets to kernel coordinates.

    .. math:: u = \mathrm{rel} / \mathrm{extent} \;\text{(centred)}, \qquad u = 1 + 2\,\mathrm{rel} / \mathrm{extent}

    A centred kernel reaches ``extent`` to both sides. A causal one (one axis) reaches back by ``extent``; the current
    sample sits at +1 and the oldest at -1, as in CKConv (section 4.1) and FlexConv. Samples that are later by whatever
    little come out at 1.001 or above, outside of the support.

    Args:
        rel: offsets sample - query ``[..., D]``, in position units.
        extent: reach per axis ``[D]``, in the same units.
        causal: whether the kernel sees the past only.

    Returns:
        Kernel coordinates ``[..., D]``, without unit.

    Example:
        >>> kernel_coordinates(torch.tensor([[-2.0], [0.0]]), torch.tensor([4.0])).flatten().tolist()
        [-0.5, 0.0]
        >>> kernel_coordinates(torch.tensor([[-4.0], [0.0]]), torch.tensor([4.0]), causal=True).flatten().tolist()
        [-1.0, 1.0]
    """
    scaled = rel / extent.to(rel)
    if not causal:
        return scaled
    u = 1 + 2 * scaled
    return torch.where(rel > 0, u.clamp(min=1 + FUTURE), u)


def tap_coordinates(
    extent: Tensor, spacing: Sequence[float], first: Sequence[int], last: Sequence[int], causal: bool = False
) -> Tensor:
    """Kernel coordinates ``[*K, D]`` of the taps ``first .. last`` of a grid, in the type of ``extent``.

    They follow from integer offsets in float64, so that rounding never decides whether a tap counts.

    Example:
        >>> tap_coordinates(torch.tensor([4.0]), [2.0], [-2], [1]).flatten().tolist()
        [-1.0, -0.5, 0.0, 0.5]
    """
    axes = [
        torch.arange(a, b + 1, device=extent.device, dtype=torch.float64)
        for a, b in zip(first, last, strict=True)
    ]
    steps = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
    rel = steps * placed(spacing, extent.device)
    return kernel_coordinates(rel, extent.double(), causal).clamp(-1, 1).to(extent)


def in_support(u: Tensor, tolerance: float | Tensor | None = None) -> Tensor:
    r"""Whether kernel coordinates lie in the support :math:`|u_d| \le 1`, up to rounding.

    Args:
        u: kernel coordinates ``[..., D]``.
        tolerance: how far outside is still inside; default 1e-6 in float32 and 1e-12 in float64. Domains that know
            the tap spacing pass a fraction of it.

    Returns:
        Boolean ``[...]``.

    Example:
        >>> in_support(torch.tensor([[1.0, -1.0], [0.0, 1.1]])).tolist()
        [True, False]
        >>> in_support(torch.tensor([[1.0, -1.001]]), tolerance=1e-2).tolist()
        [True]
    """
    slack = TOLERANCE.get(u.dtype, 1e-6) if tolerance is None else tolerance
    return (u.abs() <= 1 + slack).all(dim=-1)
