"""Random Fourier features, then a perceptron: CKConv's RFNet."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc.kernels.activations import Activation, ActivationFactory
from ccnn_pc.kernels.bandwidth import largest_slope, linear_frequency, modulated_frequency
from ccnn_pc.kernels.base import FactorizedKernel, Init, check_init, uniform_
from ccnn_pc.kernels.registry import register_kernel


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
        activation: factory of the non-linearity φ.
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

    def __init__(
        self,
        dim: int,
        out_channels: int,
        *,
        hidden_channels: int = 32,
        num_layers: int = 3,
        omega_0: float = 1.0,
        activation: ActivationFactory | Activation = Activation.RELU,
        init: Init = Init.DEFAULT,
        fan: float = 1.0,
        causal: bool = False,
    ) -> None:
        super().__init__(dim, out_channels, hidden_channels)
        check_init(init, (Init.DEFAULT, Init.CKCONV, Init.CCNN), "RandomFourierNet")
        if hidden_channels % 2:
            raise ValueError(
                f"'hidden_channels' must be even, half cosines and half sines (got {hidden_channels})"
            )
        self.num_layers = check_at_least("num_layers", num_layers, 2)
        check_positive("omega_0", omega_0)
        self.embedding = nn.Linear(dim, hidden_channels // 2)
        self.hidden = nn.ModuleList(
            nn.Linear(hidden_channels, hidden_channels) for _ in range(num_layers - 2)
        )
        self.activations = nn.ModuleList(activation() for _ in self.hidden)
        self.readout = nn.Linear(hidden_channels, out_channels)
        self._slope = largest_slope(activation())
        self._reset(init, omega_0)
        self._finish(init, fan)

    @torch.no_grad()
    def _reset(self, init: Init, omega_0: float) -> None:
        nn.init.normal_(self.embedding.weight, std=2.0 * math.pi * omega_0)
        if init is Init.DEFAULT:
            uniform_(self.embedding.bias, math.pi)
        if init is Init.CKCONV:
            return
        for layer in self.hidden:
            assert isinstance(layer, nn.Linear)
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        uniform_(self.readout.weight, math.sqrt(3.0 / self.hidden_channels))
        nn.init.zeros_(self.readout.bias)

    def _features(self, u: Tensor) -> Tensor:
        phase = self.embedding(u)
        h = torch.cat([phase.cos(), phase.sin()], dim=-1)
        for layer, activation in zip(self.hidden, self.activations, strict=True):
            h = activation(layer(h))
        return h

    def filter_frequencies(self, gauss_stddevs: float = 2.0) -> Tensor:
        """Frequencies ``‖W_h‖/2π`` of the embedding, widened by the layers behind it: ``[1]``."""
        frequency = linear_frequency(self.embedding.weight).repeat(2)
        for layer in self.hidden:
            assert isinstance(layer, nn.Linear)
            frequency = modulated_frequency(layer.weight, frequency, self._slope)
        return frequency.max().view(1)
