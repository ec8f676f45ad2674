"""Features that follow from where all points of a scene lie, by name and radius: ``above_opening:8``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage

from ccnn_pc._choices import unknown_name
from ccnn_pc.datasets.scenes.height_raster import HeightRaster

#: Heights of so much are told apart best.
FINE = 0.5

Feature = Callable[[HeightRaster, float], np.ndarray]


def logarithmic(height: np.ndarray) -> np.ndarray:
    r"""Heights with fine steps near 0: :math:`\mathrm{sign}(h) \log(1 + |h| / 0.5)`.

    Example:
        >>> logarithmic(np.array([0.0, 0.5, -1.5])).round(3).tolist()
        [0.0, 0.693, -1.386]
    """
    found: np.ndarray = np.sign(height) * np.log1p(np.abs(height) / FINE)
    return found


def above_opening(raster: HeightRaster, radius: float) -> np.ndarray:
    """Height above what is left of the surface without things narrower than 2 radii (Zhang et al. 2003)."""
    return logarithmic(raster.height - raster.at(raster.opening(radius)))


def above_lowest(raster: HeightRaster, radius: float) -> np.ndarray:
    """Height above the lowest point around."""
    return logarithmic(raster.height - raster.at(raster.lowest(radius)))


def below_highest(raster: HeightRaster, radius: float) -> np.ndarray:
    """How far below the highest point around."""
    return logarithmic(raster.at(raster.highest(radius)) - raster.height)


def above_mean(raster: HeightRaster, radius: float) -> np.ndarray:
    """Height above the mean of the points around."""
    return logarithmic(raster.height - raster.at(raster.moments(radius)[0]))


def spread(raster: HeightRaster, radius: float) -> np.ndarray:
    """Standard deviation of the heights around."""
    return logarithmic(raster.at(raster.moments(radius)[1]))


def slope(raster: HeightRaster, radius: float) -> np.ndarray:
    """Slope of the opening, smoothed over half of the radius: log(1 + 5 |gradient|)."""
    smooth = ndimage.gaussian_filter(raster.opening(radius), radius / raster.cell / 2, mode="nearest")
    along = [
        np.gradient(smooth, raster.cell, axis=axis) if smooth.shape[axis] > 1 else np.zeros_like(smooth)
        for axis in range(2)
    ]
    return np.log1p(5 * raster.at(np.hypot(*along)))


#: Of heights in a square of half-width ``radius`` around each point, all by the name before the colon.
COMPUTED: dict[str, Feature] = {
    "above_opening": above_opening,
    "above_lowest": above_lowest,
    "below_highest": below_highest,
    "above_mean": above_mean,
    "spread": spread,
    "slope": slope,
}


def is_computed(name: str) -> bool:
    """Whether a feature is one of these, and no field of a file.

    Raises:
        ValueError: one that looks so, and is none; the message lists those there are.

    Example:
        >>> is_computed("above_opening:8"), is_computed("intensity")
        (True, False)
    """
    kind, colon, radius = name.partition(":")
    if not colon and kind not in COMPUTED:
        return False
    if kind not in COMPUTED:
        raise unknown_name("feature", kind, sorted(COMPUTED))
    try:
        value = float(radius)
    except ValueError:
        value = math.nan
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"'features' must say a radius, {kind}:8 (got '{name}')")
    return True


def computed_features(pos: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Features of the points of a scene, float32 ``[n]`` each, from all of its points.

    Heights are in position units, which are taken for metres: they come as logarithms, see :func:`logarithmic`, so
    that a step of 0.2 m counts near the ground and one of 20 m does not drown it.

    Args:
        pos: ``[n, 3]``, float64.
        names: as ``above_opening:8``: what, and the radius.

    Raises:
        ValueError: an unknown name, or one without radius.

    Example:
        >>> pos = np.array([[x, y, 3.0 * (x == 4)] for x in range(9) for y in range(9)], dtype=float)
        >>> found = computed_features(pos, ["above_opening:2"])["above_opening:2"].reshape(9, 9)[:, 0]
        >>> (100 * found).astype(int).tolist()
        [0, 0, 0, 0, 194, 0, 0, 0, 0]
    """
    wanted = [name for name in names if is_computed(name)]
    raster = HeightRaster(pos)
    made = {}
    for name in wanted:
        kind, _, radius = name.partition(":")
        made[name] = COMPUTED[kind](raster, float(radius)).astype(np.float32)
    return made
