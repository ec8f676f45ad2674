"""A training of seconds on the command line, and how it is stopped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import ccnn_pc.training.run  # noqa: F401  (runs that tests share draw no pictures either)

Words = Callable[..., list[str]]


@pytest.fixture
def words(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Words:
    """A training of seconds: 12 classes, 4 shapes of each, 36 to train on, 4 steps of 8 per epoch."""
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))

    def build(*more: str, runs: str = "runs") -> list[str]:
        return [
            "experiment=shapes_quickstart", f"runs={tmp_path / runs}", "data.num_points=24",
            "data.num_neighbors=6", "data.batch_size=8", "data.val_fraction=0.25", "model.name=ccnn_4_16",
            "model.dropout=0.2", "+data.module.train.per_class=4", "+data.module.test.per_class=2",
            "data.eval_num_points=24", "data.eval_num_neighbors=6", "trainer.check_val_every_n_epoch=1",
            "trainer.max_epochs=3", "trainer.accelerator=cpu", "callbacks.checkpoints.every_n_steps=2",
            "threads=1", "callbacks=ema", *more,
        ]  # fmt: skip

    return build


@pytest.fixture(autouse=True)
def _axes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks that are unsure, as untrained ones are, are asked two dozen times how clouds lie: in one file alone."""
    if request.path.name != "test_sampling_faults.py":
        monkeypatch.setattr("ccnn_pc.cli.axes.FEWEST", 1_000_000)


def stop_at(step: int, marker: Path, signum: int) -> list[str]:
    return [
        "+callbacks.killer._target_=killer.SendSignal", f"+callbacks.killer.step={step}",
        f"+callbacks.killer.marker={marker}", f"+callbacks.killer.signum={signum}",
    ]  # fmt: skip
