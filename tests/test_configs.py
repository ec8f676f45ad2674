"""Every experiment composes, builds its objects, and takes two steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from ccnn_pc.cli.compose import UsageError, compose_config, config_folder, list_experiments, with_experiment
from ccnn_pc.cli.follow import follow_data
from ccnn_pc.cli.train import run_experiment
from ccnn_pc.datasets import Axis, RandomRotation
from ccnn_pc.kernels import NoWindow, list_kernels, list_windows
from ccnn_pc.kernels.scaling import unscaled
from scripts.tables import counted, update
from scripts.tables.render import markdown

#: Experiments on clouds; those on grids take their two steps in test_grid_experiments.py.
CLOUDS = [name for name in list_experiments() if name.startswith(("modelnet", "shapes", "folder"))]
#: Lines of the table of experiments in the docs.
DOCUMENTED = update.blocks_in((update.scripts.ROOT / "docs" / "reproducing.md").read_text("utf-8"))[
    "experiments"
].split("\n")[1:-2]
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
    if name == "folder":
        return [word for word in SMALL if "module" not in word]
    return SMALL


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def test_the_promised_experiments_exist() -> None:
    papers = {f"modelnet40_ccnn_{size}" for size in PAPER}
    promised = {
        "shapes_quickstart",
        "modelnet10_tiny",
        "folder",
        *papers,
        *(f"{name}_recommended" for name in papers),
    }
    assert promised <= set(list_experiments())


def test_families_are_shared_by_rows_and_are_no_experiments_themselves() -> None:
    folder = config_folder() / "experiment"
    families = {path.stem for path in (folder / "family").glob("*.yaml")}
    contents = [OmegaConf.to_container(OmegaConf.load(path)) for path in folder.rglob("*.yaml")]
    used = {
        word.rpartition("/")[2]
        for content in contents
        if isinstance(content, dict)
        for word in content.get("defaults", [])
        if isinstance(word, str)
    }
    assert families <= used and not families & set(list_experiments())
    with pytest.raises(UsageError, match="Unknown experiment 'family/tiny'"):
        compose_config(["experiment=family/tiny"])


def test_data_without_an_experiment() -> None:
    """Every data set: the small experiment of its name, or a message with the experiments that read it."""
    for path in sorted((config_folder() / "data").glob("*.yaml")):
        name, words = path.stem, [f"data={path.stem}"]
        if {name, f"{name}_tiny"} & set(list_experiments()):
            assert with_experiment(words)[0] in (f"experiment={name}", f"experiment={name}_tiny")
        else:
            with pytest.raises(UsageError, match=f"'data={name}' needs an experiment"):
                with_experiment(words)
    with pytest.raises(
        UsageError, match=r"read these data:\n  stl10_ccnn_4_140\n  stl10_ccnn_6_380\n  stl10_flexnet_7$"
    ):
        with_experiment(["data=stl10"])
    with pytest.raises(
        UsageError, match=r"those that read these data:\n  chartraj_gru_d\n(.*\n)*  chartraj_tiny_irregular$"
    ):
        with_experiment(["data=chartraj_irregular"])
    with pytest.raises(UsageError, match="Unknown data 'cifar'. Did you mean 'cifar1"):
        compose_config(["data=cifar"])


def test_runs_are_called_as_their_experiment_or_as_the_user_says() -> None:
    """Also where a row stands on another one."""
    assert compose_config(["experiment=cifar10_ccnn_4_140_flex"]).name == "cifar10_ccnn_4_140_flex"
    assert compose_config(["experiment=folder", "name=my_shapes"]).name == "my_shapes"


@pytest.mark.parametrize("name", list_experiments())
@unscaled()
def test_every_object_is_built(name: str) -> None:
    """With the number of parameters, and the settings, that docs/reproducing.md says."""
    config = compose_config([f"experiment={name}"])
    assert config.name == name
    open_sizes = config.model.in_channels is None
    follow_data(
        config, {"in_channels": 3, "shape": [20], "spacing": 1.0, "table": None}
    )  # where tables say it
    data = instantiate(config.data.module, _convert_="all")
    callbacks = instantiate(config.callbacks, _convert_="all")
    instantiate(config.logger, _convert_="all")
    assert callable(data.open_train) and data.val_set is None
    assert all(isinstance(part, pl.Callback) for part in callbacks.values() if part is not None)
    model = instantiate(config.model, _convert_="all")(out_channels=counted.outputs_of(config))
    optimizer = instantiate(config.optim, _convert_="all")["optimizer"](model)
    parameters = list(model.parameters())
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(parameters)
    count = None if open_sizes else sum(p.numel() for p in parameters)
    row = markdown([], [counted.experiment_row(name, config, count)]).splitlines()[-1]
    assert row in DOCUMENTED, f"run scripts/tables/update.py: {row}"


def test_every_experiment_is_documented() -> None:
    assert [line.split("`")[1] for line in DOCUMENTED[2:]] == list_experiments()


@pytest.mark.parametrize("size", PAPER)
@unscaled()
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
    assert first.equal(data.train_set[3].pos) and data.train_set[3].neighbor_index.shape == (6, 24)


def test_recommended_points_change_with_the_epoch_and_validation_points_do_not() -> None:
    config = compose_config(["experiment=modelnet10_tiny", *small_data("modelnet")])
    data = instantiate(config.data.module, _convert_="all")
    data.prepare()
    train, val = data.train_set[3].pos, next(iter(data.val_dataloader())).pos
    data.train_set.set_epoch(1)
    loader: Any = data.val_dataloader()
    loader.set_epoch(1)
    assert not train.equal(data.train_set[3].pos) and val.equal(next(iter(loader)).pos)


@pytest.mark.parametrize("model", ["pointnet2", "dgcnn", "ccnn", "ccnn_paper", "ccnn_tiny"])
@unscaled()
def test_every_model_file_fits_an_experiment_as_it_is(model: str) -> None:
    config = compose_config(["experiment=modelnet10_tiny", f"model={model}"])
    built = instantiate(config.model, _convert_="all")(out_channels=10)
    assert built.in_channels == 7 and built.config["name"] == config.model.name
    assert ("kernel" in config) == model.startswith("ccnn")


def test_kernel_files_reach_the_models_that_have_kernels() -> None:
    config = compose_config(["experiment=modelnet40_ccnn_4_16", "kernel=recommended"])
    assert (config.model.omega_0, config.model.width) == (1.0, 0.3)
    with pytest.raises(UsageError, match="kernel"):
        compose_config(["experiment=modelnet10_pointnet2", "kernel=paper_small"])


def files_with_a_class(group: str) -> set[str]:
    """Files of a group that make something, not numbers for what a model has."""
    return {path.stem for path in (config_folder() / group).glob("*.yaml") if "_target_" in path.read_text()}


def test_every_registered_kernel_and_window_is_a_choice() -> None:
    assert files_with_a_class("kernel") == set(list_kernels())
    assert files_with_a_class("window") == set(list_windows())


@unscaled()
def test_a_kernel_or_window_takes_the_place_of_the_models_own() -> None:
    """The experiment's frequency stays that of the kernel, its width that of the window."""
    words = ["experiment=cifar10_ccnn_4_140", "kernel=siren", "kernel.hidden_channels=4"]
    config = compose_config([*words, "model.name=ccnn_4_16"])
    model = instantiate(config.model, _convert_="all")(out_channels=4)
    conv = model.convolutions()[1]
    assert model.config["kernel"].keywords == {"hidden_channels": 4, "num_layers": 3, "omega_0": 4231.57}
    assert conv.kernel.hidden_channels == 4 and conv.window.width.tolist() == [0.75, 0.75]
    windowless = compose_config(["experiment=modelnet10_tiny", "window=none"])
    model = instantiate(windowless.model, _convert_="all")(out_channels=4)
    assert model.config["window"].func is NoWindow and model.config["kernel"].keywords["omega_0"] == 0.5
    chosen = compose_config(["experiment=pmnist_ckcnn_2_30", "window=gaussian", "window.width=0.25"])
    model = instantiate(chosen.model, _convert_="all")(out_channels=4)
    assert model.convolutions()[0].window.width.tolist() == [0.25]
    assert model.config["kernel"].keywords["omega_0"] == chosen.model.omega_0


