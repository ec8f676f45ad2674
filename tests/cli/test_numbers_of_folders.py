"""Numbers of a table beside files: series and sound are learned, judged, explained and shown."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.explain import explain_item
from ccnn_pc.cli.show_data import data_page
from ccnn_pc.cli.train import run_experiment
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.common.items import find_items
from ccnn_pc.models import from_pretrained

SHORT = ["task=regression", "trainer.max_epochs=1", "threads=1", "trainer.accelerator=cpu"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))
    return tmp_path


def table(folder: Path, name: str, suffix: str) -> None:
    """Numbers of twelve files."""
    rows = "".join(f"{i:02d}.{suffix},{0.1 * i:.1f}\n" for i in range(12))
    (folder / "targets.csv").write_text(f"file,{name}\n{rows}")


def test_series(place: Path) -> None:
    (folder := place / "series").mkdir()
    times = np.arange(20) / 2
    for i in range(12):
        rows = "".join(f"{t},{np.sin(0.1 * i * t):.4f}\n" for t in times)
        (folder / f"{i:02d}.csv").write_text(f"time,level\n{rows}")
    table(folder, "rate", "csv")
    words = ["experiment=series_folder", f"data.root={folder}", f"data.labels={folder}/targets.csv", *SHORT]
    trained = run_experiment([*words, "data.targets=[rate]", "data.batch_size=4", "run_dir=run"])
    found = evaluate_model("run/model", folder, split="test")  # the table is found again
    assert found["n"] == trained["n_test"] and found["mse"] == pytest.approx(trained["test_mse"], rel=1e-4)
    explained = explain_item("run/model", str(folder / "03.csv"), steps=2)
    model: Any = from_pretrained("run/model")
    item = next(iter(model_items(model, folder / "03.csv")))
    with torch.no_grad():
        assert explained["output"] == pytest.approx(float(model(item)), abs=1e-5)  # a number keeps its sign
    page = data_page("03.csv", folder / "03.csv", None, None, 0)
    assert page.kind == "series" and "level" in str(page.sections[0].about)


def model_items(model: Any, path: Path) -> Any:
    from ccnn_pc.cli.open_data import open_data

    return open_data(path, model.preprocessing, numbers=True, labelled=False, trained=model.data)


def test_sound_has_a_report(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder := place / "sounds").mkdir()
    for i in range(12):
        samples = np.sin((0.1 + 0.05 * i) * np.arange(2000))
        with wave.open(str(folder / f"{i:02d}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes((8000 * samples).astype("<i2").tobytes())
    table(folder, "pitch", "wav")
    words = ["experiment=sound", f"data.root={folder}", f"data.labels={folder}/targets.csv", *SHORT]
    run_experiment([*words, "data.targets=[pitch]", "data.batch_size=4", "run_dir=run"])
    assert "numbers, items:" in capsys.readouterr().err and (place / "run" / "report.html").exists()


def test_a_training_names_marks_among_its_targets(place: Path) -> None:
    (folder := place / "series").mkdir()
    for i in range(24):
        rows = "".join(f"{t},{np.sin(0.1 * i * t):.4f}\n" for t in range(10))
        (folder / f"{i:02d}.csv").write_text(f"time,level\n{rows}")
    numbers = "".join(f"{i:02d}.csv,{-999 if i % 4 == 0 else i}\n" for i in range(24))
    (folder / "targets.csv").write_text(f"file,rate\n{numbers}")
    words = ["experiment=series_folder", f"data.root={folder}", f"data.labels={folder}/targets.csv", *SHORT]
    with pytest.warns(DataWarning, match=r"target 'rate' is -999 in \d of \d+ targets"):
        run_experiment([*words, "data.targets=[rate]", "data.batch_size=4", "run_dir=run"])


def test_a_table_of_numbers_is_pointed_to(place: Path) -> None:
    (folder := place / "sounds").mkdir()
    (folder / "00.wav").touch()
    table(folder, "pitch", "wav")
    with pytest.raises(FileNotFoundError, match=r"targets.csv.*data.targets=\[pitch\] task=regression"):
        find_items(folder, lambda path: path.suffix == ".wav")
