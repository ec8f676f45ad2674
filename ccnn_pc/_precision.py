"""Half precision: what keeps float32 where features are bfloat16 or float16."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

Backward = TypeVar("Backward", bound=Callable[..., Any])

#: Types that coordinates, phases, windows, transforms and long sums are too fine for.
HALF = (torch.float16, torch.bfloat16)


def at_least_single(dtype: torch.dtype) -> torch.dtype:
    """float32 for half precision, else the type itself."""
    return torch.float32 if dtype in HALF else dtype


@torch.compiler.assume_constant_result  # torch before 2.13 cannot ask in a graph
def _knows_autocast(kind: str) -> bool:
    return torch.amp.is_autocast_available(kind)


def autocast_type(x: Tensor) -> torch.dtype:
    """The type that a convolution of ``x`` answers in: that of autocast where it is on and x is not float64."""
    kind = x.device.type
    on = _knows_autocast(kind) and torch.is_autocast_enabled(kind) and x.dtype is not torch.float64
    return torch.get_autocast_dtype(kind) if on else x.dtype


def own_types(kind: str) -> AbstractContextManager[Any]:
    """Types are those of the tensors; also on devices that know no autocast, as ``meta``.

    Example:
        >>> with own_types("meta"):
        ...     torch.zeros(2, device="meta").dtype
        torch.float32
    """
    return torch.autocast(kind, enabled=False) if _knows_autocast(kind) else nullcontext()


class SinglePrecision(nn.Module):
    """A module that stays float32 (or float64) in ``model.bfloat16()``, ``model.half()`` and ``model.to(dtype)``.

    Example:
        >>> from ccnn_pc.kernels import SIREN
        >>> SIREN(2, 5).bfloat16().readout.weight.dtype
        torch.float32
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> SinglePrecision:
        return super()._apply(keeping_single(fn), recurse)


def keeping_single(
    fn: Callable[[Tensor], Tensor], which: Callable[[Tensor], bool] = lambda tensor: True
) -> Callable[[Tensor], Tensor]:
    """``fn``, but tensors of ``which`` that it would make half precision only follow to its device."""

    def applied(tensor: Tensor) -> Tensor:
        new = fn(tensor)
        return tensor.to(new.device) if new.dtype in HALF and which(tensor) else new

    return applied


def without_autocast(backward: Backward) -> Backward:
    """The ``backward`` of a :class:`torch.autograd.Function` in the types of its tensors, inside of autocast too."""

    @functools.wraps(backward)
    def run(ctx: Any, *grads: Tensor) -> Any:
        with own_types(grads[0].device.type):
            return backward(ctx, *grads)

    return cast("Backward", run)
