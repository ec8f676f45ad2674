"""Preprocessing of sound."""

from __future__ import annotations

import enum
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from scipy.signal import resample_poly

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc._choices import choice
from ccnn_pc.datasets.formats.sound_file import SUFFIXES, read_recording, read_sound
from ccnn_pc.datasets.preprocessing.base import plain, set_fields
from ccnn_pc.datasets.preprocessing.files import FilePreprocessing, FileRead
from ccnn_pc.datasets.sound.measured import SILENT, clipped_share, flatness, loudness
from ccnn_pc.ops.series.windows import window_starts

#: Samples per second that are kept at most, unless more are asked for.
MOST_RATE = 16000
#: Steps in time of loudness by pitch that a core trains on in minutes; and the shortest of them, in seconds.
STEPS, SHORTEST = 256, 0.01
#: Seconds that are read at most, unless more are asked for.
MOST_SECONDS = 10.0
#: Loudness below which there is silence, of the square of the largest sample.
_SILENCE = 1e-8
#: A recording so many times as long as is read, and as those of training, is another one.
LONG = 1.25
#: Windows of such a share of the power of the loudest do not count.
_FAINT = 1e-4


class SoundFeatures(enum.Enum):
    """MEL: logarithm of the loudness in bands of pitch, step by step; RAW: the samples."""

    MEL = "mel"
    RAW = "raw"


