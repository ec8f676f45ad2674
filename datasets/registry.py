"""Every data set by name: what opens it, how a path is recognised, small files of its kind for tests."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ccnn_pc._choices import unknown_name
from ccnn_pc.datasets.common.labelled import LabelledDataset
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.packed import zip_members

D = TypeVar("D", bound=type[LabelledDataset[Any]])


@dataclasses.dataclass(frozen=True)
class DatasetEntry:
    """A data set and what is known of it; see :func:`register_dataset`."""

    name: str
    make: type[Any]
    recognises: Callable[[Path], bool] | None
    sample: Callable[[Path], Any] | Mapping[str, Any] | None
    split_of: Callable[[Path], Split | None]
    own_validation: bool
    rank: int

    @property
    def needs_files(self) -> bool:
        """Whether it is read from a path; others are made on the spot."""
        return bool({"root", "path"} & self.make.arguments())

    def may_hold(self, path: Path) -> bool:
        """Whether it is worth to open ``path``."""
        return self.needs_files and (path.is_dir() if self.recognises is None else self.recognises(path))

    def open(self, path: Path | None, split: Split | None, **options: Any) -> LabelledDataset[Any]:
        """The part ``split`` (None: the default one) of the data at ``path``, with those of the options that it takes.

        Raises:
            FileNotFoundError: the path holds no such data.
            ValueError: VAL of data that have no validation part of their own.
        """
        known = self.make.arguments()
        given = {key: value for key, value in options.items() if key in known}
        if split is None:
            split = Split.TEST if path is None else self.split_of(path)
        barred = split is Split.VAL and not self.own_validation
        if "split" in known:
            given["split"] = Split.TEST if barred else split
        dataset = self.make(**given) if path is None else self.make(path, **given)
        if barred and "split" in known:
            raise ValueError(
                f"'split' must be train or test for '{path}', which has no validation part of its own (got val): "
                "the part that a training holds out is scored in its metrics.csv"
            )
        return dataset


#: Rooms whose files enter data sets, loaded at the first look-up.
ROOMS = ("clouds", "images", "series", "sound", "tables", "volumes")

_ENTRIES: dict[str, DatasetEntry] = {}


def _entries() -> dict[str, DatasetEntry]:
    """All data sets by name."""
    for room in ROOMS:
        package = importlib.import_module(f"ccnn_pc.datasets.{room}")
        for name in package.__all__:
            getattr(package, name)
    return _ENTRIES


def register_dataset(
    name: str,
    *,
    recognises: Callable[[Path], bool] | None = None,
    sample: Callable[[Path], Any] | Mapping[str, Any] | None = None,
    split_of: Callable[[Path], Split | None] = lambda path: Split.TEST,
    own_validation: bool = True,
    rank: int = 0,
) -> Callable[[D], D]:
    """A decorator that enters a class of data sets: ``open_dataset`` and the conformance tests know it then.

    Args:
        name: for lists, and for ``open_dataset`` where the class needs no path.
        recognises: whether a path holds such data; None: a folder for which the class does not raise FileNotFoundError.
        sample: for tests, writes small files into an empty folder and returns what to open (None: the folder); of
            classes that need no path, their arguments for few items.
        split_of: the part of a path that is opened by default (TEST; None: all of it).
        own_validation: whether there is a validation part.
        rank: classes of higher rank are asked later, because they take what others know better.

    Raises:
        ValueError: the name is taken by another class.

    Example:
        >>> from ccnn_pc.datasets import list_datasets
        >>> "mnist" in list_datasets()
        True
    """

    def enter(make: D) -> D:
        ours = make.__module__.startswith("ccnn_pc.datasets.")
        known = (_ENTRIES if ours else _entries()).get(name)
        if known is not None and known.make.__qualname__ != make.__qualname__:
            raise ValueError(f"'name' must be new (got {name!r}, which is {known.make})")
        _ENTRIES[name] = DatasetEntry(name, make, recognises, sample, split_of, own_validation, rank)
        return make

    return enter


def is_found(find: Callable[[Path], Any], path: Path) -> bool:
    """Whether ``find(path)`` does not raise FileNotFoundError."""
    try:
        find(path)
    except FileNotFoundError:
        return False
    return True


def zip_holds(path: Path, end: str) -> bool:
    """Whether a file is a zip with a member whose name ends so."""
    try:
        return bool(zip_members(path, end))
    except (OSError, ValueError):
        return False


def list_datasets() -> list[str]:
    """Names of all registered data sets, sorted."""
    return sorted(_entries())


def dataset_entry(name: str) -> DatasetEntry:
    """What is known of a registered data set.

    Raises:
        ValueError: there is none of that name; the message lists them.
    """
    if name not in _entries():
        raise unknown_name("data set", name, list_datasets())
    return _ENTRIES[name]


def entries_in_order() -> list[DatasetEntry]:
    """All of them by rank, those of one rank by module."""
    return sorted(_entries().values(), key=lambda entry: (entry.rank, entry.make.__module__))
