from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ccnn_pc.cli.app import main
from ccnn_pc.cli.plot import median_spacing
from ccnn_pc.datasets import CloudPreprocessing
from ccnn_pc.models import create_model, save_pretrained

SQUARE = "OFF\n4 1 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1 2 3\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    network = create_model("ccnn_4_16", dim=3, in_channels=6, out_channels=3)
    preprocessing = {"num_points": 64, "normalize": "box", "features": ["normal", "pos"]}
    return str(
        save_pretrained(
            network,
            tmp_path_factory.mktemp("models") / "tiny",
            classes=list("abc"),
            preprocessing=preprocessing,
        )
    )


def run(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    return int(stopped.value.code or 0)


def test_pictures_of_every_layer_in_the_default_folder(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("square.off").write_text(SQUARE)
    assert run(["plot", model, "--channels", "1", "--like", "square.off"]) == 0
    printed = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(printed) == sorted(Path("plots/tiny").iterdir())
    kernels = [p for p in printed if p.name.startswith("kernel_")]
    assert len(kernels) == len(printed) - 2 > 1
    assert {"windows.png", "spectra.png"} < {p.name for p in printed}


def test_errors(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plot", "no_such_model"]) == 1
    assert "unknown pretrained model 'no_such_model'" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert run(["plot", model, "--out", str(tmp_path / "file" / "x")]) == 1
    assert "'out' must be a file that can be written" in capsys.readouterr().err
    assert run(["plot", model, "--spacing", "0.1", "--like", "x.off"]) == 2


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plot", "--help"]) == 0
    assert "ccnn-pc plot ccnn_tiny-modelnet10" in capsys.readouterr().out


def test_median_spacing_is_that_of_the_points(tmp_path: Path) -> None:
    import numpy as np

    file = tmp_path / "line.npy"
    np.save(file, np.stack([0.25 * np.arange(9.0), np.zeros(9), np.zeros(9)], axis=1))
    assert median_spacing(file, None) == pytest.approx(0.25)
    assert median_spacing(file, CloudPreprocessing(normalize="box")) == pytest.approx(0.25)  # 2 long already
    np.save(file, np.zeros((4, 3)))
    with pytest.raises(ValueError, match="different points"):
        median_spacing(file, None)
