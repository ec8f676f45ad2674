"""Every experiment composes, builds its objects, and takes two steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
from hydra.utils import instantiate

from ccnn_pc.cli.compose import compose_config, list_experiments
from ccnn_pc.cli.train import run_experiment

PAPER = {"4_16": 6545, "4_32": 14401, "4_48": 26353, "4_140": 207709, "6_380": 2017503}

#: Small data in place of the real ones: 12 classes, a few shapes of each.
SMALL = [
    "data.module.train._target_=ccnn_pc.datasets.Shapes",
    "data.module.test._target_=ccnn_pc.datasets.Shapes",
    "+data.module.train.per_class=4",
    "+data.module.test.per_class=1",
    "data.num_points=24",
    "data.num_neighbors=6",
    "data.batch_size=8",
    "trainer.accelerator=cpu",
    "trainer.accumulate_grad_batches=1",
]


def small_data(name: str) -> list[str]:
    """Overrides that put small procedural data in place of an experiment's own."""
    if name.startswith("modelnet"):
        return [*SMALL, "~data.module.train.root", "~data.module.test.root"]
    return SMALL


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def test_the_promised_experiments_exist() -> None:
    papers = {f"modelnet40_ccnn_{size}" for size in PAPER}
    promised = {"shapes_quickstart", "modelnet10_tiny", *papers, *(f"{name}_recommended" for name in papers)}
    assert promised <= set(list_experiments())


@pytest.mark.parametrize("name", list_experiments())
def test_every_object_is_built(name: str) -> None:
    config = compose_config([f"experiment={name}"])
    assert config.name == name
    data = instantiate(config.data.module, _convert_="all")
    callbacks = instantiate(config.callbacks, _convert_="all")
    instantiate(config.logger, _convert_="all")
    assert callable(data.open_train) and data.val_set is None
    assert all(isinstance(part, pl.Callback) for part in callbacks.values() if part is not None)
    model = instantiate(config.model, _convert_="all")(out_channels=40)
    optimizer = instantiate(config.optim, _convert_="all")["optimizer"](model)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(model.parameters()))


@pytest.mark.parametrize("size", PAPER)
def test_paper_settings(size: str) -> None:
    """The settings of the released commands for ModelNet40."""
    config = compose_config([f"experiment=modelnet40_ccnn_{size}"])
    large = size in ("4_140", "6_380")
    model = instantiate(config.model, _convert_="all")(out_channels=40)
    assert sum(p.numel() for p in model.parameters()) == PAPER[size]
    assert config.model.omega_0 == (500 if large else 50) and config.model.width == 0.075
    assert config.data.num_points == 512 and config.data.num_neighbors == (64 if size == "6_380" else 256)
    assert config.data.batch_size == (32 if size in ("4_16", "4_32") else 16)
    assert config.trainer.accumulate_grad_batches == (4 if size == "4_140" else 2)
    assert (config.optim.lr, config.optim.warmup_epochs, config.trainer.max_epochs) == (0.02, 5, 200)
    assert config.optim.weight_decay == 0 and list(config.augmentation) == []
    assert config.data.select_on_test and config.data.copies == (1 if large else 2)


def test_frozen_points_do_not_change_with_the_epoch() -> None:
    config = compose_config(["experiment=modelnet40_ccnn_4_16", *small_data("modelnet")])
    data = instantiate(config.data.module, _convert_="all")
    data.prepare()
    first = data.train_set[3].pos
    data.train_set.set_epoch(1)
    assert first.equal(data.train_set[3].pos) and data.train_set[3].neighbor_table.shape == (24, 6)


def test_recommended_points_change_with_the_epoch_and_validation_points_do_not() -> None:
    config = compose_config(["experiment=modelnet10_tiny", *small_data("modelnet")])
    data = instantiate(config.data.module, _convert_="all")
    data.prepare()
    train, val = data.train_set[3].pos, next(iter(data.val_dataloader())).pos
    data.train_set.set_epoch(1)
    loader: Any = data.val_dataloader()
    loader.set_epoch(1)
    assert not train.equal(data.train_set[3].pos) and val.equal(next(iter(loader)).pos)


def steps(name: str, folder: Path, *more: str) -> dict[str, Any]:
    """Two steps of an experiment on small data."""
    words = [
        f"experiment={name}", *small_data(name), f"runs={folder}", "trainer.max_epochs=1",
        "trainer.limit_train_batches=2", "trainer.limit_val_batches=1", "trainer.limit_test_batches=1", *more,
    ]  # fmt: skip
    return run_experiment(words)


FAST = ("modelnet10_tiny", "modelnet40_ccnn_4_16")


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in FAST else pytest.mark.slow) for n in list_experiments()],
)
def test_two_steps(name: str, tmp_path: Path) -> None:
    result = steps(name, tmp_path)
    folder = tmp_path / name / "latest"
    assert json.loads((folder / "result.json").read_text()) == result
    assert result["experiment"] == name and result["epochs"] == 1
    assert result["selected_on"] == (
        "test" if name in {f"modelnet40_ccnn_{size}" for size in PAPER} else "val"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("callbacks=ema",),
        ("logger=tensorboard",),
        ("callbacks.progress._target_=ccnn_pc.training.callbacks.EpochLines",),
        ("callbacks.progress=null", "trainer.precision=bf16-mixed"),
        ("data.val_fraction=0",),
        ("data.num_workers=2",),
    ],
)
def test_options(words: tuple[str, ...], tmp_path: Path) -> None:
    result = steps("modelnet10_tiny", tmp_path, *words)
    if words == ("data.val_fraction=0",):
        assert result["selected_on"] == "last epoch" and result["val_accuracy"] is None


@pytest.mark.slow
def test_wandb_is_imported_only_by_its_logger() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from ccnn_pc.cli.compose import compose_config; from hydra.utils import instantiate;"
        "c = compose_config(['experiment=modelnet10_tiny']); "
        "[instantiate(c[k]) for k in ('logger', 'callbacks')];"
        "import ccnn_pc.training.run; sys.exit('wandb' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
