"""``ccnn-pc explain`` on a scan that nobody has labelled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

laspy = pytest.importorskip("laspy")
pytest.importorskip("captum")

from ccnn_pc.cli.app import main  # noqa: E402
from tests.scans import scene_model, write_scan  # noqa: E402


def test_a_scan_without_classes_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers that the class table does not know are those of labels, which nobody asks for."""
    monkeypatch.chdir(tmp_path)
    scan = laspy.read(write_scan(tmp_path / "new.laz"))
    answers = []
    for number in (2, 17):
        scan.classification[:] = number
        scan.write(str(tmp_path / "new.laz"))
        words = ["explain", scene_model(tmp_path / "model"), "new.laz", "--steps", "4", "--json"]
        assert pytest.raises(SystemExit, main, words).value.code == 0
        answers.append(json.loads(capsys.readouterr().out.splitlines()[-1]))
    assert answers[0] == answers[1] and answers[0]["samples"] > 10 and Path(answers[0]["page"]).is_file()
