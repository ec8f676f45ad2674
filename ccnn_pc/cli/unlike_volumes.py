"""Volumes that are otherwise than those of a model's training, where the arrays made of them do not show it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ccnn_pc.cli.unlike import VALUES, Unlike, some

#: Volumes so many times coarser than what is made of them; other proportions; other lengths.
COARSE, PROPORTIONS, SPAN = 4.0, 1.25, 2.0


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
    spaced = all(f"span_{axis}" in known for axis in range(3))
    if spaced:
        least, most = (np.array([known[f"span_{axis}"][place] for axis in range(3)]) for place in (0, -1))
    sides = spans if spaced else cells
    with np.errstate(invalid="ignore"):
        turned = ~coarse & np.array([not _alike(row, least, most) for row in sides])
        far = ((sides > SPAN * most) | (sides * SPAN < least)).any(axis=1) & spaced
    if turned.any():
        row = sides[turned][0]
        orders = [
            order for order in itertools.permutations(range(3)) if _alike(row[list(order)], least, most)
        ]
        mend = "volumes are stretched to those: cut them, or fill them up"
        if orders:
            mend = f"are axes swapped? Then transpose them, numpy.transpose(x, {orders[0]})"
        text = (
            f"{some(turned, names)} {has} sides of {_cells(row)}, and those of training, {_range(least, most)}, have "
            f"other proportions: {mend}"
        )
        yield Unlike("proportions", text, turned)
    far &= ~turned
    if far.any():
        text = (
            f"{some(far, names)} {has} sides of {_cells(sides[far][0])} mm, and in training {_range(least, most)}: "
            "another unit, or another part of the scene: cut it to that of training"
        )
        yield Unlike("span", text, far)


def _alike(sides: np.ndarray, least: np.ndarray, most: np.ndarray) -> bool:
    """Whether sides have the proportions of some between the least and the most; what is not known has."""
    scale = [sides[axis] / bound[axis] for bound in (least, most) for axis in range(3)]
    smallest = np.array(scale[3:]).max()  # at which no side is larger than the most
    largest = np.array(scale[:3]).min()
    return not smallest > PROPORTIONS * largest


def _range(least: np.ndarray, most: np.ndarray) -> str:
    low, high = _cells(least), _cells(most)
    return high if low == high else f"{low} to {high}"


def _cells(sides: np.ndarray) -> str:
    return " x ".join(f"{side:.4g}" for side in sides)
