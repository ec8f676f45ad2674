"""Values of each item of a batch, channel by channel: how large, where, how far they vary, between which ends."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ccnn_pc.ops.moments import Moments, Range, Row, Side

#: The first ones of :class:`ItemValues`.
_OF_VALUES = (Row.ROOT, Row.MEAN, Row.DEVIATION, Row.LOW, Row.HIGH)


class ItemValues(NamedTuple):
    """Of each channel, over the items of a batch; NaN where it was observed in none.

    Attributes:
        scale: root mean square; 0 where nothing was observed.
        mean, deviation: of an item.
        lowest, highest: the least and the largest value of an item.
        skewness: of an item; that of the values turned round in sign has the other sign.
        faintest: root mean squares of the channels in the item that has least in all of them together.
    """

    scale: tuple[Range, ...]
    mean: tuple[Range, ...]
    deviation: tuple[Range, ...]
    lowest: tuple[Range, ...]
    highest: tuple[Range, ...]
    skewness: tuple[Side, ...]
    faintest: tuple[float, ...]


def on_host(x: Tensor) -> Any:
    """A tensor as an array; half precision as float32."""
    x = x.detach().cpu()
    return (x.float() if x.dtype in (torch.float16, torch.bfloat16) else x).numpy()


def item_values(found: Moments) -> ItemValues:
    """The least and the most among the items.

    Example:
        >>> import numpy as np
        >>> from ccnn_pc.ops.moments import moments
        >>> found = item_values(moments(np.array([[1.0], [3.0], [5.0], [5.0]]), np.array([0, 2, 4])))
        >>> found.mean, found.deviation, found.highest
        ((Range(least=2.0, most=5.0),), (Range(least=0.0, most=1.0),), (Range(least=3.0, most=5.0),))
    """
    least, most, _ = found.ends.tolist()
    scale, mean, deviation, low, high = (tuple(map(Range, least[row], most[row])) for row in _OF_VALUES)
    skewness = found.sides(Row.SKEWNESS)
    faintest = tuple(found.of(Row.ROOT)[:, found.faintest].tolist())
    return ItemValues(scale, mean, deviation, low, high, skewness, faintest)
