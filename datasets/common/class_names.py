"""Names of classes that are written in several ways: ``Night stand`` and ``night_stand``, ``1`` and ``1.0``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from ccnn_pc.datasets.formats.numerals import is_number, number_in

_BETWEEN = re.compile(r"[\s_\-]+")
#: What stands before or behind a name to sort it: ``01_chair``, ``chair (3)``.
_SORTED = re.compile(r"^\d+[\s_.\-)]+|[\s_]*\(\d+\)$")


def spelling(name: str) -> str:
    """A name as it sounds: without case, with one sign for blanks, underscores and hyphens; numbers by their value.

    Example:
        >>> spelling("Night-Stand ") == spelling("night_stand"), spelling("01") == spelling("1.0")
        (True, True)
    """
    text = name.strip()
    if is_number(text):
        return repr(number_in(text))
    return _BETWEEN.sub("_", text.casefold()).strip("_")


def spelt_twice(names: Sequence[str]) -> list[tuple[str, str]]:
    """Names that differ in their spelling alone; single letters may differ in case.

    Example:
        >>> spelt_twice(["Chair", "chair", "desk", "A", "a"])
        [('Chair', 'chair')]
    """
    first: dict[str, str] = {}
    found = []
    for name in names:
        key = spelling(name)
        if len(key) > 1:
            other = first.setdefault(key, name)
            found += [(other, name)] if other != name else []
    return found


def meant(name: str, known: Sequence[str]) -> str | None:
    """The one of some names that another spelling, a number for sorting, or a slip of the pen makes of it; else None.

    Example:
        >>> [meant(name, ["Chair", "night stand"]) for name in ("chair", "02_night_stand", "nightstand", "lamp")]
        ['Chair', 'night stand', 'night stand', None]
    """
    bare = _SORTED.sub("", name)
    for plain in (
        spelling,
        lambda text: spelling(_SORTED.sub("", text)),
        lambda text: spelling(text).replace("_", ""),
    ):
        found = [each for each in known if plain(each) in (plain(name), plain(bare))]
        if len(found) == 1:
            return found[0]
    close = [] if is_number(name) else difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    return close[0] if close else None


def counted_from(names: Sequence[str], known: Sequence[str]) -> tuple[int, int] | None:
    """Where names count from, and others, if all are whole numbers and one more or less would make them agree.

    Example:
        >>> counted_from(["0", "1", "2"], ["1", "2", "3"]), counted_from(["0", "7"], ["1", "2"])
        ((0, 1), None)
    """
    if not all(name.isascii() and name.isdigit() for name in (*names, *known)):
        return None
    here, there = ({int(name) for name in each} for each in (names, known))
    for step in (1, -1):
        if {number + step for number in here} <= there:
            return min(here), min(there)
    return None
