"""Ids that are written differently, and may be one and the same."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"[+-]?\d+(?:\.0*)?", re.ASCII)


def written_alike(ids: Iterable[str]) -> tuple[str, str] | None:
    """The first two that are one number, or differ in spaces alone; others may differ in small and large letters.

    Example:
        >>> written_alike(["7", "8", "7.0"]), written_alike(["p  1", "p 1"]), written_alike(["a", "A"])
        (('7', '7.0'), ('p  1', 'p 1'), None)
    """
    known: dict[str, str] = {}
    for name in ids:
        text = " ".join(name.split())
        other = known.setdefault(str(int(text.split(".")[0])) if _NUMBER.fullmatch(text) else text, name)
        if other != name:
            return other, name
    return None
