"""Non-linearities of kernel networks, by name."""

from __future__ import annotations

import enum
from collections.abc import Callable

import torch
from torch import Tensor, nn


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
