"""Sound: ``.wav`` files of one channel."""

from __future__ import annotations

import io
import warnings

import numpy as np


def read_wav(content: bytes, name: str) -> tuple[np.ndarray, int]:
    """Samples int16 ``[n]`` and samples per second of a 16-bit PCM file of one channel, through scipy.

    Args:
        content: of the file.
        name: of the file, for messages.

    Raises:
        ValueError: another format, no sample, damaged or cut off.
    """
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*(EOF|[Uu]nexpected|[Ii]ncomplete).*")
            rate, samples = wavfile.read(io.BytesIO(content))
    except Exception as error:  # the reader raises almost anything for damaged files
        raise ValueError(
            f"'{name}' cannot be read as wav: damaged or cut off ({error}); copy it again"
        ) from error
    if samples.ndim != 1 or samples.dtype != np.int16:
        raise ValueError(
            f"'{name}' must have one channel of 16-bit samples (got {samples.dtype}, shape {list(samples.shape)})"
        )
    if not len(samples):
        raise ValueError(f"'{name}' must hold at least one sample (got none)")
    return np.array(samples), int(rate)
