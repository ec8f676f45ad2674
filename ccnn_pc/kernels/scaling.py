"""The variance rule: a new kernel has mean square ``1 / fan`` over its support."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc.kernels.weight_norm import scale_weight_

#: Numbers that are squared in float64 at once.
_TOGETHER = 1 << 18
_UNSCALED = ContextVar("unscaled", default=False)


class HasReadout(Protocol):
    """A function that ends in a linear map."""

    readout: nn.Linear

    def __call__(self, u: Tensor) -> Tensor: ...


def support_points(
    dim: int,
    n: int = 4096,
    lower: Sequence[float] | Tensor | None = None,
    upper: Sequence[float] | Tensor | None = None,
) -> Tensor:
    """Sobol points that fill a box evenly; always the same ones, no random state is touched.

    Unscrambled Sobol points are shifted by half a cell, which in one dimension makes them the midpoint rule.

    Args:
        dim: number of coordinates D.
        n: number of points; a power of two fills best.
        lower: lower corner ``[D]``; default -1 on each axis.
        upper: upper corner ``[D]``; default 1 on each axis.

    Returns:
        Coordinates ``[n, D]``, float64.

    Raises:
        ValueError: ``dim`` or ``n`` below 1, or corners that are not D numbers.

    Example:
        >>> support_points(1, 4).flatten().sort().values.tolist()
        [-0.75, -0.25, 0.25, 0.75]
    """
    check_at_least("dim", dim, 1)
    check_at_least("n", n, 1)
    low = (
        torch.full((dim,), -1.0, dtype=torch.float64)
        if lower is None
        else torch.as_tensor(lower, dtype=torch.float64)
    )
    high = (
        torch.ones(dim, dtype=torch.float64) if upper is None else torch.as_tensor(upper, dtype=torch.float64)
    )
    for name, corner in (("lower", low), ("upper", high)):
        if corner.shape != (dim,):
            raise ValueError(f"'{name}' must hold {dim} numbers (got shape {list(corner.shape)})")
    points = torch.quasirandom.SobolEngine(dim, scramble=False).draw(n, dtype=torch.float64) + 0.5 / n
    return low.cpu() + points * (high - low).cpu()


@contextmanager
def unscaled() -> Iterator[None]:
    """New kernels stay as they were drawn: for networks whose numbers are loaded, or only counted.

    Example:
        >>> from ccnn_pc.kernels import MAGNet
        >>> with unscaled():
        ...     kernel = MAGNet(3, 6)
        >>> kernel.scale_readout()
    """
    token = _UNSCALED.set(True)
    try:
        yield
    finally:
        _UNSCALED.reset(token)


def scales() -> bool:
    """Whether new kernels are scaled: everywhere but in :func:`unscaled`."""
    return not _UNSCALED.get()


@torch.no_grad()
def scale_readout_(kernel: HasReadout, target: float, u: Tensor, weight: Tensor | None = None) -> float:
    """Rescale the read-out so that the weighted mean of K² (over ``u`` and output channels) is ``target``.

    ``Σ_i weight_i K(u_i)² / Σ_i weight_i = target``: CCNN §4.1 with the variance measured instead of
    assumed, and the factor g²/√(N·|Ω|) of the paper replaced by a standard deviation (1/√fan). Weight *and*
    bias of the read-out change together, so the shape of the kernel stays.

    Args:
        kernel: a factorised kernel, changed in place.
        target: mean square wanted, above 0.
        u: coordinates ``[n, D]``.
        weight: importance of each point ``[n]`` or ``[n, 1]``, for instance the squared window; default 1.

    Returns:
        The factor that read-out weight and bias were multiplied by; 1 in :func:`unscaled`.

    Raises:
        ValueError: ``target`` not positive, weights that do not fit, or a kernel that is 0 or not finite on
            ``u``.
    """
    check_positive("target", target)
    if not scales():
        return 1.0
    parameter = kernel.readout.weight
    values = kernel(u.to(device=parameter.device, dtype=parameter.dtype))
    # in parts, for float64 of all points at once is hundreds of megabytes of a wide layer
    rows = values.split(max(1, _TOGETHER // values.shape[-1]))
    square = torch.cat([each.double().square().mean(dim=-1) for each in rows])
    if weight is None:
        mean = float(square.mean())
    else:
        importance = weight.detach().to(square).reshape(-1)
        if importance.shape != square.shape:
            raise ValueError(
                f"'weight' must have one entry for each of {len(square)} points (got {list(weight.shape)})"
            )
        mean = float((importance * square).sum() / importance.sum())
    if not 0.0 < mean < float("inf"):
        raise ValueError(f"'kernel' must be finite and not 0 on 'u' (its mean square is {mean})")
    factor = (target / mean) ** 0.5
    scale_weight_(kernel.readout, factor)
    if kernel.readout.bias is not None:
        kernel.readout.bias.mul_(factor)
    return factor
