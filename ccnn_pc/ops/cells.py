"""Cells of a box by their numbers, row by row."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def cell_coordinates(number: Tensor, shape: Sequence[int]) -> Tensor:
    """Place along each axis of cells ``number [n]`` of a box, int64 ``[n, D]``.

    Unlike :func:`torch.unravel_index` no copy from the host is waited for.

    Example:
        >>> cell_coordinates(torch.tensor([0, 5]), (2, 3)).tolist()
        [[0, 0], [1, 2]]
    """
    found = []
    for size in reversed(shape):
        found.append(number % size)
        number = torch.div(number, size, rounding_mode="floor")
    return torch.stack(found[::-1], dim=1)
