"""Non-linearities of kernel networks, by name."""

from __future__ import annotations

import enum
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ccnn_pc._choices import choice


class Sine(nn.Module):
    """The sine as an activation."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(x)


#: Makes an element-wise non-linearity: called without arguments.
ActivationFactory = Callable[[], nn.Module]


class Activation(enum.Enum):
    """Element-wise non-linearities; a member called makes the module, as its class does.

    Example:
        >>> Activation.GELU(), Activation("leaky_relu")()
        (GELU(approximate='none'), LeakyReLU(negative_slope=0.01))
    """

    RELU = "relu"
    LEAKY_RELU = "leaky_relu"
    SILU = "silu"
    GELU = "gelu"
    TANH = "tanh"
    SINE = "sine"

    def __call__(self) -> nn.Module:
        return ACTIVATION_CLASSES[self]()


ACTIVATION_CLASSES: dict[Activation, type[nn.Module]] = {
    Activation.RELU: nn.ReLU,
    Activation.LEAKY_RELU: nn.LeakyReLU,
    Activation.SILU: nn.SiLU,
    Activation.GELU: nn.GELU,
    Activation.TANH: nn.Tanh,
    Activation.SINE: Sine,
}


def activation_factory(activation: ActivationFactory | str) -> ActivationFactory:
    """What makes a non-linearity, from itself or from the name of an :class:`Activation`.

    Raises:
        ValueError: no such name, or nothing that can be called; the message lists the names.

    Example:
        >>> activation_factory("gelu")(), activation_factory(nn.Softplus)()
        (GELU(approximate='none'), Softplus(beta=1.0, threshold=20.0))
    """
    return activation if callable(activation) else choice("activation", activation, Activation)
