"""Collects the L2 penalty of generated kernels while layers run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import torch
from torch import Tensor


class KernelPenalty:
    r"""The penalties of all layers that ran inside :func:`kernel_penalty`.

    Per layer it is :math:`\frac1m \sum_i \sum_j \|m_{ij} K(u_{ij})\|^2`: mean over queries, sum over neighbours
    (CCNN eq. 3 on a grid, up to the factor 1/2).
    """

    def __init__(self) -> None:
        self.terms: list[Tensor] = []

    def add(self, value: Tensor) -> None:
        """Used by layers: note the penalty of one run."""
        self.terms.append(value)

    def total(self) -> Tensor:
        """Sum over layers, differentiable; 0 if no layer ran."""
        return torch.stack(self.terms).sum() if self.terms else torch.zeros(())


_collector: ContextVar[KernelPenalty | None] = ContextVar("kernel_penalty", default=None)
#: Contexts that are open in any thread: graphs can look at this number, and hold no collector while it is 0.
_open = 0


def active_penalty() -> KernelPenalty | None:
    """The collector of the innermost :func:`kernel_penalty`, or None outside of one."""
    return _collector.get() if _open else None


@contextlib.contextmanager
def kernel_penalty() -> Iterator[KernelPenalty]:
    """Ask every layer that runs inside for its kernel's L2 penalty.

    The penalty comes out of the same pass that computes the output, at little cost; outside of this context nothing is
    computed.

    Example:
        >>> with kernel_penalty() as penalty:
        ...     pass  # logits = model(data)
        >>> float(penalty.total())
        0.0
    """
    global _open
    collector = KernelPenalty()
    _open += 1
    token = _collector.set(collector)
    try:
        yield collector
    finally:
        _collector.reset(token)
        _open -= 1
