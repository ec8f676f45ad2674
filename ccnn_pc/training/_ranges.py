"""Checks of real numbers that may be zero."""

from __future__ import annotations

import math


def check_not_negative(name: str, value: float) -> float:
    """``value`` must be a finite number, zero or above.

    Raises:
        TypeError: not a number.
        ValueError: not finite, or below 0.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"'{name}' must be a number (got {value!r})")
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"'{name}' must be finite and at least 0 (got {value})")
    return float(value)
