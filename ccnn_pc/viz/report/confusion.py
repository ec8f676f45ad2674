"""Which classes are taken for which, as a table that chooses pictures; of many classes as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import ArrayLike

from ccnn_pc.viz.report.page import Section
from ccnn_pc.viz.report.pixels import png_address
from ccnn_pc.viz.report.templates import fill, render

#: Classes of a table; of more there is a picture and a list.
MOST = 25
_LISTED = 30


def confusion_section(
    confusion: ArrayLike, names: Sequence[str], counted: str = "items", *, chooses: bool = False
) -> Section:
    """Confusions ``[K, K]``, true classes in rows.

    Args:
        confusion: counts.
        names: K names.
        counted: what is counted.
        chooses: whether the page has pictures that a click on a cell chooses.

    Raises:
        ValueError: not square, or another number of names.
    """
    counts = np.asarray(confusion, dtype=np.int64)
    if counts.ndim != 2 or counts.shape != (len(names), len(names)):
        raise ValueError(
            f"'confusion' must be [{len(names)}, {len(names)}], a row per name (got {list(counts.shape)})"
        )
    about = (
        "Rows are true classes, columns what they are taken for; colours are shares of the true class, numbers "
        f"{counted}."
    )
    if len(names) > MOST:
        return Section("Confusions", _large(counts, names), about)
    how = " A click on a cell shows its pictures alone." if chooses else ""
    return Section("Confusions", _table(counts, names), about + how)


def _shares(counts: Any) -> Any:
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def _table(counts: Any, names: Sequence[str]) -> Markup:
    shares = _shares(counts)
    rows = []
    for label, name in enumerate(names):
        cells = []
        for said, other in enumerate(names):
            count, share = int(counts[label, said]), float(shares[label, said])
            cells.append(
                {
                    **{"count": count, "share": round(share, 4), "said": other, "hit": said == label},
                    "text": "" if not count else short_count(count),
                }
            )
        rows.append({"name": name, "total": short_count(int(counts[label].sum())), "cells": cells})
    return render("confusion.html", names=names, rows=rows)


def _large(counts: Any, names: Sequence[str]) -> Markup:
    """The matrix as a picture, a pixel per pair, and the pairs that are confused most often."""
    shares = _shares(counts)
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_LISTED]
    pairs = [(int(i) // len(names), int(i) % len(names)) for i in order]
    dark = np.rint(255 * (1 - np.sqrt(shares))).astype(np.uint8)
    return fill(
        '<div class="two"><img class="matrix" src="{{ source }}" alt="confusions"><div class="scroll"><table>'
        '<tr><th>true</th><th>taken for</th><th class="number">how often</th></tr>'
        '{% for a, b, count, share in pairs %}<tr><td class="name">{{ a }}</td><td class="name">{{ b }}</td>'
        '<td class="number">{{ count }} ({{ share }} %)</td></tr>{% endfor %}</table></div></div>',
        source=png_address(dark),
        pairs=[
            (names[a], names[b], int(wrong[a, b]), f"{100 * shares[a, b]:.1f}")
            for a, b in pairs
            if wrong[a, b] > 0
        ],
    )


def short_count(count: int) -> str:
    """A count of few characters.

    Example:
        >>> short_count(950), short_count(12_345), short_count(3_400_000)
        ('950', '12.3k', '3.4M')
    """
    if count < 10_000:
        return str(count)
    return f"{count / 1e3:.3g}k" if count < 999_500 else f"{count / 1e6:.3g}M"
