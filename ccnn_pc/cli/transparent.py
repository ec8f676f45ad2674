"""Pictures that are transparent, where those of a training were not: nobody knows what shall lie behind them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def warn_of_transparent(model: Any, files: Sequence[str], of: int = 1) -> None:
    """Warn, once per model, of files that are transparent, unless some of the training were.

    Args:
        model: of pictures.
        files: those that are transparent.
        of: how many were looked at.
    """
    from ccnn_pc.models import SamplingWarning

    share = model.preprocessing.transparent
    if not files or share or "transparent" in model.warned:
        return
    model.warned.add("transparent")
    if 2 * len(files) > of > 1:
        model.warned |= {"values", "flat"}  # which follow from it
    which = (
        f"{len(files)} of {of} pictures, the first '{Path(files[0]).name}', are"
        if of > 1
        else f"'{files[0]}' is"
    )
    there = "no picture of training was" if share == 0 else "of those of training it is not known"
    warnings.warn(
        f"{which} transparent, and {there}: what is clear is read as white; lay pictures on the background that those "
        "of training have, and save them without transparency",
        SamplingWarning,
        stacklevel=3,
    )
