"""From a path to the experiment that trains on it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ccnn_pc.datasets.common.folders import folders_in
from ccnn_pc.datasets.looking.archive import look_at_archive
from ccnn_pc.datasets.looking.arrays import look_at_sound, look_at_volumes
from ccnn_pc.datasets.looking.clouds import look_at_clouds
from ccnn_pc.datasets.looking.found import Found, NotTakenError, counted
from ccnn_pc.datasets.looking.peek import Kind
from ccnn_pc.datasets.looking.pictures import look_at_pictures
from ccnn_pc.datasets.looking.scenes import holds_labels, look_at_scenes
from ccnn_pc.datasets.looking.survey import Survey, nothing_usable, survey, unused_notes
from ccnn_pc.datasets.looking.tables import look_at_series, look_at_tables
from ccnn_pc.datasets.registry import is_found
from ccnn_pc.datasets.series.uea_archive import find_uea

#: Of what may be items of class folders, more than so many times as many as of any other kind are what is meant.
_CLEARLY = 4.0
_ITEMS: Mapping[Kind, Callable[[Survey, Mapping[str, Any]], Found]] = {
    Kind.CLOUDS: look_at_clouds,
    Kind.PICTURES: look_at_pictures,
    Kind.SOUND: look_at_sound,
    Kind.VOLUMES: look_at_volumes,
    Kind.SERIES: look_at_series,
}
#: Word of an experiment that takes one kind, for those who must say which is meant.
_WORDS = {Kind.CLOUDS: "folder", Kind.PICTURES: "pictures", Kind.SOUND: "sound", Kind.VOLUMES: "volumes",
          Kind.SERIES: "series_folder"}  # fmt: skip
_TABLES = (Kind.LONG_TABLE, Kind.WIDE_TABLE)


def look_at(path: str | os.PathLike[str], given: Mapping[str, Any] | None = None) -> Found:
    """What a folder or a file holds, and which experiment trains on it.

    Args:
        path: the folder or file.
        given: settings that the user has made, by key; what follows from them is not looked for.

    Raises:
        FileNotFoundError: no such path.
        NotTakenError: nothing that can be trained on, or two kinds of it; the message says what to do.
    """
    path, given = Path(path), dict(given or {})
    if not path.exists():
        raise FileNotFoundError(f"'data.root' must be a folder or a file (there is none at '{path}')")
    if is_found(find_uea, path) and (
        path.is_dir() or path.suffix.lower() in (".ts", ".arff", ".tsv", ".gz", ".xz")
    ):
        return look_at_archive(path, given)
    if path.is_file():
        return _look_at_file(path, given)
    found = survey(path)
    kind = _kind_of(found, given)
    if kind in _TABLES:
        taken = look_at_tables(found.files[kind], found.root, kind, given)
    elif kind is Kind.SCENES:
        taken = look_at_scenes(found, given)
    elif kind is Kind.ARCHIVE:
        return look_at_archive(found.root, given)
    else:
        taken = _ITEMS[kind](found, given)
    return dataclasses.replace(taken, notes=[*taken.notes, *unused_notes(found, kind)])


def _look_at_file(path: Path, given: Mapping[str, Any]) -> Found:
    alone = survey(path.parent)
    kind = next((kind for kind, paths in alone.files.items() if path in paths), None)
    if kind in _TABLES:
        return look_at_tables([path], path.parent, kind, given)
    if kind in (Kind.SCENES, Kind.CLOUDS) and (kind is Kind.SCENES or holds_labels(path)):
        return look_at_scenes(Survey(path, {Kind.SCENES: [path]}, []), given)
    if kind is None:
        raise nothing_usable(Survey(path.parent, {}, [path]))
    raise NotTakenError(
        f"'{path}' is one file of {kind.value}: data.root must be the folder that holds one folder of them per class"
    )


def _kind_of(found: Survey, given: Mapping[str, Any]) -> Kind:
    """What the files of a folder are taken for.

    Raises:
        NotTakenError: there is nothing, there are no classes, or two kinds.
    """
    tables = [kind for kind in _TABLES if found.files.get(kind)]
    numbers = {kind: len(found.in_folders(kind)) for kind in (*_ITEMS, Kind.SCENES)}
    if Kind.FILE_TABLE in found.files or given.get("data.labels"):
        numbers = {kind: len(found.files.get(kind, ())) for kind in numbers}
    numbers = {kind: number for kind, number in numbers.items() if number}
    if Kind.SCENES in found.files or _are_scenes(found):
        return Kind.SCENES
    if not numbers:
        if tables:
            return tables[0]
        if Kind.ARCHIVE in found.files:
            return Kind.ARCHIVE
        raise _no_classes(found)
    order = sorted(numbers, key=lambda kind: -numbers[kind])
    if len(order) > 1 and numbers[order[0]] < _CLEARLY * numbers[order[1]]:
        first, second = order[:2]
        raise NotTakenError(
            f"'{found.root}' holds {counted(numbers[first], 'file')} of {first.value} "
            f"('{found.files[first][0]}') and {numbers[second]} of {second.value} ('{found.files[second][0]}'): "
            f"say which is meant, experiment={_WORDS[first]} or experiment={_WORDS[second]}, or move one kind elsewhere"
        )
    return order[0]


def _are_scenes(found: Survey) -> bool:
    """Whether clouds that lie in no class folders have a class for every point."""
    clouds = found.files.get(Kind.CLOUDS, [])
    return bool(clouds) and not found.in_folders(Kind.CLOUDS) and holds_labels(clouds[0])


def _no_classes(found: Survey) -> NotTakenError:
    """The error for files without classes."""
    kinds = [kind for kind in (*_ITEMS, Kind.FILE_TABLE) if found.files.get(kind)]
    if not kinds:
        return nothing_usable(found)
    paths = found.files[kinds[0]]
    name, root = paths[0].name, found.root
    empty = [folder.name for folder in folders_in(root)]
    beside = f"; its folders {', '.join(empty[:5])} hold none" if empty else ""
    return NotTakenError(
        f"'{root}' holds {counted(len(paths), 'file')} of {kinds[0].value} (the first: '{name}') and no "
        f"classes{beside}: put them into one folder per class ('{root / 'cat' / name}'), or write "
        f"'{root / 'labels.csv'}' with the columns file and label"
    )
