"""``ccnn-pc export``: what it writes, says and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from ccnn_pc.cli.app import main
from ccnn_pc.models import create_model, save_pretrained


def run(*words: Any) -> int:
    with pytest.raises(SystemExit) as left:
        main(["export", *map(str, words)])
    return int(left.value.code or 0)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = create_model("ccnn_4_16", dim=1, in_channels=2, num_classes=3, shape=(12,))
    return save_pretrained(network, tmp_path / "model")


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_file_is_written_and_checked(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "series.pt2"
    assert run(model, "--format", "pt2", "--out", out, "--check", "--json") == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["inputs"] == {"x": ["any", 2, "any"]} and said["deviation"] < 1e-5
    monkeypatch.setattr("ccnn_pc.export.deviation", lambda *given: 1e-4)
    assert run(model, "--format", "pt2", "--out", out, "--check") == 1


def test_what_is_refused(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, message in (
        (("--format", "tflite"), "'format' must be one of"),
        (("--format", "pt2", "--out", tmp_path / "a.onnx"), "'out' must end with .pt2"),
        (("--stamps", "--out", tmp_path / "a.onnx"), "reads lines between stamps"),
        (("--neighbors", "both", "--out", tmp_path / "a.onnx"), "'neighbors' must be one of"),
    ):
        assert run(model, *words) == 1
        assert message in capsys.readouterr().err
    assert list(tmp_path.glob("*.onnx")) == []
