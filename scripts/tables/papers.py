"""The tables of the papers, row by row: what they report, what gives it here, and what a run here gave.

Figures are quoted in ``papers.csv``: ``here`` names the rows of results/ beside one, ``file|column=value;…|column``.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from scripts.tables.render import NOTHING, Row, Rows, markdown, matching, rows_of, shown
from scripts.tables.stress import stress_words

QUOTED = Path(__file__).with_name("papers.csv")
#: Paper -> where it stands.
PAPERS = {
    "CKConv": "arXiv:2102.02611",
    "FlexConv": "arXiv:2110.08059",
    "CCNN": "arXiv:2301.10540",
    "SMPConv": "arXiv:2304.02330",
}
#: Runs under names of their own -> what they are.
PART = "cifar10_tiny, a part of the images"
NAMES = {"smnist": "smnist_tiny", "cifar10": PART, "magnet_penalty": PART, "magnet_penalty_tuned": PART}
#: Column of a score -> how it is written.
FORMS = {"test_auc": "±3", "score": ""}
HEADER = ("table", "data", "network", "size", "reported", "command", "here", "by", "core minutes", "seeds")


def quoted() -> list[Row]:
    """The figures of all papers."""
    with QUOTED.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def measured(here: str) -> tuple[list[Row], str]:
    """Rows of results/ beside a figure, and the column of the score.

    Example:
        >>> rows, column = measured("images|setting=smnist;tested_on=pixels|test_accuracy")
        >>> column, rows[0]["parameters"]
        ('test_accuracy', '20673')
    """
    source, words, column = here.split("|")
    where = dict(word.split("=", 1) for word in words.split(";"))
    if column == "score":
        return matching(stress_words(rows_of(f"results/{source}.csv")), where), column
    return matching(rows_of(f"results/{source}.csv"), where), column


def network(rows: Rows) -> str:
    """Name and size of what ran here."""
    name = next((row[key] for key in ("experiment", "model") for row in rows if row.get(key)), NOTHING)
    name = NAMES.get(rows[0].get("setting", ""), name)
    return f"`{name.split(',')[0]}`{name[len(name.split(',')[0]) :]}, {shown('{parameters:,}', rows)}"


def line(row: Mapping[str, str]) -> list[str]:
    """One row of a paper."""
    reported = f"{row['figure']} {row['unit']}".strip() or NOTHING
    words = [row["experiment"] and f"experiment={row['experiment']}", row["remark"]]
    command = f"`{' '.join(filter(None, words))}`" if any(words) else NOTHING
    start = [row["table"], row["data"], row["network"], row["size"] or NOTHING, reported, command]
    rows, column = measured(row["here"]) if row["here"] else ([], "")
    if not rows:
        return [*start, "not run", NOTHING, NOTHING, NOTHING]
    form = FORMS.get(column, "±2%")
    score = shown(f"{{{column}:{form}}}" if form else f"{{{column}}}", rows)
    cost = shown("{core_minutes:.1f}", rows)
    seeds = shown("{seed:n}", rows)
    return [*start, score, network(rows), cost, seeds]


def papers() -> str:
    """All tables, a heading for each paper."""
    found = []
    rows = quoted()
    for paper, place in PAPERS.items():
        own = [line(row) for row in rows if row["paper"] == paper]
        found.append(f"### {paper}, {place}\n\n{markdown(HEADER, own)}")
    return "\n\n".join(found)
