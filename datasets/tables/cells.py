"""What stands in a cell of a long table, as a number."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone

import numpy as np

#: Seconds of the units in which dates may be counted.
DATE_UNITS = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86400.0}
_LARGEST = float(np.finfo(np.float32).max)


def as_number(cell: str) -> float:
    """A finite number.

    Raises:
        ValueError: "a finite number", which ends a message.
    """
    try:
        number = float(cell)
    except ValueError:
        raise ValueError("a finite number") from None
    if not -np.inf < number < np.inf:
        raise ValueError("a finite number")
    return number


def as_value(cell: str) -> float:
    """A number that float32 can hold; NaN where nothing or NaN stands.

    Raises:
        ValueError: what it must be, as the end of a message.
    """
    try:
        number = float(cell) if cell else float("nan")
    except ValueError:
        raise ValueError("a number, or empty where nothing was observed") from None
    if abs(number) > _LARGEST:
        raise ValueError("a finite number, in float32")
    return number


def date_reader(unit: str) -> Callable[[str], float]:
    """What makes a number of a date (ISO 8601; without a zone: UTC), counted from 1970.

    Args:
        unit: seconds, minutes, hours or days.

    Raises:
        ValueError: no such unit; when called: what the cell must be, as the end of a message.

    Example:
        >>> date_reader("hours")("1970-01-02 12:30")
        36.5
    """
    if unit not in DATE_UNITS:
        raise ValueError(f"'dates' must be None or one of {', '.join(DATE_UNITS)} (got {unit!r})")
    seconds = DATE_UNITS[unit]

    def read(cell: str) -> float:
        try:
            date = datetime.fromisoformat(cell)
        except ValueError:
            raise ValueError("a date as 2024-01-31 or 2024-01-31 12:30:00") from None
        return (date if date.tzinfo else date.replace(tzinfo=timezone.utc)).timestamp() / seconds

    return read
