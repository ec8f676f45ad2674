"""HTML from templates beside this file: every text that is filled in is escaped."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup


@functools.cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["json"] = as_json
    return made


def render(name: str, /, **values: Any) -> Markup:
    """A template of this package, filled in.

    Raises:
        jinja2.UndefinedError: a value is missing.
    """
    return Markup(_environment().get_template(name).render(**values))  # noqa: S704  (escaped by the template)


def as_json(value: Any) -> str:
    """A value for an attribute that a script reads; the template escapes it.

    Example:
        >>> as_json({"name": "<script>"})
        '{"name":"<script>"}'
    """
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


@functools.cache
def _compiled(text: str) -> Template:
    return _environment().from_string(text)


def fill(text: str, /, **values: Any) -> Markup:
    """A short template given as text.

    Example:
        >>> fill("<b>{{ name }}</b>", name="<script>")
        Markup('<b>&lt;script&gt;</b>')
    """
    return Markup(_compiled(text).render(**values))  # noqa: S704  (escaped by the template)
