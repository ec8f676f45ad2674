"""Which targets of points are known, and angles between directions whose sign means nothing."""

from __future__ import annotations

import torch
from torch import Tensor


def known_targets(target: Tensor, directions: bool = False) -> Tensor:
    """Of which points the target ``[n, c]`` is known, bool ``[n]``: no number of it is NaN; directions are not 0."""
    known = ~target.isnan().any(dim=1)
    return known & target.ne(0).any(dim=1) if directions else known


def squared_cosine(first: Tensor, second: Tensor) -> Tensor:
    r"""Squared cosine of the angles between rows, ``[n]``: :math:`(a \cdot b)^2 / (|a|^2 |b|^2)`; 0 beside a zero row.

    Example:
        >>> squared_cosine(torch.tensor([[1.0, 0.0]]), torch.tensor([[-2.0, 0.0]])).item()
        1.0
    """
    lengths = first.square().sum(dim=1) * second.square().sum(dim=1)
    tiny = torch.finfo(first.dtype).tiny
    return (first * second).sum(dim=1).square() / lengths.clamp(min=tiny)


def angles(first: Tensor, second: Tensor) -> Tensor:
    """Angles between rows up to their sign, degrees ``[n]``.

    Example:
        >>> angles(torch.tensor([[0.0, 0.0, -2.0]]), torch.tensor([[0.0, 0.0, 1.0]])).item()
        0.0
    """
    return torch.rad2deg(squared_cosine(first, second).sqrt().clamp(max=1.0).acos())
