"""``ccnn-pc train data.root=FOLDER``: the experiment and the settings that follow from what lies there."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import Any

from ccnn_pc.cli.words import Word, read_word


def with_found(overrides: Sequence[str]) -> list[str]:
    """The words, with an experiment and settings in front where they name data and neither an experiment nor ``data``.

    Two lines on stderr say what the data are taken for and which words that is; others what is not used.

    Raises:
        FileNotFoundError: no such data.
        ValueError: what lies there cannot be trained on, or is of two kinds; the message says what to do.
    """
    words = {word.key: word for word in map(read_word, overrides)}
    if "experiment" in words or "data" in words or not isinstance(_value(words, "data.root"), str):
        return list(overrides)
    from ccnn_pc.datasets.looking.look import look_at

    found = look_at(words["data.root"].value, {key: word.value for key, word in words.items()})
    settings = {"experiment": found.experiment, "name": _name(found.root), **found.words}
    added = [f"{key}={_text(value)}" for key, value in settings.items() if key not in words]
    rest = [word for word in overrides if words["data.root"].typed != word]
    every = [*added, f"data.root={found.root}", *rest]
    print(f"{found.root}: {found.said}", file=sys.stderr)
    print(f"trained as: ccnn-pc train {shlex.join(every)}", file=sys.stderr)
    for note in found.notes:
        print(f"  {note}", file=sys.stderr)
    return every


def _value(words: dict[str, Word], key: str) -> Any:
    return words[key].value if key in words else None


def _name(root: Any) -> str:
    """What runs are called: as the folder."""
    name = root.resolve().stem if root.is_file() else root.resolve().name
    return (
        "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name).strip(".")
        or "data"
    )


def _text(value: Any) -> str:
    """A value as it is typed.

    Example:
        >>> _text(["pos"]), _text(True), _text(0.5), _text("my scan")
        ('[pos]', 'true', '0.5', 'my scan')
    """
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
