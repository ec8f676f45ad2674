"""A folder with one folder of recordings per class."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from ccnn_pc.datasets.common.file_arrays import FileArrays
from ccnn_pc.datasets.common.folders import is_hidden, named_splits
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.sound_file import is_sound
from ccnn_pc.datasets.preprocessing.files import FilePreprocessing
from ccnn_pc.datasets.preprocessing.sound import SoundPreprocessing
from ccnn_pc.datasets.registry import register_dataset


def _holds_sound(path: Path) -> bool:
    for folder, inner, names in os.walk(path):
        inner[:] = [name for name in inner if not is_hidden(f"{name}/x")]
        if Path(folder) != path and any(is_sound(Path(name)) and not is_hidden(name) for name in names):
            return True
    return False


def _split_of(path: Path) -> Split | None:
    return Split.TEST if Split.TEST in named_splits(path) else None


@register_dataset("sound_folder", recognises=_holds_sound, split_of=_split_of, rank=1)
class SoundFolder(FileArrays):
    """Recordings ``root/<class>/*.wav`` (flac, ogg, mp3 by the extra ``sound``) as arrays of one length.

    All channels become one, all rates one. ``reading`` is a
    :class:`~ccnn_pc.datasets.preprocessing.sound.SoundPreprocessing`; else see :class:`FileArrays`.
    """

    _what = "recordings"
    make_reading: ClassVar[type[FilePreprocessing]] = SoundPreprocessing
