"""Formulas as MathML, which browsers draw by themselves: no script, no fonts, no other server."""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert

MARKED = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(?P<formula>.*?)\\[)\]]</\1>', re.DOTALL)


def with_mathml(page: str) -> str:
    r"""A page whose marked formulas in LaTeX are MathML.

    Example:
        >>> "<mi>x</mi>" in with_mathml(r'<span class="arithmatex">\(x\)</span>')
        True
    """

    def new(match: re.Match[str]) -> str:
        block = match[1] == "div"
        drawn = convert(html.unescape(match["formula"]).strip(), display="block" if block else "inline")
        return f'<div class="formula">{drawn}</div>' if block else drawn

    return MARKED.sub(new, page)
