"""Tiles of a scene: their shapes, and where they lie so that together they hold every point well inside."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from ccnn_pc._checks import check_at_least, check_flags, check_positive
from ccnn_pc._choices import choice

#: Positions that are looked at together.
CHUNK = 1_000_000


class TileShape(enum.Enum):
    """SPHERE: points within the radius; CYLINDER: within it seen from above, of any height; BOX: likewise a square."""

    SPHERE = "sphere"
    CYLINDER = "cylinder"
    BOX = "box"


#: Distance of centres on a lattice that cover, in radii: each point lies within 0.71 radii of one (of a box 0.5 along
#: each axis, of a sphere 0.78), so that it has its neighbours around it.
_STEPS = {TileShape.SPHERE: 0.9, TileShape.CYLINDER: 1.0, TileShape.BOX: 1.0}


@dataclass(frozen=True)
class Tile:
    """The part of a scene that a network reads at once.

    Args:
        shape: of it (default CYLINDER).
        radius: in the unit of the positions; of a box half of its side.
        points: how many it has at most; of more a random subset is read, in training, or one subset after the other.
        weights: whether points come with the ``volume`` they stand for, the inverse of the density of a surface at
            their 8 nearest points (default False: all points of a tile stand for as much).

    Raises:
        ValueError: an unknown shape, a radius that is not positive, no point.

    Example:
        >>> Tile("box", 2.0).inside(np.array([[1.9, -1.9, 50.0], [2.1, 0.0, 0.0]])).tolist()
        [True, False]
    """

    shape: TileShape | str = TileShape.CYLINDER
    radius: float = 20.0
    points: int = 8192
    weights: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", choice("shape", self.shape, TileShape))
        object.__setattr__(self, "radius", check_positive("radius", self.radius))
        check_at_least("points", self.points, 1)
        check_flags(weights=self.weights)

    @property
    def axes(self) -> int:
        """Axes along which it ends: 2 or 3."""
        return 3 if self.shape is TileShape.SPHERE else 2

    @property
    def step(self) -> float:
        """Distance of the centres of :meth:`covering`."""
        return _STEPS[choice("shape", self.shape, TileShape)] * self.radius

    def inside(self, offset: np.ndarray) -> np.ndarray:
        """Which positions relative to the centre, ``[n, 3]``, lie in it, bool ``[n]``."""
        flat = offset[:, : self.axes]
        if self.shape is TileShape.BOX:
            return (np.abs(flat) <= self.radius).all(axis=1)
        return np.einsum("nd,nd->n", flat, flat) <= self.radius**2

    def covering(self, pos: np.ndarray) -> np.ndarray:
        """Centres ``[t, 3]`` of tiles that hold every position well inside; none of them is empty.

        They lie on a lattice, a step apart, in the middle of the positions; a scene that fits into one tile has one
        centre, the middle of its extent. Heights of the centres of cylinders and boxes are 0.

        Args:
            pos: ``[n, 3]``, float64; may be mapped from disk, and is read in pieces.

        Example:
            >>> Tile("cylinder", 10.0).covering(np.array([[0.0, 0.0, 7.0], [4.0, 2.0, 9.0]])).tolist()
            [[2.0, 1.0, 0.0]]
            >>> len(Tile("cylinder", 10.0).covering(np.array([[0.0, 0.0, 7.0], [400.0, 2.0, 9.0]])))
            2
        """
        pieces = [slice(first, first + CHUNK) for first in range(0, len(pos), CHUNK)]

        def flat(piece: slice) -> np.ndarray:
            return np.asarray(pos[piece, : self.axes])

        low = np.min([flat(piece).min(axis=0) for piece in pieces], axis=0)
        high = np.max([flat(piece).max(axis=0) for piece in pieces], axis=0)
        middle = (low + high) / 2
        if all(self.inside(flat(piece) - middle).all() for piece in pieces):
            return np.pad(middle, (0, 3 - self.axes))[None]
        size = np.maximum(np.ceil((high - low) / self.step), 1)
        first = middle - size * self.step / 2
        last = size.astype(np.int64) - 1
        found = [
            np.unique(np.clip(((flat(piece) - first) / self.step).astype(np.int64), 0, last), axis=0)
            for piece in pieces
        ]
        cells = np.unique(np.concatenate(found), axis=0)
        centres = first + (cells + 0.5) * self.step
        return np.pad(centres, ((0, 0), (0, 3 - self.axes)))
