"""Words that no command can follow: one error that says what to do, no traceback, nothing left behind."""

from __future__ import annotations

import io
import os
import random
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import torch

from tests.bad_inputs.damage import outcome

pytestmark = pytest.mark.slow

TRAIN = [
    "seed=-1", "seed=1.5", "seed=[1]", "seed=99999999999", "threads=0", "threads=many", "trainer.max_epochs=-3",
    "trainer.max_epochs=1.5x", "trainer.devices=0", "trainer.devices=many", "trainer.accelerator=warp",
    "trainer.precision=3", "trainer.strategy=fsdp", "trainer.gradient_clip_val=abc", "optim=sgd", "optim.lr=-1",
    "optim.lr=abc", "optim.weight_decay=-1", "data.num_points=0", "data.num_points=-1", "data.num_points=abc",
    "data.num_neighbors=0", "data.num_point=3", "data.batch_size=0", "data.batch_size=1e9", "data.val_fraction=1",
    "data.val_fraction=-0.1", "data.val_fraction=abc", "data.features=[]", "data.features=[colour]",
    "data.features=normal,pos", "data.copies=0", "data.num_workers=-1", "model=ccnn_9", "model.name=ccnn_9",
    "model.dropout=2", "model.dropout=abc", "model.width=0", "model.omega_0=abc", "model.foo=1", "+model.foo=1",
    "kernel=foo", "kernel=siren,magnet", "kernel.foo=1", "window=foo", "window.width=-1", "task=foo",
    "task.label_smoothing=2", "task.kernel_penalty=-1", "augmentation=foo", "logger=foo", "callbacks=foo",
    "callbacks.checkpoints.every_n_steps=0", "resume=nowhere", "resume=.", "run_dir=/proc/none", "runs=/proc/none",
    "results_csv=/proc/none/x.csv", "max_epochs=3", "accelerator=gpu", "lr=1", "=", "=1", "x", "x=", "+", "~", "++=1",
    "a.b.c=1", "data=1", "data=", "experiment=", "experiment=foo", "data.train_transform=3", "${x}=1", "seed=${x}",
    "seed=${oc.env:NOT_THERE}", "data.root={", "name=${", "trainer=null", "model=null", "kernel={a: 1}",
    "optim.optimizer._target_=os.system", "model.name=3", "model.name=[1]", "task.objective=3",
]  # fmt: skip

OTHERS = [
    ["models", "--dim", "9"], ["models", "--dim", "0"], ["models", "--dim", "x"], ["models", "nothing*"],
    ["models", "--in-channels", "-1"], ["models", "--out-channels", "0"], ["doctor", "extra"],
    ["fit", "--kernels", "foo"],
    ["fit", "--targets", "foo"], ["fit", "--image", "none.png"], ["fit", "--points", "0"], ["fit", "--steps", "-1"],
    ["fit", "--lr", "-1"], ["fit", "--hidden", "0"], ["convert", "foo", "x.pt", "--omega-0", "3", "--out", "y"],
    ["convert", "ckconv", "x.pt", "--omega-0", "3", "--out", "y"],
    ["convert", "ckconv", ".", "--omega-0", "3", "--out", "y"],
    ["convert", "ckconv", "x.pt", "--omega-0", "nan", "--out", "y"], ["convert", "ckconv", "x.pt"], ["convert"],
    ["predict", "foo", "x.off"], ["predict", "ccnn_tiny-modelnet10"], ["predict", "ccnn_tiny-modelnet10", "none.off"],
    ["predict", ".", "x.off"], ["evaluate", "foo", "--data", "x"],
    ["evaluate", "ccnn_tiny-modelnet10", "--data", "none"],
    ["evaluate", "ccnn_tiny-modelnet10", "--data", ""], ["evaluate", "ccnn_tiny-modelnet10"],
    ["transfer", "foo", "--from", "points", "--to", "dense", "--data", "x"],
    ["transfer", "ccnn_tiny-modelnet10", "--from", "foo", "--to", "dense", "--data", "x"],
    ["transfer", "ccnn_tiny-modelnet10", "--from", "points:0", "--to", "dense", "--data", "x"],
    ["plot", "foo"], ["plot", "ccnn_tiny-modelnet10", "--channels", "0"],
    ["plot", "ccnn_tiny-modelnet10", "--like", "none.off"], ["foo"], ["--foo"], ["train", "--foo"],
    ["--import", "no_such_module", "models"], ["--import", "", "models"], ["models", "--import"],
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def imported() -> None:
    """Forks have it already."""
    import lightning.pytorch

    import ccnn_pc.cli.compose
    import ccnn_pc.training.run
    from ccnn_pc.cli.compose import compose_config

    assert lightning.pytorch and ccnn_pc.cli.compose and ccnn_pc.training.run
    compose_config(["experiment=shapes_quickstart"])


def said(words: list[str], folder: Path) -> tuple[int, str, list[str]]:
    """Exit status, what stands on stderr, and the files that are there afterwards."""
    from ccnn_pc.cli.app import main

    os.chdir(folder)
    errors = io.StringIO()
    status: object = 0
    with redirect_stderr(errors), redirect_stdout(io.StringIO()):
        try:
            main(words)
        except SystemExit as left:
            status = left.code
    left_behind = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    return (status if isinstance(status, int) else 1), errors.getvalue(), left_behind


def refused(words: list[str], folder: Path) -> None:
    torch.set_num_threads(1)
    found = outcome(lambda: said(words, folder))
    assert found.kind == "answered", f"{found.kind}: {found.error}"
    status, text, files = found.value
    assert status in (1, 2), f"{status}: {text}"
    assert "Traceback" not in text and ("error: " in text or "Error" in text), text
    message = text[text.index("error: ") :] if "error: " in text else text
    assert len(message.splitlines()) <= 2 or "Experiments:" in message or status == 2, message
    assert not files


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    return tmp_path


SMALL = [
    "+data.module.train.per_class=2", "+data.module.test.per_class=1", "data.val_fraction=0.5", "threads=1",
    "trainer.max_epochs=1", "trainer.accelerator=cpu",
]  # fmt: skip


@pytest.mark.parametrize("word", TRAIN)
def test_training_with_a_wrong_word(word: str, place: Path) -> None:
    refused(["train", "experiment=shapes_quickstart", *SMALL, word], place)


@pytest.mark.parametrize("words", OTHERS, ids=" ".join)
def test_a_command_with_wrong_words(words: list[str], place: Path) -> None:
    refused(words, place)


@pytest.mark.parametrize("seed", range(20))
def test_any_place_that_is_not_there(seed: int, place: Path) -> None:
    draw = random.Random(seed)
    name = "".join(draw.choice("ab=,#~{}[]()'\" 中ï:%&;.+-*?1") for _ in range(draw.randint(1, 8)))
    refused(["train", "experiment=folder", f"data.root=nowhere/{name}"], place)
