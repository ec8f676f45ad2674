"""An extension of griffe: docstrings of this library as the Markdown that mkdocstrings wants."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

from scripts.site.api import shown_as

ROLE = re.compile(r":(?P<role>class|func|meth|mod|attr|data|math):`~?(?P<text>[^`]+)`")


def role(match: re.Match[str]) -> str:
    """A formula, or a name that leads to its place in the API where it has one."""
    text = match["text"]
    if match["role"] == "math":
        return f"${text}$"
    head, *members = text.split(".")
    path = ".".join([shown_as().get(head, head), *members])
    return f'<autoref identifier="{path}" optional><code>{text}</code></autoref>'


def with_displayed_formulas(docstring: str) -> str:
    """A docstring with its ``.. math::`` blocks between double dollars."""
    lines, formula, indent = [], False, ""
    for line in docstring.splitlines():
        head, mark, rest = line.partition(".. math::")
        if formula and line.strip() and len(line) - len(line.lstrip()) <= len(indent):
            lines += [f"{indent}$$", ""]
            formula = False
        if mark and not head.strip():
            indent, formula, line = (
                head,
                True,
                f"{head}$$" + (f"\n{head}{rest.strip()}" if rest.strip() else ""),
            )
        elif formula:
            line = indent + line.strip()
        if line.strip() or not formula:
            lines.append(line)
    return "\n".join([*lines, *([f"{indent}$$"] if formula else [])])


def markdown(docstring: str) -> str:
    r"""A docstring with formulas between dollars, names as links, and the examples' heading that griffe knows.

    Example:
        >>> markdown(":class:`Grid`")
        '<autoref identifier="ccnn_pc.domains.Grid" optional><code>Grid</code></autoref>'
        >>> markdown(":math:`x`\n\nExample:\n    >>> 1\n    1")
        '$x$\n\nExamples:\n    >>> 1\n    1'
        >>> markdown(".. math::\n    y = \\sum_j x_j\n\nMore.\n")
        '$$\ny = \\sum_j x_j\n$$\n\nMore.'
    """
    text = with_displayed_formulas(ROLE.sub(role, docstring))
    return re.sub(r"^( *)Example:$", r"\1Examples:", text, flags=re.MULTILINE)


class Docstrings(Extension):
    """Rewrites every docstring as it is read."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Rewrite one."""
        if obj.docstring is not None:
            obj.docstring.value = markdown(obj.docstring.value)
