"""What a training is about to train on, measured from its items."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch

from ccnn_pc.datasets import LongCSV
from ccnn_pc.datasets.preprocessing import SeriesPreprocessing
from ccnn_pc.datasets.samplings import ReadOnGrid
from ccnn_pc.models.base import Network
from ccnn_pc.models.shift.seen import Samples
from ccnn_pc.models.shift.trained_on import Arrays, Spread, TrainedOn, measure
from ccnn_pc.training.data import ClassificationData
from ccnn_pc.training.described_data import describe_data
from ccnn_pc.training.hollow import warn_of_hollow_items
from ccnn_pc.training.loader import epoch_order

#: Training items that are looked at.
ITEMS = 128
#: Targets that quantiles are taken of.
_NUMBERS = 100_000


def measure_training(model: Network, data: ClassificationData) -> TrainedOn:
    """How the training part is sampled, from some of its items; a function of the data and their seed.

    Numbers that are targets become those of the model. No random number is used up.

    Raises:
        ValueError: items that the model does not read.
    """
    data.prepare()
    items: Any = data.train_set
    rows = epoch_order(len(items), data.seed, 0)[:ITEMS]
    with torch.random.fork_rng(devices=[]):
        targets: list[Any] = []
        found = measure(model.reading, _batches(items, rows, targets), compared=model.compared)
    left_out = model.in_channels - len(found.channels)
    warn_of_hollow_items(found, _names(items), max(0, _derived(items, model.in_channels) - left_out))
    samplings = _samplings(items) if found.kind is Samples.GRID else None
    stamps = found.stamps._replace(unit=_time_unit(items))
    model.targets = _targets(items, targets, model.out_channels)
    return dataclasses.replace(found, arrays=Arrays(_resized(data), samplings), stamps=stamps)


def _batches(items: Any, rows: Sequence[int], targets: list[Any]) -> Iterator[Any]:
    """Batches of one item, whose targets are kept."""
    for row in rows:
        batch = Batch.from_data_list([items[row]])
        targets.append(batch.get("y"))
        yield batch


def _targets(items: Any, sampled: Sequence[Any], numbers: int) -> tuple[Spread, ...]:
    """Numbers to be answered: of all items where these have their own, else at the samples of some."""
    known = getattr(items, "numbers", None)
    parts = list(sampled) if known is None else [torch.from_numpy(known)]
    if not all(isinstance(part, Tensor) and part.is_floating_point() for part in parts):
        return ()
    rows = [part.flatten(2).transpose(1, 2).flatten(0, 1) if part.dim() > 2 else part for part in parts]
    rows = [part[:, None] if part.dim() == 1 else part for part in rows]
    if any(part.shape[1] != numbers for part in rows):
        return ()
    return tuple(map(_spread, torch.cat(rows).double().unbind(1)))


def _spread(column: Tensor) -> Spread:
    """That of the numbers that are known; 0 where none is."""
    column = column[column.isfinite()]
    if not len(column):
        return Spread.of([0.0])
    found = Spread.of(column[:: -(-len(column) // _NUMBERS)])
    return found._replace(least=float(column.min()), most=float(column.max()))


def _resized(data: ClassificationData) -> int | None:
    """Side that pictures are brought to; None where all have it, or are taken as they are."""
    size = describe_data(data)["parts"]["train"]["options"].get("size")
    if not isinstance(size, int):
        return None
    files = _first(data.train_set)
    sizes = getattr(files if hasattr(files, "native_sizes") else data.open_train(), "native_sizes", None)
    return None if sizes is not None and sizes(ITEMS) == {(size, size)} else size


def _samplings(items: Any) -> tuple[str, ...]:
    """How arrays are sampled, one drawn for each, whatever epoch they begin in."""
    drawn = [
        each for each in _parts(getattr(_first(items), "transform", None)) if isinstance(each, ReadOnGrid)
    ]
    return tuple(dict.fromkeys(str(each.sampling) for each in drawn))


def _parts(transform: Any) -> Iterator[Any]:
    """A transform, and those that it is made of."""
    yield transform
    for each in getattr(transform, "transforms", ()):
        yield from _parts(each)


def _names(items: Any) -> tuple[str, ...]:
    """Variables of tables, as the preprocessing of the model will call them."""
    data = _first(items)
    return SeriesPreprocessing(table=data.description()).channel_names if isinstance(data, LongCSV) else ()


def _derived(items: Any, channels: int) -> int:
    """How many of the channels say what was observed of the others, behind them: those that a transform has made."""
    said = getattr(getattr(items, "transform", None), "said", None)
    return 0 if said is None else channels * said.per_variable // (1 + said.per_variable)


def _time_unit(items: Any) -> str | None:
    """Unit in which dates are counted; of other stamps nobody knows it."""
    return getattr(getattr(_first(items), "table", None), "dates", None)


def _first(items: Any) -> Any:
    return items.parts[0] if hasattr(items, "parts") else items
