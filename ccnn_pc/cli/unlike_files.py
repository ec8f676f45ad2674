"""Files that are otherwise than those of a model's training, where the arrays that are made of them do not show it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

#: A recording so many times shorter than ever has little in it.
SHORT = 4.0
#: Decibels below which there is silence; that recordings are quieter or louder than ever; more noise than ever.
SILENCE, LOUDER, NOISE = -80.0, 19.0, 6.0
#: Flatness of the spectrum of noise, with less than four times the power of what is heard beside it.
WHITE = -6.0
#: Share of the samples that stand at the largest value in clipped recordings, and how many times that of training.
CLIPPED, TIMES = 0.01, 9.0
#: Mean of a recording over its root mean square that is an offset.
OFFSET = 0.3
#: Volumes so many times coarser than what is made of them; other proportions; other lengths.
COARSE, PROPORTIONS, SPAN = 4.0, 1.25, 2.0
#: What is wrong with a file says why its values are otherwise.
VALUES = frozenset({"values", "flat", "clipped", "noise"})


class Unlike(NamedTuple):
    """What files have that those of training had not.

    Attributes:
        kind: of the fault, said once per model.
        text: the message.
        rows: which of the files.
        explains: kinds of faults of values that follow from it.
    """

    kind: str
    text: str
    rows: np.ndarray
    explains: frozenset[str] = frozenset()


def unlike(used: Any, facts: Mapping[str, np.ndarray], names: Sequence[str]) -> Iterator[Unlike]:
    """What files have that those of training had not, each kind once.

    Args:
        used: preprocessing of a model of files, with the ``files`` of its training.
        facts: of the files that are asked, ``[n]`` or ``[n, k]`` by name.
        names: of these files.
    """
    if not used.files:
        return
    yield from (_sound if used.kind == "sound" else _volumes)(used, facts, names)


def some(rows: np.ndarray, names: Sequence[str]) -> str:
    """Which files are meant: one by its name, more by their number and the first."""
    first = names[int(np.flatnonzero(rows)[0])]
    return f"'{first}'" if len(names) == 1 else f"{rows.sum()} of {len(names)} files, the first '{first}',"


def _between(spread: Sequence[float], unit: str) -> str:
    low, high = f"{spread[0]:.3g}", f"{spread[-1]:.3g}"
    return f"{high} {unit}" if low == high else f"{low} to {high} {unit}"


def _sound(used: Any, facts: Mapping[str, np.ndarray], names: Sequence[str]) -> Iterator[Unlike]:
    known, (has, lasts, holds) = (
        used.files,
        ("have", "last", "hold") if len(names) > 1 else ("has", "lasts", "holds"),
    )
    loud, seconds, rate, even = (facts[name] for name in ("loudness", "seconds", "rate", "flatness"))
    unknown = [-math.inf, math.inf]  # of what a training did not measure

    def spread(name: str) -> Sequence[float]:
        return known.get(name, unknown)  # type: ignore[no-any-return]

    silent = (loud < SILENCE) & (spread("loudness")[0] >= SILENCE)
    if silent.any():
        text = f"{some(silent, names)} {holds} silence, or one value: nothing is there to answer from; leave it out"
        yield Unlike("silent", text, silent, VALUES)
    short = seconds * SHORT < spread("seconds")[0]
    if short.any():
        text = (
            f"{some(short, names)} {lasts} {seconds[short].min():.3g} s where recordings of training lasted "
            f"{_between(known['seconds'], 's')}: there is next to nothing to answer from; leave it out"
        )
        yield Unlike("short", text, short, VALUES)
    read = used.seconds or math.inf
    long = (seconds > used.usual_length) & (facts.get("windows", np.ones(1)) == 1)
    if long.any():
        text = (
            f"{some(long, names)} {lasts} {seconds[long].max():.3g} s, and the first {read:.3g} s are read "
            f"(recordings of training lasted {_between(known['seconds'], 's')}): give the part that counts, or "
            "pieces of that length"
        )
        yield Unlike("long", text, long)
    slow = (rate < (used.rate or 0)) & (rate < spread("rate")[0])
    if slow.any():
        text = (
            f"{some(slow, names)} {has} {rate[slow].min():g} samples per second where training had at least "
            f"{known['rate'][0]:g}: nothing above {rate[slow].min() / 2:g} Hz is heard; record faster, or train on "
            "such recordings too"
        )
        yield Unlike("slow", text, slow, VALUES)
    heard = ~silent & ~short
    low, high = spread("loudness")[0] - LOUDER, spread("loudness")[-1] + LOUDER
    off = heard & ((loud < low) | (loud > high))
    if off.any():
        worst = loud[off][np.abs(loud[off] - (low + high) / 2).argmax()]
        text = (
            f"{some(off, names)} {has} {worst:.3g} dB, {'louder' if worst > high else 'quieter'} than all of training "
            f"({_between(known['loudness'], 'dB')}): bring recordings to its loudness"
        )
        yield Unlike("loudness", text, off, VALUES)
    share, usual = facts["clipped"], spread("clipped")[-1]
    clipped = heard & (share > max(CLIPPED, TIMES * usual))
    if clipped.any():
        text = (
            f"{some(clipped, names)} {has} {100 * share[clipped].max():.2g} % of the samples at the largest value (in "
            f"training at most {100 * usual:.2g} %): clipped; record again, less loud"
        )
        yield Unlike("clipped", text, clipped, VALUES | {"pitch"})
    least, most = spread("flatness")[0], spread("flatness")[-1]
    noisy = heard & ~clipped & (even > max(WHITE, most + max(NOISE, (most - least) / 2)))
    if noisy.any():
        text = (
            f"{some(noisy, names)} {has} a spectrum as even as {even[noisy].max():.3g} dB (noise has 0, training had "
            f"{_between(known['flatness'], 'dB')}): is there noise? Record again, or train on such recordings too"
        )
        yield Unlike("noise", text, noisy, VALUES | {"pitch"})
    stands, usual = facts["offset"], spread("offset")[-1]
    moved = heard & ~clipped & (stands > max(OFFSET, TIMES * usual))
    if moved.any():
        text = (
            f"{some(moved, names)} {has} a mean of {stands[moved].max():.2g} of the root mean square (in training at "
            f"most {usual:.2g}): take the offset away"
        )
        yield Unlike("offset", text, moved, VALUES)


def _volumes(used: Any, facts: Mapping[str, np.ndarray], names: Sequence[str]) -> Iterator[Unlike]:
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
