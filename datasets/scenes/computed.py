"""Features that follow from where all points of a scene lie, by name and number: ``above_opening:8``."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage

from ccnn_pc._choices import unknown_name
from ccnn_pc.datasets.scenes.around import Around
from ccnn_pc.datasets.scenes.height_raster import HeightRaster

#: Of what is computed here; larger when a feature becomes another number, so that nothing older is read from a cache.
EDITION = 2
#: Heights of so much are told apart best.
FINE = 0.5

Feature = Callable[[Around, float], np.ndarray]


def logarithmic(height: np.ndarray) -> np.ndarray:
    r"""Heights with fine steps near 0: :math:`\mathrm{sign}(h) \log(1 + |h| / 0.5)`.

    Example:
        >>> logarithmic(np.array([0.0, 0.5, -1.5])).round(3).tolist()
        [0.0, 0.693, -1.386]
    """
    found: np.ndarray = np.sign(height) * np.log1p(np.abs(height) / FINE)
    return found


def _above_opening(heights: HeightRaster, radius: float) -> np.ndarray:
    return logarithmic(heights.height - heights.between(heights.opening(radius)))


def above_opening(around: Around, radius: float) -> np.ndarray:
    """Height above what is left of the surface without things narrower than 2 radii (Zhang et al. 2003)."""
    return _above_opening(around.raster, radius)


def above_level_opening(around: Around, radius: float) -> np.ndarray:
    """The same, of heights above the lie of the land: on slopes the opening cuts nothing off."""
    return _above_opening(around.level, radius)


def above_lowest(around: Around, radius: float) -> np.ndarray:
    """Height above the lowest point around."""
    return logarithmic(around.raster.height - around.raster.at(around.raster.lowest(radius)))


def below_highest(around: Around, radius: float) -> np.ndarray:
    """How far below the highest point around."""
    return logarithmic(around.raster.at(around.raster.highest(radius)) - around.raster.height)


def above_mean(around: Around, radius: float) -> np.ndarray:
    """Height above the mean of the points around."""
    return logarithmic(around.raster.height - around.raster.at(around.raster.moments(radius)[0]))


def spread(around: Around, radius: float) -> np.ndarray:
    """Standard deviation of the heights around."""
    return logarithmic(around.raster.at(around.raster.moments(radius)[1]))


def slope(around: Around, radius: float) -> np.ndarray:
    """Slope of the opening, smoothed over half of the radius: log(1 + 5 |gradient|)."""
    raster = around.raster
    smooth = ndimage.gaussian_filter(raster.opening(radius), radius / raster.cell / 2, mode="nearest")
    along = [
        np.gradient(smooth, raster.cell, axis=axis) if smooth.shape[axis] > 1 else np.zeros_like(smooth)
        for axis in range(2)
    ]
    return np.log1p(5 * raster.at(np.hypot(*along)))


def of_nearest(name: str, around: Around, k: float) -> np.ndarray:
    """What the k nearest points seen from above say, as a logarithm unless it is an angle."""
    found = around.nearest(round(k))[name]
    return found if name in ("down", "up") else logarithmic(found)


#: By the name before the colon. Behind it stands the half-width of a square around each point, or the number of the
#: nearest points seen from above: height above or below the lowest, highest and mean of them, their deviation, height
#: above the plane through them and its slope, and the angle of the steepest way down and up to one of them.
COMPUTED: dict[str, Feature] = {
    "above_opening": above_opening,
    "above_level_opening": above_level_opening,
    "above_lowest": above_lowest,
    "below_highest": below_highest,
    "above_mean": above_mean,
    "spread": spread,
    "slope": slope,
    **{
        f"{name}_nearest": functools.partial(of_nearest, name)
        for name in ("lowest", "highest", "mean", "spread", "plane", "slope", "down", "up")
    },
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
    if not (value > 0 and math.isfinite(value)) or (kind.endswith("_nearest") and value != round(value)):
        raise ValueError(f"'features' must say a radius or a number of points, {kind}:8 (got '{name}')")
    return True


def computed_features(pos: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Features of the points of a scene, float32 ``[n]`` each, from all of its points.

    Heights are in position units, which are taken for metres: they come as logarithms, see :func:`logarithmic`, so
    that a step of 0.2 m counts near the ground and one of 20 m does not drown it.

    Args:
        pos: ``[n, 3]``, float64.
        names: as ``above_opening:8``: what, and how far around or of how many points.

    Raises:
        ValueError: an unknown name, or one without radius.

    Example:
        >>> pos = np.array([[x, y, 3.0 * (x == 4)] for x in range(9) for y in range(9)], dtype=float)
        >>> found = computed_features(pos, ["above_opening:2"])["above_opening:2"].reshape(9, 9)[:, 0]
        >>> (100 * found).astype(int).tolist()
        [0, 0, 0, 0, 194, 0, 0, 0, 0]
    """
    wanted = [name for name in names if is_computed(name)]
    around = Around(pos)
    made = {}
    for name in wanted:
        kind, _, radius = name.partition(":")
        made[name] = COMPUTED[kind](around, float(radius)).astype(np.float32)
    return made
