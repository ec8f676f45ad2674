"""Series in the files of the UEA archive."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.looking.found import Found, counted, training_words
from ccnn_pc.datasets.series.uea_archive import UEAArchive, find_uea

_SEEN = 16000


def look_at_archive(path: Path, given: Mapping[str, Any]) -> Found:
    """The files of a problem: channels, lengths, missing values; whether labels are numbers."""
    parts = find_uea(path)
    numbers = given.get("task") == "regression" or has_numbers(next(iter(parts.values())))
    data = UEAArchive(path, None, numbers=numbers, form="irregular")
    stored = data.stored
    lengths, channels = stored.lengths, stored.values.shape[1]
    missing = bool(np.isnan(stored.values).any())
    ragged = lengths.min() < lengths.max()
    train = (
        int((np.asarray(stored.static)[:, 0] == list(parts).index(Split.TRAIN)).sum())
        if Split.TRAIN in parts
        else len(data)
    )
    words: dict[str, Any] = training_words(train, _SEEN)
    stamped = stored.times is not None
    if missing or ragged or stamped:
        words["data.form"] = "irregular"
    if numbers:
        words["task"] = "regression"
    what = "numbers to predict" if numbers else counted(len(stored.classes), "class", "classes")
    span = f"{lengths.min()} to {lengths.max()}" if ragged else str(lengths.max())
    known = [part.value for part in parts if part is not None]
    text = (
        f"{counted(len(stored), 'series', 'series')} of {counted(channels, 'channel')} and {span} samples"
        f"{', some missing' if missing else ''}{', with time stamps' if stamped else ''}, {what}; "
        f"parts: {', '.join(known) or 'drawn'}"
    )
    return Found("uea", text, path, train, words)


def has_numbers(path: Path) -> bool:
    """Whether a file of the archive says that its labels are numbers."""
    from ccnn_pc.datasets.formats.packed import read_packed

    if ".ts" not in [suffix.lower() for suffix in path.suffixes]:
        return False
    head = read_packed(path)[:20000].decode("latin-1").lower()
    return any(line.split()[:2] == ["@targetlabel", "true"] for line in head.splitlines())
