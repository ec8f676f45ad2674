"""Speech commands and spoken digits from small files of every layout; facts of the real recordings."""

from __future__ import annotations

import io
import sys
import types
import wave
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.datasets.formats.wav import read_wav
from ccnn_pc.datasets.series.mfcc import mfcc
from ccnn_pc.datasets.series.scaling import EPSILON
from ccnn_pc.datasets.series.speech_commands import WORDS_10, WORDS_35, SpeechCommands
from ccnn_pc.datasets.series.spoken_digits import SpokenDigits


def wav(samples: np.ndarray, rate: int = 16_000, channels: int = 1) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def clip(word: int, number: int, length: int = 16_000) -> np.ndarray:
    return np.random.default_rng([word, number]).integers(-3000, 3000, length)


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    root = tmp_path / "commands"
    for label, word in enumerate(["yes", "no", "up"]):
        (root / word).mkdir(parents=True)
        for number in range(20):
            (root / word / f"{number:02d}_nohash_0.wav").write_bytes(wav(clip(label, number)))
        (root / word / "short.wav").write_bytes(wav(clip(label, 99, 9000)))
    lists = {"validation_list.txt": range(3), "testing_list.txt": range(3, 8)}
    for name, numbers in lists.items():
        lines = [f"{word}/{number:02d}_nohash_0.wav" for word in ("yes", "no") for number in numbers]
        (root / name).write_text("\n".join(lines) + "\n")
    return root


WORDS = ["yes", "no", "up"]


def test_words() -> None:
    assert len(set(WORDS_10)) == 10 and len(set(WORDS_35)) == 35 and set(WORDS_10) < set(WORDS_35)
    assert list(WORDS_35) == sorted(WORDS_35)


def test_raw_clips_and_the_published_split(commands: Path) -> None:
    data = SpeechCommands(commands, None, words=WORDS, normalize="none")
    assert len(data) == 60 and data.shape == (1, 16_000) and np.bincount(data.labels).tolist() == [20] * 3
    wanted = torch.from_numpy(clip(1, 4)).float() / 32768
    assert torch.equal(data[24].x[0, 0], wanted) and data[24].y.tolist() == [1]
    parts = [SpeechCommands(commands, split, words=WORDS) for split in ("train", "val", "test")]
    assert [len(part) for part in parts] == [42, 9, 9]
    assert sorted(np.concatenate([part._rows for part in parts]).tolist()) == list(range(60))
    x = parts[0].batch(range(42)).x
    assert abs(float(x.mean())) < 1e-4 and abs(float(x.std()) - 1) < 1e-3


def test_clips_of_another_length(commands: Path) -> None:
    padded = SpeechCommands(commands, None, words=WORDS, padded=True, normalize="none")
    assert len(padded) == 63
    row = np.asarray(padded.stored.name).tolist().index("no/short.wav")
    x = padded[row].x[0, 0]
    assert torch.equal(x[:9000], torch.from_numpy(clip(1, 99, 9000)).float() / 32768) and not bool(
        x[9000:].any()
    )


