"""Names of the columns of a table of observations."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class LongColumns:
    """What the columns of a long table are called.

    Args:
        id: says which series an observation belongs to (default "id").
        time: when it was made (default "time").
        variable: what was observed (default "variable").
        value: the number (default "value").
        label: class of the series (default "label"), in the table or in a file of labels beside ``id``.

    Raises:
        ValueError: two columns of one name, or an empty name.

    Example:
        >>> LongColumns(id="patient", value="result").observation
        ('patient', 'time', 'variable', 'result')
    """

    id: str = "id"
    time: str = "time"
    variable: str = "variable"
    value: str = "value"
    label: str = "label"

    def __post_init__(self) -> None:
        names = dataclasses.astuple(self)
        if len(set(names)) < len(names) or not all(isinstance(name, str) and name for name in names):
            raise ValueError(f"'columns' must have five different names (got {', '.join(map(str, names))})")

    @property
    def observation(self) -> tuple[str, str, str, str]:
        """The columns that every table must have."""
        return self.id, self.time, self.variable, self.value


def as_columns(columns: LongColumns | Mapping[str, str] | None) -> LongColumns:
    """:class:`LongColumns` from themselves, from a mapping of those that are called otherwise, or the default.

    Raises:
        ValueError: a key that is none of id, time, variable, value, label.

    Example:
        >>> as_columns({"time": "hour"}).time
        'hour'
    """
    if isinstance(columns, LongColumns):
        return columns
    known = [field.name for field in dataclasses.fields(LongColumns)]
    given = dict(columns or {})
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(
            f"'columns' must have no other keys than {', '.join(known)} (got {', '.join(unknown)})"
        )
    return LongColumns(**given)
