"""What tests read of a page: its elements, its clouds, whether it needs anything else."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

_VOID = {"meta", "img", "br", "hr", "input", "link"}


class Reader(HTMLParser):
    """Elements with their attributes, in order; refuses tags that do not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1] == tag, f"</{tag}> closes {self._open[-3:]}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("script", "style"):
            self.words.append(data)

    def all_of(self, tag: str, kind: str = "") -> list[dict[str, str]]:
        """Attributes of the elements of a tag, and of a class."""
        return [a for name, a in self.found if name == tag and kind in ["", *a.get("class", "").split()]]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def read_page(path: Path) -> Reader:
    """A page, which must be well-formed and need nothing outside of itself."""
    text = path.read_text(encoding="utf-8")
    page = Reader(text)
    for tag, marks in page.found:
        for name in ("src", "href", "xlink:href"):
            assert marks.get(name, "#").startswith(("#", "data:")), f"<{tag} {name}={marks[name][:60]}>"
    outside = set(re.findall(r"https?://[^\s\"'<)]+", text)) - {"http://www.w3.org/2000/svg"}
    assert not outside and "@import" not in text
    return page


def clouds_of(page: Reader) -> list[dict[str, Any]]:
    """The clouds of a page, positions and rows as arrays."""
    found = []
    for marks in page.all_of("div", "cloud"):
        told = json.loads(marks["data-cloud"])
        told["pos"] = np.frombuffer(base64.b64decode(told["pos"]), "<u2").reshape(-1, 3)
        for view in told["views"]:
            view["rows"] = np.frombuffer(base64.b64decode(view["rows"]), np.uint8)
        found.append(told)
    return found
