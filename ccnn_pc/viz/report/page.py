"""A page of pictures and tables: one file, nothing outside of it, at most 3 MB."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from ccnn_pc import __version__
from ccnn_pc._files import write_text_atomically
from ccnn_pc.viz.report.templates import render

#: Bytes of a page.
MOST = 3_000_000
#: How pages are told from other files.
GENERATOR = "ccnn-pc report"


@dataclasses.dataclass(frozen=True)
class Figure:
    """A number at the head of a page.

    Args:
        name: what it is.
        value: as it is read.
        hint: shown under the pointer.
    """

    name: str
    value: str
    hint: str = ""


@dataclasses.dataclass(frozen=True)
class Card:
    """A picture with words below it; pages that would be too large leave out the last ones.

    Args:
        drawing: the picture, as HTML.
        head: what it is, in a few words.
        note: what else.
        tone: "wrong", "right" or nothing.
        truth: true class, which the confusions choose pictures by.
        said: class that it is taken for.
    """

    drawing: Markup
    head: str
    note: str = ""
    tone: str = ""
    truth: str = ""
    said: str = ""


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of a page.

    Args:
        title: its head.
        html: tables and charts.
        about: a sentence or two on how it is read.
        cards: pictures after them.
        wide: whether these are wide ones.
    """

    title: str
    html: Markup = Markup("")
    about: str = ""
    cards: Sequence[Card] = ()
    wide: bool = False


@dataclasses.dataclass(frozen=True)
class Page:
    """What a page shows.

    Args:
        title: its head.
        sections: its parts, in their order.
        kind: a word over the head.
        subtitle: a line below it.
        figures: numbers below that.
        date: in the last line.
        of: what tells it from pages of the same name, as :func:`identity`; nothing: it replaces any.
    """

    title: str
    sections: Sequence[Section]
    kind: str = "report"
    subtitle: str = ""
    figures: Sequence[Figure] = ()
    date: str = ""
    of: str = ""


def identity(*words: object) -> str:
    """A short name for what a page is of: model, file and options, which it does not show.

    Example:
        >>> identity("model", "a/x.off") == identity("model", "b/x.off")
        False
    """
    return hashlib.sha256("\0".join(map(str, words)).encode()).hexdigest()[:16]


def page_html(page: Page, most: int = MOST) -> str:
    """The page as text of at most so many bytes: pictures are left out for it, and a line says how many.

    Raises:
        ValueError: it is larger without any picture.
    """
    kept = [list(section.cards) for section in page.sections]
    while True:
        text = render(
            "page.html",
            page=page,
            kept=kept,
            generator=GENERATOR,
            version=__version__,
            most_mb=f"{most / 1e6:g}",
        )
        over = len(text.encode("utf-8")) - most
        if over <= 0:
            return str(text)
        if not any(kept):
            raise ValueError(f"'page' must fit into {most} bytes without its pictures (got {over} more)")
        while over > 0 and any(kept):  # of the section that has most to show
            longest = max(kept, key=lambda cards: sum(len(card.drawing) for card in cards))
            over -= len(longest.pop().drawing)


def write_page(page: Page, out: str | os.PathLike[str], *, most: int = MOST) -> Path:
    """Write a page, in a folder that is made where there is none.

    Args:
        page: what it shows.
        out: file to write; a page of ours that is there is replaced.
        most: bytes.

    Returns:
        The page's path.

    Raises:
        ValueError: there is a file of another kind.
        OSError: ``out`` cannot be written.
    """
    path = check_place("out", out)
    text = page_html(page, most)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomically(path, text)
    return path


def check_place(name: str, out: str | os.PathLike[str]) -> Path:
    """A file that a page may be written to: there is none, or a page of ours.

    Raises:
        ValueError: there is something else; the message names the argument.
    """
    path = Path(out)
    if not may_replace(path):
        raise ValueError(
            f"'{name}' must be a new file or a page of ccnn-pc (got {path}, which is something else)"
        )
    return path


def may_replace(path: Path, of: str = "") -> bool:
    """Whether there is nothing at a path, or a page of ours; of one thing, where it is said."""
    return not os.path.lexists(path) or is_page(path, of)


def is_page(path: Path, of: str = "") -> bool:
    """Whether a path is a page of ours; of one thing, where it is said."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(1000)
    return f'content="{GENERATOR}"'.encode() in head and (
        not of or f'name="of" content="{of}"'.encode() in head
    )


def free_place(path: Path, of: str = "") -> Path:
    """The path, or, where something else than a page of the same thing lies, the same with ``_2``, ``_3`` and so on.

    Example:
        >>> free_place(Path("none/report.html"))
        PosixPath('none/report.html')
    """
    found, number = path, 1
    while not may_replace(found, of):
        number += 1
        found = path.with_name(f"{path.stem}_{number}{path.suffix}")
    return found
