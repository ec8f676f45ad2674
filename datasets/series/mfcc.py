"""Mel-frequency cepstral coefficients, computed by torchaudio, which is not among the requirements."""

from __future__ import annotations

import importlib

import numpy as np
import torch
from torch import Tensor


def mfcc(
    clips: Tensor, *, rate: int = 16_000, coefficients: int = 20, window: int = 200, mels: int = 64
) -> Tensor:
    """Coefficients of sounds, with logarithms of mel energies, as in the published experiments.

    ``torchaudio.transforms.MFCC(log_mels=True, n_mfcc=20, melkwargs={"n_fft": 200, "n_mels": 64})``: windows of 200
    samples, every 100 samples.

    Args:
        clips: ``[n, L]`` in [-1, 1].
        rate: samples per second.
        coefficients: how many.
        window: samples of a window.
        mels: mel bands.

    Returns:
        ``[n, coefficients, L // 100 + 1]``: ``[n, 20, 161]`` of one second at 16 kHz.

    Raises:
        ImportError: torchaudio is missing or does not load; the message says what to do.
    """
    try:
        transforms = importlib.import_module("torchaudio.transforms")
    except (ImportError, OSError) as error:
        raise ImportError(
            "'torchaudio' is needed for MFCC features, in the release that belongs to your torch "
            f"({torch.__version__}): pip install torchaudio, or take features='raw' ({error})"
        ) from error
    made = transforms.MFCC(
        sample_rate=rate, log_mels=True, n_mfcc=coefficients, melkwargs={"n_fft": window, "n_mels": mels}
    )
    with torch.no_grad():
        return torch.cat([made(part) for part in clips.split(256)])


def mfcc_of_samples(samples: np.ndarray, rate: int = 16_000) -> np.ndarray:
    """The same of int16 ``[n, L]``: float32 ``[n, frames, coefficients]``."""
    parts = [
        mfcc(torch.from_numpy(part.astype(np.float32)) / 32768, rate=rate).transpose(1, 2).numpy()
        for part in np.array_split(samples, max(1, len(samples) // 1024))
    ]
    return np.concatenate(parts).astype(np.float32)
