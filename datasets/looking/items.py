"""What is common to all files in class folders: the words of their division, what is said of classes."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ccnn_pc.datasets.common.columns import usual_column
from ccnn_pc.datasets.common.file_table import file_columns
from ccnn_pc.datasets.common.items import Division, Items, find_items
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.numerals import is_number
from ccnn_pc.datasets.looking.found import NotTakenError, counted, listed
from ccnn_pc.datasets.looking.peek import Kind
from ccnn_pc.datasets.looking.survey import Survey


@dataclasses.dataclass(frozen=True)
class Seen:
    """Items of a folder with the words that label and divide them."""

    items: Items
    words: dict[str, Any]
    notes: list[str]

    @property
    def text(self) -> str:
        """Classes, or targets, and parts."""
        names, counts = self.items.classes, Counter(self.items.labels.tolist())
        parts = [split.value for split in Split if split in self.items.parts]
        drawn = f"; parts: {', '.join(parts)}" if parts else ""
        if self.items.numbers is not None:
            return f"with {counted(self.items.numbers.shape[1], 'number')} to predict{drawn}"
        said = listed([f"{name} {counts[number]}" for number, name in enumerate(names)])
        return f"in {counted(len(names), 'class', 'classes')} ({said}){drawn}"


def look_at_items(
    found: Survey, kind: Kind, is_data: Callable[[Path], bool], given: Mapping[str, Any]
) -> Seen:
    """The items of a kind, by class folders or by a table beside them.

    Raises:
        NotTakenError: one class alone.
    """
    words: dict[str, Any] = {}
    for table in found.files.get(Kind.FILE_TABLE, []):
        if table.parent == found.root and (_says(table, "label") or given.get("data.targets")):
            words.setdefault("data.labels", str(table))
        elif table.parent == found.root and _says(table, "split", "group"):
            words.setdefault("data.split_file", str(table))
    targets = given.get("data.targets")
    division = Division(
        split_file=given.get("data.split_file", words.get("data.split_file")),
        labels=given.get("data.labels", words.get("data.labels")),
        targets=targets if targets is None else [str(name) for name in targets],
    )
    items = find_items(found.root, is_data, division)
    notes = [f"class folder '{name}' is empty and is left out" for name in items.empty]
    numbers = given.get("task") == "regression"
    if items.numbers is None and len(items.classes) < 2 and not numbers:
        raise NotTakenError(
            f"'{found.root}' must hold two classes at least (got '{items.classes[0]}' alone, "
            f"{counted(len(items.paths), 'file')}): add a folder of what it is not, or have numbers as names and "
            "task=regression"
        )
    if (
        items.numbers is None
        and not numbers
        and len(items.classes) > 2
        and all(map(is_number, items.classes))
    ):
        notes.append("the classes are called like numbers: task=regression would learn the numbers")
    counts = Counter(items.labels.tolist())
    for number, name in enumerate(items.classes):
        if counts[number] < 3 and items.numbers is None and not numbers:
            notes.append(
                f"class '{name}' has {counted(counts[number], 'item')}: too few to be validated and tested"
            )
    if items.groups is not None:
        notes.append(f"{counted(len(set(items.groups)), 'group')}: none is divided between parts")
    return Seen(items, words, notes)


def _says(table: Path, *roles: str) -> bool:
    return any(usual_column(file_columns(table), role) is not None for role in roles)
