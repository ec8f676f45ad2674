"""Multiplicative networks of plain sines (FourierNet) and of round Gabor filters (GaborNet)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_positive
from ccnn_pc.kernels.bandwidth import linear_frequency
from ccnn_pc.kernels.base import Init, uniform_
from ccnn_pc.kernels.gabor import gabor_filters
from ccnn_pc.kernels.mfn import MultiplicativeFilterNetwork, draw_centres, gabor_frequencies
from ccnn_pc.kernels.registry import register_kernel


@register_kernel("fourier")
class FourierNet(MultiplicativeFilterNetwork):
    """Multiplicative filter network of sines: ``g_l(u)_h = sin(W_h·u + b_h)``.

    At the start: W ~ 2π·ω₀·U(±1/√D), b ~ U(-π, π), A ~ U(±√(3/H)), a = 1.

    Args:
        dim: number of coordinates D.
        out_channels: number of kernel values per position.
        hidden_channels: features H.
        num_layers: mixing layers L (L+1 filters).
        omega_0: largest frequency of each filter, in cycles per unit of u.
        init: ``DEFAULT``; ``CCNN`` (W ~ 2π·ω₀·U(±1/D), phases 0, orthogonal A·√2, a from its row sums);
            ``FLEXCONV`` (with ``omega_0=flexconv_omega_0(256.0)`` for its published input scale).
        fan: the mean of K² over the support is 1/fan.
        causal: accepted like in all kernels; nothing depends on it.

    Example:
        >>> FourierNet(1, 2, hidden_channels=4)(torch.zeros(3, 1)).shape
        torch.Size([3, 2])
    """

    def __init__(
        self,
        dim: int,
        out_channels: int,
        *,
        hidden_channels: int = 32,
        num_layers: int = 3,
        omega_0: float = 1.0,
        init: Init = Init.DEFAULT,
        fan: float = 1.0,
        causal: bool = False,
    ) -> None:
        super().__init__(dim, out_channels, hidden_channels, num_layers, init)
        check_positive("omega_0", omega_0)
        bound = 1.0 / dim if init is Init.CCNN else dim**-0.5
        uniform_(self.weight, 2.0 * math.pi * omega_0 * bound)
        self._reset_phases(init)
        self._reset_linears(init)
        if init is Init.CCNN:
            self._reset_mixing_orthogonal()
        self._finish(init, fan)

    @torch.no_grad()
    def _reset_mixing_orthogonal(self) -> None:
        """A_l orthogonal·√2; a_l = (row sums of A_l ⋯ A_1) / (H·2^l), as released with CCNN."""
        product = torch.eye(self.hidden_channels)
        for level, mix in enumerate(self.mixing, start=1):
            assert isinstance(mix, nn.Linear)
            nn.init.orthogonal_(mix.weight, gain=math.sqrt(2.0))
            product = mix.weight @ product
            mix.bias.copy_(product.sum(dim=1) / (self.hidden_channels * 2.0**level))

    def filters(self, u: Tensor) -> Tensor:
        """Values of all filters ``[..., (L+1)·H]`` at ``u [..., D]``, filter by filter."""
        return torch.sin(nn.functional.linear(u, self.weight, self.bias))

    def filter_frequencies(self, gauss_stddevs: float = 2.0) -> Tensor:
        """Largest ``‖W_h‖ / 2π`` over the units of each filter; exact, there is no Gaussian to cut."""
        return linear_frequency(self.weight).view(self.num_filters, -1).amax(dim=1)


@register_kernel("gabor")
class GaborNet(MultiplicativeFilterNetwork):
    """Multiplicative filter network of round Gabor filters: MAGNet with one inverse width γ_h for all axes.

    ``g_l(u)_h = exp(-½ γ_h² ‖u - μ_h‖²) · sin(W_h·u + b_h)``. At the start: γ ~ Gamma(α/(L+1), β) for every
    filter, the rest as in :class:`MAGNet`.

    Args:
        dim: number of coordinates D.
        out_channels: number of kernel values per position.
        hidden_channels: features H.
        num_layers: mixing layers L (L+1 filters).
        omega_0: cycles per unit of u, for an envelope of inverse width γ = 1.
        alpha: shape of the Gamma distribution, before division by L+1.
        beta: rate of the Gamma distribution.
        spread: how far from the middle (causal: from the current sample) the envelopes may lie.
        init: ``DEFAULT``; ``CCNN`` (W ~ 2π·ω₀·γ·U(±1/D), phases 0); ``FLEXCONV``.
        fan: the mean of K² over the support is 1/fan.
        causal: current sample at u = 1.

    Example:
        >>> GaborNet(3, 2, hidden_channels=4)(torch.zeros(3, 3)).shape
        torch.Size([3, 2])
    """

    def __init__(
        self,
        dim: int,
        out_channels: int,
        *,
        hidden_channels: int = 32,
        num_layers: int = 3,
        omega_0: float = 1.0,
        alpha: float = 6.0,
        beta: float = 1.0,
        spread: float = 1.0,
        init: Init = Init.DEFAULT,
        fan: float = 1.0,
        causal: bool = False,
    ) -> None:
        super().__init__(dim, out_channels, hidden_channels, num_layers, init)
        check_positive("omega_0", omega_0)
        shape = check_positive("alpha", alpha) / self.num_filters
        units = self.num_filters * hidden_channels
        self.gamma = nn.Parameter(
            torch.distributions.Gamma(shape, check_positive("beta", beta)).sample((units, 1))
        )
        self.mu = nn.Parameter(draw_centres(units, dim, spread, causal))
        with torch.no_grad():
            bound = 1.0 / dim if init is Init.CCNN else dim**-0.5
            uniform_(self.weight, bound).mul_(2.0 * math.pi * omega_0).mul_(self.gamma)
        self._reset_phases(init)
        self._reset_linears(init)
        self._finish(init, fan)

    def filters(self, u: Tensor) -> Tensor:
        """Values of all filters ``[..., (L+1)·H]`` at ``u [..., D]``, filter by filter."""
        return gabor_filters(u, self.gamma, self.mu, self.weight, self.bias)

    def filter_frequencies(self, gauss_stddevs: float = 2.0) -> Tensor:
        """Largest ``(‖W_h‖ + c·|γ_h|) / 2π`` over the units of each filter, in cycles per unit of u."""
        return gabor_frequencies(self.weight, self.gamma, gauss_stddevs, self.num_filters)
