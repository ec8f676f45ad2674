"""Names that are written differently, and may mean one and the same."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"[+-]?\d+(?:\.0*)?", re.ASCII)


def written_alike(names: Iterable[str], *, case: bool = True) -> tuple[str, str] | None:
    """The first two names that are one number, or differ in spaces alone; with ``case`` in small and large letters.

    Example:
        >>> written_alike(["7", "8", "7.0"]), written_alike(["ill", "Ill "]), written_alike(["a", "A"], case=False)
        (('7', '7.0'), ('ill', 'Ill '), None)
    """
    known: dict[str, str] = {}
    for name in names:
        text = " ".join(name.split())
        plain = text.casefold() if case else text
        key = str(int(text.split(".")[0])) if _NUMBER.fullmatch(text) else plain
        other = known.setdefault(key, name)
        if other != name:
            return other, name
    return None
