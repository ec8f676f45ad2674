"""Fitting a kernel to known values: what a kernel network can show, without a convolution around it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ccnn_pc._checks import check_at_least, check_positions, check_positive, check_same_length
from ccnn_pc.kernels import AbstractKernel

#: Called after each step with the number of steps made and the loss before this step.
Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class FitResult:
    """How well a kernel was fitted.

    Attributes:
        error: relative error at the positions that were fitted, see :func:`relative_error`.
        error_between: the same at positions held out; None without any.
        loss: the least mean squared error, that of the parameters kept.
        best_step: steps made when it was reached.
        seconds: processor time, of all threads together.
        parameters: numbers that were fitted.
    """

    error: float
    error_between: float | None
    loss: float
    best_step: int
    seconds: float
    parameters: int


def relative_error(found: Tensor, target: Tensor) -> float:
    """Root mean squared error over the target's standard deviation; 1 is what the target's mean would get.

    ``√(mean (found - target)²) / √(mean (target - mean target)²)``. A target that is constant has no
    deviation; its root mean square takes the place, and 1 where that is 0 too.

    Args:
        found: values of any shape.
        target: values of the same shape.

    Raises:
        ValueError: different shapes.

    Example:
        >>> relative_error(torch.tensor([0.0, 0.0]), torch.tensor([-2.0, 2.0]))
        1.0
    """
    if found.shape != target.shape:
        raise ValueError(
            f"'found' must have the shape of 'target' ({list(target.shape)}; got {list(found.shape)})"
        )
    found, target = found.detach().double(), target.detach().double()
    scale = float(target.std(correction=0))
    if scale <= 1e-12 * float(target.abs().max()):
        scale = float(target.square().mean().sqrt())
    return float((found - target).square().mean().sqrt()) / (scale or 1.0)


def fit_kernel(
    kernel: AbstractKernel,
    u: Tensor,
    target: Tensor,
    *,
    steps: int = 1000,
    lr: float = 0.01,
    held_out: tuple[Tensor, Tensor] | None = None,
    progress: Progress | None = None,
) -> FitResult:
    """Fit a kernel to values at kernel coordinates, as in CKConv Fig. 4 and 7 and SMPConv Fig. 3.

    Minimises ``mean_i ‖K(u_i) - target_i‖²`` with Adam, all positions in every step; the rate falls from
    ``lr`` to 0 along half a cosine. The parameters with the least loss are kept. Nothing is random here: a
    kernel that was built by a seed is fitted the same way every time.

    Args:
        kernel: any kernel, changed in place; parameters that require no gradient stay as they are.
        u: kernel coordinates ``[n, D]``.
        target: values wanted ``[n, out_channels]``, or ``[n]`` for one channel.
        steps: steps of the optimiser, at least 1.
        lr: rate at the start.
        held_out: coordinates and values of the same form, between those that are fitted: a kernel that
            oscillates there has aliased.
        progress: called after each step.

    Raises:
        TypeError: something is not a tensor of float32 or float64.
        ValueError: shapes that do not fit, values that are not finite, ``steps`` below 1, ``lr`` not
            positive, a kernel without anything to fit, or one whose values are not finite at the start.

    Example:
        >>> from ccnn_pc.kernels import MAGNet
        >>> _ = torch.manual_seed(0)
        >>> u = torch.linspace(-1, 1, 33)[:, None]
        >>> fit_kernel(MAGNet(1, 1, hidden_channels=8), u, torch.exp(-8 * u**2), steps=200).error < 0.05
        True
    """
    check_at_least("steps", steps, 1)
    check_positive("lr", lr)
    fitted = [p for p in kernel.parameters() if p.requires_grad]
    if not fitted:
        raise ValueError(f"'kernel' must have parameters that require gradients (got none in {kernel})")
    u, target = _values("u", u, "target", target, kernel, fitted[0])
    between = (
        None if held_out is None else _values("held_out", held_out[0], "held_out", held_out[1], kernel, u)
    )
    start = time.process_time()
    loss, best_step = _descend(kernel, fitted, u, target, steps, lr, progress)
    seconds = time.process_time() - start
    with torch.no_grad():
        return FitResult(
            error=relative_error(kernel(u), target),
            error_between=None if between is None else relative_error(kernel(between[0]), between[1]),
            loss=loss,
            best_step=best_step,
            seconds=seconds,
            parameters=sum(p.numel() for p in fitted),
        )


def _descend(
    kernel: AbstractKernel,
    fitted: list[torch.nn.Parameter],
    u: Tensor,
    target: Tensor,
    steps: int,
    lr: float,
    progress: Progress | None,
) -> tuple[float, int]:
    """Least loss and the step it was reached at; the kernel is left with the parameters of that step."""
    optimiser = torch.optim.Adam(fitted, lr=lr)
    best, best_step, kept = math.inf, 0, [p.detach().clone() for p in fitted]
    for step in range(steps + 1):  # the last round looks at what the last step has made
        with torch.set_grad_enabled(step < steps):
            loss = (kernel(u) - target).square().mean()
        value = float(loss.detach())
        if value < best:
            best, best_step = value, step
            torch._foreach_copy_(kept, [p.detach() for p in fitted])
        if step == steps or not math.isfinite(value):
            break
        for group in optimiser.param_groups:
            group["lr"] = lr * 0.5 * (1.0 + math.cos(math.pi * step / steps))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        kernel.constrain_()
        if progress is not None:
            progress(step + 1, value)
    if not math.isfinite(best):
        raise ValueError("'kernel' must have finite values at 'u' (its loss at the start is not finite)")
    with torch.no_grad():
        torch._foreach_copy_(list(fitted), kept)
    return best, best_step


def _values(
    u_name: str, u: Tensor, target_name: str, target: Tensor, kernel: AbstractKernel, like: Tensor
) -> tuple[Tensor, Tensor]:
    """Coordinates ``[n, D]`` and values ``[n, out_channels]`` in the kernel's type and on its device."""
    check_positions(u_name, u, kernel.dim)
    check_same_length(target_name, target, u_name, u)
    target = target[:, None] if target.dim() == 1 else target
    check_positions(target_name, target)
    if target.shape[1] != kernel.out_channels:
        raise ValueError(
            f"'{target_name}' must have {kernel.out_channels} values per position (got {target.shape[1]})"
        )
    return u.detach().to(like), target.detach().to(like)
