"""How many octaves sound lies above or below that of a training, by its mean loudness over pitch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

#: Octaves that are tried: what fits best there fits nowhere.
MOST = 1.5
#: Shifts that are tried, and bands that must lie in both.
_TRIED, _SHARED = 61, 8


class Shift(NamedTuple):
    """Where two loudnesses over pitch fit best.

    Attributes:
        octaves: that the sound lies higher.
        here: how far both are apart as they are, root mean square of log10 of the power, whatever the loudness.
        there: the same at the shift.
    """

    octaves: float
    here: float
    there: float


def shift_of(heard: np.ndarray, known: np.ndarray, rate: int) -> Shift:
    r"""The shift at which loudness over pitch fits that of a training best.

    .. math:: \operatorname*{arg\,min}_s \min_c \int (h(\log_2 f + s) - k(\log_2 f) - c)^2\, d\log_2 f

    Args:
        heard: mean of :func:`~ccnn_pc.datasets.preprocessing.sound.mel` over recordings, ``[bands]``.
        known: the same of the training.
        rate: samples per second of both.

    Example:
        >>> middle = np.log2(middles(8000, 40))
        >>> hill = [-((middle - octave) ** 2) for octave in (9, 10)]
        >>> round(shift_of(hill[1], hill[0], 8000).octaves, 1)
        1.0
    """
    octave = np.log2(middles(rate, len(known)))
    weight = np.gradient(octave)

    def apart(shift: float) -> float:
        at = octave - shift
        both = (at >= octave[0]) & (at <= octave[-1])
        if both.sum() < _SHARED:
            return np.inf
        off, share = heard[both] - np.interp(at[both], octave, known), weight[both] / weight[both].sum()
        return float(np.sqrt(share @ (off - share @ off) ** 2))

    shifts = np.linspace(-MOST, MOST, _TRIED)
    found = [apart(shift) for shift in shifts]
    best = int(np.argmin(found))
    return Shift(float(shifts[best]), apart(0.0), found[best])


def middles(rate: int, bands: int) -> np.ndarray:
    """Frequencies in Hz at which the bands of pitch are heard most.

    Example:
        >>> middles(8000, 2).round().tolist()
        [621.0, 1791.0]
    """
    top = 2595 * np.log10(1 + rate / 2 / 700)
    middle: np.ndarray = 700 * (10 ** (np.linspace(0, top, bands + 2)[1:-1] / 2595) - 1)
    return middle
