"""What made a page: settings, versions, and the command that repeats it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ccnn_pc.viz.report.page import Section
from ccnn_pc.viz.report.templates import fill, render

_MOST = 100_000


def repeat_section(
    words: Sequence[str], *, pairs: Mapping[str, Any], config: str = "", about: str = ""
) -> Section:
    """The command to repeat it, facts, and the configuration.

    Args:
        words: of the command, ``ccnn-pc`` left out.
        pairs: facts by name; None is left out.
        config: as YAML; of more than 100 000 characters the first ones.
        about: a sentence.
    """
    shown = [(name, value) for name, value in pairs.items() if value is not None and value != ""]
    html = fill(
        '<div class="copy"><pre>{{ command }}</pre><button>copy</button></div>{{ facts }}'
        "{% if config %}<details><summary>configuration</summary><pre>{{ config }}</pre></details>{% endif %}",
        command=shlex.join(["ccnn-pc", *words]),
        facts=render("pairs.html", pairs=shown),
        config=config if len(config) <= _MOST else config[:_MOST] + "\n…",
    )
    return Section("Repeat it", html, about)
