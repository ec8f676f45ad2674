"""Experiments on sequences and images: the papers' numbers, two steps of each, a model folder that can be used."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import instantiate

from ccnn_pc.cli.compose import compose_config, list_experiments
from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.train import run_experiment
from ccnn_pc.kernels import nyquist_frequency
from ccnn_pc.kernels.scaling import unscaled
from ccnn_pc.models import from_pretrained
from tests.grid_files import write_images

pytestmark = pytest.mark.filterwarnings("ignore:.*results are those of a part")
DATA = ("smnist", "pmnist", "scifar10", "cifar10", "cifar100", "stl10", "lra_image", "lra_image2d")
GRIDS = [name for name in list_experiments() if name.startswith((*DATA, "mnist", "imagenet32"))]

#: CCNN's released commands: rate, batch, epochs, dropout, dropout of the data, ω₀, width, taps, penalty.
CCNN: dict[str, tuple[float, int, int, float, float, float, float, int, float]] = {
    "smnist_ccnn_4_140": (0.01, 100, 210, 0.1, 0, 2976.49, 0.075, 784, 1e-6),
    "smnist_ccnn_6_380": (0.01, 100, 210, 0.1, 0, 2976.49, 0.075, 784, 1e-6),
    "pmnist_ccnn_4_140": (0.02, 100, 210, 0, 0.2, 2985.63, 0.075, 784, 0),
    "pmnist_ccnn_6_380": (0.02, 100, 210, 0, 0.2, 2985.63, 0.075, 784, 0),
    "scifar10_ccnn_4_140": (0.02, 50, 210, 0, 0, 2386.49, 0.075, 1024, 0),
    "scifar10_ccnn_6_380": (0.01, 50, 210, 0.25, 0, 4005.15, 0.075, 1024, 0),
    "lra_image_ccnn_4_140": (0.01, 50, 210, 0.1, 0, 4005.15, 0.075, 1024, 0),
    "lra_image_ccnn_6_380": (0.01, 50, 210, 0.1, 0, 4005.15, 0.075, 1024, 0),
    "cifar10_ccnn_4_140": (0.02, 64, 350, 0.1, 0, 4231.57, 0.75, 33, 1e-4),
    "cifar10_ccnn_6_380": (0.01, 50, 210, 0.15, 0, 976.781, 0.075, 33, 0),
    "cifar100_ccnn_4_140": (0.02, 50, 210, 0.1, 0, 3521.55, 0.075, 33, 1e-4),
    "cifar100_ccnn_6_380": (0.02, 50, 210, 0.2, 0, 679.142, 0.075, 31, 0),
    "stl10_ccnn_4_140": (0.02, 64, 210, 0.1, 0, 954.281, 0.075, 33, 0),
    "stl10_ccnn_6_380": (0.01, 48, 210, 0.1, 0, 954.281, 0.075, 31, 0),
    "lra_image2d_ccnn_4_140": (0.02, 50, 210, 0.2, 0, 2085.43, 0.075, 33, 1e-6),
    "lra_image2d_ccnn_6_380": (0.02, 50, 210, 0.2, 0, 2306.08, 0.075, 33, 0),
}
#: Parameters and classes, of the papers' tables.
COUNTS = {
    "smnist_ccnn_4_140": (198_769, 10),
    "scifar10_ccnn_4_140": (199_117, 10),
    "cifar10_ccnn_4_140": (201_042, 10),
    "cifar100_ccnn_4_140": (213_732, 100),
    "cifar100_ccnn_6_380": (2_033_656, 100),
    "scifar10_ccnn_4_140_flex": (233_721, 10),
    "cifar10_ccnn_6_380_flex": (2_239_290, 10),
    "smnist_ckcnn_2_30": (98_286, 10),
    "scifar10_ckcnn_2_100": (1_037_546, 10),
    "cifar10_flexnet_7": (671_650, 10),
    "mnist_flexnet_7": (670_066, 10),
    "imagenet32_flexnet_5": (498_596, 1000),
    "smnist_flextcn_6": (373_324, 10),
    "smnist_smpnet_tcn_6": (370_960, 10),
    "scifar10_smpnet_tcn_6": (373_480, 10),
    "cifar10_smpnet_resnet_7": (489_646, 10),
}


@unscaled()
def built(name: str, classes: int = 10) -> Any:
    config = compose_config([f"experiment={name}"])
    return instantiate(config.model, _convert_="all")(out_channels=classes)


def test_every_row_is_there() -> None:
    blocks = {
        f"{data}_ccnn_{size}_{block}"
        for data in ("cifar10", "scifar10")
        for size in ("4_140", "6_380")
        for block in ("flex", "s4")
    }
    assert {*CCNN, *COUNTS, *blocks, "smnist_tiny", "cifar10_tiny"} <= set(GRIDS)
    assert set(CCNN) == {f"{data}_ccnn_{size}" for data in DATA for size in ("4_140", "6_380")}


@pytest.mark.parametrize("name", CCNN)
def test_released_settings_of_ccnn(name: str) -> None:
    rate, batch, epochs, dropout, dropout_in, omega, width, taps, decay = CCNN[name]
    c = compose_config([f"experiment={name}"])
    assert (c.optim.lr, c.data.batch_size, c.trainer.max_epochs) == (rate, batch, epochs)
    assert (c.model.dropout, c.model.dropout_in) == (dropout, dropout_in)
    assert (c.model.omega_0, c.model.width, c.model.init, c.model.threshold) == (omega, width, "ccnn", 0.1)
    assert c.optim.warmup_epochs == (5 if name == "cifar10_ccnn_4_140" else 10)
    assert c.optim.weight_decay == 0 and c.task.kernel_penalty == pytest.approx(decay / 2)
    assert c.trainer.accumulate_grad_batches == {"stl10_ccnn_4_140": 4, "stl10_ccnn_6_380": 2}.get(name, 1)
    augmented = name.startswith("stl10") or (
        "cifar10_" in name and not name.startswith("lra") and name != "scifar10_ccnn_6_380"
    )
    assert (len(c.augmentation) > 0) == augmented and not c.data.select_on_test
    if "6_380" in name and taps != 31:
        return
    extent = built(name).stem.extent.tolist()
    assert extent == ([taps - 1.0] if taps > 97 else [taps // 2] * 2)


@pytest.mark.parametrize("name", COUNTS)
def test_networks_have_the_published_number_of_parameters(name: str) -> None:
    count, classes = COUNTS[name]
    assert sum(p.numel() for p in built(name, classes).parameters()) == count


@pytest.mark.parametrize("block", ["flex", "s4"])
def test_block_rows_differ_in_the_block_alone(block: str) -> None:
    for base in ("scifar10_ccnn_4_140", "cifar10_ccnn_6_380"):
        ours, other = (compose_config([f"experiment={name}"]) for name in (base, f"{base}_{block}"))
        assert {**ours.model, "name": f"{ours.model.name}_{block}"} == dict(other.model)
        for part in ("data", "kernel", "optim", "task", "trainer", "augmentation"):
            assert {**ours, "name": other.name, "run_dir": None}[part] == other[part]


@pytest.mark.parametrize(
    ("name", "angular"),
    [("smnist_ckcnn_2_30", 31.092), ("pmnist_ckcnn_2_100", 42.162), ("scifar10_ckcnn_2_30", 25.696)],
)
def test_angular_frequencies_of_ckconv(name: str, angular: float) -> None:
    assert compose_config([f"experiment={name}"]).model.omega_0 == pytest.approx(
        angular / (2 * math.pi), rel=1e-5
    )


@pytest.mark.parametrize("name", ["smnist_tiny", "cifar10_tiny", "scifar10_ccnn_4_140_recommended"])
def test_our_kernels_start_below_the_nyquist_frequency(name: str) -> None:
    torch.manual_seed(0)
    model = built(name)
    assert name.endswith("recommended") or sum(p.numel() for p in model.parameters()) < 100_000
    for conv in model.convolutions():
        units = (conv.kernel.weight.detach().norm(dim=1) / (2 * torch.pi)).view(conv.kernel.num_filters, -1)
        assert float(units.mean(1).sum()) < nyquist_frequency(conv.spacing, conv.extent, conv.causal)


@pytest.mark.parametrize("view", ["image", "sequence", "noise_padded", "grey"])
def test_channels_and_axes_follow_the_data(view: str) -> None:
    data = {"image": "cifar10", "sequence": "scifar10", "noise_padded": "noise_cifar", "grey": "lra_image2d"}[
        view
    ]
    config = compose_config(["experiment=cifar10_tiny", f"data={data}", "model.extent=null"])
    assert config.model.in_channels == config.data.in_channels == {"noise_padded": 96, "grey": 1}.get(view, 3)
    assert config.model.dim == len(config.data.shape) == (2 if view in ("image", "grey") else 1)


def steps(name: str, folder: Path, *more: str) -> dict[str, Any]:
    """Two steps of an experiment on small files."""
    data = name.split("_")[0] if not name.startswith("lra") else "lra_image"
    root = write_images(data, folder / "data")
    return run_experiment(
        [
            f"experiment={name}",
            f"data.root={root}",
            f"runs={folder}",
            "data.batch_size=3",
            "data.val_fraction=0.25",
            "trainer.accelerator=cpu",
            "trainer.accumulate_grad_batches=1",
            "trainer.max_epochs=1",
            "trainer.limit_train_batches=2",
            "trainer.limit_val_batches=1",
            "trainer.limit_test_batches=1",
            *more,
        ]  # fmt: skip
    )


FAST = ("smnist_tiny", "cifar10_tiny", "smnist_ckcnn_2_30")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in FAST else pytest.mark.slow) for n in GRIDS]
)
def test_two_steps(name: str, tmp_path: Path) -> None:
    result = steps(name, tmp_path)
    folder, config = tmp_path / name / "latest", compose_config([f"experiment={name}"])
    assert json.loads((folder / "result.json").read_text()) == result
    assert result["experiment"] == name and result["data"] == config.data.name and result["n_test"] == 3
    assert result["selected_on"] == ("test" if config.data.select_on_test else "val")
    stored = from_pretrained(folder / "model")
    assert stored.preprocessing == instantiate(config.data.preprocessing, _convert_="all")
    assert stored.config["shape"] == list(config.data.shape)


def test_what_was_trained_can_be_evaluated(tmp_path: Path) -> None:
    """`evaluate` on the files gives the number of the run's own test."""
    result = steps("smnist_tiny", tmp_path, "trainer.limit_test_batches=null", "model.name=ccnn_4_16")
    found = evaluate_model(str(tmp_path / "smnist_tiny/latest/model"), tmp_path / "data", batch_size=7)
    assert found["n"] == result["n_test"] == 40
    assert found["accuracy"] == pytest.approx(result["test_accuracy"], abs=1e-6)
