"""What a recording holds before it is cut and normalised: clipped samples, noise, loudness."""

from __future__ import annotations

import numpy as np

#: Samples of a frame whose spectra are averaged.
_FRAME = 512
#: So many samples in a row at the largest value are no peak.
_ROW = 3
#: Loudness of silence in decibels.
SILENT = -120.0


def clipped_share(samples: np.ndarray) -> float:
    """Share of the samples that stand at the largest absolute value, three or more in a row: 0 unless it was clipped.

    Example:
        >>> wave = np.sin(np.arange(1000) / 3)
        >>> clipped_share(wave), 0.4 < clipped_share(np.clip(wave, -0.7, 0.7)) < 0.6, clipped_share(np.zeros(9))
        (0.0, True, 0.0)
    """
    size = np.abs(samples)
    if not len(size) or not size.max() > 0:
        return 0.0
    at = np.concatenate([[False], size == size.max(), [False]]).astype(np.int8)
    begins, ends = (np.flatnonzero(np.diff(at) == sign) for sign in (1, -1))
    rows = ends - begins
    return float(rows[rows >= _ROW].sum() / len(size))


def flatness(samples: np.ndarray) -> float:
    r"""How even the spectrum is, in decibels: 0 of white noise, less of all that has pitches.

    .. math:: 10 \log_{10} \frac{\exp(\tfrac1F \sum_f \ln P_f)}{\tfrac1F \sum_f P_f}

    with the mean ``P`` of the power in overlapping frames of 512 samples; NaN of silence and of less than 16 samples.

    Example:
        >>> noise = np.random.default_rng(0).normal(size=20000)
        >>> flatness(noise) > -0.5, flatness(noise + 30 * np.sin(np.arange(20000))) < -9
        (True, True)
    """
    width = min(_FRAME, len(samples))
    if width < 16:
        return float("nan")
    values = samples.astype(np.float64) - samples.mean(dtype=np.float64)
    frames = np.lib.stride_tricks.sliding_window_view(values, width)[:: max(1, width // 2)]
    power = (np.abs(np.fft.rfft(frames * np.hanning(width + 2)[1:-1])) ** 2).mean(axis=0)[1:]
    if not power.mean() > 0:
        return float("nan")
    return float(10 * (np.log10(power + 1e-12 * power.mean()).mean() - np.log10(power.mean())))


def loudness(samples: np.ndarray) -> float:
    """Deviation in decibels, of which a full sine has -3; at least -120, of silence and of constants.

    Example:
        >>> round(loudness(np.array([1.0, -1.0])), 1), loudness(np.ones(4))
        (0.0, -120.0)
    """
    root = float(np.std(samples, dtype=np.float64)) if len(samples) else 0.0
    return max(SILENT, 20 * float(np.log10(max(root, 1e-9))))
