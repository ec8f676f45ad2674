"""Perceptrons as kernels: CKConv's ablation over activations and norms."""

from __future__ import annotations

import enum
import math

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least, check_flags, check_positive
from ccnn_pc._choices import choice
from ccnn_pc.kernels.activations import Activation, ActivationFactory, activation_factory
from ccnn_pc.kernels.base import FactorizedKernel, empty_linear, uniform_
from ccnn_pc.kernels.registry import register_kernel
from ccnn_pc.kernels.spectrum import largest_slope, linear_frequency, modulated_frequency
from ccnn_pc.kernels.weight_norm import add_weight_norm_, plain_weights


class KernelNorm(enum.Enum):
    """Norm between the layers of a kernel network.

    Only norms of one position: statistics over all sampled positions would make the kernel depend on where
    it is sampled.
    """

    NONE = "none"
    LAYER = "layer"


@register_kernel("mlp")
class MLP(FactorizedKernel):
    """Multi-layer perceptron of position (CKConv's ablation): ``h ← φ(norm(W h + b))``, then a read-out.

    At the start the units of the first layer turn at knots c spread evenly over the support: W ~
    2π·ω₀·U(±1/√D), b = -W·c with c ~ U(-1, 1)^D; the next layers are He-normal with bias 0.

    Args:
        dim: number of coordinates D.
        out_channels: number of kernel values per position.
        hidden_channels: features H.
        num_layers: linear layers, the read-out included; at least 2.
        omega_0: scale of the first layer; with :class:`Sine` its largest frequency in cycles per unit of u.
        activation: the non-linearity φ: an :class:`Activation`, or what makes another element-wise module.
        norm: norm before each non-linearity.
        weight_norm: learn length and direction of every row of every layer apart, as CKConv does.
        fan: the mean of K² over the support is 1/fan.
        causal: accepted like in all kernels; nothing depends on it.

    Raises:
        ValueError: a count that is too small, a number that is not positive, or an unknown norm or activation.

    Example:
        >>> MLP(3, 2, hidden_channels=8, activation=nn.GELU, norm=KernelNorm.LAYER)(torch.zeros(5, 3)).shape
        torch.Size([5, 2])
    """

    def __init__(
        self,
        dim: int,
        out_channels: int,
        *,
        hidden_channels: int = 32,
        num_layers: int = 3,
        omega_0: float = 1.0,
        activation: ActivationFactory | str = Activation.SILU,
        norm: KernelNorm | str = KernelNorm.NONE,
        weight_norm: bool = False,
        fan: float = 1.0,
        causal: bool = False,
    ) -> None:
        super().__init__(dim, out_channels, hidden_channels, fan=fan, causal=causal)
        self.num_layers = check_at_least("num_layers", num_layers, 2)
        self.omega_0 = check_positive("omega_0", omega_0)
        self.norm = choice("norm", norm, KernelNorm)
        check_flags(weight_norm=weight_norm)
        make = activation_factory(activation)
        sizes = [dim] + [hidden_channels] * (num_layers - 1)
        self.hidden = nn.ModuleList(empty_linear(*pair) for pair in zip(sizes[:-1], sizes[1:], strict=True))
        self.norms = nn.ModuleList(self.make_norm() for _ in self.hidden)
        self.activations = nn.ModuleList(make() for _ in self.hidden)
        self.readout = empty_linear(hidden_channels, out_channels)
        self._slope = largest_slope(make())
        if weight_norm:
            add_weight_norm_([*self.hidden, self.readout])
        self.reset_parameters()

    def make_norm(self) -> nn.Module:
        """A norm of H features."""
        return nn.LayerNorm(self.hidden_channels) if self.norm is KernelNorm.LAYER else nn.Identity()

    def reset_parameters(self) -> None:
        """Draw all parameters anew, as the constructor did."""
        with plain_weights(self):
            self.reset_children()
            first, *others = (layer for layer in self.hidden if isinstance(layer, nn.Linear))
            uniform_(first.weight, 2.0 * math.pi * self.omega_0 * self.dim**-0.5)
            knots = 2.0 * torch.rand_like(first.weight) - 1.0
            first.bias.copy_(-(first.weight * knots).sum(dim=1))
            for layer in others:
                nn.init.kaiming_normal_(layer.weight)
                nn.init.zeros_(layer.bias)
            uniform_(self.readout.weight, math.sqrt(3.0 / self.hidden_channels))
            nn.init.zeros_(self.readout.bias)
            self.scale_readout()

    def compute_features(self, u: Tensor) -> Tensor:
        """Features ``[..., H]`` at checked coordinates."""
        for layer, norm, activation in zip(self.hidden, self.norms, self.activations, strict=True):
            u = activation(norm(layer(u)))
        return u

    def filter_frequencies(self, gauss_stddevs: float = 2.0) -> Tensor:
        """Equivalent frequency ``[1]``: that of a unit sinusoid with the largest possible slope of a feature.

        Perceptrons are not band-limited (a kink decays as 1/f²); Lipschitz constants over 2π say where the
        energy ends. A layer norm may divide by no more than √eps, which makes the bound very loose.
        """
        frequency: Tensor | None = None
        for layer, norm in zip(self.hidden, self.norms, strict=True):
            assert isinstance(layer, nn.Linear)
            if frequency is None:
                frequency = self._slope * linear_frequency(layer.weight)
            else:
                frequency = modulated_frequency(layer.weight, frequency, self._slope)
            if isinstance(norm, nn.LayerNorm):
                frequency = norm.weight.abs() * torch.linalg.vector_norm(frequency) / math.sqrt(norm.eps)
        assert frequency is not None
        return frequency.max().view(1)
