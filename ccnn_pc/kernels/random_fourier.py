"""Random Fourier features, then a perceptron: CKConv's RFNet."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc.kernels.activations import Activation, ActivationFactory, activation_factory
from ccnn_pc.kernels.base import FactorizedKernel, Init, empty_linear, uniform_
from ccnn_pc.kernels.formula import Formula, Function, linear_numbers
from ccnn_pc.kernels.registry import register_kernel
from ccnn_pc.kernels.spectrum import largest_slope, linear_frequency, modulated_frequency


@register_kernel("random_fourier")
class RandomFourierNet(FactorizedKernel):
    """``h = [cos(W u + b), sin(W u + b)]``, num_layers - 2 times ``h ← φ(A h + a)``, then a read-out.

    At the start: W ~ N(0, (2πω₀)²), b ~ U(-π, π), A He-uniform, a = 0. All of them are learned.

    Args:
        dim: number of coordinates D.
        out_channels: number of kernel values per position.
        hidden_channels: features H, an even number.
        num_layers: embedding, hidden layers and read-out together; at least 2.
        omega_0: standard deviation of the frequencies along each axis, in cycles per unit of u.
        activation: the non-linearity φ: an :class:`Activation`, or what makes another element-wise module.
        init: ``DEFAULT``; ``CKCONV`` (PyTorch's defaults behind the embedding); ``CCNN`` (default embedding
            phases, read-out weight divided by √fan).
        fan: the mean of K² over the support is 1/fan.
        causal: accepted like in all kernels; nothing depends on it.

    Raises:
        ValueError: an odd ``hidden_channels``, a count that is too small, or a number that is not positive.

    Example:
        >>> RandomFourierNet(2, 3, hidden_channels=8)(torch.zeros(4, 2)).shape
        torch.Size([4, 3])
    """

    rules = (Init.DEFAULT, Init.CKCONV, Init.CCNN)

    def __init__(
        self,
        dim: int,
        out_channels: int,
        *,
        hidden_channels: int = 32,
        num_layers: int = 3,
        omega_0: float = 1.0,
        activation: ActivationFactory | str = Activation.RELU,
        init: Init | str = Init.DEFAULT,
        fan: float = 1.0,
        causal: bool = False,
    ) -> None:
        super().__init__(dim, out_channels, hidden_channels, init=init, fan=fan, causal=causal)
        if hidden_channels % 2:
            raise ValueError(
                f"'hidden_channels' must be even, half cosines and half sines (got {hidden_channels})"
            )
        self.num_layers = check_at_least("num_layers", num_layers, 2)
        self.omega_0 = check_positive("omega_0", omega_0)
        make = activation_factory(activation)
        self.embedding = empty_linear(dim, hidden_channels // 2)
        self.hidden = nn.ModuleList(
            empty_linear(hidden_channels, hidden_channels) for _ in range(num_layers - 2)
        )
        self.activations = nn.ModuleList(make() for _ in self.hidden)
        self.readout = empty_linear(hidden_channels, out_channels)
        self._slope = largest_slope(make())
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw all parameters anew, as the constructor did."""
        self.reset_children()
        nn.init.normal_(self.embedding.weight, std=2.0 * math.pi * self.omega_0)
        if self.init is Init.DEFAULT:
            uniform_(self.embedding.bias, math.pi)
        if self.init is not Init.CKCONV:
            for layer in self.hidden:
                assert isinstance(layer, nn.Linear)
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
            uniform_(self.readout.weight, math.sqrt(3.0 / self.hidden_channels))
            nn.init.zeros_(self.readout.bias)
        self.scale_readout()

    @classmethod
    def options_of_size(cls, size: int, omega_0: float, dim: int) -> dict[str, Any]:
        """As for other kernels; half of the features are cosines, half sines."""
        return {"hidden_channels": 2 * size, "omega_0": omega_0}

    def compute_features(self, u: Tensor) -> Tensor:
        """Features ``[..., H]`` at checked coordinates."""
        phase = self.embedding(u)
        h = torch.cat([phase.cos(), phase.sin()], dim=-1)
        for layer, activation in zip(self.hidden, self.activations, strict=True):
            h = activation(layer(h))
        return h

    def formula(self) -> Formula | None:
        """Sines and cosines, then layers with the positive part."""
        numbers = linear_numbers([self.embedding, *self.hidden])
        if numbers is None or any(type(activation) is not nn.ReLU for activation in self.activations):
            return None
        return Formula(Function.RANDOM_FOURIER, self.hidden_channels, len(self.hidden), numbers)

    def filter_frequencies(self, gauss_stddevs: float = 2.0) -> Tensor:
        """Frequencies ``‖W_h‖/2π`` of the embedding, widened by the layers behind it: ``[1]``."""
        frequency = linear_frequency(self.embedding.weight).repeat(2)
        for layer in self.hidden:
            assert isinstance(layer, nn.Linear)
            frequency = modulated_frequency(layer.weight, frequency, self._slope)
        return frequency.max().view(1)
