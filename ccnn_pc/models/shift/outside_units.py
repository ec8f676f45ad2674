"""What a factor between lengths or times is called, and what mends it."""

from __future__ import annotations

import math

from ccnn_pc.models.shift.seen import Samples
from ccnn_pc.models.shift.trained_on import Spread
from ccnn_pc.ops.moments import Range

#: Units of time by their ratio.
_UNITS = {
    24.0: "hours for days",
    60.0: "seconds for minutes, or minutes for hours",
    3600.0: "seconds for hours",
    86400.0: "seconds for days",
    1e3: "milliseconds for seconds",
    6e4: "milliseconds for minutes",
    1e6: "microseconds for seconds",
    3.6e6: "milliseconds for hours",
    8.64e7: "milliseconds for days",
    1e9: "nanoseconds for seconds",
}
#: Units of length by their ratio.
_LENGTHS = {
    3.281: "feet for metres",
    39.37: "inches for metres",
    12.0: "inches for feet",
    100.0: "centimetres for metres",
    1000.0: "millimetres for metres",
}


#: Both ends of what was found are as many times those of training, but for this.
_ALIKE = 2.0


def ratio(here: Range, there: Spread, factor: float) -> float:
    """How many times as large as in training lengths are, by both ends where all are; else the ``factor`` of some.

    Example:
        >>> usual = Spread(1.5, 1.6, 2.0, 2.4, 2.5)
        >>> round(ratio(Range(36.0, 60.0), usual, 30.0), 9), ratio(Range(1.6, 60.0), usual, 30.0)
        (24.0, 30.0)
    """
    if not (here.least > 0 and there.least > 0):
        return factor
    low, high = here.least / there.least, here.most / there.most
    return math.sqrt(low * high) if max(low, high) < _ALIKE * min(low, high) else factor


def named_unit(factor: float, kind: Samples) -> str:
    """What makes lengths about ``factor`` times as large, and what mends it.

    Example:
        >>> named_unit(970.0, Samples.SERIES)
        'another unit, as milliseconds for seconds; divide times by 1000 (--time-unit 0.001)'
    """
    up = max(factor, 1 / factor)
    near = min(_UNITS, key=lambda unit: abs(math.log(up / unit)))
    unit = near if abs(math.log(up / near)) < math.log(2) else float(f"{up:.2g}")
    name = f", as {_UNITS[near]}" if unit == near and factor > 1 else ""
    do = "divide" if factor > 1 else "multiply"
    if kind is Samples.GRID:
        return f"another unit{name}; {do} 'spacing' by {unit:g} (--spacing)"
    if kind is Samples.POINTS:
        near = min(_LENGTHS, key=lambda unit: abs(math.log(up / unit)))
        unit = near if abs(math.log(up / near)) < 0.2 else float(f"{up:.2g}")
        name = f", as {_LENGTHS[near]}" if unit == near and factor > 1 else ""
        return f"another unit{name}; {do} positions by {unit:g}"
    option = f"--time-unit {float(f'{1 / unit if factor > 1 else unit:.3g}'):g}"
    return f"another unit{name}; {do} times by {unit:g} ({option})"
