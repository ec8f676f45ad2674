"""What all data sets share: classes, labels, epochs, transforms, subsets."""

from __future__ import annotations

import abc
import copy
import dataclasses
import difflib
import functools
import inspect
import math
from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ccnn_pc._checks import check_at_least
from ccnn_pc.datasets.common.seeding import seeded_generator
from ccnn_pc.datasets.formats.numerals import is_number, number_in
from ccnn_pc.datasets.transforms.base import Transform, apply, apply_to_many, at_epoch

_KEEP: Any = object()
Item = TypeVar("Item")
T = TypeVar("T")
Self = TypeVar("Self", bound="LabelledDataset[Any]")


@functools.cache
def _arguments(kind: type) -> frozenset[str]:
    """Looked up for every class whenever data are opened."""
    makers = (*kind.__mro__, *(words for each in kind.__mro__ for words in vars(each).get("words", ())))
    inits = [vars(each)["__init__"] for each in makers if "__init__" in vars(each)]
    found = [each for init in inits for each in inspect.signature(init).parameters.values()]
    return frozenset(
        each.name
        for each in found
        if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD) and each.name != "self"
    )


class LabelledDataset(Dataset[Item], abc.ABC, Generic[Item]):
    """A data set of labelled items.

    ``dataset[i]`` is ``finish(transform(pre_transform(load(i))))``. The random numbers of ``transform`` are a
    function of ``(seed, epoch, i)``, those of ``pre_transform`` of ``(seed, i)``: put what shall be drawn
    once per item (the published experiments keep one subset of 512 points) into ``pre_transform``, what
    shall differ in every epoch into ``transform``.

    Args:
        classes: names, in the order of the labels.
        labels: class index of each item.
        transform: applied at every access.
        pre_transform: applied before it, the same in every epoch.
        seed: of all random numbers.
        numbers: the names of the classes are numbers, and these are the targets: items have ``y [1, 1]``, float32, and
            ``classes`` is one name, "value". All labels are then 0: a random part is a stratified one.

    Attributes:
        classes: list of names.

    Raises:
        ValueError: numbers are wanted and a name is none.
    """

    _what = "items"
    #: Frozen dataclasses whose fields are keywords of the constructor too.
    words: tuple[type, ...] = ()

    def __new__(cls, *args: Any, **options: Any) -> Any:
        """Refuse keywords that no constructor takes before one of them reads files."""
        known = cls.arguments()
        for name in options:
            if name not in known:
                close = difflib.get_close_matches(name, sorted(known), n=1)
                hint = f"; did you mean '{close[0]}'?" if close else f": {', '.join(sorted(known))}"
                raise TypeError(f"'{name}' must be an argument of {cls.__name__}{hint}")
        return super().__new__(cls)

    @classmethod
    def arguments(cls) -> set[str]:
        """Names of what the class and its bases take, besides ``self``."""
        return set(_arguments(cls))

    def __init__(
        self,
        classes: Sequence[str],
        labels: np.ndarray,
        *,
        transform: Transform | None = None,
        pre_transform: Transform | None = None,
        seed: int = 0,
        numbers: bool = False,
    ) -> None:
        self.classes = [str(name) for name in classes]
        self._labels = whole_labels(labels)
        self._values: np.ndarray | None = None
        self._samples: np.ndarray | None = None  # of each class in each item, where samples have their own
        if numbers:
            self._take_numbers()
        self._rows: np.ndarray = np.arange(len(self._labels))
        self.transform = transform
        self.pre_transform = pre_transform
        self.seed = seed
        self._epoch = _shared_number(0)

    def _take_numbers(self) -> None:
        self._values = as_numbers(self.classes)[self._labels]
        self.classes, self._labels = ["value"], np.zeros_like(self._labels)

    def with_numbers(self: Self) -> Self:
        """The same items with numbers as targets; see ``numbers``.

        Raises:
            ValueError: the name of a class is no number.
        """
        other = copy.copy(self)
        if other._values is None:
            other._take_numbers()
        return other

    def with_targets(self: Self, values: np.ndarray, names: Sequence[str]) -> Self:
        """The items of the whole data set with numbers ``[n, K]`` as targets: ``y [1, K]``, float32; K ``names``.

        Raises:
            ValueError: another number of rows or names, numbers that are not finite.
        """
        values = np.asarray(values, dtype=np.float64)
        if values.shape != (len(self._labels), len(names)) or not np.isfinite(values).all():
            raise ValueError(
                f"'values' must be finite, a row per item and a column per name, [{len(self._labels)}, {len(names)}] "
                f"(got {list(values.shape)})"
            )
        other = copy.copy(self)
        other._values = values
        other.classes, other._labels = [str(name) for name in names], np.zeros_like(self._labels)
        return other

    @abc.abstractmethod
    def load(self, row: int) -> Item:
        """The stored item ``row`` before any transform."""

    def finish(self, item: Item) -> Item:
        """What is done last, after the transforms; nothing by default."""
        return item

    @property
    def num_classes(self) -> int:
        """Number of classes, also those without an item."""
        return len(self.classes)

    @property
    def labels(self) -> np.ndarray:
        """Class index of every item, int64 ``[len(self)]``."""
        return self._labels[self._rows]

    @property
    def numbers(self) -> np.ndarray | None:
        """Targets of every item where these are numbers, float64 ``[len(self), K]``; None: classes."""
        return None if self._values is None else self._values[self._rows].reshape(len(self._rows), -1)

    def class_counts(self) -> list[int]:
        """Items of each class ``[K]``, or samples where these have classes of their own."""
        if self._samples is not None:
            return self._samples[self._rows].sum(axis=0).tolist()  # type: ignore[no-any-return]
        return np.bincount(self.labels, minlength=self.num_classes).tolist()  # type: ignore[no-any-return]

    @property
    def epoch(self) -> int:
        """The number given to :meth:`set_epoch`; 0 at first."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Choose the random numbers of the next pass; persistent workers see it too."""
        check_at_least("epoch", int(epoch), 0)
        self._epoch.fill_(epoch)

    def subset(
        self: Self, indices: Sequence[int] | np.ndarray | Tensor, transform: Transform | None = _KEEP
    ) -> Self:
        """The items at ``indices``, with their own epoch and, if given, another transform.

        An item keeps the random numbers it has in the whole data set.
        """
        part = copy.copy(self)
        part._epoch = _shared_number(self.epoch)
        part._rows = self._rows[np.asarray(indices, dtype=np.int64)]
        if transform is not _KEEP:
            part.transform = transform
        return part

    def __len__(self) -> int:
        return len(self._rows)

    def row_of(self, index: int) -> int:
        """Row of the whole data set that item ``index`` comes from.

        Raises:
            IndexError: no such item.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f"'index' must be in [{-len(self)}, {len(self)}) (got {index})")
        return int(self._rows[index])

    def prepared(self, row: int) -> Item:
        """``pre_transform(load(row))``."""
        item = self.load(row)
        if self.pre_transform is not None:
            item = apply(self.pre_transform, item, seeded_generator(self.seed, row))
        return item

    def __getitem__(self, index: int) -> Item:
        return self._made([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Item]:
        """The items at ``indices``, the same as one by one: what PyTorch's loaders ask for."""
        if type(self).__getitem__ is not LabelledDataset.__getitem__:
            return [self[index] for index in indices]
        return self._made(indices)

    def _made(self, indices: Sequence[int]) -> list[Item]:
        rows = [self.row_of(index) for index in indices]
        items = [self.prepared(row) for row in rows]
        if self.transform is not None:
            now = at_epoch(self.transform, self.epoch)
            items = apply_to_many(now, items, [seeded_generator(self.seed, self.epoch, row) for row in rows])
        items = [self.finish(item) for item in items]
        if self._values is not None:
            for row, item in zip(rows, items, strict=True):
                item.y = torch.tensor(self._values[row], dtype=torch.float32).view(1, -1)  # type: ignore[attr-defined]
        return items

    def __iter__(self) -> Iterator[Item]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} {self._what}, {self.num_classes} classes)"

    def in_memory(self) -> LabelledDataset[Item]:
        """The same data set with ``pre_transform`` computed once, now, and its results kept."""
        return KeptItems(self)


