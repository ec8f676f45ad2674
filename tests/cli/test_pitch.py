"""Recordings whose files state a wrong rate, or hold their bytes in the wrong order, through functions and commands."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.io import wavfile
from scipy.signal import lfilter

from ccnn_pc.cli.app import main
from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.pitch import FEWEST
from ccnn_pc.cli.predict import predict_files
from ccnn_pc.datasets import SoundFolder
from ccnn_pc.models import SamplingWarning, create_model, measure, save_pretrained

RATE = 4000


def recordings(
    folder: Path, count: int = FEWEST, rate: int = RATE, seed: int = 0, swapped: bool = False
) -> Path:
    """A voice: noise through two resonances that lie elsewhere in each recording."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        path = folder / "ab"[number % 2] / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        sound = rng.normal(size=RATE // 4)
        for pitch in (rng.uniform(300, 400), rng.uniform(600, 800)):
            angle = 2 * np.pi * pitch / RATE
            sound = lfilter([1.0], [1.0, -2 * 0.97 * np.cos(angle), 0.97**2], sound)
        samples = np.rint(9000 * sound / np.abs(sound).max()).astype(np.int16)
        wavfile.write(path, rate, samples.byteswap() if swapped else samples)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("sound")
    patch = pytest.MonkeyPatch()
    patch.setenv("CCNN_PC_CACHE", str(folder / "cache"))
    known: Any = SoundFolder(recordings(folder / "known", 40))
    torch.manual_seed(0)
    made: Any = create_model(
        "ccnn_4_16", dim=1, in_channels=40, out_channels=2, shape=list(known.shape[1:])
    ).eval()
    made.trained_on = measure(made.reading, [known[row] for row in range(len(known))])
    yield str(save_pretrained(made, folder / "model", classes=["a", "b"], preprocessing=known.reading))
    patch.undo()


def octaves_said(call: Callable[[], Any]) -> list[str]:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        call()
    return [
        str(each.message)
        for each in found
        if issubclass(each.category, SamplingWarning) and "octaves" in str(each.message)
    ]


def command(*words: str) -> Callable[[], Any]:
    return lambda: pytest.raises(SystemExit, main, list(words))


@pytest.mark.parametrize(
    ("stated", "said"),
    [(2 * RATE, "octaves higher.*too large"), (RATE // 2, "octaves lower.*too small"), (RATE, None)],
)
def test_a_rate_that_is_wrong_by_two_is_named(
    stated: int, said: str | None, model: str, tmp_path: Path
) -> None:
    """Of other recordings than those of training; a few of them are not enough to tell."""
    asked = recordings(tmp_path / "asked", rate=stated, seed=1)
    ways = [
        lambda: evaluate_model(model, asked),
        lambda: predict_files(model, [asked]),
        command("evaluate", model, "--data", str(asked), "--no-html"),
        command("predict", model, str(asked), "--no-picture"),
    ]
    for way in ways:
        texts = octaves_said(way)
        assert len(texts) == (said is not None), texts
        if said is not None:
            with pytest.warns(SamplingWarning, match=said):
                warnings.warn(texts[0], SamplingWarning, stacklevel=1)
    few = sorted(asked.rglob("*.wav"))[: FEWEST - 1]
    assert not octaves_said(lambda: predict_files(model, few))


def test_bytes_in_the_wrong_order_are_no_sound(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = recordings(tmp_path / "asked", 2, seed=1, swapped=True)
    rows = predict_files(model, [asked])
    assert all("the two bytes of each are swapped" in row["error"] for row in rows)
    with pytest.raises(ValueError, match="the two bytes of each are swapped"):
        evaluate_model(model, asked)
    command("predict", model, str(asked), "--no-picture")()
    assert "the two bytes of each are swapped" in capsys.readouterr().err
