"""Recordings whose files state a wrong rate: all that is heard lies about an octave off."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

#: Recordings that must be heard before anything is said: a few of one voice may lie anywhere.
FEWEST = 24
#: Recordings of a data set that are looked at.
_LOOKED_AT = 64
#: Octaves that sound must lie off, and how much better it must fit there than where it is.
OCTAVES, BETTER = 0.75, 2.0


class Pitch:
    """Loudness over pitch of the recordings that a model is asked, beside that of its training.

    Args:
        model: of any data; others than loudness by pitch are not looked at.
    """

    def __init__(self, model: Any) -> None:
        from ccnn_pc.datasets.preprocessing.sound import SoundFeatures, SoundPreprocessing

        used = model.preprocessing
        self.model = model
        self.used = (
            used if isinstance(used, SoundPreprocessing) and used.features is SoundFeatures.MEL else None
        )
        self.heard: list[np.ndarray] = []

    def add(self, item: Any) -> None:
        """Hear one recording as the model reads it, ``x [1, bands, steps]``."""
        if self.used is None or item.x.dim() != 3 or item.x.shape[1] != self.used.bands:
            return
        steps = item.x[0][:, (item.x[0] != 0).any(dim=0)]  # 0: behind the end
        if steps.shape[1]:
            self.heard.append(steps.double().mean(dim=1).cpu().numpy())

    def warn(self) -> None:
        """Warn, once per model, of sound that lies about an octave off."""
        from ccnn_pc.datasets.sound.pitch import shift_of
        from ccnn_pc.models import SamplingWarning

        used = self.used
        if used is None or len(self.heard) < FEWEST or used.mean is None or "pitch" in self.model.warned:
            return
        mean, std = (np.asarray(each, dtype=np.float64) for each in (used.mean, used.std))
        found = shift_of(mean + std * np.mean(self.heard, axis=0), mean, int(used.rate or 0))
        if abs(found.octaves) < OCTAVES or found.here < BETTER * found.there:
            return
        self.model.warned.add("pitch")
        way, wrong = ("higher", "large") if found.octaves > 0 else ("lower", "small")
        warnings.warn(
            f"'data' sound {abs(found.octaves):.2g} octaves {way} than in training: their loudness over pitch is "
            f"{found.here:.2g} off that of training, and {found.there:.2g} if it is moved by as much; does the header "
            f"of the files state a rate {2 ** abs(found.octaves):.2g} times too {wrong}? Write the right one",
            SamplingWarning,
            stacklevel=3,
        )


def warn_of_pitch(model: Any, dataset: Any) -> None:
    """The same of the recordings of a data set, spread over it."""
    pitch = Pitch(model)
    if pitch.used is None or len(dataset) < FEWEST:
        return
    for row in np.unique(np.linspace(0, len(dataset) - 1, _LOOKED_AT).round().astype(int)).tolist():
        pitch.add(dataset[row])
    pitch.warn()
