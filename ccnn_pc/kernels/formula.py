"""Kernels' features as known functions with their numbers, for operators that compute them without calling a module."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn


class Function(enum.Enum):
    """Functions of kernel coordinates that are known by name."""

    GABOR = "gabor"
    FOURIER = "fourier"
    SIREN = "siren"
    RANDOM_FOURIER = "random_fourier"
    TENTS = "tents"


@dataclass(frozen=True)
class Formula:
    """Features of kernel coordinates.

    Attributes:
        function: which function of u.
        hidden_channels: number of features H.
        num_layers: layers behind the first one.
        numbers: its parameters in the function's order, with gradients; linear layers as weight, then bias.
    """

    function: Function
    hidden_channels: int
    num_layers: int
    numbers: tuple[Tensor, ...]


class WithFormula(Protocol):
    """A kernel that may have a formula."""

    def formula(self) -> Formula | None:
        """The features as a formula, or None."""


class WithGaussian(Protocol):
    """A window that may be a Gaussian."""

    def gaussian(self) -> tuple[Tensor, Tensor] | None:
        """Mean and precision, or None."""


#: Methods that a formula stands for: who writes one of them anew has another function.
STANDS_FOR = ("features", "compute_features", "filters", "tents", "forward")


def formula_of(kernel: WithFormula) -> Formula | None:
    """The kernel's formula, unless a sub-class changed what it stands for or somebody listens to its calls.

    Example:
        >>> from ccnn_pc.kernels import SIREN
        >>> formula_of(SIREN(2, 3)).function
        <Function.SIREN: 'siren'>
        >>> class Doubled(SIREN):
        ...     def compute_features(self, u):
        ...         return 2 * super().compute_features(u)
        >>> formula_of(Doubled(2, 3)) is None
        True
    """
    return kernel.formula() if _is_as_written(kernel, "formula") else None


def gaussian_of(window: WithGaussian) -> tuple[Tensor, Tensor] | None:
    """Mean and precision of a window that is a Gaussian, unless a sub-class changed it or somebody listens to it."""
    return window.gaussian() if _is_as_written(window, "gaussian") else None


def linear_numbers(layers: Iterable[nn.Module]) -> tuple[Tensor, ...] | None:
    """Weights and biases of linear layers, layer by layer; None where one of them is another module or has hooks."""
    numbers: list[Tensor] = []
    for layer in layers:
        plain = isinstance(layer, nn.Linear) and type(layer).forward is nn.Linear.forward
        if not plain or layer.bias is None or _has_hooks(layer):
            return None
        numbers += [layer.weight, layer.bias]  # type: ignore[list-item]
    return tuple(numbers)


def _is_as_written(module: object, method: str) -> bool:
    """Whether no class below the one that writes ``method`` writes anything that it stands for."""
    if (
        not isinstance(module, nn.Module)
        or _has_hooks(module)
        or any(name in module.__dict__ for name in (*STANDS_FOR, method))
    ):
        return False
    for owner in type(module).__mro__:
        if method in owner.__dict__:
            return True
        if any(name in owner.__dict__ for name in STANDS_FOR):
            return False
    return False


def _has_hooks(module: nn.Module) -> bool:
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    )
