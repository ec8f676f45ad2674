"""Folders of clouds and meshes."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

from ccnn_pc.datasets.formats import READERS, read_raw
from ccnn_pc.datasets.looking.found import Found, NotTakenError, counted, training_words
from ccnn_pc.datasets.looking.items import look_at_items
from ccnn_pc.datasets.looking.peek import Kind
from ccnn_pc.datasets.looking.survey import Survey

#: Files that are looked at for normals.
_LOOKED_AT = 8
_SEEN = 12000


def look_at_clouds(found: Survey, given: Mapping[str, Any]) -> Found:
    """Clouds and meshes in class folders: whether they have normals, or can be given them."""
    known = set(found.files[Kind.CLOUDS])
    seen = look_at_items(
        found, Kind.CLOUDS, lambda path: path in known or path.suffix.lower()[1:] in READERS, given
    )
    paths = [path for path in seen.items.paths if path in known]
    raw = []
    for path in paths[:: max(1, len(paths) // _LOOKED_AT)]:
        try:
            raw.append(read_raw(path))
        except (OSError, ValueError) as error:
            broken = error
    if not raw:
        raise NotTakenError(
            f"none of the clouds looked at in '{found.root}' can be read; the first: {broken}"
        )
    words = {**seen.words, **training_words(len(paths), _SEEN)}
    notes = list(seen.notes)
    bare = any(each.faces is None and each.normals is None for each in raw)
    if bare and importlib.util.find_spec("open3d") is None:
        words["data.features"] = ["pos"]
        notes.append(
            "clouds without normals are read by their positions alone (the extra open3d estimates normals)"
        )
    meshes = sum(each.faces is not None for each in raw)
    what = "mesh" if meshes == len(raw) else "cloud"
    text = f"{counted(len(paths), what, 'meshes' if what == 'mesh' else '')} {seen.text}"
    return Found("folder", text, found.root, len(paths), words, notes)
