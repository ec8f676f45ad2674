"""Which data set of series lies at a path."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ccnn_pc._choices import choice
from ccnn_pc.datasets.common.labelled import LabelledDataset
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.series.character_text import CharacterText
from ccnn_pc.datasets.series.character_trajectories import CharacterTrajectories, find_character_trajectories
from ccnn_pc.datasets.series.dataset import SeriesForm
from ccnn_pc.datasets.series.memory_tasks import AddingProblem, CopyMemory
from ccnn_pc.datasets.series.oscillations import Oscillations
from ccnn_pc.datasets.series.physionet2019 import PhysioNet2019, find_physionet2019
from ccnn_pc.datasets.series.speech_commands import SpeechCommands, find_speech_commands
from ccnn_pc.datasets.series.spoken_digits import SpokenDigits, find_spoken_digits

#: Names of data sets that are made on the spot.
SYNTHETIC: dict[str, Callable[..., Any]] = {
    "oscillations": Oscillations,
    "copy_memory": CopyMemory,
    "adding": AddingProblem,
}
_KINDS: tuple[tuple[Callable[..., Any], Callable[..., Any]], ...] = (
    (find_character_trajectories, CharacterTrajectories),
    (find_physionet2019, PhysioNet2019),
    (find_speech_commands, SpeechCommands),
    (find_spoken_digits, SpokenDigits),
)


def open_series(
    spec: str | os.PathLike[str],
    split: Split | None = None,
    *,
    form: SeriesForm | str | None = None,
    cache: str | os.PathLike[str] | None = None,
    **options: Any,
) -> LabelledDataset[Any] | None:
    """The series at a path or with a name; None if there are none.

    ``"oscillations"``, ``"copy_memory"``, ``"adding"``; files and folders of :class:`CharacterTrajectories`,
    :class:`PhysioNet2019`, :class:`SpeechCommands` (ten words), :class:`SpokenDigits`, :class:`CharacterText`.

    Args:
        spec: name or path.
        split: part to open (default: TEST).
        form: grid or irregular (default: that of the data set).
        cache: folder of processed data.
        options: transform, pre_transform, seed.

    Raises:
        ValueError: a damaged file.
    """
    split = split or Split.TEST
    formed: dict[str, Any] = {} if form is None else {"form": choice("form", form, SeriesForm)}
    path = Path(spec)
    if str(spec) in SYNTHETIC and not path.exists():
        make = SYNTHETIC[str(spec)]
        return make(split, **(formed if make is Oscillations else {}), **options)  # type: ignore[no-any-return]
    if path.is_file():
        kind = _kind_of_file(path)
    elif path.is_dir():
        kind = _kind_of_folder(path)
    else:
        kind = None
    if kind is None:
        return None
    if kind is CharacterText:
        return CharacterText(path, split, **options)
    if kind in (PhysioNet2019, SpeechCommands):
        formed["cache"] = cache
    return kind(path, split, **formed, **options)  # type: ignore[no-any-return]


def _kind_of_file(path: Path) -> Callable[..., Any] | None:
    try:
        if path.suffix == ".npz":
            with np.load(path) as archive:
                return CharacterTrajectories if {"values", "length", "label"} <= set(archive.files) else None
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as zipped:
                names = zipped.namelist()
            return next((kind for end, kind in ((".psv", PhysioNet2019), (".wav", SpokenDigits))
                         if any(name.endswith(end) for name in names)), None)  # fmt: skip
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None  # whoever reads it next says what is wrong with it
    return CharacterTrajectories if path.suffix in (".ts", ".arff", ".mat") else None


def _kind_of_folder(path: Path) -> Callable[..., Any] | None:
    for find, kind in _KINDS:
        try:
            find(path)
        except FileNotFoundError:
            continue
        return kind
    return CharacterText if (path / "ptb.train.txt").is_file() else None
