"""Statistics of batch norms in the first steps of a training, where running ones still are what they began with."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ccnn_pc.nn.statistics import batch_norms


class FirstStatistics:
    r"""Makes running statistics the plain means of what batch norms have seen, until that is as much as they average.

    A running mean of momentum m has, after n batches, :math:`(1 - m)^n` of the 0 (the variance: of the 1) that it began
    with: of the usual 0.1 half after six batches. A training of few steps would be judged, and kept, with that. Until
    :math:`n m > 1` each batch counts :math:`1/n` here in the place of m; then this does nothing more.

    Args:
        model: the network, in training.

    Example:
        >>> import torch
        >>> norm = nn.BatchNorm1d(1)
        >>> first = FirstStatistics(norm)
        >>> for value in (2.0, 4.0):
        ...     first.before()
        ...     _ = norm(torch.tensor([[value - 1], [value + 1]]))
        ...     first.after()
        >>> round(norm.running_mean.item(), 3), round(norm.running_var.item(), 3)
        (3.0, 2.0)
    """

    def __init__(self, model: nn.Module) -> None:
        self._norms = [norm for norm in batch_norms(model) if norm.momentum]
        self._held: list[tuple[Any, int, Tensor, Tensor]] = []

    def before(self) -> None:
        """Called before a batch."""
        self._held = []
        for norm in [norm for norm in self._norms if norm.training]:
            n = int(norm.num_batches_tracked)
            if n * norm.momentum < 1:
                self._held.append((norm, n, norm.running_mean.clone(), norm.running_var.clone()))
            else:
                self._norms.remove(norm)

    def after(self) -> None:
        """Called after it."""
        for norm, before, mean, variance in self._held:
            n = int(norm.num_batches_tracked)
            if n == before:
                continue
            counted = 1 - (1 - norm.momentum) ** (n - before)
            for running, old in ((norm.running_mean, mean), (norm.running_var, variance)):
                running.copy_(old + (running - old) / counted * ((n - before) / n))
        self._held = []
