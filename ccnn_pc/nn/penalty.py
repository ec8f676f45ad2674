"""Collects the L2 penalty of generated kernels while layers run."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

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


class _Open(threading.local):
    """Collectors that are open in this thread, the innermost last; graphs of ``torch.compile`` can look at them."""

    def __init__(self) -> None:
        self.collectors: list[KernelPenalty] = []


_open = _Open()


def active_penalty() -> KernelPenalty | None:
    """The collector of the innermost :func:`kernel_penalty`, or None outside of one."""
    return _open.collectors[-1] if _open.collectors else None


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
    collector = KernelPenalty()
    _open.collectors.append(collector)
    try:
        yield collector
    finally:
        _open.collectors.remove(collector)
