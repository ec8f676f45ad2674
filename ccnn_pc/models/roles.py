"""What each parameter of a network is for, by the type of the module it belongs to."""

from __future__ import annotations

import enum

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

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


def _is_radius(module: nn.Module, parameter: nn.Parameter) -> bool:
    return isinstance(module, (SelfMovingPoints, SelfMovingPointsPerFilter)) and parameter is module.radius


def _role_of(module: nn.Module) -> Role | None:
    if isinstance(module, AbstractWindow):
        return Role.WINDOW
    if isinstance(module, AbstractKernel):
        return Role.KERNEL
    return Role.NORM if isinstance(module, NORMS) else None
