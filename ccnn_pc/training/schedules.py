"""Learning rate as a function of the step."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from ccnn_pc._checks import check_at_least, check_not_negative


def warmup_cosine_factor(step: int, total_steps: int, warmup_steps: int, floor: float = 0.0) -> float:
    """Return the factor of the learning rate at one step: linear warm-up, then half a cosine.

    With W warm-up steps, T steps in all and floor f:

        factor(t) = (t + 1) / (W + 1)                                    t < W
        factor(t) = f + (1 - f)/2 * (1 + cos(pi (t - W) / (T - W)))      W <= t <= T
        factor(t) = f                                                    t > T

    The first step already learns (the released schedules of the papers spend it at rate 0 or 1e-8).

    Args:
        step: index t of the optimiser step, from 0.
        total_steps: T, at least 1.
        warmup_steps: W, from 0 to T.
        floor: f, the last factor, in [0, 1].

    Raises:
        ValueError: if an argument is outside the range named above.

    Example:
        >>> [round(warmup_cosine_factor(t, 6, 2), 3) for t in range(7)]
        [0.333, 0.667, 1.0, 0.854, 0.5, 0.146, 0.0]
    """
    check_at_least("total_steps", total_steps, 1)
    if not 0 <= warmup_steps <= total_steps:
        raise ValueError(f"'warmup_steps' must be in [0, {total_steps}] (got {warmup_steps})")
    if not 0.0 <= floor <= 1.0:
        raise ValueError(f"'floor' must be in [0, 1] (got {floor})")
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    if step >= total_steps:
        return floor
    progress = (step - warmup_steps) / (total_steps - warmup_steps)
    return floor + 0.5 * (1.0 - floor) * (1.0 + math.cos(math.pi * progress))


def warmup_cosine(
    optimizer: Optimizer,
    *,
    total_steps: int,
    steps_per_epoch: int,
    warmup_epochs: float = 0.0,
    eta_min: float = 0.0,
) -> LambdaLR:
    """Return linear warm-up followed by a cosine down to ``eta_min``, per optimiser step.

    Every parameter group keeps its own base rate; ``eta_min`` is an absolute rate and the same for all groups
    (a group whose base rate lies below it stays at its base rate). The state is saved with the scheduler.

    Args:
        optimizer: optimiser whose groups carry the base rates.
        total_steps: optimiser steps of the whole training.
        steps_per_epoch: optimiser steps of one epoch.
        warmup_epochs: length of the warm-up in epochs (default 0); cut to the whole training.
        eta_min: last learning rate (default 0).

    Raises:
        ValueError: if ``warmup_epochs`` or ``eta_min`` is negative or a number of steps is below 1.
    """
    check_at_least("total_steps", total_steps, 1)
    check_at_least("steps_per_epoch", steps_per_epoch, 1)
    check_not_negative("warmup_epochs", warmup_epochs)
    check_not_negative("eta_min", eta_min)
    warmup_steps = min(round(warmup_epochs * steps_per_epoch), total_steps)

    def factor_of(base_rate: float):  # type: ignore[no-untyped-def]
        floor = min(eta_min / base_rate, 1.0) if base_rate > 0 else 0.0
        return lambda step: warmup_cosine_factor(step, total_steps, warmup_steps, floor)

    return LambdaLR(optimizer, [factor_of(group["lr"]) for group in optimizer.param_groups])
