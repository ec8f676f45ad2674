"""docs/long_csv.md: its commands run one after the other on the files that its examples write."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from ccnn_pc._files import read_rows
from ccnn_pc.cli.app import main
from tests.test_readme import ROOT, fences

PAGE = ROOT / "docs" / "long_csv.md"


def run_page(more: list[str]) -> None:
    """The example that writes the tables, then every command; ``more`` words for the training."""
    (_, _, code), *_ = fences(PAGE, "python")
    exec(compile(code, str(PAGE), "exec"), {})
    commands = [shlex.split(line) for _, _, block in fences(PAGE, "bash") for line in block.splitlines()]
    assert [words[1] for words in commands] == ["train", "evaluate", "predict"]
    for program, *words in commands:
        with pytest.raises(SystemExit) as left:
            main([*words, *more] if words[0] == "train" else words)
        assert program == "ccnn-pc" and left.value.code == 0


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))


def answers() -> list[dict[str, str]]:
    rows: list[dict[str, str]] = read_rows(Path("answers.csv"))
    assert [row["id"] for row in rows] == [f"{number:02d}" for number in range(15)]
    return rows


def test_the_commands_run() -> None:
    run_page(["trainer.max_epochs=1", "trainer.limit_train_batches=2", "trainer.accelerator=cpu"])
    answers()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_page_comes_to_a_classifier() -> None:
    """As it stands; the 15 new series are three of each kind in turn."""
    run_page([])
    kinds = ["damped"] * 3 + ["falling"] * 3 + ["growing"] * 3 + ["rising"] * 3 + ["steady"] * 3
    right = sum(row["class"] == kind for row, kind in zip(answers(), kinds, strict=True))
    assert right >= 10, right