class KeptItems(LabelledDataset[Item]):
    """The items of another data set after its ``pre_transform``, kept in memory."""

    def __init__(self, source: LabelledDataset[Item]) -> None:
        super().__init__(source.classes, source._labels, transform=source.transform, seed=source.seed)
        self._rows, self._values, self._samples = source._rows, source._values, source._samples
        self.set_epoch(source.epoch)
        self.finish = source.finish  # type: ignore[method-assign]
        self._items = {int(row): source.prepared(int(row)) for row in source._rows}

    def load(self, row: int) -> Item:
        return copy.copy(self._items[row])


def _shared_number(value: int) -> Tensor:
    """A number in shared memory: worker processes see when it changes."""
    return torch.tensor(value).share_memory_()


def taken(kind: type[T], options: dict[str, Any]) -> T:
    """An object of a frozen dataclass, made of those keywords that are its fields; they leave ``options``.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Size:
        ...     width: int = 1
        >>> options = {"width": 3, "seed": 0}
        >>> taken(Size, options), options
        (Size(width=3), {'seed': 0})
    """
    names = {field.name for field in dataclasses.fields(kind)} & set(options)  # type: ignore[arg-type]
    return kind(**{name: options.pop(name) for name in names})


def as_numbers(classes: Sequence[str]) -> np.ndarray:
    """Names of classes as numbers, float64.

    Raises:
        ValueError: a name is no finite number.

    Example:
        >>> as_numbers(["0.5", "-2"]).tolist()
        [0.5, -2.0]
    """
    try:
        found = [number_in(name) for name in classes]
    except ValueError:
        found = [math.nan]
    if not all(math.isfinite(number) for number in found):
        wrong = next(name for name in classes if not is_number(name))
        raise ValueError(
            f"'numbers' must be False for classes that are no numbers (got {wrong!r}): targets of a regression are the "
            "names of the class folders, or labels, like 0.5 and 12; classes have task=classification"
        )
    return np.array(found, dtype=np.float64)


def whole_labels(labels: Any) -> np.ndarray:
    """Class indices as int64; numbers like 1.0 are whole too.

    Raises:
        ValueError: something else than whole numbers.

    Example:
        >>> whole_labels([0.0, 2.0]).tolist()
        [0, 2]
    """
    found = np.asarray(labels)
    if found.dtype.kind == "f":
        wrong = found[~(np.isfinite(found) & (found == np.rint(found)))]
    else:
        wrong = found[:0] if found.dtype.kind in "iub" else found.ravel()
    if wrong.size:
        raise ValueError(
            f"'labels' must be whole numbers, the places of names in 'classes' (got {wrong.tolist()[0]!r})"
        )
    return found.astype(np.int64)


def as_label(label: int) -> Tensor:
    """A class index as PyG wants it in ``y``: ``[1]``, so that a batch has ``[B]``."""
    return torch.tensor([label], dtype=torch.long)
