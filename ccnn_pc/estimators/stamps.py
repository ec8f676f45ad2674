"""Times as people have them: numbers, dates with and without a zone, durations."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np

from ccnn_pc.estimators.containers import numbers

#: Share of times that are one with others; of a step.
_ONE = 0.25
#: Rounding to less is that of times that are written so.
_LEAST = 1e-3


def as_times(times: Any, name: str) -> tuple[np.ndarray, str | None]:
    """Stamps as float64, and the unit of dates.

    Args:
        times: numbers; dates (numpy, pandas, datetime), in seconds since 1970, those with a zone in UTC, those without
            as if they were; durations, in seconds.
        name: of the argument, for messages.

    Raises:
        TypeError: something else, as text.
        ValueError: dates with a zone beside dates without one; numbers that were rounded to a few, in float32.

    Example:
        >>> times, unit = as_times(np.array(["1970-01-01T00:01", "1970-01-02"], dtype="datetime64[m]"), "times")
        >>> times.tolist(), unit
        ([60.0, 86400.0], 'seconds')
        >>> as_times(np.array([3, 5], dtype="timedelta64[m]"), "times")[0].tolist()
        [180.0, 300.0]
    """
    found = np.asarray(times)
    if found.dtype == object:
        found = _plain(found, name)
    if found.dtype.kind == "M":
        return (found - np.datetime64(0, "s")) / np.timedelta64(1, "s"), "seconds"
    if found.dtype.kind == "m":
        return found / np.timedelta64(1, "s"), None
    try:
        stamps = numbers(times, name)
        _check_rounding(stamps, name)
        return stamps.astype(np.float64), None
    except TypeError as error:
        raise TypeError(
            f"'{name}' must hold numbers or dates (got {found.dtype}, {found.ravel()[:1].tolist()} first): "
            "pandas.to_datetime makes dates of text and periods"
        ) from error


def _check_rounding(stamps: np.ndarray, name: str) -> None:
    """Times of float32 and float16 must be told apart: seconds since 1970 are rounded to 128.

    Raises:
        ValueError: many are one, and the next ones are as far away as these numbers can say.
    """
    if stamps.dtype not in (np.float32, np.float16) or stamps.size < 2 or not np.isfinite(stamps).all():
        return
    steps = np.diff(np.sort(stamps, axis=None).astype(np.float64))
    apart, least = steps[steps > 0], float(np.spacing(np.abs(stamps).max()))
    if (
        len(apart) < (1 - _ONE) * len(steps)
        and (not len(apart) or least > _ONE * np.median(apart))
        and least >= _LEAST
    ):
        raise ValueError(
            f"'{name}' must be float64 (got {stamps.dtype}, in which {stamps.max():g} is rounded to {least:g}): make "
            "them float64 before an offset as that of 1970 is added, or take it away"
        )


def has_zone(times: Any) -> bool | None:
    """Whether dates have a zone; None: these are no dates.

    Example:
        >>> day = datetime.datetime(2024, 1, 31)
        >>> has_zone([day]), has_zone([day.astimezone()]), has_zone([1.5]), has_zone(np.array([day], "datetime64[s]"))
        (False, True, None, False)
    """
    dtype = getattr(times, "dtype", None)
    for name in ("tz", "time_zone"):  # of pandas, of polars
        if hasattr(dtype, name):
            return getattr(dtype, name) is not None
    first = next(
        (each for each in np.asarray(times, dtype=object).ravel() if each is not None and each == each), None
    )  # noqa: PLR0124
    if getattr(dtype, "kind", None) == "M" or isinstance(first, np.datetime64):
        return False
    if not isinstance(first, datetime.date):
        return None
    return getattr(first, "tzinfo", None) is not None


def _plain(values: np.ndarray, name: str) -> np.ndarray:
    """Objects of datetime and pandas as dates and durations of numpy; all else as it is."""
    known = [each for each in values.ravel().tolist() if each is not None and each == each]  # noqa: PLR0124
    if known and all(isinstance(each, datetime.timedelta) for each in known):
        return np.array([np.timedelta64(each) for each in values.ravel()]).reshape(values.shape)
    if not known or not all(isinstance(each, datetime.date) for each in known):
        return values
    if len({getattr(each, "tzinfo", None) is None for each in known}) > 1:
        raise ValueError(f"'{name}' must be dates that all have a zone, or none (got both)")
    return np.array([_in_utc(each) for each in values.ravel()], dtype="datetime64[ns]").reshape(values.shape)


def _in_utc(date: Any) -> np.datetime64:
    if date is None or date != date:  # noqa: PLR0124
        return np.datetime64("NaT")
    if hasattr(date, "to_datetime64"):  # of pandas, in UTC, with its nanoseconds
        found: np.datetime64 = date.to_datetime64()
        return found
    zone = getattr(date, "tzinfo", None)
    return np.datetime64(
        date if zone is None else date.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    )
