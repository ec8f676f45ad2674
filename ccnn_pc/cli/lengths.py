"""Series that are far shorter than those of training, or end where an array ends: what is left out of sight."""

from __future__ import annotations

import warnings
from typing import Any

#: Series that are cut are worth a warning where they are more than this share, and so many times that of training.
CUT, TIMES = 0.1, 3.0


def warn_of_lengths(model: Any, dataset: Any) -> None:
    """Warn, once per model, of series that hold too little, or more than their array takes.

    Arrays are filled up, or cut, to one length: neither can be seen in them.

    Args:
        model: remembers the lengths of its training, and the shares that were cut.
        dataset: as the model reads it.
    """
    from ccnn_pc.models import SamplingWarning
    from ccnn_pc.models.shift.beyond import FACTOR
    from ccnn_pc.models.shift.trained_on import Spread

    most, stored = getattr(dataset, "cut_at", None), model.data.get("lengths")
    if most is None or stored is None or "lengths" in model.warned:
        return
    lengths, trained = dataset.item_lengths, Spread(*stored["spread"])
    least, _ = trained.bounds(FACTOR)
    usual = f"{trained.least:g} to {trained.most:g}"
    short, cut = lengths < least, lengths > most
    text = ""
    if short.any():
        text = (
            f"{short.sum()} of {len(lengths)} series are as short as {lengths.min()} samples where training had "
            f"{usual}: they are filled up, and there is next to nothing to answer from; leave them out"
        )
    elif cut.mean() > max(CUT, TIMES * stored["cut"]):
        text = (
            f"{cut.sum()} of {len(lengths)} series are longer than the {most} samples that the model reads, and are "
            f"cut there (in training {100 * stored['cut']:.2g} %; the longest has {lengths.max()}): give the part that "
            "counts, or pieces of that length"
        )
    if text:
        model.warned.add("lengths")
        warnings.warn(text, SamplingWarning, stacklevel=3)
