"""Colours of points and pixels: scales of numbers, and of classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Ends and middles of scales: signed numbers, magnitudes (heights, values), importance.
SCALES = {
    "signed": ("#1f5fa8", "#7fb2dd", "#dfe4ea", "#ee9a86", "#b3261e"),
    "heights": ("#20507f", "#2f8f9d", "#6cc3a0", "#d5e6a4", "#f6f0c4"),
    "values": ("#3b1c5a", "#33638d", "#1f9e89", "#7ad151", "#fde725"),
}
#: Steps of a scale.
STEPS = 48


def scale_colours(name: str, steps: int = STEPS) -> list[str]:
    """So many colours from one end of a scale to the other.

    Example:
        >>> scale_colours("signed", 5)
        ['#1f5fa8', '#7fb2dd', '#dfe4ea', '#ee9a86', '#b3261e']
    """
    return ["#" + "".join(f"{part:02x}" for part in rgb) for rgb in scale_rgb(name, steps).tolist()]


def scale_rgb(name: str, steps: int = STEPS) -> NDArray[np.uint8]:
    """The same as bytes, ``[steps, 3]``."""
    ends = np.array([[int(text[i : i + 2], 16) for i in (1, 3, 5)] for text in SCALES[name]], dtype=float)
    at = np.linspace(0, len(ends) - 1, steps)
    return (
        np.stack([np.interp(at, range(len(ends)), part) for part in ends.T], axis=1).round().astype(np.uint8)
    )


def steps_of(values: NDArray[np.float64], low: float, high: float, steps: int = STEPS) -> NDArray[np.uint8]:
    """Steps of a scale from ``low`` to ``high``, those beyond it at its ends; 255 where a value is not a number.

    Example:
        >>> steps_of(np.array([0.0, 0.5, 9.0, np.nan]), 0.0, 1.0, 3).tolist()
        [0, 1, 2, 255]
    """
    span = high - low if high > low else 1.0
    with np.errstate(invalid="ignore"):
        found = np.rint(np.clip((values - low) / span, 0.0, 1.0) * (steps - 1))
    return np.where(np.isnan(values), 255, found).astype(np.uint8)


def signed_range(values: NDArray[np.float64], share: float = 1.0) -> float:
    """The magnitude that so many of the finite values do not exceed; 1 where all are 0."""
    finite = np.abs(values[np.isfinite(values)])
    return (float(np.quantile(finite, share)) if len(finite) else 0.0) or 1.0
