"""Samples with time stamps in the files of the UEA archive: ``(time, value),(time, value)``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timezone

import numpy as np

from ccnn_pc.datasets.formats.numerals import is_number, number_in

_PAIR = re.compile(r"\(\s*([^(),]+?)\s*,\s*([^(),]*?)\s*\)")
_PAIRS = re.compile(rf"\s*{_PAIR.pattern}\s*(?:,\s*{_PAIR.pattern}\s*)*")
#: Between channels; times of day have colons too.
BETWEEN = re.compile(r":(?=\s*\()")


def stamped_series(channels: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Values ``[n, C]``, NaN where a channel has none, and times ``[n]`` of all channels together, rising.

    Dates (``2020-01-31 12:00:00``) are counted in seconds, in UTC where they say no zone.

    Raises:
        ValueError: other text, times that do not rise.

    Example:
        >>> values, times = stamped_series(["(0,1),(0.5,2)", "(0.5,3),(2,?)"])
        >>> times.tolist(), values.tolist()
        ([0.0, 0.5, 2.0], [[1.0, nan], [2.0, 3.0], [nan, nan]])
    """
    parts = [_channel(text) for text in channels]
    times = np.unique(np.concatenate([stamps for stamps, _ in parts]))
    values = np.full((len(times), len(parts)), np.nan)
    for place, (stamps, channel) in enumerate(parts):
        values[np.searchsorted(times, stamps), place] = channel
    return values, times


def _channel(text: str) -> tuple[np.ndarray, np.ndarray]:
    if not _PAIRS.fullmatch(text):
        raise ValueError(f"must be (time,value),(time,value) … (got {text[:40]!r})")
    pairs = _PAIR.findall(text)
    times = np.array([_time(time) for time, _ in pairs])
    values = np.array([np.nan if value in ("", "?") else number_in(value) for _, value in pairs])
    if not (np.diff(times) > 0).all():
        late = int(np.argmin(np.diff(times) > 0)) + 1
        raise ValueError(f"must have times that rise (got {pairs[late - 1][0]} and then {pairs[late][0]})")
    return times, values


def _time(cell: str) -> float:
    if is_number(cell):
        return number_in(cell)
    try:
        date = datetime.fromisoformat(cell.strip("'\""))
    except ValueError:
        raise ValueError(
            f"must have numbers or dates (2020-01-31 12:00:00) as times (got {cell!r})"
        ) from None
    return (date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp()