@pytest.mark.parametrize(
    ("kernel", "window"),
    [
        pytest.param(
            name, "none" if name == "siren" else None, marks=() if name == "siren" else pytest.mark.slow
        )
        for name in list_kernels()
    ],
)
def test_two_steps_with_every_kernel(kernel: str, window: str | None, tmp_path: Path) -> None:
    steps("shapes_quickstart", tmp_path, f"kernel={kernel}", *([f"window={window}"] if window else []))
    stored = json.loads((tmp_path / "shapes_quickstart/latest/model/config.json").read_text())["model"]
    assert stored["kernel"]["name"] == kernel and stored["window"]["name"] == (window or "gaussian")


def test_the_rows_of_modelnet10_differ_in_the_network_alone() -> None:
    best, ours, released, peer = (
        compose_config([f"experiment=modelnet10_{name}"])
        for name in ("tiny", "tiny_separable", "query_features", "pointnet2")
    )
    assert best.model == {**ours.model, "full_stem": True, "in_channels": 7}
    assert best.data.features == [*ours.data.features, "one"]
    assert {**ours.model, "name": "ccnn_tiny_query_features"} == dict(released.model)
    for part in ("data", "augmentation", "optim", "trainer", "task"):
        assert ours[part] == released[part]
    assert ours.data.features == peer.data.features and ours.data.num_points == peer.data.num_points
    assert ours.augmentation == peer.augmentation and ours.task == peer.task
    assert peer.model.name == "pointnet2" and peer.data.num_neighbors is None


