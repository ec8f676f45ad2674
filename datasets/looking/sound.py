"""Folders of sound."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ccnn_pc.datasets.looking.found import Found, NotTakenError, counted, training_words
from ccnn_pc.datasets.looking.items import look_at_items
from ccnn_pc.datasets.looking.peek import Kind
from ccnn_pc.datasets.looking.survey import Survey
from ccnn_pc.datasets.preprocessing.sound import SoundPreprocessing
from ccnn_pc.datasets.sound.folder import SoundFolder

_LOOKED_AT, _SEEN = 50, 8000


def look_at_sound(found: Survey, given: Mapping[str, Any]) -> Found:
    """Recordings in class folders, or with a table of labels."""
    seen = look_at_items(found, Kind.SOUND, SoundFolder.is_data, given)
    paths = seen.items.paths
    try:
        reading = SoundPreprocessing().filled(paths[:: max(1, len(paths) // _LOOKED_AT)])
    except ValueError as error:
        raise NotTakenError(f"'{found.root}': {error}") from error
    words = {**seen.words, **training_words(len(paths), _SEEN)}
    text = f"{counted(len(paths), 'recording')} (read as {reading.seconds:.3g} s at {reading.rate} Hz) {seen.text}"
    return Found("sound", text, found.root, len(paths), words, seen.notes)
