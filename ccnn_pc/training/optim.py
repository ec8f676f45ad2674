"""Parameter groups by role, and the optimiser built from them."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.optim import AdamW

from ccnn_pc._checks import check_not_negative, check_positive
from ccnn_pc.models.roles import Role, parameter_roles


def parameter_groups(
    model: nn.Module,
    *,
    lr: float,
    weight_decay: float = 0.0,
    window_lr_factor: float = 1.0,
    kernel_lr_factor: float = 1.0,
    radius_lr_factor: float = 1.0,
) -> list[dict[str, Any]]:
    """Return optimiser groups: every trainable parameter in exactly one, ordered by name.

    Weight decay acts on the ``other`` group only: shrinking a kernel network's frequencies or a window's
    width changes the kernel's scale in space, not its size. The released code meant to give windows their own
    rate but its group stays empty; here the type of the module decides.

    Args:
        model: network with kernels, windows and norms.
        lr: base learning rate.
        weight_decay: decoupled decay of the remaining weights (default 0).
        window_lr_factor: rate of windows relative to ``lr`` (default 1).
        kernel_lr_factor: rate of kernel networks relative to ``lr`` (default 1).
        radius_lr_factor: rate of the radii of self-moving points relative to ``lr`` (default 1; SMPConv: 0.1).

    Raises:
        ValueError: if a rate or factor is out of range, or nothing is trainable.
    """
    check_positive("lr", lr)
    check_not_negative("weight_decay", weight_decay)
    check_not_negative("window_lr_factor", window_lr_factor)
    check_not_negative("kernel_lr_factor", kernel_lr_factor)
    check_not_negative("radius_lr_factor", radius_lr_factor)
    roles = parameter_roles(model)
    if not roles:
        raise ValueError("'model' must have at least one trainable parameter (got none)")
    parameters = dict(model.named_parameters())
    rates = {
        Role.WINDOW: lr * window_lr_factor,
        Role.KERNEL: lr * kernel_lr_factor,
        Role.RADIUS: lr * radius_lr_factor,
    }
    groups = []
    for role in Role:
        names = [name for name, found in roles.items() if found is role]
        if names:
            groups.append(
                {
                    "params": [parameters[name] for name in names],
                    "lr": rates.get(role, lr),
                    "weight_decay": weight_decay if role is Role.OTHER else 0.0,
                    "role": role.value,
                }
            )
    return groups


def adamw(
    model: nn.Module,
    *,
    lr: float = 1e-3,
    weight_decay: float = 0.0,
    window_lr_factor: float = 1.0,
    kernel_lr_factor: float = 1.0,
    radius_lr_factor: float = 1.0,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
) -> AdamW:
    """Return AdamW over :func:`parameter_groups`, in one fused step for all parameters on a CPU or CUDA device.

    Example:
        >>> [group["role"] for group in adamw(nn.Linear(2, 3)).param_groups]
        ['other', 'bias']
    """
    groups = parameter_groups(
        model,
        lr=lr,
        weight_decay=weight_decay,
        window_lr_factor=window_lr_factor,
        kernel_lr_factor=kernel_lr_factor,
        radius_lr_factor=radius_lr_factor,
    )
    devices = {parameter.device.type for parameter in model.parameters()}
    made = AdamW(groups, lr=lr, betas=(betas[0], betas[1]), eps=eps, fused=devices <= {"cpu", "cuda"} or None)
    made._step_supports_amp_scaling = (
        False  # else scaled gradients (float16) could not be clipped before the step
    )
    return made
