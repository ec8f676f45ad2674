"""What lies around each point of a scene, seen from above: rasters of heights, and nearest neighbours."""

from __future__ import annotations

import functools

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from ccnn_pc.datasets.scenes.height_raster import HeightRaster

#: Points whose neighbours are looked at together.
ROWS = 50_000
#: Horizontal distances below this count as this, metres: errors of heights are no slopes.
NEAR = 0.3
#: Half-width of the opening that is taken for the lie of the land, and the deviation of its smoothing, metres.
LAND, SMOOTH = 20.0, 8.0


class Around:
    """Surroundings of the points of a scene, made when they are asked for.

    Args:
        pos: ``[n, 3]``, float64.
        cell: side of the cells of rasters, position units.
    """

    def __init__(self, pos: np.ndarray, cell: float = 1.0) -> None:
        self.pos, self.cell = pos, cell
        self._nearest: dict[int, dict[str, np.ndarray]] = {}

    @functools.cached_property
    def raster(self) -> HeightRaster:
        """Heights as they are."""
        return HeightRaster(self.pos, self.cell)

    @functools.cached_property
    def level(self) -> HeightRaster:
        """Heights above the lie of the land: an opening of 20 metres, smoothed. Steep ground lies flat in it."""
        land = ndimage.gaussian_filter(self.raster.opening(LAND), SMOOTH / self.cell, mode="nearest")
        height = self.raster.height - self.raster.between(land)
        return HeightRaster(np.column_stack([self.pos[:, :2], height]), self.cell)

    def nearest(self, k: int) -> dict[str, np.ndarray]:
        """What the k nearest points seen from above say, the point itself included, by name, ``[n]`` each."""
        if k not in self._nearest:
            flat = self.pos[:, :2] - self.pos[:, :2].mean(axis=0)
            tree = cKDTree(flat)
            parts = []
            for first in range(0, len(flat), ROWS):
                rows = slice(first, first + ROWS)
                _, index = tree.query(flat[rows], k=min(k, len(flat)))
                index = index.reshape(len(flat[rows]), -1)
                height = self.pos[index, 2] - self.pos[rows, 2:]
                parts.append(_statistics(flat[index] - flat[rows, None], height))
            self._nearest[k] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return self._nearest[k]


def _statistics(offset: np.ndarray, height: np.ndarray) -> dict[str, np.ndarray]:
    """Of neighbours at horizontal offsets ``[n, k, 2]`` and so much higher ``[n, k]``."""
    columns = np.concatenate([offset, np.ones((*offset.shape[:2], 1))], axis=2)
    square = np.einsum("nki,nkj->nij", columns, columns) + 1e-3 * np.eye(
        3
    )  # lines and single points have a plane too
    plane = np.linalg.solve(square, np.einsum("nki,nk->ni", columns, height)[..., None])[..., 0]
    rise = height / np.maximum(np.linalg.norm(offset, axis=2), NEAR)
    return {
        "lowest": -height.min(axis=1),
        "highest": height.max(axis=1),
        "mean": -height.mean(axis=1),
        "spread": height.std(axis=1),
        "plane": -plane[:, 2],
        "slope": np.hypot(plane[:, 0], plane[:, 1]),
        "down": np.arctan(-rise.min(axis=1)),
        "up": np.arctan(rise.max(axis=1)),
    }