def test_the_official_lists(commands: Path) -> None:
    sizes = {
        split: len(SpeechCommands(commands, split, words=["yes", "no"], split_rule="official"))
        for split in ("train", "val", "test", None)
    }
    assert sizes == {"train": 24, "val": 6, "test": 10, None: 40}
    (commands / "testing_list.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"testing_list\.txt"):
        SpeechCommands(commands, words=WORDS, split_rule="official")


def test_per_step_normalisation_and_drops(commands: Path) -> None:
    data: Any = SpeechCommands(commands, "train", words=WORDS, normalize="step")
    clips = np.stack([clip(row // 20, row % 20) for row in data._rows]) / 32768
    wanted = (clips - clips.mean(0)) / (clips.std(0, ddof=1) + EPSILON)
    np.testing.assert_allclose(data.batch(range(42)).x[:, 0].numpy(), wanted, atol=1e-4)
    dropped = SpeechCommands(commands, "train", words=WORDS, drop=50)
    assert dropped.shape == (2, 16_000) and float(dropped[0].x[0, 1].sum()) == 8000


def test_broken_clips_are_counted(commands: Path) -> None:
    whole = wav(clip(0, 0))
    for name, content in (
        ("a", whole[:5000]),
        ("b", b""),
        ("c", wav(clip(0, 0), 800)),
        ("d", wav(clip(0, 0), channels=2)),
    ):
        (commands / "yes" / f"{name}.wav").write_bytes(content)
    with pytest.warns(UserWarning, match="4 of 67 files"):
        data = SpeechCommands(commands, None, words=WORDS)
    assert len(data) == 60 and [Path(path).stem for path, _ in data.broken] == ["a", "b", "c", "d"]
    assert "samples per second (got 800)" in data.broken[2][1] and "one channel" in data.broken[3][1]


def test_missing_words_and_options(commands: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no down, left(?s:.*)speech_commands_v0\.02\.tar\.gz"):
        SpeechCommands(commands)
    with pytest.raises(ValueError, match="'words' must be 10, 35"):
        SpeechCommands(commands, words=12)
    with pytest.raises(ValueError, match="two different names"):
        SpeechCommands(commands, words=["yes"])


def test_mfcc_asks_torchaudio_for_the_published_settings(
    commands: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    class MFCC:
        def __init__(self, **settings: Any) -> None:
            asked.append(settings)

        def __call__(self, x: torch.Tensor) -> torch.Tensor:  # the mean of each frame, twenty times
            frames = x.shape[1] // 100 + 1
            means = (
                torch.nn.functional.pad(x, (0, frames * 100 - x.shape[1])).view(len(x), frames, 100).mean(2)
            )
            return means[:, None].expand(-1, 20, -1)

    fake: Any = types.ModuleType("torchaudio.transforms")
    fake.MFCC = MFCC
    monkeypatch.setitem(sys.modules, "torchaudio", types.ModuleType("torchaudio"))
    monkeypatch.setitem(sys.modules, "torchaudio.transforms", fake)
    data = SpeechCommands(commands, None, words=WORDS, features="mfcc", normalize="none")
    assert data.shape == (20, 161)
    melkwargs = {"n_fft": 200, "n_mels": 64}
    assert asked[0] == {"sample_rate": 16_000, "log_mels": True, "n_mfcc": 20, "melkwargs": melkwargs}
    wanted = (clip(1, 4).reshape(160, 100) / 32768).mean(1)
    np.testing.assert_allclose(data[24].x[0, 7, :160].numpy(), wanted, atol=1e-6)


def test_mfcc_without_torchaudio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchaudio", None)
    monkeypatch.delitem(sys.modules, "torchaudio.transforms", raising=False)
    with pytest.raises(ImportError, match="'torchaudio' is needed for MFCC .* pip install torchaudio"):
        mfcc(torch.zeros(1, 16_000))


def write_digits(folder: Path) -> None:
    folder.mkdir(parents=True)
    for digit in range(10):
        for speaker in ("ann", "bob", "eve"):
            for index in (0, 5, 12):
                samples = clip(digit, index, 900 + 10 * index)
                (folder / f"{digit}_{speaker}_{index}.wav").write_bytes(wav(samples, 8000))


def test_digits(tmp_path: Path) -> None:
    write_digits(tmp_path / "recordings")
    speakers: Any = {"test_speakers": ["eve"], "val_speakers": ["bob"], "length": 1000}
    parts = {split: SpokenDigits(tmp_path, split, **speakers) for split in ("train", "val", "test")}
    for split, speaker in (("train", "ann"), ("val", "bob"), ("test", "eve")):
        assert {parts[split].speakers[row] for row in parts[split]._rows} == {speaker}
        assert np.bincount(parts[split].labels).tolist() == [3] * 10
    assert parts["train"].shape == (1, 1000) and not bool(parts["train"][0].x[0, 0, 900:].any())
    series: Any = SpokenDigits(
        tmp_path, None, test_speakers=["eve"], form="irregular", normalize="none", length=None
    )
    found = list(series.stored.name).index("7_bob_12")
    assert torch.equal(series[found].x[:, 0], torch.from_numpy(clip(7, 12, 1020)).float() / 32768)
    by_index = [len(SpokenDigits(tmp_path, split, split_by="index")) for split in ("train", "test")]
    assert by_index == [60, 30]
    with zipfile.ZipFile(tmp_path / "fsdd.zip", "w") as archive:
        for path in (tmp_path / "recordings").iterdir():
            archive.write(path, f"recordings/{path.name}")
    zipped = SpokenDigits(tmp_path / "fsdd.zip", "test", **speakers)
    assert torch.equal(zipped.batch(range(30)).x, parts["test"].batch(range(30)).x)


def test_coefficients_of_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from .test_series_configs import fake_mfcc

    fake_mfcc(monkeypatch)  # the first sample of each frame, twenty times
    write_digits(tmp_path / "recordings")
    options: Any = {"test_speakers": ["eve"], "normalize": "none", "length": 1000, "features": "mfcc"}
    data = SpokenDigits(tmp_path, None, **options)
    assert data.shape == (20, 11) and len(data) == 90
    whole = SpokenDigits(tmp_path, None, test_speakers=["eve"], normalize="none", length=1000)
    for index in (0, 41, 89):  # 900 or more samples, cut or filled up to 1000
        padded = torch.nn.functional.pad(whole[index].x[0, 0], (0, 100))
        assert torch.equal(data[index].x[0], padded[::100].expand(20, -1))
        assert torch.equal(data[index].y, whole[index].y)
    series = SpokenDigits(tmp_path, "test", form="irregular", **options)[3]
    assert series.x.shape == (11, 20) and series.times.tolist() == list(range(11))


def test_digit_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="free-spoken-digit-dataset"):
        SpokenDigits(tmp_path)
    write_digits(tmp_path / "recordings")
    with pytest.raises(ValueError, match=r"must be different ones of \['ann', 'bob', 'eve'\]"):
        SpokenDigits(tmp_path)
    with pytest.raises(ValueError, match="give 'val_speakers'"):
        SpokenDigits(tmp_path, "val", split_by="index")
    (tmp_path / "broken.zip").write_bytes(b"PK\3\4 cut")
    with pytest.raises(ValueError, match=r"broken\.zip' is damaged"):
        SpokenDigits(tmp_path / "broken.zip")
    path = tmp_path / "recordings" / "3_bob_5.wav"
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.warns(UserWarning, match=r"1 of 90 files .*3_bob_5\.wav' cannot be read as wav: .* cut off"):
        assert len(SpokenDigits(tmp_path, None, test_speakers=["eve"])) == 89
    with pytest.raises(ValueError, match="at least one sample"):
        read_wav(wav(np.zeros(0)), "empty.wav")


def test_real_digits(shared: Path) -> None:
    data = SpokenDigits(shared / "data", None)
    lengths = data.stored.lengths
    assert len(data) == 2000 and np.bincount(data.labels).tolist() == [200] * 10
    assert (lengths.min(), lengths.max(), lengths.sum(), (lengths > 8000).sum()) == (
        1148,
        18262,
        6_135_740,
        4,
    )
    assert sorted(set(data.speakers)) == ["george", "nicolas", "theo", "yweweler"]
    sizes = [len(SpokenDigits(shared / "data", split)) for split in ("train", "test")]
    assert sizes == [1500, 500]
    sizes = [len(SpokenDigits(shared / "data", split, split_by="index")) for split in ("train", "test")]
    assert sizes == [1800, 200]
