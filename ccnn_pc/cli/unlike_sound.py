"""Recordings that are otherwise than those of a model's training, where the arrays made of them do not show it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ccnn_pc.cli.unlike import VALUES, Unlike, some

#: A recording so many times shorter than ever has little in it.
SHORT = 4.0
#: Decibels below which there is silence; that recordings are quieter or louder than ever; more noise than ever.
SILENCE, LOUDER, NOISE = -80.0, 19.0, 6.0
#: Flatness of the spectrum of noise, with less than four times the power of what is heard beside it.
WHITE = -6.0
#: Share of the samples that stand at the largest value in clipped recordings, and how many times that of training.
CLIPPED, TIMES = 0.01, 9.0
#: Bits of a sample that are enough for all that is heard.
BITS = 16


def unlike_sound(used: Any, facts: Mapping[str, np.ndarray], names: Sequence[str]) -> Iterator[Unlike]:
    """What recordings have that those of training had not, each kind once.

    Args:
        used: preprocessing of a model, with the ``files`` of its training.
        facts: of the files that are asked, ``[n]`` or ``[n, k]`` by name.
        names: of these files.
    """
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
    bits: np.ndarray = facts.get("bits", np.full(len(names), math.nan))
    coarse = (bits < BITS) & (bits < spread("bits")[0])
    if coarse.any():
        text = (
            f"{some(coarse, names)} {has} {bits[coarse].min():g} bits per sample where training had at least "
            f"{spread('bits')[0]:g}: quiet parts are rounded away; record or save them in {BITS}, or train on such "
            "recordings too"
        )
        yield Unlike("bits", text, coarse, frozenset({"noise", "flat"}))
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


def _between(spread: Sequence[float], unit: str) -> str:
    low, high = f"{spread[0]:.3g}", f"{spread[-1]:.3g}"
    return f"{high} {unit}" if low == high else f"{low} to {high} {unit}"
