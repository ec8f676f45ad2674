"""Statistics of batch norms, taken anew from data."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)
BatchNorm = nn.modules.batchnorm._BatchNorm


class _Moments:
    r"""Number, mean and summed squares :math:`\sum (x - \bar x)^2` per channel of all that came, in float64."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, torch.zeros(()), torch.zeros(())

    def take(self, norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """Add what a norm is about to see (Chan, Golub and LeVeque 1983, their formula for pairs of samples)."""
        x = inputs[0].detach().double()
        x = x.transpose(0, 1).flatten(1)
        count, mean = x.shape[1], x.mean(1)
        squares = (x - mean[:, None]).square().sum(1)
        total, step = self.count + count, mean - self.mean.to(mean)
        self.squares = self.squares.to(mean) + squares + step.square() * self.count * count / total
        self.mean, self.count = self.mean.to(mean) + step * count / total, total


def recalibrate(model: M, batches: Iterable[Any]) -> M:
    r"""Take the statistics of all batch norms anew from data.

    A batch norm divides by the statistics of its batch in training, and by running ones afterwards. Those lag behind
    the weights, and belong to the sampling of the training: on sparser or other data deeper layers see other means and
    variances. Here each norm gets the mean and the unbiased variance of all that comes to it,

    .. math:: \mu = \tfrac1n \sum_i x_i, \qquad \sigma^2 = \tfrac1{n-1} \sum_i (x_i - \mu)^2

    while the norms before it work with the statistics of each batch, as they do in training (Wu and Johnson 2021,
    section 3, "precise" statistics). No weight changes and no label is needed; dropout rests.

    Args:
        model: a network, or any module; modes are left as they were.
        batches: what the model is called with; of a tuple or list the first part. Tensors and PyG data are moved to the
            model's device. Order does not matter beyond rounding; batches as large as in training fit best.

    Returns:
        ``model``; one without batch norms as it came.

    Raises:
        TypeError: batches of something else.
        ValueError: no batch, or none with more than one number per channel; statistics that are NaN or infinite.

    Example:
        >>> layer = nn.BatchNorm1d(1).eval()
        >>> recalibrate(layer, [torch.tensor([[1.0], [3.0]]), torch.tensor([[5.0], [7.0]])]).running_mean
        tensor([4.])
    """
    norms = batch_norms(model)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))

    def calls() -> Iterator[Callable[[], Any]]:
        for batch in batches:
            data = batch[0] if isinstance(batch, (tuple, list)) else batch
            if not hasattr(data, "to"):
                raise TypeError(f"'batches' must hold tensors or PyG data (got {type(data).__name__})")
            yield functools.partial(model, data.to(device))

    found, fewest = _statistics(model, norms, calls())
    if fewest < 2:
        raise ValueError(
            f"'batches' must hold at least two numbers per channel of each batch norm (got {fewest})"
        )
    for number, (mean, variance) in enumerate(found):
        if not bool(mean.isfinite().all() and variance.isfinite().all()):
            raise ValueError(
                f"'batches' must give every batch norm a finite mean and variance in {mean.dtype} (got others for "
                f"number {number} of {len(norms)}): NaN or infinity in the data, or numbers too large for the type"
            )
    _set(norms, found)
    return model


def renew_statistics(model: nn.Module, norms: list[Any], calls: Iterable[Callable[[], Any]]) -> None:
    """The same from calls of a model in eval mode, for some of its batch norms, which stay where that fails.

    Args:
        model: in eval mode.
        norms: batch norms that keep statistics.
        calls: each calls the model.
    """
    found, fewest = _statistics(model, norms, calls)
    if fewest >= 2 and all(bool(each.isfinite().all()) for pair in found for each in pair):
        _set(norms, found)


def _statistics(
    model: nn.Module, norms: list[Any], calls: Iterable[Callable[[], Any]]
) -> tuple[list[tuple[Tensor, Tensor]], int]:
    """Mean and variance of what comes to each norm, and the fewest numbers per channel that came to one."""
    moments = [_Moments() for _ in norms]
    with torch.no_grad(), _watched(model, norms, moments):
        for call in calls:
            call()
    fewest = min((seen.count for seen in moments), default=2)
    if fewest < 2:
        return [], fewest
    return [
        (seen.mean.to(norm.running_mean), (seen.squares / (seen.count - 1)).to(norm.running_var))
        for norm, seen in zip(norms, moments, strict=True)
    ], fewest


def _set(norms: list[Any], found: list[tuple[Tensor, Tensor]]) -> None:
    for norm, (mean, variance) in zip(norms, found, strict=True):
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)


def batch_norms(model: nn.Module) -> list[Any]:
    """Batch norms that keep statistics.

    Example:
        >>> len(batch_norms(nn.Sequential(nn.BatchNorm1d(2), nn.LayerNorm(2))))
        1
    """
    return [m for m in model.modules() if isinstance(m, BatchNorm) and m.track_running_stats]


@contextmanager
def _watched(model: nn.Module, norms: list[Any], moments: list[_Moments]) -> Iterator[None]:
    """Norms use the statistics of each batch, keep their own as they are, and tell what they see."""
    modes = [(module, module.training) for module in model.modules()]
    buffers = {norm: {name: value.clone() for name, value in norm.named_buffers()} for norm in norms}
    hooks = [norm.register_forward_pre_hook(seen.take) for norm, seen in zip(norms, moments, strict=True)]
    try:
        for module, _ in modes:
            module.training = False
        for norm in norms:
            norm.training = True
        yield
    finally:
        for hook in hooks:
            hook.remove()
        for norm in norms:
            for name, value in buffers[norm].items():
                getattr(norm, name).copy_(value)
        for module, training in modes:
            module.training = training
