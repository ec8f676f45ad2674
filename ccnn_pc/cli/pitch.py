"""Recordings whose files state a wrong rate: all that is heard lies about an octave off."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

#: Recordings that must be heard before anything is said: a few of one voice may lie anywhere.
FEWEST = 24
#: Octaves that sound must lie off, and how much better it must fit there than where it is.
OCTAVES, BETTER = 0.75, 2.0


def warn_of_pitch(model: Any, heard: Sequence[np.ndarray]) -> None:
    """Warn, once per model, of sound that lies about an octave off that of its training.

    Args:
        model: its preprocessing reads sound.
        heard: of each recording the loudness over pitch, ``[bands]``; NaN of silence.
    """
    from ccnn_pc.datasets.preprocessing.sound import SoundFeatures
    from ccnn_pc.datasets.sound.pitch import MOST, shift_of
    from ccnn_pc.models import SamplingWarning

    used = model.preprocessing
    known = (used.files or {}).get("pitch", used.mean if used.features is SoundFeatures.MEL else None)
    told = [each for each in heard if np.isfinite(each).all()]
    if known is None or len(told) < FEWEST or "pitch" in model.warned:
        return
    found = shift_of(np.mean(told, axis=0), np.asarray(known, dtype=np.float64), int(used.rate or 0))
    if not OCTAVES <= abs(found.octaves) < MOST or found.here < BETTER * found.there:
        return
    model.warned.add("pitch")
    way, wrong = ("higher", "large") if found.octaves > 0 else ("lower", "small")
    warnings.warn(
        f"'data' sound {abs(found.octaves):.2g} octaves {way} than in training: their loudness over pitch is "
        f"{found.here:.2g} off that of training, and {found.there:.2g} if it is moved by as much; does the header "
        f"of the files state a rate {2 ** abs(found.octaves):.2g} times too {wrong}? Write the right one",
        SamplingWarning,
        stacklevel=3,
    )
