"""What stands in front of x, y, z in columns without names: row numbers, colours."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from ccnn_pc.datasets.common.broken import DataWarning

#: Points of which a column of x cannot rise by one from each to the next, and three are no colours by chance.
_FEWEST = 8
#: How far shares of 255 may lie from whole ones, written with four decimals.
_ROUNDED = 0.02
_MENDED = (
    "write a first line that names the columns (r g b x y z), or put x y z first; of arrays: "
    "np.savez(file, points=xyz, colors=rgb)"
)


def check_positions_first(columns: Sequence[np.ndarray]) -> None:
    """Columns without names must begin with x y z, and neither with row numbers nor with colours.

    Colours are whole numbers from 0 to 255, or these over 255, in front of three columns that are none and no normals.
    Cells of a lattice, each listed once and in order, are positions. A warning names what may be either.

    Raises:
        ValueError: row numbers, or colours.

    Example:
        >>> table = np.column_stack([np.random.default_rng(0).integers(0, 256, (20, 3)), np.eye(20, 3) - 5.5])
        >>> check_positions_first(list(table.T))
        Traceback (most recent call last):
        ...
        ValueError: its first three columns are whole numbers from 0 to 255, as colours are, and would be read as \
x y z: write a first line that names the columns (r g b x y z), or put x y z first; of arrays: \
np.savez(file, points=xyz, colors=rgb)
    """
    first, count = columns[0], len(columns[0])
    numbers = count >= _FEWEST and first.dtype.kind in "fiu" and bool(np.isfinite(first).all())
    if len(columns) > 3 and numbers and (np.diff(first) == 1).all():
        raise ValueError(
            f"its first column counts the points from {first[0]:g} to {first[-1]:g}, and would be read as x: leave it "
            "out, or name the columns in a first line (id x y z …)"
        )
    if len(columns) < 6 or any(each.dtype.kind not in "fiu" for each in columns[:6]):
        return
    rows = np.column_stack(columns[:6]).astype(np.float64)
    rows = rows[np.isfinite(rows).all(axis=1)]
    front, behind = rows[:, :3], rows[:, 3:]
    kind = _kind_of_colours(front)
    if kind is None or _are_normals(behind) or _are_cells_in_order(front):
        return
    if not _may_be_colours(behind):
        raise ValueError(
            f"its first three columns are {kind}, as colours are, and would be read as x y z: {_MENDED}"
        )
    if _distinct(front) < 0.99 * len(rows) <= _distinct(behind):
        warnings.warn(
            f"the first three columns of a cloud are {kind}, of which {len(rows) - _distinct(front)} of {len(rows)} "
            f"rows are copies, and are read as x y z: where they are colours, {_MENDED}",
            DataWarning,
            stacklevel=2,
        )


def _kind_of_colours(front: np.ndarray) -> str | None:
    """What three columns hold if they may be colours, in words; None if they may not."""
    if len(front) < _FEWEST or not (front.min() >= 0 and front.max() <= 255):
        return None
    if (front == np.rint(front)).all():
        return "whole numbers from 0 to 255" if front.max() > 1 else None
    shares = front * 255
    of_bytes = front.max() <= 1 and len(np.unique(front)) > _FEWEST
    if of_bytes and (np.abs(shares - np.rint(shares)) < _ROUNDED).all():
        return "multiples of 1/255 from 0 to 1"
    return None


def _may_be_colours(behind: np.ndarray) -> bool:
    """Whether three columns may be colours, or counts, themselves: shares of 1, or whole numbers from 0 on."""
    return bool(behind.min() >= 0 and (behind.max() <= 1 or (behind == np.rint(behind)).all()))


def _are_normals(behind: np.ndarray) -> bool:
    """Whether nearly all rows have length 1, as float or as integers of 8 or 16 bits."""
    length = np.linalg.norm(behind, axis=1)
    return any(bool((np.abs(length / one - 1) <= 0.02).mean() > 0.95) for one in (1, 127, 32767))


def _are_cells_in_order(front: np.ndarray) -> bool:
    """Whether rows rise by their first column, then the second, then the third, or the other way round."""
    weights = np.array([1 << 16, 1 << 8, 1])
    return any(bool((np.diff(front @ way) > 0).all()) for way in (weights, weights[::-1]))


def _distinct(rows: np.ndarray) -> int:
    return len(np.unique(rows, axis=0))
