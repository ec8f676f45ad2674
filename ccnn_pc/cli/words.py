"""The words of ``ccnn-pc train`` as people type them, in Hydra's grammar, where many of them mean something else."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf

#: Last parts of keys whose values are names, and of those that are places: text, whatever it looks like.
NAMES = ("name", "project")
PLACES = (
    "root",
    "labels",
    "split_file",
    "runs",
    "run_dir",
    "resume",
    "results_csv",
    "folder",
    "path",
    "save_dir",
)
#: Places that are always somewhere: a folder called null is one.
GIVEN = ("root", "runs")
#: What a number of an experiment may be instead.
WORDS_FOR_NUMBERS = {"trainer.devices": "auto"}
#: Groups and keys whose numbers may be lists: one for each axis, a range.
LISTS_FOR_NUMBERS = ("data", "model", "kernel", "window", "trainer.devices")


class UsageError(ValueError):
    """What was asked for cannot be done; the message says what can."""


@dataclass(frozen=True)
class Word:
    """One word of the command line.

    Attributes:
        typed: as it was typed.
        prefix: "", "+", "++" (adds a key) or "~" (takes one away).
        key: what it sets.
        value: the value that it sets.
        override: the word in Hydra's grammar.
    """

    typed: str
    prefix: str
    key: str
    value: Any
    override: str


def read_word(typed: str) -> Word:
    r"""Read ``key=value``.

    Names and places are text: ``name=2024``, ``data.root=a,b``. Elsewhere Hydra's grammar counts, and what it cannot
    read is text as well, unless it begins as a list does.

    Raises:
        UsageError: no ``key=value``; commas outside of a list; a list that does not end. The message says how to write.

    Example:
        >>> read_word("data.root=a=b").value, read_word("name=2024").value, read_word("seed=2024").value
        ('a=b', '2024', 2024)
        >>> read_word(r"data.root='quote\'s'").value
        "quote's"
    """
    found = re.fullmatch(r"(\+\+|\+|~|)([^=]*)(?:=(.*))?", typed, re.DOTALL)
    prefix, key, raw = found.groups() if found else ("", "", None)
    if not key.strip() or (raw is None and prefix != "~"):
        raise UsageError(f"'{typed}' must be key=value, like seed=1 (`ccnn-pc train --help` shows more)")
    if raw is None or prefix == "~":
        return Word(typed, prefix, key, None, typed)
    last = key.rpartition(".")[2]
    try:
        parsed = OverridesParser.create().parse_override(typed)
        swept, value = parsed.is_sweep_override(), parsed.value()
    except HydraException:
        parsed, swept, value = None, False, raw
        if raw.lstrip()[:1] in ("[", "{") and last not in (*NAMES, *PLACES):
            raise UsageError(
                f"'{typed}' must be a list like {key}=[a,b], or a text in two pairs of quotes: {_quoted(key, raw)}"
            ) from None
    if last in (*NAMES, *PLACES):
        value = _text(last, raw, None if swept or parsed is None else value)
    elif swept:
        raise UsageError(
            f"'{typed}' must be one value (got commas); a list is {key}=[{raw}], a text {_quoted(key, raw)}"
        )
    elif parsed is not None:
        return Word(typed, prefix, key, value, typed)
    return Word(typed, prefix, key, value, f"{prefix}{key}={as_grammar(value)}")


def _text(last: str, raw: str, value: Any) -> Any:
    """A name or a place from what was typed, and from what Hydra makes of it."""
    if raw == "null" and last not in GIVEN:
        return None
    if isinstance(value, list) and last in ("root", "labels"):  # several files
        return [str(part) for part in value]
    escaped = isinstance(value, str) and (raw[:1] in ("'", '"') or "\\" in raw)
    text = value if escaped else raw
    return os.path.expanduser(text) if last in PLACES else str(text)


def as_grammar(value: Any) -> str:
    """A value in Hydra's grammar: null, a list, or a quoted text."""
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"[{','.join(map(as_grammar, value))}]"
    return QuotedString(text=str(value), quote=Quote.single).with_quotes()


def _quoted(key: str, raw: str) -> str:
    """A word for the shell whose value Hydra takes for text."""
    return f"\"{key}='{raw}'\""


