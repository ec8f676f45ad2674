"""Settings of the trainer that configs/ offer: they run, or are refused; two processes train as one run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ccnn_pc._files import read_rows
from ccnn_pc.cli.train import _is_first, run_experiment
from ccnn_pc.training.loader import ResumableLoader
from tests.cli.conftest import Words, stop_at

ROOT = Path(__file__).resolve().parents[2]
HELPERS = ROOT / "tests" / "training"


class Numbers:
    """Items that are their index."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> int:
        return index

    def set_epoch(self, epoch: int) -> None:
        pass


@pytest.mark.parametrize(("count", "drop_last"), [(24, False), (23, False), (23, True), (4, False)])
@pytest.mark.parametrize("world", [1, 2, 3])
def test_batches_are_shared_out(count: int, drop_last: bool, world: int) -> None:
    """Together the processes see every batch of one process; all have as many, the first ones come twice."""
    alone = ResumableLoader(Numbers(count), 4, seed=5, drop_last=drop_last).batches()
    shares = [
        ResumableLoader(Numbers(count), 4, seed=5, drop_last=drop_last, share=(rank, world))
        for rank in range(world)
    ]
    assert len({len(share) for share in shares}) == 1
    handed = [batch for step in zip(*(share.batches() for share in shares), strict=True) for batch in step]
    assert handed == [alone[i % len(alone)] for i in range(len(handed))] and len(handed) - len(alone) < world


def test_a_position_is_of_so_many_processes() -> None:
    state = ResumableLoader(Numbers(24), 4, share=(0, 2)).state_dict()
    with pytest.raises(ValueError, match="'devices' must be 2 to resume this run in mid-epoch .got 1."):
        ResumableLoader(Numbers(24), 4).load_state_dict(state)


def test_coarse_numbers_run(words: Words) -> None:
    assert run_experiment(words("trainer.precision=bf16-mixed", "trainer.max_epochs=1"))["epochs"] == 1


@pytest.mark.parametrize(
    "bad",
    [
        ["trainer.strategy=fsdp"],
        ["trainer.strategy=ddp_spawn", "trainer.devices=2"],
        ["trainer.strategy=ddp_fork", "trainer.devices=2"],
        ["trainer.strategy=nonsense"],
        ["trainer.sync_batchnorm=true", "trainer.devices=2"],
        ["trainer.accelerator=gpu"],
        ["trainer.precision=64-mixed"],
    ],
)
def test_what_does_not_run_is_refused_at_once(bad: list[str], words: Words, tmp_path: Path) -> None:
    from lightning.fabric.utilities.exceptions import MisconfigurationException

    if bad == ["trainer.accelerator=gpu"] and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises((ValueError, MisconfigurationException)):
        run_experiment(words(*bad))
    assert not list((tmp_path / "runs").glob("*/*"))


def trained(words: list[str], folder: Path) -> tuple[int, str, str]:
    """What ``ccnn-pc train`` leaves with and says, with two processes."""
    path = os.pathsep.join([str(ROOT), str(HELPERS)])
    done = subprocess.run(
        [sys.executable, "-m", "ccnn_pc.cli.app", "train", *words, "trainer.devices=2", "--json"],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}, cwd=folder, capture_output=True, text=True,
        timeout=800,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.timeout(2500)
def test_two_processes_are_one_run(words: Words, tmp_path: Path) -> None:
    """One folder, one writer, data shared out; stopped and resumed it equals the uninterrupted run."""
    code, out, err = trained(words("data.batch_size=4", runs="whole"), tmp_path)
    assert code == 0, err
    result = json.loads(out.splitlines()[-1])
    assert len(out.splitlines()) == 1 and err.count("epoch   3/3") == 1 and err.count("written to") == 1
    assert result["devices"] == 2 and result["n_test"] == 24
    whole = (tmp_path / "whole/shapes_quickstart/latest").resolve()
    assert [path.name for path in whole.parent.iterdir() if path.name != "latest"] == [whole.name]
    rows = read_rows(whole / "metrics.csv")
    assert [int(row["step"]) for row in rows] == [4, 9, 14], "9 batches make 5 steps of two processes"

    stop = stop_at(7, tmp_path / "sent", signal.SIGTERM)
    code, _, err = trained([*words("data.batch_size=4", runs="parts"), *stop], tmp_path)
    assert code in (0, 128 + signal.SIGTERM) and "checkpoint saved" in err, err
    parts = (tmp_path / "parts/shapes_quickstart/latest").resolve()
    state = torch.load(parts / "checkpoints/last.ckpt", weights_only=True)
    assert state["global_step"] in (7, 8) and len(state["callbacks"]["RandomState"]["others"]) == 1
    code, _, err = trained([*words("data.batch_size=4", "resume=last", runs="parts"), *stop], tmp_path)
    assert code == 0, err
    assert [path.name for path in parts.parent.iterdir() if path.name != "latest"] == [parts.name]
    first, second = (
        torch.load(folder / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
        for folder in (whole, parts)
    )
    assert [name for name in first if not torch.equal(first[name], second[name])] == []
    columns = {"core_minutes"}
    assert [
        {k: v for k, v in row.items() if k not in columns} for row in read_rows(parts / "metrics.csv")
    ] == [{k: v for k, v in row.items() if k not in columns} for row in rows]


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_torchrun_starts_the_processes(words: Words, tmp_path: Path) -> None:
    """One folder and one result; a run that was stopped goes on with `resume=FOLDER` on as many devices."""
    folder = tmp_path / "one"

    def torchrun(*more: str) -> subprocess.CompletedProcess[str]:
        launcher = [
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            "2",
            "-m",
            "ccnn_pc.cli.app",
        ]
        chosen = words("data.batch_size=4", "trainer.devices=2", "trainer.strategy=ddp", *more)
        return subprocess.run(
            [sys.executable, *launcher, "train", *chosen, "--json"],
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, cwd=tmp_path, capture_output=True,
            text=True, timeout=700,
        )  # fmt: skip

    first = torchrun(f"run_dir={folder}", "trainer.max_epochs=1")
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout.splitlines()[-1])["devices"] == 2 and len(first.stdout.splitlines()) == 1
    second = torchrun(f"resume={folder}", "trainer.max_epochs=2")
    assert second.returncode == 0, second.stderr
    rows = read_rows(folder / "metrics.csv")
    assert [int(row["step"]) for row in rows] == [4, 9] and second.stderr.count("written to") == 1


@pytest.mark.parametrize(
    ("given", "first"),
    [
        ({}, True), ({"LOCAL_RANK": "1"}, False), ({"LOCAL_RANK": "0", "NODE_RANK": "1"}, False),
        ({"RANK": "4", "LOCAL_RANK": "0", "GROUP_RANK": "1"}, False),
        ({"SLURM_PROCID": "3", "SLURM_LOCALID": "0"}, False), ({"SLURM_PROCID": "0"}, True),
    ],
)  # fmt: skip
def test_one_process_of_all_machines_writes(
    given: dict[str, str], first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK", "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert _is_first() == first
