"""Volumes that are otherwise than those of a model's training, where the arrays made of them do not show it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ccnn_pc.cli.unlike import VALUES, Unlike, some

#: Volumes so many times coarser than what is made of them; other proportions; other lengths.
COARSE, PROPORTIONS, SPAN = 4.0, 1.25, 2.0
#: Axes that fit in another order fit so well.
SWAPPED = 1.1


def unlike_volumes(used: Any, facts: Mapping[str, np.ndarray], names: Sequence[str]) -> Iterator[Unlike]:
    """What volumes have that those of training had not, each kind once.

    Args:
        used: preprocessing of a model, with the ``files`` of its training.
        facts: of the files that are asked, ``[n]`` or ``[n, k]`` by name.
        names: of these files.
    """
    known = used.files
    cells = np.stack([facts[f"cells_{axis}"] for axis in range(3)], axis=1)
    spans = np.stack([facts[f"span_{axis}"] for axis in range(3)], axis=1)
    least, most = (np.array([known[f"cells_{axis}"][place] for axis in range(3)]) for place in (0, -1))
    sizes = np.array(used.size or least)
    has = "have" if len(names) > 1 else "has"
    coarse: np.ndarray = np.any((COARSE * cells < sizes) & (cells < least), axis=1)
    if coarse.any():
        text = (
            f"{some(coarse, names)} {has} {_cells(cells[coarse][0])} cells where training had at least "
            f"{_cells(least)}: made {float((sizes / cells[coarse][0]).max()):.3g} times larger, they hold little of "
            "what training saw; give finer ones"
        )
        yield Unlike("coarse", text, coarse, VALUES)
    bare = facts.get("oriented", np.full(len(names), np.nan)) == 0
    if bare.any() and known.get("oriented", [0])[0] == 1:
        says = "do" if len(names) > 1 else "does"
        text = (
            f"{some(bare, names)} {says} not say which way the axes point, as all files of training do: left and right "
            "may be exchanged; write the orientation into the header (sform), or convert from the source again"
        )
        yield Unlike("orientation", text, bare)
    spaced = all(f"span_{axis}" in known for axis in range(3))
    bounds = least, most
    if spaced:
        bounds = tuple(np.array([known[f"span_{axis}"][place] for axis in range(3)]) for place in (0, -1))  # type: ignore[assignment]
    measured = np.isfinite(spans).all(axis=1) & spaced  # of others the cells tell

    def sides_of(row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return (spans[row], *bounds) if measured[row] else (cells[row], least, most)

    turned = ~coarse & np.array([_misfit(*sides_of(row)) > PROPORTIONS for row in range(len(names))])
    if turned.any():
        row, low, high = sides_of(int(np.flatnonzero(turned)[0]))
        orders = [
            order
            for order in itertools.permutations(range(3))
            if _misfit(row[list(order)], low, high) <= SWAPPED
        ]
        mend = "volumes are stretched to those: cut them, or fill them up"
        if orders:
            mend = f"are axes swapped? Then transpose them, numpy.transpose(x, {orders[0]})"
        text = (
            f"{some(turned, names)} {has} sides of {_cells(row)}, and those of training, {_range(low, high)}, have "
            f"other proportions: {mend}"
        )
        yield Unlike("proportions", text, turned)
    low, high = bounds
    with np.errstate(invalid="ignore"):
        far = measured & ~turned & ((spans > SPAN * high) | (spans * SPAN < low)).any(axis=1)
    if far.any():
        text = (
            f"{some(far, names)} {has} sides of {_cells(spans[far][0])} mm, and in training {_range(low, high)}: "
            "another unit, or another part of the scene: cut it to that of training"
        )
        yield Unlike("span", text, far)


def _misfit(sides: np.ndarray, least: np.ndarray, most: np.ndarray) -> float:
    """How many times more one side must be scaled than another, at least, to lie between the least and the most."""
    smallest, largest = float((sides / most).max()), float((sides / least).min())
    return smallest / largest


def _range(least: np.ndarray, most: np.ndarray) -> str:
    low, high = _cells(least), _cells(most)
    return high if low == high else f"{low} to {high}"


def _cells(sides: np.ndarray) -> str:
    return " x ".join(f"{side:.4g}" for side in sides)