@pytest.mark.parametrize(
    ("features", "channels"),
    [
        ("[pos]", 3),
        ("[normal]", 3),
        ("[unoriented_normal,pos,one]", 7),
        ("[normal,unoriented_normal,pos]", 9),
    ],
)
def test_input_channels_follow_the_features(features: str, channels: int) -> None:
    config = compose_config(["experiment=folder", f"data.features={features}"])
    assert config.model.in_channels == channels and config.data.normals == ("normal" in features)


def test_columns_of_files_are_one_channel_each() -> None:
    config = compose_config(["experiment=folder", "data.features=[intensity,red,pos]"])
    assert config.model.in_channels == 5 and config.data.normals is False
    words = ["experiment=folder", "data.features=[embedding,pos]", "model.in_channels=11"]
    assert compose_config(words).model.in_channels == 11
    with pytest.raises(UsageError, match=r"Unknown feature 'normals' .* Did you mean 'normal'\?"):
        compose_config(["experiment=folder", "data.features=[normals,pos]"])
    with pytest.raises(UsageError, match="at least one feature"):
        compose_config(["experiment=folder", "data.features=[]"])


def test_rotate_z_turns_about_z_before_the_motions_of_upright() -> None:
    config = compose_config(["experiment=folder", "augmentation=rotate_z"])
    turn, *others = instantiate(config.augmentation)
    assert isinstance(turn, RandomRotation) and turn.axis is Axis.Z and turn.degrees == 180
    assert list(config.augmentation)[1:] == list(compose_config(["experiment=folder"]).augmentation)


def write_clouds(root: Path, levels: dict[str, int], suffix: str = "npy") -> Path:
    """A folder of two classes with so many clouds, without normals, in each sub-folder of a class."""
    random = np.random.default_rng(0)
    for name, height in (("ball", 1.0), ("plate", 0.05)):
        for level, count in levels.items():
            folder = root / name / level
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                np.save(folder / f"{level}{number}.{suffix}", random.normal(size=(40, 3)) * [1, 1, height])
    return root


@pytest.mark.parametrize(
    ("levels", "sizes"),
    [
        ({"": 20}, (28, 4, 8)),
        ({"train": 10, "test": 3}, (16, 4, 6)),
        ({"train": 10, "val": 4, "test": 3}, (20, 8, 6)),
        ({"train": 10, "val": 4}, (16, 8, 4)),
    ],
)
def test_parts_of_a_users_own_folder(
    levels: dict[str, int], sizes: tuple[int, int, int], tmp_path: Path
) -> None:
    """Sub-folders where there are some; otherwise parts that do not overlap, the test part whatever the seed."""
    root = write_clouds(tmp_path / "shapes", levels)
    tests = []
    for seed in (0, 1):
        words = [f"data.root={root}", "data.features=[pos]", f"seed={seed}"]
        data = instantiate(compose_config(["experiment=folder", *words]).data.module, _convert_="all")
        data.setup("fit")
        data.setup("test")
        parts = [data.train_set, data.val_set, data.test_set]
        names = [{item.name for item in part} for part in parts]
        assert tuple(len(found) for found in names) == sizes == tuple(len(part) for part in parts)
        assert len(set.union(*names)) == sum(sizes) and "normal" not in parts[0][0]
        assert all(np.bincount(part.labels).tolist() == [len(part) / 2] * 2 for part in parts)
        tests.append(names[2])
    assert tests[0] == tests[1]


def steps(name: str, folder: Path, *more: str) -> dict[str, Any]:
    """Two steps of an experiment on small data."""
    if name == "folder":
        root = write_clouds(folder / "shapes", {"": 20})
        more = (f"data.root={root}", "data.features=[pos]", *more)
    words = [
        f"experiment={name}", *small_data(name), f"runs={folder}", "trainer.max_epochs=1",
        "trainer.limit_train_batches=2", "trainer.limit_val_batches=1", "trainer.limit_test_batches=1", *more,
    ]  # fmt: skip
    return run_experiment(words)


FAST = ("modelnet10_tiny", "modelnet10_pointnet2", "folder", "modelnet40_ccnn_4_16")


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in FAST else pytest.mark.slow) for n in CLOUDS],
)
def test_two_steps(name: str, tmp_path: Path) -> None:
    result = steps(name, tmp_path)
    folder = tmp_path / name / "latest"
    assert json.loads((folder / "result.json").read_text()) == result
    assert result["experiment"] == name and result["epochs"] == result["max_epochs"] == 1
    config = compose_config([f"experiment={name}"])
    assert (result["num_points"], result["num_neighbors"], result["batch_size"]) == (24, 6, 8)
    given, follows = config.data.eval_num_points, config.data.eval_num_points == config.data.num_points
    assert result["eval_num_points"] == (24 if follows else given)
    features = ["pos"] if name == "folder" else config.data.features
    assert result["lr"] == config.optim.lr and result["features"] == "+".join(features)
    published = {*(f"modelnet40_ccnn_{size}" for size in PAPER), "modelnet10_voxels_ccnn_4_140"}
    assert result["selected_on"] == ("test" if name in published else "val")


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
