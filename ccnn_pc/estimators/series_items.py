"""What series are once they were read."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Hashable
from typing import NamedTuple

import numpy as np


class Channels(enum.Enum):
    """Which axis of ``[N, ., .]`` counts channels; AUTO: the shorter one, where it is plain (:func:`is_plain`)."""

    AUTO = "auto"
    FIRST = "first"
    LAST = "last"


def is_plain(shorter: int, longer: int) -> bool:
    """Whether the shorter of two axes can only count channels.

    Four times as many samples as channels are plain, and ten times as many of more than 24 channels: people have short
    windows of many variables as well.

    Example:
        >>> is_plain(6, 100), is_plain(5, 12), is_plain(62, 144), is_plain(1, 2)
        (True, False, False, True)
    """
    return shorter == 1 or longer >= (4 if shorter <= 24 else 10) * shorter


class Series(NamedTuple):
    """One series: stamps ``[n]``, in order, and values ``[n, C]``, NaN where none was observed; float64."""

    times: np.ndarray
    values: np.ndarray


@dataclasses.dataclass(frozen=True)
class SeriesRead:
    """Series that were read.

    Attributes:
        items: the series.
        names: of the channels.
        layout: which axis was taken for the channels; None: it was never in question.
        ids: of the series of a table, in the order of their first rows; None: no table.
        dates: unit in which dates were counted; None: times are numbers.
        rows: which samples of each series, as it was given, were kept, in the order of time.
        together: whether the rows of each id of a table stand together.
        lines: rows of a table.
        counted: without times, steps of the shortest and of the longest series, with what is missing; None: there are
            times.
    """

    items: list[Series]
    names: list[str]
    layout: Channels | None = None
    ids: list[Hashable] | None = None
    dates: str | None = None
    rows: list[np.ndarray] = dataclasses.field(default_factory=list)
    together: bool = True
    lines: int = 0
    counted: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.items)


@dataclasses.dataclass(frozen=True)
class Known:
    """What a fitted estimator knows of its channels.

    Attributes:
        names: of the channels.
        layout: that of the arrays it was fitted on.
    """

    names: list[str]
    layout: Channels | None


def numbered(count: int) -> list[str]:
    """Names of channels that have none."""
    return [f"channel_{number}" for number in range(count)]
