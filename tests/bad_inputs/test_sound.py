"""Sound of other rates, lengths, speakers and loudness: read on the footing of training, or named."""

from __future__ import annotations

import copy
import struct
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.cli.lengths import warn_of_lengths
from ccnn_pc.cli.open_data import open_part
from ccnn_pc.datasets import SpokenDigits
from ccnn_pc.datasets.formats.wav import read_wav_at
from ccnn_pc.models import SamplingWarning, create_model
from ccnn_pc.models.shift.trained_on import TrainedOn, measure
from ccnn_pc.training.data import ClassificationData
from ccnn_pc.training.described_data import describe_data


def wav(samples: np.ndarray, rate: int = 8000) -> bytes:
    raw = np.rint(samples).astype("<i2").tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    body = b"WAVE" + form + struct.pack("<4sI", b"data", len(raw)) + raw
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def tone(rate: int, seconds: float = 0.1, height: float = 8000.0) -> np.ndarray:
    return height * np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate)


def recordings(folder: Path, speakers: str = "ab", rate: int = 8000, **how: float) -> Path:
    folder.mkdir()
    for speaker in speakers:
        for index in range(2):
            for digit in range(2):
                samples = tone(rate, **how) * (1 + digit + index)
                (folder / f"{digit}_{speaker}_{index}.wav").write_bytes(wav(samples, rate))
    return folder


@pytest.fixture
def trained(tmp_path: Path) -> dict[str, Any]:
    """What a model remembers of recordings of ``a`` (training) and ``b`` (test)."""
    data = ClassificationData(
        train=lambda: SpokenDigits(recordings(tmp_path / "digits"), test_speakers=["b"], length=1000),
        val=None,
        test=lambda: SpokenDigits(tmp_path / "digits", "test", test_speakers=["b"], length=1000),
    )
    data.prepare()
    options = {"test_speakers": ["b"], "length": 1000}
    parts = {part: {"split": part, "options": options} for part in ("train", "test")}
    return {**describe_data(data), "dataset": "spoken_digits", "parts": parts}


@pytest.mark.parametrize("rate", [4000, 11025, 16000, 44100])
def test_other_rates_are_brought_to_that_of_training(rate: int) -> None:
    samples, own = read_wav_at(wav(tone(rate), rate), "a.wav", 8000)
    assert own == rate and abs(len(samples) - 800) <= 1
    np.testing.assert_allclose(samples[100:700], tone(8000)[100:700], atol=80)  # a hundredth
    with pytest.raises(ValueError, match=r"about 8000 samples per second \(got 800\).*header"):
        read_wav_at(wav(tone(800), 800), "a.wav", 8000)


def test_what_slow_recordings_do_not_hold_is_said(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="8 of 8 recordings have 4000 .* nothing above 2000 Hz"):
        SpokenDigits(recordings(tmp_path / "slow", rate=4000), None, test_speakers=["b"])


def test_numbers_mean_what_they_meant_in_training_whatever_lies_beside_them(
    tmp_path: Path, trained: dict[str, Any]
) -> None:
    whole: Any = open_part(tmp_path / "digits", None, trained)
    alone: Any = open_part(recordings(tmp_path / "alone", "b"), None, trained)
    quiet: Any = open_part(recordings(tmp_path / "quiet", "b", height=80.0), None, trained)
    torch.testing.assert_close(alone[1].x, whole[1].x, rtol=0, atol=0)
    torch.testing.assert_close(quiet[1].x[..., :800] * 100, whole[1].x[..., :800], rtol=0, atol=0.1)


def test_recordings_of_speakers_that_training_did_not_name_are_the_test(
    tmp_path: Path, trained: dict[str, Any]
) -> None:
    assert len(open_part(recordings(tmp_path / "new", "xy"), None, trained)) == 8
    with pytest.raises(ValueError, match="'test_speakers'"):
        SpokenDigits(tmp_path / "new", "test", test_speakers=["b"])


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.001, "as short as 8 samples.*800"), (1.0, "longer than the 1000"), (0.1, "")]
)
def test_series_that_are_filled_up_or_cut_are_named_once(
    tmp_path: Path, trained: dict[str, Any], seconds: float, said: str
) -> None:
    dataset = open_part(recordings(tmp_path / "asked", "b", seconds=seconds), None, trained)
    model = SimpleNamespace(data=trained, warned=set())
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        for _ in range(2):
            warn_of_lengths(model, dataset)
    assert len(found) == bool(said)
    if said:
        assert issubclass(found[0].category, SamplingWarning)
        with pytest.raises(SamplingWarning, match=said):
            raise found[0].message  # type: ignore[misc]


@pytest.fixture(scope="module")
def network() -> Any:
    torch.manual_seed(0)
    model: Any = create_model("ccnn_4_16", dim=1, in_channels=1, out_channels=3, shape=(64,)).eval()
    model.trained_on = measure(model.reading, (torch.randn(1, 1, 64) for _ in range(20)))
    return model


def asked(network: Any, x: torch.Tensor) -> list[str]:
    model = copy.deepcopy(network)
    model.warned = set()
    with warnings.catch_warnings(record=True) as found, torch.no_grad():
        warnings.simplefilter("always")
        model(x)
    return [str(each.message) for each in found if issubclass(each.category, SamplingWarning)]


def test_silence_among_others_is_named(network: Any) -> None:
    x = torch.randn(16, 1, 64, generator=torch.Generator().manual_seed(1))
    assert not asked(network, x)
    x[3] = 0.25
    (text,) = asked(network, x)
    assert "1 of 16 items of 'data' are constant" in text
    x[4:] *= torch.arange(64) == 63  # one sample says something
    (text,) = asked(network, x)
    assert "1 of 16 items" in text


def test_an_offset_is_named(network: Any) -> None:
    x = torch.randn(4, 1, 64, generator=torch.Generator().manual_seed(1))
    (text,) = asked(network, x * 0.2 + 4.0)
    assert "shifted by" in text and "take the offset away" in text
    assert not asked(network, x + 0.5)


def test_inverted_volumes_are_named() -> None:
    model: Any = create_model("ccnn_4_16", dim=3, in_channels=1, out_channels=3, shape=(8, 8, 8)).eval()
    generator = torch.Generator().manual_seed(0)
    shares = torch.linspace(0.05, 0.2, 12)
    items = [(torch.rand(1, 1, 8, 8, 8, generator=generator) < share).float() for share in shares]
    model.trained_on = measure(model.reading, items)
    assert not asked(model, torch.cat(items[3:6]))
    (text,) = asked(model, 1 - torch.cat(items[3:6]))
    assert "looks inverted" in text and "1 - x" in text
    (text,) = asked(model, torch.cat([*items[3:6], torch.zeros(1, 1, 8, 8, 8)]))
    assert "1 of 4 items" in text


def test_means_are_stored_and_models_without_them_are_read(network: Any) -> None:
    described = network.trained_on.to_json()
    assert TrainedOn.from_json(described).channels[0].mean is not None
    described["channels"] = [row[:4] for row in described["channels"]]
    assert TrainedOn.from_json(described).channels[0].mean is None
