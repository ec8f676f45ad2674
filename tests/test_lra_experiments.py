"""Long Range Arena: the released settings, exact sizes, two steps of each experiment on replicas."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import instantiate

from ccnn_pc.cli.compose import compose_config, list_experiments
from ccnn_pc.cli.train import run_experiment
from ccnn_pc.kernels import nyquist_frequency
from ccnn_pc.kernels.scaling import unscaled
from ccnn_pc.models import from_pretrained
from tests.datasets.images.test_pathfinder import write_pathfinder
from tests.datasets.series.test_reviews import write_reviews

pytestmark = pytest.mark.filterwarnings("ignore:.*results are those of a part")
NAMES = [
    name
    for name in list_experiments()
    if name.startswith(("lra_listops", "lra_text", "lra_pathfinder", "listops", "contours"))
]
#: CCNN's released commands: rate, batch, epochs, dropout, kind of dropout, ω₀, width, extent, penalty, parameters.
RELEASED: dict[str, tuple[float, int, int, float, str, float, float, list[float], float, int]] = {
    "lra_listops_ccnn_4_140": (1e-3, 50, 60, 0.1, "element", 784.655, 0.03, [2047.0], 1e-6, 198_769),
    "lra_listops_ccnn_6_380": (1e-3, 50, 60, 0.25, "element", 784.655, 0.03, [2047.0], 0, 1_993_091),
    "lra_text_ccnn_4_140": (1e-3, 50, 60, 0.2, "element", 2966.60, 0.015, [4095.0], 1e-5, 197_500),
    "lra_text_ccnn_6_380": (0.02, 25, 60, 0.3, "element", 2966.61, 0.03, [4095.0], 0, 1_989_662),
    "lra_pathfinder_ccnn_4_140": (0.01, 100, 210, 0.2, "channel", 2272.56, 0.4, [1023.0], 0, 197_500),
    "lra_pathfinder_ccnn_6_380": (0.01, 100, 210, 0.1, "channel", 2272.56, 0.4, [1023.0], 1e-6, 1_989_662),
    "lra_pathfinder2d_ccnn_4_140": (0.01, 100, 210, 0.1, "channel", 1239.14, 0.225, [16.0] * 2, 0, 199_425),
    "lra_pathfinder2d_ccnn_6_380": (0.01, 50, 210, 0.2, "channel", 3908.32, 0.225, [16.0] * 2, 0, 1_995_045),
}
OURS = [name for name in NAMES if name not in RELEASED and not name.endswith(("_s4d", "_transformer"))]


@unscaled()
def built(name: str) -> Any:
    config = compose_config([f"experiment={name}"])
    outputs = {} if config.model.get("out_channels") else {"out_channels": 10}
    return instantiate(config.model, _convert_="all")(**outputs)


def test_every_row_is_there() -> None:
    tasks = ("listops", "text", "pathfinder", "pathfinder2d")
    recommended = {f"lra_{task}_ccnn_4_140_recommended" for task in tasks}
    tiny = {f"{task}_tiny{peer}" for task in ("listops", "contours") for peer in ("", "_s4d", "_transformer")}
    tiny |= {"contours_tiny_sequence", "contours_tiny_points"}
    assert {*RELEASED, *recommended, *tiny} == set(NAMES)


@pytest.mark.parametrize("name", RELEASED)
def test_released_settings(name: str) -> None:
    rate, batch, epochs, dropout, kind, omega, width, extent, decay, count = RELEASED[name]
    c = compose_config([f"experiment={name}"])
    assert (c.optim.lr, c.data.batch_size, c.trainer.max_epochs) == (rate, batch, epochs)
    assert (c.model.dropout, c.model.dropout_kind, c.model.init) == (dropout, kind, "ccnn")
    assert (c.model.omega_0, c.model.width, c.optim.warmup_epochs) == (omega, width, 10)
    assert c.optim.weight_decay == 0 and c.task.kernel_penalty == pytest.approx(decay / 2)
    assert c.data.select_on_test == name.startswith("lra_text") and not c.data.get("encoded", False)
    model = built(name)
    assert model.stem.extent.tolist() == extent and sum(p.numel() for p in model.parameters()) == count


@pytest.mark.parametrize("name", OURS)
def test_our_kernels_start_below_the_nyquist_frequency(name: str) -> None:
    torch.manual_seed(0)
    model = built(name)
    assert not compose_config([f"experiment={name}"]).data.select_on_test
    for conv in model.convolutions():
        units = (conv.kernel.weight.detach().norm(dim=1) / (2 * math.pi)).view(conv.kernel.num_filters, -1)
        assert float(units.mean(1).sum()) < nyquist_frequency(conv.spacing, conv.extent, conv.causal)


def steps(name: str, folder: Path, *more: str) -> dict[str, Any]:
    """Two steps of an experiment on small data."""
    words = ["data.counts={train: 6, val: 3, test: 3}"]
    if "listops" in name:
        words += ["data.length=64", "+data.grammar.shortest=3", "+data.grammar.longest=40"]
        words = [word.replace("+", "" if name.startswith("listops_tiny") else "+") for word in words]
    elif "text" in name:
        words = [f"data.root={write_reviews(folder / 'data')}", "data.length=64", "data.val_fraction=0.4"]
    elif "pathfinder" in name:
        words = [f"data.root={write_pathfinder(folder / 'data', count=30)}"]
    return run_experiment(
        [
            *(f"experiment={name}", f"runs={folder}", "data.batch_size=2", "trainer.accelerator=cpu"),
            *("trainer.max_epochs=1", "trainer.limit_train_batches=2", "trainer.limit_val_batches=1"),
            *("trainer.limit_test_batches=1", "threads=1"),
            *words,
            *more,
        ]
    )


#: Released rows differ from ours on the same data in numbers alone: test_released_settings builds them.
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in RELEASED else name for name in NAMES]
)
def test_two_steps_and_the_model_can_be_used(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))
    result = steps(name, tmp_path)
    assert 0 <= result["test_accuracy"] <= 1
    if "tiny" in name:
        (model,) = tmp_path.glob("*/2*/model")
        data = "list_ops" if name.startswith("listops") else "contours"
        assert from_pretrained(model).data["dataset"] == data
