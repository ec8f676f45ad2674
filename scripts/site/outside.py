"""Files beside docs/ that are pages of the site too, and links that lead to them."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import scripts

#: Where a file of the repository lies in the site.
PLACES = (
    (re.compile(r"docs/(.+)"), r"\1"),
    (re.compile(r"datasets/cards/(.+)\.md"), r"cards/\1.md"),
    (re.compile(r"examples/(.+)\.ipynb"), r"examples/\1.md"),
    (re.compile(r"CHANGELOG\.md"), "changelog.md"),
    (re.compile(r"README\.md"), "index.md"),
)
LINK = re.compile(r"(?<=\]\()(?P<file>[^)\s#:]+)(?P<anchor>#[^)\s]*)?(?=\))")


def place(file: str) -> str | None:
    """The path in the site of a file of the repository; None where it has none.

    Example:
        >>> place("datasets/cards/uea.md"), place("docs/cli.md"), place("setup.cfg")
        ('cards/uea.md', 'cli.md', None)
    """
    return next((pattern.sub(to, file) for pattern, to in PLACES if pattern.fullmatch(file)), None)


def outer_pages() -> dict[str, str]:
    """Pages whose Markdown lies outside of docs/: path in the site -> path in the repository."""
    root = Path(scripts.ROOT)
    files = [
        "CHANGELOG.md",
        *(f"datasets/cards/{card.name}" for card in sorted((root / "datasets/cards").glob("*.md"))),
    ]
    return {str(place(file)): file for file in files}


def with_site_links(text: str, file: str) -> str:
    """A page of the repository with its links as they are in the site.

    Example:
        >>> with_site_links("[a](../datasets/cards/uea.md#b)", "docs/data.md")
        '[a](cards/uea.md#b)'
        >>> with_site_links("[a](../../docs/results.md), [b](mnist.md)", "datasets/cards/cifar.md")
        '[a](../results.md), [b](mnist.md)'
    """
    here = posixpath.dirname(str(place(file)))

    def new(match: re.Match[str]) -> str:
        there = place(posixpath.normpath(posixpath.join(posixpath.dirname(file), match["file"])))
        return match[0] if there is None else posixpath.relpath(there, here or ".") + (match["anchor"] or "")

    return LINK.sub(new, text)
