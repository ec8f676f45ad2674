"""Time zones of dates: said in every row or in none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_ZONED = re.compile(r"[Tt ]\s*\d\d.*(?:[zZ]|[+-]\d\d(?::?\d\d){0,2})\s*$")


class Zones:
    """Whether the dates of a column have a zone, over all files that make one table.

    UTC for dates without a zone would move them against the others; a date without a time of day is one of these.

    Args:
        column: what it is called.

    Example:
        >>> zones = Zones("when")
        >>> zones.check(Path("a.csv"), ["2024-01-31 12:30Z", "2024-01-31T13:30+01:00"])
        >>> zones.check(Path("b.csv"), ["2024-02-01"])
        Traceback (most recent call last):
        ...
        ValueError: 'b.csv': 'when' must say its time zone in every row or in none (got '2024-01-31 12:30Z' in 'a.csv' \
and '2024-02-01'): add +00:00 or another to the others, and to dates alone 00:00:00+00:00
    """

    def __init__(self, column: str) -> None:
        self.column = column
        self.seen: dict[bool, tuple[str, Path]] = {}

    def check(self, path: Path, cells: Iterable[str]) -> None:
        """Look at the cells of a file.

        Raises:
            ValueError: some have a zone and others, here or in a file before, have none.
        """
        for cell in cells:
            self.seen.setdefault(_ZONED.search(cell) is not None, (cell.strip(), path))
            if len(self.seen) == 2:
                said = [
                    f"{text!r}" + (f" in '{place}'" if place != path else "")
                    for text, place in (self.seen[True], self.seen[False])
                ]
                raise ValueError(
                    f"'{path}': '{self.column}' must say its time zone in every row or in none (got {said[0]} and "
                    f"{said[1]}): add +00:00 or another to the others, and to dates alone 00:00:00+00:00"
                )
