"""Parameter groups by role, and the optimiser built from them."""

from __future__ import annotations

import enum
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.optim import AdamW

from ccnn_pc._checks import check_not_negative, check_positive
from ccnn_pc.kernels import SelfMovingPoints, SelfMovingPointsPerFilter
from ccnn_pc.kernels.base import AbstractKernel
from ccnn_pc.kernels.windows import AbstractWindow
from ccnn_pc.nn.norms import GlobalLayerNorm

NORMS: tuple[type[nn.Module], ...] = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, GlobalLayerNorm)


class Role(enum.Enum):
    """What a parameter is for; decides its learning rate factor and whether it decays."""

    OTHER = "other"
    KERNEL = "kernel"
    RADIUS = "radius"
    WINDOW = "window"
    NORM = "norm"
    BIAS = "bias"


def parameter_roles(model: nn.Module) -> dict[str, Role]:
    """Return the role of every trainable parameter, keyed and sorted by its name.

    The innermost module that is a window, a kernel network or a norm decides (radii of self-moving points
    have a role of their own); what is left is a bias if it has at most one axis, else a weight. Types decide,
    never names. A parameter shared by two modules appears once, under the name ``model.named_parameters()``
    gives it.

    Example:
        >>> parameter_roles(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)))
        {'0.bias': <Role.BIAS: 'bias'>, '0.weight': <Role.OTHER: 'other'>, \
'1.bias': <Role.NORM: 'norm'>, '1.weight': <Role.NORM: 'norm'>}
    """
    named = {id(p): name for name, p in model.named_parameters() if p.requires_grad}
    roles: dict[str, Role] = {}

    def visit(module: nn.Module, inherited: Role | None) -> None:
        role = _role_of(module) or inherited
        for parameter in module.parameters(recurse=False):
            name = named.get(id(parameter))
            if name is not None and name not in roles:
                found = Role.RADIUS if _is_radius(module, parameter) else role
                roles[name] = found or (Role.BIAS if parameter.ndim <= 1 else Role.OTHER)
        for child in module.children():
            visit(child, role)

    visit(model, None)
    return dict(sorted(roles.items()))


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


def _is_radius(module: nn.Module, parameter: nn.Parameter) -> bool:
    return isinstance(module, (SelfMovingPoints, SelfMovingPointsPerFilter)) and parameter is module.radius


def _role_of(module: nn.Module) -> Role | None:
    if isinstance(module, AbstractWindow):
        return Role.WINDOW
    if isinstance(module, AbstractKernel):
        return Role.KERNEL
    return Role.NORM if isinstance(module, NORMS) else None
