"""The papers' tables: no figure without its source, no number of ours without a row of results/."""

from __future__ import annotations

import csv
import re
import statistics
from pathlib import Path

import pytest

from ccnn_pc.cli.compose import compose_config, list_experiments
from scripts.tables.papers import PAPERS, measured, quoted

ROOT = Path(__file__).resolve().parents[1]
TEXTS = {"CKConv": ("ckconv.txt",), "CCNN": ("ccnn.txt",), "SMPConv": ("smpconv.txt",)}
#: Experiments of the papers have the names of their networks.
OF_PAPERS = re.compile(r"_(ccnn_\d_\d+|ckcnn_2_\d+|flexnet_\d|flextcn_6|smpnet_\w+)(_drop\d+|_flex|_s4)?$")


def lines() -> list[list[str]]:
    """Cells of the lines of the page, in the order of the file."""
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    body = page[page.index("<!-- papers -->") : page.index("<!-- /papers -->")]
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines() if line[:1] == "|"
    ]
    return [line for line in cells if line[0] != "table" and not line[0].startswith("---")]


def test_every_figure_stands_in_the_page() -> None:
    rows = [row for paper in PAPERS for row in quoted() if row["paper"] == paper]
    assert len(rows) == len(quoted()) == len(lines())
    for row, line in zip(rows, lines(), strict=True):
        assert line[:3] == [row["table"], row["data"], row["network"]]
        assert line[4] == (f"{row['figure']} {row['unit']}".strip() or "–")


def test_every_number_of_ours_has_rows_behind_it() -> None:
    """Means and numbers of seeds, computed otherwise, from the files; what was not run has no number."""
    rows = [row for paper in PAPERS for row in quoted() if row["paper"] == paper]
    ran = 0
    for row, line in zip(rows, lines(), strict=True):
        own, size, seeds = line[6], line[7], line[9]
        if not row["here"]:
            assert line[6:] == ["not run", "–", "–", "–"], line
            continue
        source, words, column = row["here"].split("|")
        if not (ROOT / f"results/{source}.csv").exists():
            assert own == "not run", line
            continue
        where = dict(word.split("=", 1) for word in words.split(";"))
        with (ROOT / f"results/{source}.csv").open(newline="") as file:
            behind = [each for each in csv.DictReader(file) if all(each[k] == v for k, v in where.items())]
        assert bool(behind) == (own != "not run"), line
        if not behind:
            continue
        ran += 1
        number = float(re.findall(r"\d+(?:\.\d+)?(?:e-?\d+)?", own)[0])
        if column == "score":
            copy = where["setting"].startswith("copy")
            values = [100 * float(r["test_accuracy"]) if copy else float(r["test_mse"]) for r in behind]
            assert number == pytest.approx(statistics.mean(values), rel=0.06)
        else:
            scale = 1 if column == "test_auc" else 100
            values = [scale * float(each[column]) for each in behind]
            assert number == pytest.approx(statistics.mean(values), abs=0.0051 if scale == 100 else 5.1e-4)
            assert ("±" in own) == (len(values) > 1)
        assert seeds == str(len({each["seed"] for each in behind}))
        assert {int(each["parameters"]) for each in behind} <= {
            int(n.replace(" ", "")) for n in re.findall(r"\d+ \d{3}", size)
        }
    assert ran > 30


def test_commands_exist_and_every_experiment_of_a_paper_is_a_row() -> None:
    names = set(list_experiments())
    used = {row["experiment"] for row in quoted()} - {""}
    assert used <= names
    assert {name for name in names if OF_PAPERS.search(name)} <= used
    for row in quoted():
        for word in row["remark"].split():
            group, _, name = word.partition("=")
            assert "." in group or (ROOT / "configs" / group / f"{name}.yaml").exists(), word
    for row in {row["remark"]: row for row in quoted() if row["experiment"]}.values():
        compose_config([f"experiment={row['experiment']}", *row["remark"].split()])


def test_no_command_stands_beside_two_networks_of_a_table() -> None:
    """Rows of a table that differ in their network differ in their words."""
    networks: dict[tuple[str, ...], set[str]] = {}
    for row in quoted():
        if row["experiment"]:
            words = (row["paper"], row["table"], row["experiment"], row["remark"])
            networks.setdefault(words, set()).add(row["network"])
    assert not {words: found for words, found in networks.items() if len(found) > 1}


def test_what_is_said_to_have_run_says_where() -> None:
    for row in quoted():
        if row["here"]:
            rows, column = measured(row["here"])
            assert bool(rows) == (ROOT / f"results/{row['here'].split('|')[0]}.csv").exists(), row["here"]
            assert all(column in each for each in rows)


@pytest.mark.parametrize("paper", PAPERS)
def test_figures_stand_in_the_papers(paper: str, shared: Path) -> None:
    """Figures of a network in a table stand in one line of a text, in the order of its columns."""
    names = [f"papers/{text}" for text in TEXTS.get(paper, ("ccnn.txt", "smpconv.txt"))]
    text = "\n".join(
        (shared / name).read_text(encoding="utf-8") for name in [*names, "reference/papers_code.md"]
    )
    lines = [re.findall(r"\d+(?:\.\d+)?", re.sub(r"[*$]", "", line)) for line in text.splitlines()]
    groups: dict[tuple[str, ...], list[str]] = {}
    for row in quoted():
        if row["paper"] == paper and row["unit"]:
            part = row["data"].partition(" asked at ")[0] if row["table"] == "5" else ""
            groups.setdefault((row["table"], row["network"], part), []).append(row["figure"])
    missing = [
        group for group, figures in groups.items() if not any(in_order(figures, line) for line in lines)
    ]
    assert not missing


def in_order(figures: list[str], line: list[str]) -> bool:
    """Whether figures stand in a line one after the other, others between them."""
    rest = iter(line)
    return all(figure in rest for figure in figures)
