"""Sound files: wav by this library, other formats through soundfile."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ccnn_pc._optional import require
from ccnn_pc.datasets.formats.packed import read_file
from ccnn_pc.datasets.formats.sound_whole import check_whole
from ccnn_pc.datasets.formats.wav import read_wav_parts

SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".mp3", ".aiff", ".aif", ".au")
#: Power of a channel, as a share of that of the loudest, below which nothing is in it: 40 dB.
EMPTY = 1e-4
#: Power of the mean of N channels that cancel, as a share of the N-th part of theirs, which it is if they differ.
CANCELS = 0.25
#: Bits of the samples of what soundfile calls so.
_BITS = {"PCM_S8": 8, "PCM_U8": 8, "ULAW": 13, "ALAW": 13, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32,
         "FLOAT": 24, "DOUBLE": 24}  # fmt: skip


class Recording(NamedTuple):
    """What a sound file holds.

    Attributes:
        samples: float32 ``[n]`` in [-1, 1], of all channels; see :func:`one_channel`.
        rate: samples per second.
        bits: of each sample; NaN where its format has no such number.
    """

    samples: np.ndarray
    rate: int
    bits: float


def is_sound(path: Path) -> bool:
    """Whether the name of a file ends as those of sound do.

    Example:
        >>> is_sound(Path("a.WAV")), is_sound(Path("a.txt"))
        (True, False)
    """
    return path.suffix.lower() in SUFFIXES


def read_sound(path: Path) -> tuple[np.ndarray, int]:
    """Samples and rate of :func:`read_recording`."""
    return read_recording(path)[:2]


def read_recording(path: Path) -> Recording:
    """A sound file.

    Raises:
        FileNotFoundError: no such file.
        ImportError: soundfile is missing (extra ``sound``), and it is no wav.
        ValueError: damaged, cut off, empty, or values that are not finite; the message names the file.
    """
    content = read_file(path)
    if not content:
        raise ValueError(f"'{path}' is empty (0 bytes): copy or record it again")
    bits: float
    if path.suffix.lower() == ".wav":
        whole, rate, bits = read_wav_parts(content, str(path))
        samples = one_channel(whole / 32768)
    else:
        soundfile = require("soundfile", extra="sound", purpose=f"to read {path.suffix.lower()}")
        try:
            check_whole(content)
            with soundfile.SoundFile(io.BytesIO(content)) as file:
                rate, bits = file.samplerate, float(_BITS.get(file.subtype, math.nan))
                values = file.read(dtype="float32", always_2d=True)
        except Exception as error:  # of libsndfile
            raise ValueError(
                f"'{path}' cannot be read as sound ({error}); copy it again or save it as wav"
            ) from error
        samples = one_channel(values.astype(np.float64))
    if not len(samples) or not np.isfinite(samples).all():
        raise ValueError(f"'{path}' must hold finite samples (got {len(samples)}): record or export it again")
    return Recording(samples.astype(np.float32), int(rate), float(bits))


def one_channel(values: np.ndarray) -> np.ndarray:
    """The mean of those channels that hold sound; where these cancel, for one was turned round, the loudest alone.

    A silent channel would make the others quieter, opposite ones would be silence.

    Args:
        values: ``[n, channels]``.

    Example:
        >>> wave = np.sin(np.arange(100.0))
        >>> [bool(np.allclose(one_channel(np.stack([wave, k * wave], axis=1)), wave)) for k in (1, 0, -1)]
        [True, True, True]
    """
    if values.shape[1] == 1 or not len(values):
        return values.mean(axis=1)  # type: ignore[no-any-return]
    power = values.var(axis=0)
    held = power > EMPTY * power.max() if power.max() > 0 else np.ones(len(power), dtype=bool)
    mean = values[:, held].mean(axis=1)
    if mean.var() < CANCELS * power[held].mean() / held.sum():
        return values[:, int(power.argmax())]
    return mean  # type: ignore[no-any-return]
