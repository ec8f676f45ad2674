"""Positions that float32 rounded before anybody took their offset away."""

from __future__ import annotations

import numpy as np

#: Points of which a distance can be told.
_FEWEST = 8


def check_resolved(pos: np.ndarray) -> None:
    r"""Positions ``[n, 3]`` must not lie on the raster of float32 where that is coarser than their distances.

    Distances are those of points spread evenly over the two longest sides: :math:`\sqrt{a b / n}`. Whole numbers that
    float32 tells apart, as those of cells, are not rounded.

    Raises:
        ValueError: they do, as map coordinates in float32.

    Example:
        >>> pos = np.random.default_rng(0).random((1000, 3))
        >>> check_resolved(pos + 5e6)
        >>> check_resolved((pos + 5e6).astype(np.float32))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        ValueError: positions were rounded to float32: its numbers near 5e+06 are 0.5 apart, points lie 0.032 apart...
    """
    if len(pos) < _FEWEST or pos.dtype.kind != "f" or not np.isfinite(pos).all():
        return
    low, high = pos.min(axis=0).astype(np.float64), pos.max(axis=0).astype(np.float64)
    most = float(np.maximum(-low, high).max())
    step = float(np.spacing(np.float32(most)))
    apart = float(np.sqrt(np.sort(high - low)[-2:].prod() / len(pos)))
    if not 0 < apart < step or (pos != pos.astype(np.float32)).any():
        return
    if step > 1 or (pos != np.rint(pos)).any():
        raise ValueError(
            f"positions were rounded to float32: its numbers near {most:.4g} are {step:g} apart, points lie "
            f"{apart:.2g} apart; save them in 64 bits, or less an offset"
        )
