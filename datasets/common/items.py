"""Files that are items of a data set: class by their folder or a table, parts by folders, a table or a draw."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ccnn_pc._checks import check_fraction
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.common.columns import usual_column
from ccnn_pc.datasets.common.file_table import FileRow, file_columns, read_file_table
from ccnn_pc.datasets.common.folders import files_below, folders_in, split_folders, split_named
from ccnn_pc.datasets.common.splits import Split, grouped_split, stratified_split
from ccnn_pc.datasets.formats.csv_file import TEXT

_File = tuple[Path, str | None, Split | None]


@dataclasses.dataclass(frozen=True)
class Division:
    """How the files of a folder are labelled and divided, where its folders do not say it.

    Args:
        test_fraction: share of every class that the test takes where there is no test part (default 0: none).
        val_fraction: share of the rest that validation takes where there is no such part (default 0: none).
        split_seed: of these draws.
        split_file: a table with the columns file and split, or file and group, or all three: see
            :func:`~ccnn_pc.datasets.common.file_table.read_file_table`; files without a row are left out.
        labels: a table with the columns file and label, or file and ``targets``; also split and group. None: such a
            table in the folder, else classes are folders.
        targets: columns of ``labels`` whose numbers are learned.

    Raises:
        ValueError: shares that leave nothing; targets that are no list.
    """

    test_fraction: float = 0.0
    val_fraction: float = 0.0
    split_seed: int = 0
    split_file: str | os.PathLike[str] | None = None
    labels: str | os.PathLike[str] | None = None
    targets: Sequence[str] | None = None

    def __post_init__(self) -> None:
        check_fraction("test_fraction", self.test_fraction)
        check_fraction("val_fraction", self.val_fraction)
        if self.targets is not None and (isinstance(self.targets, str) or not self.targets):
            raise ValueError(f"'targets' must be a list of columns (got {self.targets!r})")


@dataclasses.dataclass(frozen=True)
class Items:
    """The files of a folder.

    Attributes:
        classes: names, sorted.
        paths: of all items.
        labels: class index of each, int64 ``[n]``.
        parts: part of each as folders or a table say; None: nothing is said.
        groups: what each belongs to; None: there are none.
        numbers: targets ``[n, K]``; None: there are none.
        empty: class folders without a file.
    """

    classes: list[str]
    paths: list[Path]
    labels: np.ndarray
    parts: list[Split | None]
    groups: list[str] | None = None
    numbers: np.ndarray | None = None
    empty: Sequence[str] = ()


def find_items(
    root: Path, is_data: Callable[[Path], bool], division: Division = Division(), kinds: str = ""
) -> Items:
    """All files that are data below a folder, with what is known of them.

    Read are ``root/<class>/*``, ``root/{train,val,test}/<class>/*`` and ``root/<class>/{train,val,test}/*``; with a
    table of labels files may lie anywhere.

    Args:
        root: the folder.
        is_data: whether a file may be an item.
        division: tables that say more.
        kinds: what the files are, for messages.

    Raises:
        FileNotFoundError: no such folder, or no file.
        ValueError: parts and classes side by side; what a table must not hold.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"'root' must be a folder of class folders (there is none at '{root}')")
    if division.labels is None and (own := own_table(root, division.targets)) is not None:
        division = dataclasses.replace(division, labels=own)
    tables = {Path(table).resolve() for table in (division.labels, division.split_file) if table is not None}
    is_item = is_data if not tables else lambda path: is_data(path) and path.resolve() not in tables
    parts = split_folders(root, is_item)
    if division.targets and division.labels is None:
        names = ", ".join(division.targets)
        raise ValueError(
            f"'labels' must be a table with the columns file, {names} (got none, and none in '{root}')"
        )
    found: list[_File] = [
        (path, None, split_of_way(path.relative_to(root))) for path in files_below(root, is_item)
    ]
    empty: list[str] = []
    if division.labels is None:
        found = []
        places: list[tuple[Path, Split | None]] = [
            (top, split) for split, tops in parts.items() for top in tops
        ]
        places = places or [(root, None)]
        for place, split in places:
            for folder in folders_in(place):
                inside = files_below(folder, is_item)
                empty += [folder.name] * (not inside)
                found += [(path, folder.name, split or split_named(path.relative_to(folder).parts[0]))
                          for path in inside]  # fmt: skip
    if not found:
        known = f"{kinds}; " if kinds else ""
        raise FileNotFoundError(
            f"'{root}' must hold <class>/<file> files ({known}found none){_of_numbers(root)}"
        )
    return _with_tables(root, found, division, sorted(set(empty) - {name for _, name, _ in found}))


def _of_numbers(root: Path) -> str:
    """What to write where a table of a folder has columns beside that of the files, but no labels."""
    for path in sorted(root.iterdir()):
        names = file_columns(path) if path.name.lower().endswith(TEXT) and path.is_file() else []
        known = {usual_column(names, kind) for kind in ("file", "split", "group")}
        others = [name for name in names if name not in known]
        if others:
            return f"; the numbers of '{path.name}' are learned with data.targets=[{','.join(others)}] task=regression"
    return ""


def own_table(root: Path, targets: Sequence[str] | None = None) -> Path | None:
    """The table in a folder with the columns file and label, or file and the targets; None without one."""
    for path in sorted(root.iterdir()):
        if not path.name.startswith(".") and path.name.lower().endswith(TEXT) and path.is_file():
            names = file_columns(path)
            if names and (
                set(targets) <= set(names) if targets else usual_column(names, "label") is not None
            ):
                return path
    return None


def split_of_way(way: Path) -> Split | None:
    """The part that a folder on the way to a file names; None without one."""
    return next((split for part in way.parts[:-1] if (split := split_named(part))), None)


def _with_tables(
    root: Path, found: list[tuple[Path, str | None, Split | None]], division: Division, empty: list[str]
) -> Items:
    paths = [path for path, _, _ in found]
    targets = list(division.targets or ())
    said: dict[Path, FileRow] = {}
    labelled: dict[Path, FileRow] = {}
    if division.labels is not None:
        labelled = read_file_table(division.labels, root, paths, targets)
        said = {path: labelled[path] for path in paths if path in labelled}
    if division.split_file is not None:
        divided = read_file_table(division.split_file, root, paths, wanted=("split", "group"))
        known = {path: (said.get(path), row) for path, row in divided.items()}
        said = {
            path: dataclasses.replace(
                row if before is None else before,
                split=row.split or (before.split if before else None),
                group=row.group or (before.group if before else None),
            )
            for path, (before, row) in known.items()
            if division.labels is None or before is not None
        }
    if said or division.labels is not None or division.split_file is not None:
        left = [path for path in paths if path not in said]
        if left:
            table = division.labels if division.split_file is None else division.split_file
            warnings.warn(
                f"{len(left)} of {len(paths)} files in '{root}' have no row in '{table}' and are left out "
                f"(the first: '{left[0]}')",
                DataWarning,
                stacklevel=4,
            )
        found = [each for each in found if each[0] in said]
    if not found:
        raise ValueError(
            f"'{division.labels or division.split_file}' must name files of '{root}' (got none of them)"
        )
    rows = [said.get(path, FileRow(0)) for path, _, _ in found]
    names = [row.label if folder is None else folder for row, (_, folder, _) in zip(rows, found, strict=True)]
    if targets:
        names = ["value"] * len(found)
    missing = next((path for name, (path, _, _) in zip(names, found, strict=True) if name is None), None)
    if missing is not None:
        line = labelled[missing].line
        raise ValueError(
            f"'{division.labels}' line {line} must have a label for '{missing.name}': a column 'label', or targets="
        )
    classes = sorted({str(name) for name in names})
    index = {name: number for number, name in enumerate(classes)}
    groups = [row.group for row in rows]
    if any(groups) and not all(groups):
        bare = found[groups.index(None)][0]
        raise ValueError(f"'{bare}' must have a group, as other files have: fill the column, or leave it out")
    return Items(
        classes,
        [path for path, _, _ in found],
        np.array([index[str(name)] for name in names], dtype=np.int64),
        [row.split or split for row, (_, _, split) in zip(rows, found, strict=True)],
        [str(group) for group in groups] if any(groups) else None,
        np.array([row.numbers for row in rows], dtype=np.float64) if targets else None,
        empty,
    )


def rows_of_part(items: Items, split: Split | None, division: Division, root: object = "root") -> np.ndarray:
    """Which items belong to a part, sorted: those that are said to, else drawn by class or by group.

    Items of no part belong to those of training.

    Raises:
        FileNotFoundError: there is no such part, and nothing says that it is to be drawn.
    """
    if split is None:
        return np.arange(len(items.paths))
    rest = np.flatnonzero([part in (None, Split.TRAIN) for part in items.parts])
    if not len(rest):
        raise FileNotFoundError(f"'{root}' must have a part 'train' (got none): put most files there")
    for part, fraction in ((Split.TEST, division.test_fraction), (Split.VAL, division.val_fraction)):
        own = np.flatnonzero([each is part for each in items.parts])
        if not len(own) and fraction > 0:
            rest, own = _drawn(items, rest, fraction, division.split_seed)
        if split is part:
            if not len(own) and fraction > 0:
                raise ValueError(
                    f"'{root}' must have more items: of {len(items.paths)} in {len(items.classes)} classes none is "
                    f"left for the part '{part.value}' ({part.value}_fraction={fraction:g}); three of each class are "
                    "the least"
                )
            if not len(own):
                raise FileNotFoundError(
                    f"'root' must have a folder '{part.value}' of class folders (there is none in '{root}'): "
                    f"make one, or have a part of the files drawn ({part.value}_fraction=0.2)"
                )
            return own
    return rest


def _drawn(items: Items, rows: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    labels = items.labels[rows]
    if items.groups is None:
        first, second = stratified_split(labels, fraction, seed)
    else:
        first, second = grouped_split(labels, [items.groups[row] for row in rows], fraction, seed)
    return rows[first], rows[second]
