"""What lies in a folder of class folders and is not read: folders without a file, files of unknown formats."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Names that are listed.
_LISTED = 4


def warn_of_left_out(root: Path, dataset: Any) -> None:
    """Warn of what a user may take for judged, and is not there; data sets of one file per item alone are looked at.

    Args:
        root: the folder.
        dataset: what was read of it.
    """
    from ccnn_pc.datasets import ImageFolder, PointCloudFolder, SoundFolder, VolumeFolder
    from ccnn_pc.datasets.common.broken import DataWarning
    from ccnn_pc.datasets.looking.peek import Kind
    from ccnn_pc.datasets.looking.survey import survey

    kinds: dict[Any, Kind] = {
        ImageFolder: Kind.PICTURES,
        PointCloudFolder: Kind.CLOUDS,
        SoundFolder: Kind.SOUND,
        VolumeFolder: Kind.VOLUMES,
    }
    kind = kinds.get(type(dataset))
    if kind is None or not root.is_dir():
        return
    found = survey(root)
    read = found.files.get(kind, [])
    for text in (*_unknown(found), *_empty(root, read, dataset.classes)):
        warnings.warn(text, DataWarning, stacklevel=3)


def _unknown(found: Any) -> Iterator[str]:
    """Files of formats of data that are not read, in one line."""
    from ccnn_pc.datasets.looking.survey import ADVICE, suffix_of

    paths = [path for path in found.unused if suffix_of(path) in ADVICE]
    counts = Counter(map(suffix_of, paths)).most_common(_LISTED)
    if counts:
        said = ", ".join(
            f"{count} file{'s' * (count > 1)} {suffix} ({ADVICE[suffix]})" for suffix, count in counts
        )
        yield f"'{found.root}' holds {said} that cannot be read and are left out; the first: '{paths[0]}'"


def _empty(root: Path, read: list[Path], classes: list[str]) -> Iterator[str]:
    """Class folders without a file that is read, in one line; none where folders are no classes."""
    from ccnn_pc.datasets.common.folders import folders_in, named_splits

    parts = [folder for folders in named_splits(root).values() for folder in folders]
    places = {place: folders_in(place) for place in (parts or [root])}
    if not set(classes) <= {folder.name for folders in places.values() for folder in folders}:
        return
    full = {folder for path in read for folder in path.parents}
    empty = [
        str(folder.relative_to(root))
        for folders in places.values()
        for folder in folders
        if folder not in full
    ]
    if empty:
        names = ", ".join(f"'{name}'" for name in empty[:_LISTED]) + ", …" * (len(empty) > _LISTED)
        yield (
            f"'{root}' has no file that can be read in {names}: scores say nothing of what should lie there; fill "
            f"{'it' if len(empty) == 1 else 'them'}, or delete {'it' if len(empty) == 1 else 'them'}"
        )
