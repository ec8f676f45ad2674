"""What is left of an answer without some samples: the check of whether they are what it rests on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from ccnn_pc.explain.answer import Asked, answer, looked_into

#: Keys that say which samples are neighbours: they are found anew.
_NEIGHBOURS = ("neighbor_index", "neighbor_count", "neighbor_table", "edge_index")
SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)


@dataclasses.dataclass(frozen=True)
class Deletion:
    """An answer without some of the samples.

    Attributes:
        shares: of the samples that are left out.
        most: answers without the most important samples.
        least: answers without the least important ones.
        random: answers without random ones, the mean of several draws.
    """

    shares: Sequence[float]
    most: Sequence[float]
    least: Sequence[float]
    random: Sequence[float]


def deletion(
    model: nn.Module,
    data: Data,
    asked: Asked | int,
    importance: Tensor,
    *,
    prepare: Callable[[Data], Data] = lambda data: data,
    shares: Sequence[float] = SHARES,
    draws: int = 3,
) -> Deletion:
    """Answers for an item without its most important samples, without its least important, and without random ones.

    Points and stamps are taken away, and neighbours found anew among the others; samples of arrays get the value 0.
    If the samples are those that the answer rests on, it falls faster without them than without random ones.

    Args:
        model: ``model(batch) -> answers``.
        data: one item.
        asked: which output; of samples with answers of their own all that are left are averaged.
        importance: of each sample ``[n]``.
        prepare: makes an item of which samples are gone one that the model reads, for instance with its k neighbours.
        shares: of the samples that are left out, below 1.
        draws: of random samples.

    Raises:
        ValueError: another number of samples, or shares that leave none.
    """
    asked = Asked(asked) if isinstance(asked, int) else dataclasses.replace(asked, samples=None)
    importance = importance.detach().cpu().flatten()
    count = number_of_samples(data)
    if len(importance) != count or not all(0 <= share < 1 for share in shares):
        raise ValueError(
            f"'importance' must be [{count}], one for each sample, and 'shares' in [0, 1) (got {len(importance)}, "
            f"{list(shares)})"
        )
    generator = torch.Generator().manual_seed(0)
    orders = [importance.argsort(descending=True, stable=True), importance.argsort(stable=True)]
    orders += [torch.randperm(count, generator=generator) for _ in range(draws)]
    with looked_into(model):
        lines = [
            [answer(model, prepare(without(data, order[: round(share * count)])), asked) for share in shares]
            for order in orders
        ]
    random = torch.tensor(lines[2:]).mean(dim=0).tolist() if draws else []
    return Deletion(tuple(shares), lines[0], lines[1], random)


def without(data: Data, gone: Tensor) -> Data:
    """An item without some of its samples; of an array they are 0.

    Example:
        >>> without(Data(pos=torch.arange(4.0)[:, None]), torch.tensor([0, 2])).pos.flatten().tolist()
        [1.0, 3.0]
    """
    other, count = data.clone(), number_of_samples(data)
    if _is_array(data):
        flat = data.x.flatten(2).clone()
        flat[:, :, gone] = 0.0
        other.x = flat.view_as(data.x)
        return other
    kept = torch.ones(count, dtype=torch.bool)
    kept[gone] = False
    for name in _NEIGHBOURS:
        if name in other:
            del other[name]
    for name, value in list(other.to_dict().items()):
        if isinstance(value, Tensor) and value.dim() and len(value) == count and name != "lattice":
            other[name] = value[kept.to(value.device)]
    other.num_nodes = int(kept.sum())
    return other


def _is_array(data: Data) -> bool:
    return data.get("pos") is None and data.get("times") is None


def number_of_samples(data: Data) -> int:
    """Points, stamps, or places of an array."""
    if _is_array(data):
        return int(data.x[0, 0].numel())
    times = data.get("times")
    return len(data.pos if times is None else times)
