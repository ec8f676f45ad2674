"""One renderer for all tables that are made of rows in results/; what they show stands in tables.yaml."""

from __future__ import annotations

import csv
import statistics
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import scripts

Row = dict[str, str]
Rows = Sequence[Row]
#: Column -> the value that it has, or the values that it may have.
Where = Mapping[str, "str | Sequence[str]"]
NOTHING = "–"


def rows_of(source: str) -> list[Row]:
    """Rows of a table in results/; none where it does not exist yet."""
    path = Path(scripts.ROOT) / source
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def matching(rows: Rows, where: Where) -> list[Row]:
    """Those rows that have these values.

    Example:
        >>> matching([{"a": "1"}, {"a": "2"}, {}], {"a": ("2", "")})
        [{'a': '2'}, {}]
    """
    return [
        row
        for row in rows
        if all((row.get(k) or "") in ([v] if isinstance(v, str) else v) for k, v in where.items())
    ]


def thousands(number: object) -> str:
    """A whole number with groups of three digits.

    Example:
        >>> thousands(2017503)
        '2 017 503'
    """
    return f"{int(str(number)):,}".replace(",", " ")


def shown(template: str, rows: Rows) -> str:
    """A template filled from rows, ``{column:form}``; a dash where a column has no value.

    Forms: none (the values), ``,`` (whole numbers, lowest to highest), ``%`` (a mean fraction in per cent), ``n`` (how
    many values), ``±2`` (mean and, of several, standard deviation (n - 1) to two digits), ``±2%`` (the same in per
    cent), and Python's forms of a float, for the mean.

    Example:
        >>> rows = [{"a": "0.99", "n": "2017503"}, {"a": "0.98", "n": "12"}]
        >>> shown("{a:±2%} of {n:,}", rows), shown("{a:%}", rows[:1]), shown("{b}", rows)
        ('98.50 ± 0.71 of 12 to 2 017 503', '99.00 %', '–')
    """
    try:
        return _Filler().vformat(template, (), {"": rows})
    except LookupError:
        return NOTHING


class _Filler(string.Formatter):
    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[str]:
        values = [row[str(key)] for row in kwargs[""] if row.get(str(key))]
        if not values:
            raise LookupError(key)
        return values

    def format_field(self, values: list[str], form: str) -> str:
        if not form:
            return ", ".join(sorted(set(values)))
        if form == "n":
            return str(len(set(values)))
        if form == ",":
            counts = sorted({int(value) for value in values})
            return " to ".join(thousands(count) for count in dict.fromkeys([counts[0], counts[-1]]))
        numbers = [float(value) * (100 if form.endswith("%") else 1) for value in values]
        mean = statistics.mean(numbers)
        if form.startswith("±"):
            digits = form.strip("±%")
            deviation = f" ± {statistics.stdev(numbers):.{digits}f}" if len(numbers) > 1 else ""
            return f"{mean:.{digits}f}{deviation}"
        return f"{mean:.2f} %" if form == "%" else format(mean, form)


def markdown(header: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    """A Markdown table; the first column is left-aligned, the others are right-aligned."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in (header, rule, *lines))


class Tables:
    """The tables of a file like tables.yaml.

    A part of a block is ``=name``, a function without arguments, or says ``source``; ``derive`` (rows -> rows);
    ``where``, the rows that count; what makes a line: ``each`` (combinations of values in these columns), ``lines``
    (first cell and rows) or nothing (a row), and ``needs``, the rows that a line must have; ``columns``, heading ->
    template of :func:`shown`, ``[template, where]`` or ``=name`` (line, rows, heading -> cell); ``more``, other lines;
    ``before`` and ``after``, templates for the first row. ``=name`` in the place of columns, lines that follow or words
    is a function of the rows.

    Args:
        file: its path.
        functions: where names are looked up.
    """

    def __init__(self, file: Path, functions: object) -> None:
        import yaml

        self.blocks: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
        self.functions = functions

    def source(self, block: str) -> str | None:
        """The table in results/ that a block needs; None where it sees to that itself."""
        return next((part["source"] for part in self._parts(block) if isinstance(part, dict)), None)

    def text(self, block: str) -> str:
        """What a block holds; a part of which no row counts is left out."""
        parts = [self._table(p) if isinstance(p, dict) else self._named(p)() for p in self._parts(block)]
        return "\n\n".join(part for part in parts if part)

    def _parts(self, block: str) -> list[Any]:
        found = self.blocks[block]
        return found if isinstance(found, list) else [found]

    def _named(self, word: str) -> Any:
        return getattr(self.functions, word.removeprefix("="))

    def _of_rows(self, found: Any, rows: Rows) -> Any:
        return self._named(found)(rows) if isinstance(found, str) and found.startswith("=") else found

    def _cell(self, head: str, cell: Any, line: Rows, rows: Rows) -> object:
        template, where = cell if isinstance(cell, list) else (cell, {})
        if template.startswith("="):
            return self._named(template)(line, rows, head)
        return shown(template, matching(line, where))

    def _table(self, part: Mapping[str, Any]) -> str:
        every = rows_of(part["source"])
        if "derive" in part:
            every = self._named(part["derive"])(every)
        rows = matching(every, part.get("where", {}))
        if not rows:
            return ""
        columns = self._of_rows(part["columns"], rows)
        if "lines" in part:
            lines = [([label], matching(rows, where)) for label, where in part["lines"]]
        elif "each" in part:
            keys = dict.fromkeys(tuple(row.get(name) or "" for name in part["each"]) for row in rows)
            lines = [([], matching(rows, dict(zip(part["each"], key, strict=True)))) for key in keys]
        else:
            lines = [([], [row]) for row in rows]
        cells = [
            [
                *label,
                *(self._cell(head, cell, line, every) for head, cell in list(columns.items())[len(label) :]),
            ]
            for label, line in lines
            if matching(line, part.get("needs", {}))
        ]
        table = markdown(list(columns), [*cells, *self._of_rows(part.get("more", []), rows)])
        before, after = (self._of_rows(part.get(word, ""), rows) for word in ("before", "after"))
        words = [
            shown(text, rows[:1]) if text == part.get(word) else text
            for word, text in (("before", before), ("after", after))
        ]
        return "\n\n".join(text for text in (words[0], table, words[1]) if text)
