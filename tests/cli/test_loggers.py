"""Loggers get the configuration and the scores of the test."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ccnn_pc.cli.train import run_experiment
from tests.cli.conftest import Words


def test_tensorboard_gets_settings_and_test_scores(words: Words, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    result = run_experiment(words("logger=tensorboard", "trainer.max_epochs=1"))
    folder = tmp_path / "runs/shapes_quickstart/latest/tensorboard"
    settings = yaml.safe_load((folder / "hparams.yaml").read_text())
    assert settings["optim.lr"] == 0.02 and settings["model.name"] == "ccnn_4_16" and settings["seed"] == 0
    events = accumulator.EventAccumulator(str(folder)).Reload()
    assert {"train/loss", "val/accuracy", "test/accuracy", "test/loss"} <= set(events.Tags()["scalars"])
    assert events.Scalars("test/accuracy")[-1].value == pytest.approx(result["test_accuracy"], abs=1e-6)
