"""Folders of volumes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ccnn_pc.datasets.looking.found import Found, NotTakenError, counted, training_words
from ccnn_pc.datasets.looking.items import look_at_items
from ccnn_pc.datasets.looking.peek import Kind
from ccnn_pc.datasets.looking.survey import Survey
from ccnn_pc.datasets.preprocessing.volumes import VolumePreprocessing
from ccnn_pc.datasets.volumes.folder import VolumeFolder

_LOOKED_AT, _SEEN = 50, 3000


def look_at_volumes(found: Survey, given: Mapping[str, Any]) -> Found:
    """Volumes in class folders, or with a table of labels."""
    seen = look_at_items(found, Kind.VOLUMES, VolumeFolder.is_data, given)
    paths = seen.items.paths
    try:
        reading = VolumePreprocessing().filled(paths[:: max(1, len(paths) // _LOOKED_AT)])
    except ValueError as error:
        raise NotTakenError(f"'{found.root}': {error}") from error
    words = {**seen.words, **training_words(len(paths), _SEEN)}
    size = " x ".join(map(str, reading.size or ()))
    text = f"{counted(len(paths), 'volume')} (read as {size}) {seen.text}"
    return Found("volumes", text, found.root, len(paths), words, seen.notes)
