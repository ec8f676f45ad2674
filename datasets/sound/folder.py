"""A folder with one folder of recordings per class."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any, ClassVar

from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.common.file_arrays import FileArrays
from ccnn_pc.datasets.common.folders import is_hidden, named_splits
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.sound_file import is_sound
from ccnn_pc.datasets.preprocessing.files import FilePreprocessing
from ccnn_pc.datasets.preprocessing.sound import LONG, SoundPreprocessing
from ccnn_pc.datasets.registry import register_dataset

#: Share of the recordings that are cut that is worth a warning.
_CUT = 0.1


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
    :class:`~ccnn_pc.datasets.preprocessing.sound.SoundPreprocessing`; else see :class:`FileArrays`. Where its
    ``seconds`` follow from the recordings and more than a tenth of these last longer, a warning says so.
    """

    _what = "recordings"
    make_reading: ClassVar[type[FilePreprocessing]] = SoundPreprocessing

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.said.seconds is None:  # type: ignore[attr-defined]
            self._warn_of_cut()

    def _warn_of_cut(self) -> None:
        lasts, read = self.all_facts["seconds"], self.reading.seconds  # type: ignore[attr-defined]
        cut = lasts > LONG * read
        if cut.mean() > _CUT:
            warnings.warn(
                f"{cut.sum()} of {len(lasts)} recordings in '{self.root}' last up to {lasts.max():.3g} s, and the "
                f"first {read:.3g} s of each are read: cut them into pieces that say their class, or read more "
                "(data.seconds=)",
                DataWarning,
                stacklevel=3,
            )
