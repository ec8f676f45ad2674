"""How far samples step to the next one, and whether they stand at the end of their range: noise, and clipped peaks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ccnn_pc.ops.moments import Array, Pointer, Range, Values, ranges

#: Samples of a batch whose neighbours are looked at; how many stand in a row where they are clipped, and in all.
_LOOKED_AT, _ROW, _FEWEST = 1 << 15, 3, 4


def roughness(squares: Array, deviation: Array) -> tuple[Range, ...]:
    r"""How rough each channel is, the least and the most of the items; NaN of constants.

    .. math:: \sqrt{\overline{(x_{i+1} - x_i)^2} / 2 \sigma^2}

    is 1 of white noise, and less of all that is smooth; mean squares of steps and :math:`\sigma` within an item,
    ``[C, B]``.

    Example:
        >>> x = np.sin(np.arange(200) / 9)
        >>> round(roughness(np.array([[np.square(np.diff(x)).mean()]]), np.array([[x.std()]]))[0].most, 2)
        0.08
    """
    rough = np.sqrt(squares / np.where(deviation > 0, 2 * np.square(deviation), math.nan))
    return ranges(rough)


def steps_of_arrays(
    columns: Values, shape: Sequence[int], deviation: Array
) -> tuple[tuple[Range, ...], tuple[float, ...]]:
    """Roughness of arrays along their axes, and of sequences the share of samples that are clipped; of some items.

    Example:
        >>> x = np.sin(np.arange(200) / 9).clip(max=0.5)
        >>> rough, clipped = steps_of_arrays(x[None], [200], np.array([[x.std()]]))
        >>> round(rough[0].most, 2), round(clipped[0], 2)
        (0.09, 0.34)
    """
    if not columns.size or max(shape) < _ROW:
        return (), ()
    some = slice(None, None, max(1, columns.shape[1] // _LOOKED_AT))
    items, deviation = columns.reshape(len(columns), -1, *shape)[:, some], deviation[:, some]
    axes = tuple(range(2, items.ndim))
    steps = (
        np.diff(items, axis=axis).reshape(*deviation.shape, -1) for axis in axes if items.shape[axis] > 1
    )
    squares: Array = np.mean([np.einsum("cbn,cbn->cb", each, each) / each.shape[2] for each in steps], axis=0)
    return roughness(squares, deviation), _clipped(items, deviation) if len(axes) == 1 else ()


def squares_to_nearest(x: Values, nearest: Pointer, pointer: Pointer) -> Array:
    """Mean squares of the steps from each point of a cloud to the nearest other one, ``[C, B]``.

    Example:
        >>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> squares_to_nearest(x, np.array([1, 0, 3, 2]), np.array([0, 4])).tolist()
        [[0.0], [1.0]]
    """
    steps = (x.take(nearest, axis=0) - x).astype(np.float64)
    found: Array = np.add.reduceat(np.square(steps), pointer[:-1], axis=0).T / (pointer[1:] - pointer[:-1])
    return found


def _clipped(items: Values, deviation: Array) -> tuple[float, ...]:
    """Mean share of samples at the top, of sequences ``[C, B, S]``; 0 of constants, and where steps are all over."""
    top = items == items.max(axis=2, keepdims=True)
    top = top[..., 2:] & top[..., 1:-1] & top[..., :-2]
    if not top.any():
        return (0.0,) * len(items)  # as most often
    usual = np.sqrt(np.square(deviation).mean(axis=1))[:, None, None]
    real = np.abs(items[..., 2:]) > 1e-5 * usual  # 0: behind the end, or not observed
    level = (items[..., 2:] == items[..., 1:-1]) & (items[..., 1:-1] == items[..., :-2]) & real
    share, steps = ((each & level).mean(axis=2) for each in (top, level))
    runs = top[..., :1].sum(axis=2) + (top[..., 1:] & ~top[..., :-1]).sum(
        axis=2
    )  # one or two: a value was kept
    found = (share < 0.5) & (share > 0.3 * steps) & (share * items.shape[2] > _FEWEST) & (runs >= _ROW)
    return tuple(np.where(found, share, 0.0).mean(axis=1).tolist())