@dataclass(frozen=True)
class SoundPreprocessing(FilePreprocessing):
    """Sound of one rate and length, its mean taken away: what is longer is cut, what is shorter ends early.

    Args:
        features: MEL (default), ``[bands, steps]``, or RAW, ``[1, samples]``.
        bands: of MEL.
        rate: samples per second; None: the most frequent of the training, at most :data:`MOST_RATE`.
        seconds: length; None: that of 95 % of the training, at most :data:`MOST_SECONDS`.
        mean, std: of each channel; None: measured on the training.
        files: facts of the recordings of the training; None: measured. Of each recording its ``seconds`` and ``rate``,
            the share of ``clipped`` samples, the ``bits`` of a sample, ``loudness`` and ``flatness`` of the spectrum in
            decibels, and ``pitch``, the mean of :func:`mel` over time.

    Raises:
        ValueError: an unknown choice, or numbers out of range.
    """

    kind: ClassVar[str] = "sound"
    dataset: ClassVar[str] = "sound_folder"
    suffixes: ClassVar[tuple[str, ...]] = SUFFIXES

    features: SoundFeatures | str = SoundFeatures.MEL
    bands: int = 40
    rate: int | None = None
    seconds: float | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    files: Mapping[str, Sequence[float]] | None = None

    def __post_init__(self) -> None:
        check_at_least("bands", self.bands, 2)
        if self.rate is not None:
            check_at_least("rate", self.rate, 100)
        if self.seconds is not None:
            check_positive("seconds", self.seconds)
        set_fields(
            self,
            features=choice("features", self.features, SoundFeatures),
            mean=plain(self.mean),
            std=plain(self.std),
            files=plain(self.files),
        )

    @property
    def step(self) -> float:
        """Seconds between two steps of MEL."""
        return max(SHORTEST, (self.seconds or 1.0) / STEPS)

    @property
    def reads_windows(self) -> bool:
        return True

    @property
    def usual_length(self) -> float:
        """Seconds; none that training had, or all but a few of it, lasted longer."""
        if self.files is None or "seconds" not in self.files:
            return math.inf
        *_, high, most = self.files["seconds"]
        return LONG * max(self.seconds or 0.0, min(most, LONG * high))

    def read_file(self, path: Path) -> FileRead:
        samples, rate, facts = self._samples(path)
        seconds = self.seconds or facts["seconds"]
        values, heard = self._made(samples[: max(1, round(seconds * rate))], seconds, rate)
        return FileRead(values, {**facts, **heard})

    def read_windows(self, path: Path, longest: float) -> FileRead:
        r"""A longer recording in windows as long as those of training, which overlap by half.

        Each is read as a recording of its own, and counts by its power :math:`\sigma_i^2`: in a pause there is nothing
        to answer from. Those of less than a ten-thousandth of the most are left out. Facts are means with the same
        weights.
        """
        samples, rate, facts = self._samples(path)
        seconds = self.seconds or facts["seconds"]
        window = max(1, round(seconds * rate))
        long = facts["seconds"] > longest and len(samples) > window
        starts = window_starts(len(samples), window) if long else [0]
        power = np.array([np.var(samples[start : start + window], dtype=np.float64) for start in starts])
        weights = power if power.max() > 0 else np.ones(len(power))
        kept = np.flatnonzero(weights >= _FAINT * weights.max())
        made = [self._made(samples[starts[row] :][:window], seconds, rate) for row in kept]
        heard = {
            name: np.average([facts[name] for _, facts in made], axis=0, weights=weights[kept])
            for name in made[0][1]
        }
        found = {**facts, **heard, "windows": len(starts)}
        return FileRead(np.stack([values for values, _ in made]), found, weights[kept] / weights[kept].sum())

    def _samples(self, path: Path) -> tuple[np.ndarray, int, dict[str, Any]]:
        """Samples at the rate that is read, this rate, and what is known of the whole recording."""
        samples, rate, bits = read_recording(path)
        wanted = self.rate or rate
        facts = {
            "seconds": len(samples) / rate,
            "rate": float(rate),
            "bits": bits,
            "clipped": clipped_share(samples),
        }
        samples = samples - samples.mean(dtype=np.float64).astype(np.float32)  # nobody hears it
        if rate != wanted:
            common = math.gcd(rate, wanted)
            samples = resample_poly(samples, wanted // common, rate // common).astype(np.float32)
        return samples, wanted, facts

    def _made(self, samples: np.ndarray, seconds: float, rate: int) -> tuple[np.ndarray, dict[str, Any]]:
        """The array, as long as ``seconds``, of samples that fit into it, and what is heard in them."""
        heard = mel(samples, rate, self.bands, self.step)
        if self.features is SoundFeatures.RAW:
            made, steps = samples[None], max(1, round(seconds * rate))
        else:
            made, steps = heard, max(1, math.ceil(seconds / self.step))
        facts = {"loudness": loudness(samples), "flatness": flatness(samples)}
        silent = facts["loudness"] <= SILENT
        pitch = np.full(self.bands, np.nan) if silent else heard.mean(axis=1, dtype=np.float64)
        whole = np.full((len(made), steps), np.nan, dtype=np.float32)
        whole[:, : made.shape[1]] = made[:, :steps]
        return whole, {**facts, "pitch": pitch}

    def filled(self, paths: Sequence[Path]) -> SoundPreprocessing:
        if self.rate is not None and self.seconds is not None:
            return self
        rates, lengths, first = Counter[int](), [], ""
        for path in paths:
            try:
                samples, rate = read_sound(path)
            except (OSError, ValueError) as error:
                first = first or str(error)
                continue
            rates[rate] += 1
            lengths.append(len(samples) / rate)
        if not lengths:
            raise ValueError(f"no sound can be read; the first: {first}")
        rate = self.rate or min(MOST_RATE, rates.most_common(1)[0][0])
        seconds = self.seconds or min(MOST_SECONDS, float(np.quantile(lengths, 0.95)))
        return replace(self, rate=rate, seconds=round(seconds, 4))


def mel(samples: np.ndarray, rate: int, bands: int, step: float) -> np.ndarray:
    r"""Logarithm of the loudness in bands of pitch, float32 ``[bands, steps]``.

    :math:`\log_{10}(\epsilon + \sum_f w_{bf} |X_f|^2)` of Hann windows of 25 ms (at least two steps) around each step;
    ``w`` are triangles whose corners are evenly spaced on the scale :math:`2595 \log_{10}(1 + f / 700)`.

    Args:
        samples: ``[n]``, in [-1, 1].
        rate: samples per second.
        bands: how many.
        step: seconds.
    """
    hop = max(1, round(step * rate))
    width = max(2 * hop, round(0.025 * rate), 16)
    size = 1 << (width - 1).bit_length()
    count = max(1, math.ceil(len(samples) / hop))
    padded = np.pad(samples.astype(np.float64), (width // 2, width + hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, width)[: count * hop : hop]
    window = np.hanning(width + 2)[1:-1]
    power = np.abs(np.fft.rfft(frames * window, size)) ** 2 / window.sum() ** 2
    return np.log10(_SILENCE + power @ mel_bands(rate, size, bands).T).T.astype(np.float32)


def mel_bands(rate: int, size: int, bands: int) -> np.ndarray:
    """Triangles over the frequencies of a Fourier transform of ``size`` samples, ``[bands, size // 2 + 1]``.

    Each reaches one frequency at least, also where these lie further apart than the bands.

    Example:
        >>> mel_bands(8000, 256, 20).shape, bool((mel_bands(8000, 256, 60).max(axis=1) > 0).all())
        ((20, 129), True)
    """
    frequency = np.fft.rfftfreq(size, 1 / rate)
    top = 2595 * np.log10(1 + rate / 2 / 700)
    corner = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    space = rate / size
    low, middle, high = (corner[place : bands + place, None] for place in range(3))
    low, high = np.minimum(low, middle - space), np.maximum(high, middle + space)
    return np.clip(
        np.minimum((frequency - low) / (middle - low), (high - frequency) / (high - middle)), 0, None
    )
