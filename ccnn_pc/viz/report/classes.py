"""How well each class is found, as a table that can be sorted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ccnn_pc.viz.report.page import Section
from ccnn_pc.viz.report.templates import render

_HEADS = {
    "found": ("found", "share of its items that is taken for it (recall)"),
    "right": ("right", "share of what is taken for it that is it (precision)"),
    "iou": ("IoU", "intersection over union"),
}


def classes_section(classes: Mapping[str, Mapping[str, Any]], counted: str = "items") -> Section:
    """A row for each class.

    Args:
        classes: ``n``, ``found``, ``right``, ``mistaken_for`` and perhaps ``iou`` by name; None where not defined.
        counted: what ``n`` counts.
    """
    shares = [key for key in _HEADS if classes and all(key in row for row in classes.values())]
    rows = []
    for name, row in classes.items():
        cells = [{"value": row["n"], "share": None, "text": f"{row['n']:,}".replace(",", "\u2009")}]
        for key in shares:
            value = row[key]
            text = "–" if value is None else f"{100 * value:.1f} %"
            cells.append({"value": -1 if value is None else value, "share": value, "text": text})
        rows.append({"name": name, "cells": cells, "mistaken": row.get("mistaken_for") or ""})
    heads = [{"name": counted, "hint": "how many there are"}]
    heads += [{"name": _HEADS[key][0], "hint": _HEADS[key][1]} for key in shares]
    return Section(
        "Classes", render("classes.html", heads=heads, rows=rows), "A click on a head sorts the table."
    )
