"""One number of a network's answer for one item, as a function of the item's features."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from ccnn_pc.models.shift.outside import SamplingWarning

#: What networks read of an item; all else (names, pictures, targets) is left out of copies.
_READ = (
    *("x", "pos", "times", "mask", "lattice", "volume", "occupied", "spacing"),
    *("neighbor_index", "neighbor_count", "neighbor_table", "edge_index"),
)


@dataclasses.dataclass(frozen=True, eq=False)
class Asked:
    """What is explained: an output of the network, of all samples or of some.

    Args:
        output: column of the answers, a class or a number.
        samples: where every sample has an answer: which of them are averaged, ``[n]``; None: all.
        negative: explain the negative of it: of a single logit for two classes, what speaks for the first.
    """

    output: int
    samples: Tensor | None = None
    negative: bool = False

    def of(self, answers: Tensor, count: int) -> Tensor:
        """The number for each of ``count`` copies of an item, ``[count]``."""
        if answers.dim() > 2:  # [B, K, *S]
            answers = answers.flatten(2).transpose(1, 2)
        elif len(answers) != count or self.samples is not None:
            answers = answers.reshape(count, -1, answers.shape[-1])
        chosen = self._chosen(answers)
        if chosen.dim() == 1:
            return chosen
        if self.samples is not None:
            chosen = chosen[:, self.samples.to(chosen.device)]
        return chosen.mean(dim=1)

    def _chosen(self, answers: Tensor) -> Tensor:
        if not 0 <= self.output < answers.shape[-1]:
            raise ValueError(f"'output' must be below {answers.shape[-1]}, the outputs (got {self.output})")
        return -answers[..., self.output] if self.negative else answers[..., self.output]


def features_of(data: Data) -> Tensor:
    """What a network reads of each sample, ``[n, C]`` or ``[1, C, *S]``; positions where there is nothing else.

    Raises:
        ValueError: neither.
    """
    x = data.x if data.x is not None else data.pos
    if x is None:
        raise ValueError("'data' must have features x, or positions pos (got neither)")
    return x.detach()


def copies(data: Data, features: Tensor) -> Any:
    """Copies of an item as a batch, each with features of its own, ``[B, n, C]`` or ``[B, C, *S]``."""
    kept = {name: data[name] for name in _READ if data.get(name) is not None}
    array = data.get("pos") is None and data.get("times") is None
    made = []
    for each in features:
        item = type(data)(**{**kept, "x": each[None] if array else each})
        if not array:
            item.num_nodes = len(each)
        made.append(item)
    return Batch.from_data_list(made)


@contextmanager
def looked_into(model: nn.Module) -> Iterator[nn.Module]:
    """A network whose parameters need no gradients, in eval mode, and that says nothing of how its data are sampled."""
    training, wanted = model.training, [p.requires_grad for p in model.parameters()]
    said = set(getattr(model, "warned", ()))
    model.eval().requires_grad_(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SamplingWarning)
            yield model
    finally:
        for parameter, each in zip(model.parameters(), wanted, strict=True):
            parameter.requires_grad_(each)
        if hasattr(model, "warned"):
            model.warned = said  # type: ignore[assignment]
        model.train(training)


@torch.no_grad()
def answer(model: nn.Module, data: Data, asked: Asked) -> float:
    """The number that is explained, for an item as it is."""
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    x = features_of(data)
    array = data.get("pos") is None and data.get("times") is None
    batch = copies(data, x if array else x[None])
    return float(asked.of(model(batch.to(device)).double(), 1)[0])
