"""Dates that were written in digits, and would be read as numbers."""

from __future__ import annotations

import warnings
from datetime import datetime
from pathlib import Path

import numpy as np

from ccnn_pc.datasets.common.broken import DataWarning


def warn_of_digits(times: np.ndarray, path: Path) -> None:
    """Warn of times that all are dates in digits: as numbers the last day of a month is 70 days before the next."""
    some = np.unique(times)
    month, day = some // 100 % 100, some % 100
    dates = (some % 1 == 0) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    if len(some) < 3 or some[0] < 19000101 or some[-1] > 21001231 or not dates.all():
        return
    try:
        first, last = (datetime.strptime(f"{each:.0f}", "%Y%m%d") for each in (some[0], some[-1]))
    except ValueError:
        return
    warnings.warn(
        f"times of '{path}' are numbers that look like dates, {some[0]:.0f} to {some[-1]:.0f}: they span "
        f"{some[-1] - some[0]:.0f} as numbers and {(last - first).days} days as dates; write them as "
        f"{first:%Y-%m-%d}, and read them with dates='days' (data.dates=days)",
        DataWarning,
        stacklevel=4,
    )
