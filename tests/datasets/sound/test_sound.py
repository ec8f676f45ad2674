"""Sound: formats, channels and rates; loudness by pitch; folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.io import wavfile

from ccnn_pc.datasets import SoundFolder, SoundPreprocessing
from ccnn_pc.datasets.formats.sound_file import one_channel, read_recording, read_sound
from ccnn_pc.datasets.preprocessing.sound import mel, mel_bands


def tone(frequency: float, rate: int = 8000, seconds: float = 0.5) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)


def write(path: Path, samples: np.ndarray, rate: int = 8000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() == ".wav":
        wavfile.write(path, rate, np.rint(32767 * samples).astype(np.int16))
    else:
        soundfile: Any = pytest.importorskip("soundfile")
        soundfile.write(path, samples, rate)
    return path


@pytest.mark.parametrize(
    ("name", "error"), [("a.wav", 1e-4), ("a.flac", 1e-4), ("a.ogg", 0.05), ("a.WAV", 1e-4)]
)
def test_every_format_holds_the_same(tmp_path: Path, name: str, error: float) -> None:
    samples, rate = read_sound(write(tmp_path / name, tone(440)))
    assert rate == 8000 and samples.dtype == np.float32 and len(samples) == 4000
    assert np.abs(samples - tone(440)).max() < error


@pytest.mark.parametrize(
    "factors", [(1, 1), (1, 0), (0, 1), (1, -1), (1, -0.9), (0, 0, 1, 0, 0, 0), (1, 0.001)]
)
def test_channels_without_sound_and_turned_round_change_nothing(
    tmp_path: Path, factors: tuple[float, ...]
) -> None:
    used = SoundPreprocessing(rate=8000, seconds=0.5)
    alone = used.read_file(write(tmp_path / "alone.wav", tone(440)))
    read = used.read_file(
        write(tmp_path / "a.wav", np.stack([factor * tone(440) for factor in factors], axis=1))
    )
    assert np.abs(read.values - alone.values).max() < 0.03
    assert read.facts["loudness"] == pytest.approx(alone.facts["loudness"], abs=0.01)


def test_channels_that_differ_are_averaged() -> None:
    noise = np.random.default_rng(0).normal(size=(4000, 8))
    assert np.allclose(one_channel(noise), noise.mean(axis=1))
    assert not one_channel(np.zeros((9, 2))).any() and len(one_channel(np.zeros((0, 2)))) == 0


def test_an_offset_is_not_heard(tmp_path: Path) -> None:
    for features in ("mel", "raw"):
        used = SoundPreprocessing(features=features, rate=6000, seconds=0.5)
        plain, moved = (used.read(write(tmp_path / "a.wav", tone(440) + offset)) for offset in (0, 0.2))
        assert np.abs(plain - moved).max() < 0.05


def test_high_tones_of_8_bits_are_not_taken_for_swapped_bytes(tmp_path: Path) -> None:
    wave = 0.4 * np.sin(2 * np.pi * 0.37 * np.arange(4000)) + 0.05 * np.random.default_rng(0).normal(
        size=4000
    )
    coarse = np.rint(127 * wave)
    wavfile.write(tmp_path / "a.wav", 8000, (coarse + 128).astype(np.uint8))
    wavfile.write(tmp_path / "b.wav", 8000, (256 * coarse).astype(np.int16))
    for name in ("a.wav", "b.wav"):
        assert np.abs(read_sound(tmp_path / name)[0] - coarse / 128).max() < 1e-6


def test_bits_are_known(tmp_path: Path) -> None:
    soundfile: Any = pytest.importorskip("soundfile")
    for name, kind, bits in (
        ("a.wav", "PCM_U8", 8),
        ("b.wav", "PCM_24", 24),
        ("c.flac", "PCM_16", 16),
        ("d.ogg", "VORBIS", 0),
    ):
        soundfile.write(tmp_path / name, tone(440), 8000, subtype=kind)
        found = read_recording(tmp_path / name).bits
        assert found == bits or (not bits and np.isnan(found))


@pytest.mark.parametrize("name", ["a.aiff", "a.au", "a.mp3", "a.flac", "a.ogg", "opus.ogg", "a.wav"])
def test_files_that_are_cut_off_are_refused(tmp_path: Path, name: str) -> None:
    soundfile: Any = pytest.importorskip("soundfile")
    long = np.tile(tone(440), 40)
    soundfile.write(tmp_path / name, long, 8000, subtype="OPUS" if "opus" in name else None)
    assert abs(len(read_sound(tmp_path / name)[0]) - len(long)) < 2400
    content = (tmp_path / name).read_bytes()
    for share in (0.97, 0.8, 0.5):
        (tmp_path / name).write_bytes(content[: int(share * len(content))])
        with pytest.raises(ValueError, match=f"'{tmp_path / name}'"):
            read_sound(tmp_path / name)


def test_samples_behind_those_that_a_header_announces_are_not_lost_in_silence(tmp_path: Path) -> None:
    content = write(tmp_path / "a.wav", tone(440)).read_bytes()
    place = content.index(b"data") + 4
    (tmp_path / "a.wav").write_bytes(content[:place] + (2000).to_bytes(4, "little") + content[place + 4 :])
    with pytest.raises(ValueError, match="announces 2000 bytes of samples, and 6000 more follow"):
        read_sound(tmp_path / "a.wav")
    for more in (b"LIST" + (4).to_bytes(4, "little") + b"INFO", bytes(9000), b"TAG" + b"x" * 125):
        (tmp_path / "a.wav").write_bytes(content + more)
        assert len(read_sound(tmp_path / "a.wav")[0]) == 4000


def test_channels_become_their_mean(tmp_path: Path) -> None:
    both = np.stack([tone(440), 0.5 * tone(440)], axis=1)
    assert np.abs(read_sound(write(tmp_path / "a.wav", both))[0] - 0.75 * tone(440)).max() < 1e-4


@pytest.mark.parametrize(
    ("name", "content"), [("a.wav", b""), ("a.wav", b"RIFF"), ("b.flac", b"no"), ("c.ogg", b"OggS")]
)
def test_damaged_files_are_named(tmp_path: Path, name: str, content: bytes) -> None:
    if name != "a.wav":
        pytest.importorskip("soundfile")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"'{tmp_path / name}'"):
        read_sound(tmp_path / name)


def test_bands_lie_where_the_pitch_is() -> None:
    for frequency in (300, 1000, 3000):
        loud = mel(tone(frequency), 8000, 30, 0.01)[:, 10:40].mean(axis=1)
        triangles, axis = mel_bands(8000, 256, 30), np.fft.rfftfreq(256, 1 / 8000)
        assert abs(int(loud.argmax()) - int(triangles[:, np.abs(axis - frequency).argmin()].argmax())) <= 1
    louder, quieter = mel(tone(1000), 8000, 30, 0.01), mel(0.1 * tone(1000), 8000, 30, 0.01)
    assert (louder - quieter)[:, 10:40].max() == pytest.approx(2, abs=0.02)  # a hundredth of the power


def test_rates_and_lengths_become_one(tmp_path: Path) -> None:
    first, second = (
        write(tmp_path / "1.wav", tone(400)),
        write(tmp_path / "2.wav", tone(400, 16000, 0.3), 16000),
    )
    used = SoundPreprocessing(rate=8000, seconds=0.5, bands=20)
    one, other = used.read(first), used.read(second)
    assert one.shape == other.shape == (20, 50) and np.isnan(other[:, 30:]).all() and not np.isnan(one).any()
    assert np.abs(one[:, 5:25] - other[:, 5:25]).max() < 0.3
    assert SoundPreprocessing().filled([first, first, second]).rate == 8000
    raw = SoundPreprocessing(features="raw", rate=4000, seconds=0.5).read(first)
    assert raw.shape == (1, 2000) and np.abs(raw[0, 200:1800] - tone(400, 4000)[200:1800]).max() < 0.01


def test_a_folder(tmp_path: Path) -> None:
    for number in range(10):
        write(
            tmp_path / "ab"[number % 2] / f"{number} é.wav",
            tone(300 + 600 * (number % 2), seconds=0.2 + 0.01 * number),
        )
    (tmp_path / "a" / "._1.wav").write_bytes(b"x")
    options: dict[str, Any] = {"test_fraction": 0.2, "cache": tmp_path / "cache"}
    train, test = (SoundFolder(tmp_path, part, **options) for part in ("train", "test"))
    assert (len(train), len(test)) == (8, 2) and train.classes == ["a", "b"]
    assert train.reading == test.reading and train.measured()["in_channels"] == 40
    assert not torch.isnan(torch.cat([item.x for item in train])).any()
