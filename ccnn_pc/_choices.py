"""Choices from strings."""

from __future__ import annotations

import difflib
import enum
from collections.abc import Sequence
from typing import TypeVar

E = TypeVar("E", bound=enum.Enum)


def choice(name: str, value: E | str, choices: type[E]) -> E:
    """An enum member from itself, from its string, or from its name in any case: nothing else is one.

    Raises:
        ValueError: no such choice; the message lists them.

    Example:
        >>> from ccnn_pc.domains import Pool
        >>> choice("pool", "mean+max", Pool), choice("pool", "MEAN_MAX", Pool)
        (<Pool.MEAN_MAX: 'mean+max'>, <Pool.MEAN_MAX: 'mean+max'>)
    """
    if isinstance(value, choices):
        return value
    if isinstance(value, str):
        for member in choices:
            if value == member.value or value.upper() == member.name:
                return member
    known = ", ".join(repr(c.value) for c in choices)
    raise ValueError(f"'{name}' must be one of {known} (got {value!r})")


def unknown_name(kind: str, name: str, known: Sequence[str]) -> ValueError:
    """The error for a name that is not known: what is, and what may have been meant."""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else "."
    return ValueError(f"unknown {kind} '{name}'{hint} Known: {', '.join(known) or 'none'}")
