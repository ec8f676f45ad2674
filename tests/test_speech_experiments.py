"""Speech Commands, and character trajectories of FlexTCN and SMPConv: published settings, exact sizes, two steps."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hydra.utils import instantiate

from ccnn_pc.cli.compose import compose_config, list_experiments
from ccnn_pc.cli.train import run_experiment
from ccnn_pc.kernels.scaling import unscaled
from tests.datasets.series.test_speech import clip, wav

NAMES = [name for name in list_experiments() if name.startswith("speech_")]
#: Rate, batch, epochs, dropout, warm-up epochs; weight of the decay as released; parameters; chosen on the test part.
RELEASED: dict[str, tuple[float, int, int, float, int, float, int, bool]] = {
    "speech_mfcc_ckcnn_2_30": (1e-3, 64, 200, 0.2, 0, 0, 118_236, False),
    "speech_raw_ckcnn_2_30": (1e-3, 32, 300, 0, 0, 1e-4, 98_286, False),
    "speech_raw_ckcnn_2_30_drop30": (1e-3, 32, 300, 0.1, 0, 1e-4, 99_336, False),
    "speech_raw_ckcnn_2_30_drop50": (1e-3, 32, 300, 0, 0, 1e-4, 99_336, False),
    "speech_raw_ckcnn_2_30_drop70": (1e-3, 32, 300, 0.1, 0, 0, 99_336, False),
    "speech_mfcc_ccnn_4_140": (0.02, 100, 110, 0.2, 10, 1e-6, 202_075, False),
    "speech_mfcc_ccnn_6_380": (0.02, 10, 160, 0.2, 10, 1e-6, 2_001_565, False),
    "speech_raw_ccnn_4_140": (0.02, 20, 160, 0.2, 10, 1e-6, 198_769, False),
    "speech_raw_ccnn_6_380": (0.02, 40, 160, 0.2, 10, 1e-6, 1_993_091, False),
    "speech_mfcc_smpnet_tcn_6": (2e-3, 32, 300, 0.2, 5, 0, 391_840, True),
    "speech_raw_smpnet_tcn_6": (1e-3, 32, 160, 0.1, 10, 0, 370_960, True),
    "chartraj_smpnet_tcn_6": (1e-4, 64, 300, 0, 5, 0, 373_790, True),
}
#: FlexTCN has no released settings for sequences: sizes alone.
FLEXTCN = {"speech_mfcc_flextcn_6": 392_704, "speech_raw_flextcn_6": 373_324, "chartraj_flextcn_6": 375_674}
#: Angular frequencies of CKConv, cycles of CCNN.
OMEGA = {
    "speech_mfcc_ckcnn_2_30": 30.903 / (2 * math.pi),
    "speech_raw_ckcnn_2_30": 39.451 / (2 * math.pi),
    "speech_raw_ckcnn_2_30_drop30": 35.655 / (2 * math.pi),
    "speech_raw_ckcnn_2_30_drop50": 31.701 / (2 * math.pi),
    "speech_raw_ckcnn_2_30_drop70": 23.293 / (2 * math.pi),
    "speech_mfcc_ccnn_4_140": 750.18,
    "speech_mfcc_ccnn_6_380": 1295.61,
    "speech_raw_ccnn_4_140": 1295.61,
    "speech_raw_ccnn_6_380": 1295.61,
}
RADIUS = {
    "speech_mfcc_smpnet_tcn_6": 0.012,
    "speech_raw_smpnet_tcn_6": 0.0002,
    "chartraj_smpnet_tcn_6": 0.012,
}


@unscaled()
def parameters(name: str) -> int:
    config = compose_config([f"experiment={name}"])
    classes = 20 if name.startswith("chartraj") else 10
    return sum(
        p.numel() for p in instantiate(config.model, _convert_="all")(out_channels=classes).parameters()
    )


def test_every_row_is_there() -> None:
    assert {*RELEASED, *FLEXTCN} == {*NAMES, "chartraj_smpnet_tcn_6", "chartraj_flextcn_6"}


@pytest.mark.parametrize("name", RELEASED)
def test_released_settings(name: str) -> None:
    rate, batch, epochs, dropout, warm, decay, count, on_test = RELEASED[name]
    c = compose_config([f"experiment={name}"])
    assert (c.optim.lr, c.data.batch_size, c.trainer.max_epochs) == (rate, batch, epochs)
    assert (c.model.dropout, c.optim.warmup_epochs, c.data.select_on_test) == (dropout, warm, on_test)
    assert c.task.kernel_penalty == pytest.approx(decay / 2)
    assert c.data.normalize == ("channel" if "_ccnn_" in name else "step")
    if name in OMEGA:
        assert c.model.omega_0 == pytest.approx(OMEGA[name], rel=1e-5)
    assert c.model.get("radius") == RADIUS.get(name)
    assert parameters(name) == count


@pytest.mark.parametrize("name", FLEXTCN)
def test_sizes_of_flextcn(name: str) -> None:
    assert parameters(name) == FLEXTCN[name]


def write_words(folder: Path) -> Path:
    for number, word in enumerate(("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")):
        (folder / word).mkdir(parents=True)
        for index in range(8):
            (folder / word / f"{index:08x}_nohash_0.wav").write_bytes(wav(clip(number, index, 16000), 16000))
    return folder


QUICK = "speech_raw_ckcnn_2_30_drop70"
RAW = [n if n == QUICK else pytest.param(n, marks=pytest.mark.slow) for n in NAMES if "raw" in n]


@pytest.mark.parametrize("name", RAW)
def test_two_steps(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))
    words: dict[str, Any] = {"data.batch_size": 2, "trainer.max_epochs": 1, "trainer.limit_train_batches": 2}
    words |= {f"trainer.limit_{part}_batches": 1 for part in ("val", "test")}
    result = run_experiment(
        [
            *(
                f"experiment={name}",
                f"data.root={write_words(tmp_path / 'words')}",
                f"runs={tmp_path / 'runs'}",
            ),
            *("trainer.accelerator=cpu", "threads=1", *(f"{key}={value}" for key, value in words.items())),
        ]
    )
    assert 0 <= result["test_accuracy"] <= 1
