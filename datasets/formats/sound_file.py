"""Sound files: wav by this library, other formats through soundfile."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from ccnn_pc._optional import require
from ccnn_pc.datasets.formats.packed import read_file
from ccnn_pc.datasets.formats.wav import read_wav_channels

SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".mp3", ".aiff", ".aif", ".au")


def is_sound(path: Path) -> bool:
    """Whether the name of a file ends as those of sound do.

    Example:
        >>> is_sound(Path("a.WAV")), is_sound(Path("a.txt"))
        (True, False)
    """
    return path.suffix.lower() in SUFFIXES


def read_sound(path: Path) -> tuple[np.ndarray, int]:
    """Samples float32 ``[n]`` in [-1, 1], the mean of all channels, and samples per second.

    Raises:
        FileNotFoundError: no such file.
        ImportError: soundfile is missing (extra ``sound``), and it is no wav.
        ValueError: damaged, empty, or values that are not finite; the message names the file.
    """
    content = read_file(path)
    if not content:
        raise ValueError(f"'{path}' is empty (0 bytes): copy or record it again")
    if path.suffix.lower() == ".wav":
        whole, rate = read_wav_channels(content, str(path))
        samples = whole.mean(axis=1, dtype=np.float64) / 32768
    else:
        soundfile = require("soundfile", extra="sound", purpose=f"to read {path.suffix.lower()}")
        try:
            values, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
        except Exception as error:  # of libsndfile
            raise ValueError(
                f"'{path}' cannot be read as sound ({error}); copy it again or save it as wav"
            ) from error
        samples = values.mean(axis=1, dtype=np.float64)
    if not len(samples) or not np.isfinite(samples).all():
        raise ValueError(f"'{path}' must hold finite samples (got {len(samples)}): record or export it again")
    return samples.astype(np.float32), int(rate)
