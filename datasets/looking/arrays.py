"""Folders of files that become arrays of one shape: sound, volumes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ccnn_pc.datasets.common.file_arrays import FileArrays
from ccnn_pc.datasets.looking.found import Found, NotTakenError, counted, training_words
from ccnn_pc.datasets.looking.items import look_at_items
from ccnn_pc.datasets.looking.peek import Kind
from ccnn_pc.datasets.looking.survey import Survey
from ccnn_pc.datasets.sound.folder import SoundFolder
from ccnn_pc.datasets.volumes.folder import VolumeFolder

#: Files whose sizes are looked at.
_LOOKED_AT = 50


@dataclasses.dataclass(frozen=True)
class _Files:
    """One kind of such files.

    Attributes:
        kind: what the survey calls them.
        folder: that reads them.
        experiment: that trains on them.
        one: what one is called.
        seen: items that a training sees.
        reading: how they are read, in words.
    """

    kind: Kind
    folder: type[FileArrays]
    experiment: str
    one: str
    seen: int
    reading: Callable[[Any], str]


_SOUND = _Files(Kind.SOUND, SoundFolder, "sound", "recording", 8000,
                lambda used: f"{used.seconds:.3g} s at {used.rate} Hz")  # fmt: skip
_VOLUMES = _Files(Kind.VOLUMES, VolumeFolder, "volumes", "volume", 10000,
                  lambda used: " x ".join(map(str, used.size or ())))  # fmt: skip


def _look_at(files: _Files, found: Survey, given: Mapping[str, Any]) -> Found:
    """Files of a kind in class folders, or with a table of labels."""
    seen = look_at_items(found, files.kind, files.folder.is_data, given)
    paths = seen.items.paths
    try:
        fields = [field.name for field in dataclasses.fields(files.folder.make_reading)]  # type: ignore[arg-type]
        said = {name: given[f"data.{name}"] for name in fields if f"data.{name}" in given}
        used = files.folder.make_reading(**said).filled(paths[:: max(1, len(paths) // _LOOKED_AT)])
    except ValueError as error:
        raise NotTakenError(f"'{found.root}': {error}") from error
    words = {**seen.words, **training_words(len(paths), files.seen)}
    text = f"{counted(len(paths), files.one)} (read as {files.reading(used)}) {seen.text}"
    return Found(files.experiment, text, found.root, len(paths), words, seen.notes)


look_at_sound = partial(_look_at, _SOUND)
look_at_volumes = partial(_look_at, _VOLUMES)
