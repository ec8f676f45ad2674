"""Which numbers of a file are which class, and which are no label."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

IGNORED = -100
"""Row of points without a label, as in PyTorch's losses."""

#: Numbers up to here are looked up in an array.
_SMALL = 1 << 16


@dataclasses.dataclass(frozen=True)
class ClassTable:
    """Numbers in a file, and the classes that they are; rows count the classes from 0 in the order of their names.

    Args:
        names: name of each number; numbers of one name are one class, which is written as the first of them.
        ignored: numbers of points that have no label.

    Raises:
        ValueError: fewer than two classes, an empty name, a number that is no whole number, is there twice, or is
            both named and ignored.

    Example:
        >>> table = ClassTable({2: "ground", 3: "plants", 4: "plants"}, ignored=(0,))
        >>> table.classes, table.rows(np.array([2, 4, 3, 0])).tolist()
        (('ground', 'plants'), [0, 1, 1, -100])
        >>> table.numbers(np.array([0, 1])).tolist()
        [2, 3]
        >>> table.rows(np.array([2, 9]), source="a.laz", field="classification")
        Traceback (most recent call last):
        ...
        ValueError: 'a.laz': field 'classification' has numbers that the class table does not know: 9 (1 point); it \
knows 2 ground, 3 plants, 4 plants, and ignores 0
    """

    names: Mapping[int, str]
    ignored: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.names, Mapping):
            raise ValueError(f"'names' must map numbers to names of classes (got {self.names!r})")
        names: dict[int, str] = {}
        for key, name in self.names.items():
            number = _whole("names", key)
            if number in names:
                raise ValueError(
                    f"'names' must hold each number once (got {number} as {names[number]!r} and {name!r})"
                )
            if not isinstance(name, str) or not name.strip():
                raise ValueError(f"'names' must give every number a name (got {name!r} for {number})")
            names[number] = name.strip()
        ignored = tuple(_whole("ignored", each) for each in self.ignored)
        twice = next((each for each in ignored if ignored.count(each) > 1), None)
        if twice is not None:
            raise ValueError(f"'ignored' must hold each number once (got {twice} twice)")
        both = next((each for each in ignored if each in names), None)
        if both is not None:
            raise ValueError(
                f"'ignored' must not hold a number that has a name (got {both}, which is {names[both]!r})"
            )
        if len(set(names.values())) < 2:
            raise ValueError(
                f"'names' must name two classes or more (got {', '.join(names.values()) or 'none'})"
            )
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "ignored", ignored)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, by row."""
        return tuple(dict.fromkeys(self.names.values()))

    def __len__(self) -> int:
        return len(self.classes)

    def rows(self, numbers: np.ndarray, *, source: str = "labels", field: str = "label") -> np.ndarray:
        """Row of each number, int64; ``-100`` for those that are ignored.

        Args:
            numbers: whole numbers of any shape.
            source: file that they come from, for the message.
            field: its field, for the message.

        Raises:
            ValueError: numbers that the table does not know.
        """
        if numbers.dtype.kind not in "iu":
            raise ValueError(f"'{source}': field '{field}' must hold whole numbers (got {numbers.dtype})")
        row_of = {name: row for row, name in enumerate(self.classes)}
        known = dict.fromkeys(self.ignored, IGNORED) | {key: row_of[name] for key, name in self.names.items()}
        if numbers.size and int(numbers.min()) >= 0 and int(numbers.max()) < _SMALL:
            values = np.flatnonzero(np.bincount(numbers.reshape(-1)))
            table = np.zeros(_SMALL, dtype=np.int64)
            small = [key for key in known if 0 <= key < _SMALL]
            table[small] = [known[key] for key in small]
            rows = table[numbers]
        else:
            values, place = np.unique(numbers, return_inverse=True)
            rows = np.array([known.get(int(each), 0) for each in values], dtype=np.int64)[place]
        unknown = [int(each) for each in values if int(each) not in known]
        if unknown:
            counts = [int((numbers == each).sum()) for each in unknown[:5]]
            listed = ", ".join(
                f"{each} ({count} point{'s' * (count != 1)})"
                for each, count in zip(unknown, counts, strict=False)
            )
            more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
            raise ValueError(
                f"'{source}': field '{field}' has numbers that the class table does not know: {listed}{more}; it knows "
                + ", ".join(f"{key} {name}" for key, name in self.names.items())
                + (f", and ignores {', '.join(map(str, self.ignored))}" if self.ignored else "")
            )
        return rows.reshape(numbers.shape)

    def numbers(self, rows: np.ndarray) -> np.ndarray:
        """Number of the class in each row, int64: the first of its numbers.

        Raises:
            ValueError: no row of the table.
        """
        if rows.dtype.kind not in "iu" or (
            rows.size and not (int(rows.min()) >= 0 and int(rows.max()) < len(self))
        ):
            raise ValueError(f"'rows' must be whole numbers in [0, {len(self)})")
        first = {name: key for key, name in reversed(list(self.names.items()))}
        return np.array([first[name] for name in self.classes], dtype=np.int64)[rows]

    def to_json(self) -> dict[str, Any]:
        """Names and ignored numbers as mappings, lists and strings."""
        return {"names": {str(key): name for key, name in self.names.items()}, "ignored": list(self.ignored)}

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> ClassTable:
        """What :meth:`to_json` wrote.

        Raises:
            ValueError: an unknown key, or a table that contradicts itself.

        Example:
            >>> ClassTable.from_json({"names": {"2": "ground", "1": "other"}}).classes
            ('ground', 'other')
        """
        unknown = set(described) - {"names", "ignored"}
        if unknown or "names" not in described:
            raise ValueError(
                f"a class table has 'names' and 'ignored' (got {', '.join(described) or 'nothing'})"
            )
        ignored: Sequence[Any] = described.get("ignored") or ()
        return cls(described["names"], tuple(ignored))


def _whole(argument: str, value: Any) -> int:
    """A whole number, also as the text that JSON and command lines have for it."""
    if isinstance(value, str) and value.strip().removeprefix("-").isdecimal():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ValueError(f"'{argument}' must hold whole numbers (got {value!r})")
    return int(value)