def check_group(key: str, name: str, known: Sequence[str]) -> None:
    """``name`` must be a choice of the group ``key``.

    Raises:
        UsageError: with the nearest one.

    Example:
        >>> check_group("kernel", "siern", ["mlp", "siren"])
        Traceback (most recent call last):
        ccnn_pc.cli.words.UsageError: 'kernel' must be one of mlp, siren (got 'siern'); did you mean 'siren'?
    """
    if name not in known:
        raise UsageError(f"'{key}' must be one of {', '.join(known)} (got '{name}'){_nearest(name, known)}")


def check_words(words: Iterable[Word], base: DictConfig) -> None:
    """Words that change a value must name one of the experiment, and give numbers where it has numbers.

    Args:
        words: none that choose files of groups.
        base: the experiment without them.

    Raises:
        UsageError: an unknown key, with the nearest right one; text in the place of a number.
    """
    added = {word.key for word in words if word.prefix in ("+", "++")}
    for word in words:
        if word.prefix or any(word.key == key or word.key.startswith(f"{key}.") for key in added):
            continue
        if not has_key(base, word.key):
            raise unknown_key(word, base)
        check_kind(word, base)


def check_kind(word: Word, base: DictConfig) -> None:
    """A word must give a number where there is one; some may be lists, which are left to what takes them.

    Raises:
        UsageError: text, or a list.
    """
    try:
        before = OmegaConf.select(base, word.key)
    except Exception as error:
        if type(error).__module__.startswith("omegaconf"):  # a value that is not known yet
            return
        raise
    if not isinstance(before, (bool, int, float)) or not isinstance(word.value, (str, list)):
        return
    if isinstance(word.value, list) and {word.key, word.key.partition(".")[0]} & {*LISTS_FOR_NUMBERS}:
        return
    if isinstance(word.value, str) and ("${" in word.value or WORDS_FOR_NUMBERS.get(word.key) == word.value):
        return
    kind = "true or false" if isinstance(before, bool) else "a number"
    kind = "an integer" if isinstance(before, int) and not isinstance(before, bool) else kind
    raise UsageError(f"'{word.key}' must be {kind} (got {word.value!r})")


def has_key(config: DictConfig, key: str) -> bool:
    """Whether a key is there, also one that has no value yet."""
    *path, last = key.split(".")
    node: Any = config
    for part in path:
        if not isinstance(node, DictConfig) or part not in node.keys():  # noqa: SIM118  ("???" is not "in")
            return False
        node = node._get_node(part)
        if isinstance(node, DictConfig) and node._is_interpolation():
            node = node._dereference_node()
    if isinstance(node, ListConfig):
        return last.isdigit() and int(last) < len(node)
    return isinstance(node, DictConfig) and last in node.keys()  # noqa: SIM118


def unknown_key(word: Word, base: DictConfig) -> UsageError:
    """The error for a key that is not there: which one may have been meant, which there are."""
    known = sorted(_keys(base))
    last = word.key.rpartition(".")[2]
    alike = [key for key in known if key.rpartition(".")[2] == last]
    level = word.key.rpartition(".")[0]
    siblings = [key for key in known if key.rpartition(".")[0] == level]
    hint = (
        f"; did you mean '{min(alike, key=lambda key: (key.count('.'), key))}'?"
        if alike
        else _nearest(word.key, siblings) or _nearest(word.key, known)
    )
    if not hint:
        lasts = {key.rpartition(".")[2]: key for key in sorted(known, key=lambda key: -key.count("."))}
        close = difflib.get_close_matches(last, lasts, n=1)
        hint = f"; did you mean '{lasts[close[0]]}'?" if close else ""
    there = ", ".join(key.rpartition(".")[2] for key in siblings)
    where = f"in {level}" if level else "there"
    listing = f" Keys {where}: {there}." if siblings else ""
    return UsageError(
        f"'{word.key}' must be a key of this experiment (got {word.typed}){hint or '.'}{listing}"
        f" (+{word.typed} would add it)"
    )


def _nearest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _keys(config: DictConfig, above: str = "") -> Iterable[str]:
    for key in map(str, config.keys()):  # keys without a value too
        yield f"{above}{key}"
        node = config._get_node(key)
        if isinstance(node, DictConfig) and not node._is_interpolation() and not node._is_none():
            yield from _keys(node, f"{above}{key}.")


def words_by_key(words: Iterable[Word]) -> Mapping[str, Word]:
    """The last word of each key."""
    return {word.key: word for word in words}
