"""How much of an answer each sample stands for: integrated gradients from no features to those of the item."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from ccnn_pc._checks import check_at_least
from ccnn_pc._optional import require
from ccnn_pc.explain.answer import Asked, copies, features_of, looked_into


@dataclasses.dataclass(frozen=True, eq=False)
class Attribution:
    """Parts of an answer.

    Attributes:
        values: part of each sample, the sum over its channels; ``[n]``, of arrays row by row.
        channels: part of each channel of each sample, ``[n, C]``.
        answer: what is explained, F(x).
        without: the same where all features are those of the baseline, F(x').
    """

    values: Tensor
    channels: Tensor
    answer: float
    without: float

    @property
    def gap(self) -> float:
        """What the parts lack of ``answer - without``, as a share of it; more steps make it smaller."""
        whole = self.answer - self.without
        return abs(whole - float(self.values.double().sum())) / max(abs(whole), 1e-12)


def integrated_gradients(
    model: nn.Module,
    data: Data,
    asked: Asked | int,
    *,
    baseline: float = 0.0,
    steps: int = 64,
    batch_size: int = 8,
) -> Attribution:
    r"""Integrated gradients (Sundararajan et al., arXiv 1703.01365) of one output with respect to the features.

    .. math:: a_i = (x_i - x'_i) \int_0^1 \partial_i F(x' + t (x - x')) \, dt, \qquad \sum_i a_i = F(x) - F(x')

    Positions, stamps and neighbours stay: a point without features is a point that says nothing. Captum integrates, by
    Gauss-Legendre quadrature.

    Args:
        model: ``model(batch) -> answers``; it is used in eval mode.
        data: one item, as the network reads it: a cloud, a series, or an array ``x [1, C, *S]``.
        asked: which output.
        baseline: x', of all features. Features of images are normalised, so that 0 is their mean.
        steps: points of the quadrature.
        batch_size: copies of the item that are read at once.

    Raises:
        ImportError: Captum is not installed (extra ``explain``).
        ValueError: no features, an output that there is not, numbers out of range, an answer that is not finite.

    Example:
        >>> from ccnn_pc.models import create_model
        >>> model = create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=2)
        >>> found = integrated_gradients(model, Data(pos=torch.rand(30, 3)), 0)
        >>> found.values.shape, found.gap < 0.01
        (torch.Size([30]), True)
    """
    captum: Any = require("captum.attr", extra="explain", purpose="to say what an answer rests on")
    check_at_least("steps", steps, 1)
    check_at_least("batch_size", batch_size, 1)
    asked = Asked(asked) if isinstance(asked, int) else asked
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    x = features_of(data).to(device)
    array = data.get("pos") is None and data.get("times") is None
    inputs = x if array else x[None]
    item = data.clone().to(device)

    def number(features: Tensor) -> Tensor:
        return asked.of(model(copies(item, features)), len(features))

    with looked_into(model), torch.enable_grad():
        with torch.no_grad():
            ends = number(torch.cat([inputs, torch.full_like(inputs, baseline)]))
        if not bool(torch.isfinite(ends).all()):
            raise ValueError("'data' must be what the model can read: its answer is not finite")
        parts = captum.IntegratedGradients(number).attribute(
            inputs, baselines=baseline, n_steps=steps, internal_batch_size=batch_size
        )
    channels = parts.detach()[0].cpu()
    if array:
        channels = channels.flatten(1).t()
    return Attribution(channels.sum(dim=1), channels, float(ends[0]), float(ends[1]))
