"""Folders of pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ccnn_pc.datasets.formats.image_file import SUFFIXES, picture_header
from ccnn_pc.datasets.formats.packed import read_file
from ccnn_pc.datasets.looking.found import Found, NotTakenError, counted, training_words
from ccnn_pc.datasets.looking.items import look_at_items
from ccnn_pc.datasets.looking.peek import Kind
from ccnn_pc.datasets.looking.survey import Survey

#: Pictures that are looked at, spread over all.
_LOOKED_AT = 200
#: Pixels of a side that a core trains on in minutes.
_SIDE = 32
_SEEN = 30000


def look_at_pictures(found: Survey, given: Mapping[str, Any]) -> Found:
    """Pictures in class folders, or with a table of labels: their size, channels and depth."""
    seen = look_at_items(found, Kind.PICTURES, lambda path: path.suffix.lower() in SUFFIXES, given)
    paths = seen.items.paths
    headers = []
    for path in paths[:: max(1, len(paths) // _LOOKED_AT)]:
        try:
            headers.append(picture_header(read_file(path), str(path)))
        except (OSError, ValueError) as error:
            broken = error
    if not headers:
        raise NotTakenError(f"none of the pictures in '{found.root}' can be read; the first: {broken}")
    sizes = Counter((each.height, each.width) for each in headers)
    grey, deep = all(each.grey for each in headers), any(each.deep for each in headers)
    words = {**seen.words, **training_words(len(paths), _SEEN)}
    (height, width), _ = sizes.most_common(1)[0]
    said = f"{height} x {width} pixels" if len(sizes) == 1 else "several sizes"
    if len(sizes) > 1 or max(height, width) > _SIDE:
        shorter = sorted(min(size) for size in sizes.elements())
        side = min(_SIDE, shorter[len(shorter) // 2])
        words["data.size"] = side
        said += f", read as {side} x {side}"
    if grey:
        words["data.grey"] = True
    if grey and deep:
        words["data.bits"] = 16
    depth = "grey, 16 bits, " if grey and deep else "grey, " if grey else ""
    text = f"{counted(len(paths), 'picture')} ({depth}{said}) {seen.text}"
    return Found("pictures", text, found.root, len(paths), words, seen.notes)
