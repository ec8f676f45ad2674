"""docs/estimators.md: its blocks run one after the other, and its command answers for what they wrote."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from ccnn_pc._files import read_rows
from ccnn_pc.cli.app import main
from tests.test_readme import ROOT, fences

pytest.importorskip("sklearn")
PAGE = ROOT / "docs" / "estimators.md"


def test_the_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for _, _, code in fences(PAGE, "python"):
        exec(compile(code, str(PAGE), "exec"), names)
    for _, _, line in fences(PAGE, "bash"):
        with pytest.raises(SystemExit) as left:
            main(shlex.split(line)[1:])
        assert left.value.code == 0
    answers: list[dict[str, str]] = read_rows(Path("answers.csv"))
    by_id = {row["id"]: row["class"] for row in answers}
    assert [by_id[str(i)] for i in range(40)] == names["irregular"].predict(names["pairs"]).tolist()
