"""Binary search in many sorted runs at once: which stamps of its own series lie before a given time."""

from __future__ import annotations

import torch
from torch import Tensor


def search_segments(
    values: Tensor, pointer: Tensor, wanted: Tensor, segment: Tensor, *, right: bool = False
) -> Tensor:
    """First place in its segment whose value is not below ``wanted`` (with ``right``: is above it).

    What :func:`torch.searchsorted` does for one sorted run, for runs of any lengths, by comparing the values
    themselves: shifting runs apart, so that one search serves all, would round large time stamps.

    Args:
        values: sorted within each segment, ``[n]``.
        pointer: segment s holds ``values[pointer[s] : pointer[s + 1]]``, int64 ``[S + 1]``.
        wanted: what to look for, ``[m]``, in the type of ``values``.
        segment: where to look, int64 ``[m]``.
        right: go past equal values.

    Returns:
        Places in ``values``, int64 ``[m]``; the end of the segment where every value is below.

    Example:
        >>> values, pointer = torch.tensor([1.0, 2.0, 2.0, 0.5]), torch.tensor([0, 3, 4])
        >>> search_segments(values, pointer, torch.tensor([2.0, 2.0]), torch.tensor([0, 1])).tolist()
        [1, 4]
        >>> search_segments(values, pointer, torch.tensor([2.0]), torch.tensor([0]), right=True).tolist()
        [3]
    """
    if torch.compiler.is_compiling():
        return _node(values, pointer, wanted, segment, right)
    return _search(values, pointer, wanted, segment, right)


def _search(values: Tensor, pointer: Tensor, wanted: Tensor, segment: Tensor, right: bool) -> Tensor:
    low, high = pointer[segment], pointer[segment + 1]
    longest = len(values)  # a few steps more, but no device is waited for
    if pointer.device.type == "cpu" and len(pointer) > 1:
        longest = int((pointer[1:] - pointer[:-1]).max())
    for _ in range(longest.bit_length()):
        open_ = low < high
        middle = torch.div(low + high, 2, rounding_mode="floor")
        value = values[middle.clamp(max=len(values) - 1)]
        below = ((value <= wanted) if right else (value < wanted)) & open_
        low = torch.where(below, middle + 1, low)
        high = torch.where(open_ & ~below, middle, high)
    return low


@torch.library.custom_op("ccnn_pc::search_segments", mutates_args=())
def _node(values: Tensor, pointer: Tensor, wanted: Tensor, segment: Tensor, right: bool) -> Tensor:
    return _search(values, pointer, wanted, segment, right)  # as many steps as the longest segment asks for


@_node.register_fake
def _(values, pointer, wanted, segment, right):  # type: ignore[no-untyped-def]
    return pointer.new_empty(segment.shape)
