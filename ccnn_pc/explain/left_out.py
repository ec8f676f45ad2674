"""What each sample does for an answer by being there: the answer with all of them, less that without it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from ccnn_pc.explain.answer import Asked, answer, looked_into
from ccnn_pc.explain.deletion import number_of_samples, without


def left_out(
    model: nn.Module,
    data: Data,
    asked: Asked | int,
    *,
    prepare: Callable[[Data], Data] = lambda data: data,
    samples: Tensor | None = None,
) -> Tensor:
    r"""Differences that single samples make, place and features together, ``[m]``, float64.

    .. math:: d_i = F(\{1, \dots, n\}) - F(\{1, \dots, n\} \setminus \{i\})

    A point or a stamp is taken away, and neighbours and densities are found anew; a sample of an array becomes 0.
    :func:`~ccnn_pc.explain.integrated_gradients` leaves positions where they are, so what a point says by where it lies
    is not in its parts; here it is. The differences of all samples do not add up to the answer: two points at one place
    hardly differ from one. A call of the network for each sample.

    Args:
        model: ``model(batch) -> answers``.
        data: one item of two samples at least.
        asked: which output.
        prepare: makes an item of which a sample is gone one that the model reads, for instance with its k neighbours.
        samples: which samples ``[m]``, int64; None: all.

    Raises:
        ValueError: fewer than two samples, or numbers of samples that there are not.

    Example:
        >>> from ccnn_pc.models import create_model
        >>> model = create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=2)
        >>> left_out(model, Data(pos=torch.rand(12, 3)), 0, samples=torch.tensor([0, 5])).shape
        torch.Size([2])
    """
    asked = Asked(asked) if isinstance(asked, int) else asked
    if asked.samples is not None:
        raise ValueError("'asked' must have no 'samples': their places change where one is left out")
    count = number_of_samples(data)
    rows = torch.arange(count) if samples is None else samples.cpu()
    if count < 2 or rows.dtype != torch.int64 or bool(((rows < 0) | (rows >= count)).any()):
        raise ValueError(
            f"'samples' must be numbers of samples, below {count}, of two at least (got {samples})"
        )
    with looked_into(model):
        whole = answer(model, prepare(data), asked)
        others = [answer(model, prepare(without(data, row[None])), asked) for row in rows]
    return whole - torch.tensor(others, dtype=torch.float64)
