"""A cloud seen from above: the lowest, highest and mean heights of square cells."""

from __future__ import annotations

import functools

import numpy as np
from scipy import ndimage

from ccnn_pc._checks import check_positive

#: Cells that a raster may have.
MOST_CELLS = 200_000_000
#: Pits are deeper than this. Those of at most so many points which lie so deep below all that is around them, up to
#: this far, are faults of the measurement; others are ground seen between houses or trees. Metres.
PIT, FAULTS, AROUND = 1.0, 60, 25.0


class HeightRaster:
    """Heights of a cloud in square cells.

    The *surface* is the lowest height of each cell, empty cells taking that of the nearest one with points. A pit is a
    group of cells that lie deeper than one metre below a closing of 5 x 5 cells. One of few points that is also deeper
    than the closing within 25 metres is a fault of the measurement, which an opening would spread: it is filled up.
    Others stay, they are narrow ground between houses. All heights are relative to ``base``, the median.

    Args:
        pos: ``[n, 3]``, float64.
        cell: side of the cells, position units (default 1).

    Raises:
        ValueError: more cells than fit into memory.

    Example:
        >>> pos = np.array([[x, y, 5.0 * (x == 3) - 9.0 * (x == y == 6)] for x in range(9) for y in range(9)])
        >>> raster = HeightRaster(pos)
        >>> raster.surface[3].tolist(), raster.surface[6].tolist()
        ([5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    """

    def __init__(self, pos: np.ndarray, cell: float = 1.0) -> None:
        self.cell = check_positive("cell", cell)
        flat = (pos[:, :2] - pos[:, :2].min(axis=0)) / cell
        shape = np.floor(flat.max(axis=0)) + 1
        if shape.prod() > MOST_CELLS:
            raise ValueError(
                f"scenes must have at most {MOST_CELLS} cells of {cell:g} seen from above (got "
                f"{shape[0]:.0f} x {shape[1]:.0f}): leave wild points out, or take larger cells"
            )
        self.shape = (int(shape[0]), int(shape[1]))
        self.flat = flat
        place = np.floor(flat).astype(np.int64)
        self.place = place[:, 0] * self.shape[1] + place[:, 1]
        self.base = float(np.median(pos[:, 2]))
        self.height = pos[:, 2] - self.base  # small numbers, so that squares keep their precision

    def at(self, raster: np.ndarray) -> np.ndarray:
        """What a raster says at every point, ``[n]``."""
        found: np.ndarray = raster.reshape(-1)[self.place]
        return found

    def between(self, raster: np.ndarray) -> np.ndarray:
        """What a smooth raster says at every point: linear between the middles of cells, ``[n]``."""
        found: np.ndarray = ndimage.map_coordinates(raster, (self.flat - 0.5).T, order=1, mode="nearest")
        return found

    @functools.cached_property
    def surface(self) -> np.ndarray:
        """Lowest heights, pits filled."""
        lowest = np.full(self.shape, np.inf)
        np.minimum.at(lowest.reshape(-1), self.place, self.height)
        nearest = ndimage.distance_transform_edt(
            np.isinf(lowest), return_distances=False, return_indices=True
        )
        lowest = lowest[tuple(nearest)]
        closed = ndimage.grey_closing(lowest, size=self._window(2.0 * self.cell), mode="reflect")
        found: np.ndarray = np.where(self._faults(lowest, closed), closed, lowest)
        return found

    def _faults(self, lowest: np.ndarray, closed: np.ndarray) -> np.ndarray:
        """Cells of pits of few points that lie below everything around, and are not ground between houses."""
        pit, count = ndimage.label(closed - lowest > PIT, structure=np.ones((3, 3)))
        points = np.bincount(self.at(pit), minlength=count + 1)
        around = ndimage.minimum_filter(closed, size=self._window(AROUND), mode="nearest")
        depth = ndimage.maximum(around - lowest, pit, np.arange(count + 1))
        fault = (points <= FAULTS) & (depth > PIT)
        fault[0] = False  # all that is no pit
        found: np.ndarray = fault[pit]
        return found

    @functools.cached_property
    def top(self) -> np.ndarray:
        """Highest heights; -inf where there are no points."""
        highest = np.full(self.shape, -np.inf)
        np.maximum.at(highest.reshape(-1), self.place, self.height)
        return highest

    def opening(self, radius: float) -> np.ndarray:
        """The surface without what is narrower than a square of half-width ``radius``, smoothed over 3 x 3 cells."""
        window = self._window(radius)
        found: np.ndarray = ndimage.uniform_filter(
            ndimage.grey_opening(self.surface, size=window, mode="nearest"), size=3, mode="nearest"
        )
        return found

    def lowest(self, radius: float) -> np.ndarray:
        """The surface's least height within a square of half-width ``radius``."""
        found: np.ndarray = ndimage.minimum_filter(self.surface, size=self._window(radius), mode="nearest")
        return found

    def highest(self, radius: float) -> np.ndarray:
        """The largest height within a square of half-width ``radius``."""
        found: np.ndarray = ndimage.maximum_filter(self.top, size=self._window(radius), mode="nearest")
        return found

    def moments(self, radius: float) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the heights of all points within a square of half-width ``radius``."""
        width, cells = self._window(radius)[0], self.shape[0] * self.shape[1]
        sums = []
        for power in range(3):
            total = np.bincount(self.place, self.height**power, minlength=cells).reshape(self.shape)
            sums.append(ndimage.uniform_filter(total, size=width, mode="constant") * width**2)
        count = np.maximum(sums[0], 0.5)  # no cell of a point is empty
        mean = sums[1] / count
        return mean, np.sqrt(np.maximum(sums[2] / count - mean**2, 0.0))

    def _window(self, radius: float) -> tuple[int, int]:
        width = 2 * int(round(radius / self.cell)) + 1
        return width, width
