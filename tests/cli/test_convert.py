"""`ccnn-pc convert`: sizes as JSON, errors as one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from ccnn_pc.cli.app import main
from ccnn_pc.models import from_pretrained
from tests.ckconv_files import OMEGA_0, released_state, save, small_network, with_length


def run(*words: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["convert", *map(str, words)])
    captured = capsys.readouterr()
    code = end.value.code
    return (code if isinstance(code, int) else 0), captured.out, captured.err


def test_a_file_becomes_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = small_network()
    path = save(with_length(released_state(model), 12), tmp_path)
    words = ("ckconv", path, "--omega-0", OMEGA_0, "--classes", "a, b,c", "--out")
    code, out, err = run(*words, tmp_path / "m", "--json", capsys=capsys)
    assert code == 0, err
    found = json.loads(out.splitlines()[-1])
    count = sum(p.numel() for p in model.parameters())
    assert (found["in_channels"], found["length"], found["parameters"]) == (2, 12, count)
    loaded = from_pretrained(found["model"])
    x = torch.randn(2, 2, 12)
    assert loaded.classes == ["a", "b", "c"] and torch.allclose(loaded(x), model(x), atol=1e-5)
    code, out, _ = run(*words, tmp_path / "n", capsys=capsys)
    assert code == 0 and "arrays [batch, 2, 12], 3 outputs" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--omega-0", "-3"), "'omega_0' must be in (0, 1000]"),
        (("--omega-0", "7"), "'length' must say how many samples"),
        (("--omega-0", "7", "--length", "12", "--classes", "a,b"), "'classes' must be 3 different names"),
    ],
)
def test_errors_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    path = save(released_state(small_network()), tmp_path)
    code, _, err = run("ckconv", path, "--out", tmp_path / "m", *words, capsys=capsys)
    assert code == 1 and len(err.splitlines()) == 1 and message in err
    assert not (tmp_path / "m").exists()


def test_other_sources_and_a_missing_omega(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(released_state(small_network()), tmp_path)
    code, _, err = run("flexconv", path, "--omega-0", 7, "--out", tmp_path / "m", capsys=capsys)
    assert code == 1 and "'source' must be one of ckconv (got 'flexconv')" in err
    code, _, err = run("ckconv", path, "--out", tmp_path / "m", capsys=capsys)
    assert code == 2 and "--omega-0" in err
