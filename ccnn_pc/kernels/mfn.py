"""Multiplicative filter networks: the base, and MAGNet, the kernel network of FlexConv and CCNN."""

from __future__ import annotations

import abc
import math

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc.kernels.base import FactorizedKernel, Init, check_init, uniform_
from ccnn_pc.kernels.chain import multiplicative_chain
from ccnn_pc.kernels.gabor import gabor_filters
from ccnn_pc.kernels.registry import register_kernel

_RULES = (Init.DEFAULT, Init.FLEXCONV, Init.CCNN)


class MultiplicativeFilterNetwork(FactorizedKernel):
    """Products of filters: ``z_0 = g_0(u)``, ``z_l = g_l(u) ⊙ (A_l z_{l-1} + a_l)``, ``K = readout(z_L)``.

    All L+1 filters are stored stacked (``[(L+1)·H, D]``) and evaluated together.

    Args:
        dim: number of coordinates D.
        out_channels: number of kernel values per position.
        hidden_channels: features H.
        num_layers: mixing layers L (there are L+1 filters).
        init: the rule the parameters are drawn by.
    """

    def __init__(
        self, dim: int, out_channels: int, hidden_channels: int, num_layers: int, init: Init
    ) -> None:
        super().__init__(dim, out_channels, hidden_channels)
        check_init(init, _RULES, type(self).__name__)
        self.num_layers = check_at_least("num_layers", num_layers, 1)
        self.num_filters = num_layers + 1
        width = self.num_filters * hidden_channels
        self.weight = nn.Parameter(torch.empty(width, dim))
        self.bias = nn.Parameter(torch.empty(width))
        self.mixing = nn.ModuleList(nn.Linear(hidden_channels, hidden_channels) for _ in range(num_layers))
        self.readout = nn.Linear(hidden_channels, out_channels)

    @abc.abstractmethod
    def filters(self, u: Tensor) -> Tensor:
        """Values of all filters ``[..., (L+1)·H]`` at ``u [..., D]``, filter by filter."""

    def _features(self, u: Tensor) -> Tensor:
        filters = self.filters(u.reshape(-1, self.dim)).t().contiguous()  # unit-major: rows are long
        stacked = filters.view(self.num_filters, self.hidden_channels, -1)
        mixing = torch.stack([mix.weight for mix in self.mixing])  # type: ignore[misc]
        offset = torch.stack([mix.bias for mix in self.mixing])  # type: ignore[misc]
        z = multiplicative_chain(stacked, mixing, offset).t()
        return z.unflatten(0, u.shape[:-1]) if u.dim() > 1 else z[0]

    @torch.no_grad()
    def _reset_linears(self, init: Init) -> None:
        """CCNN: A ~ U(±√(3/H)) with a = 1; FlexConv: A ~ U(±√(1/H)), everything else as PyTorch leaves it."""
        bound = (3.0 / self.hidden_channels) ** 0.5
        if init is Init.FLEXCONV:
            for mix in self.mixing:
                uniform_(mix.weight, self.hidden_channels**-0.5)  # type: ignore[arg-type]
            return
        for mix in self.mixing:
            uniform_(mix.weight, bound)  # type: ignore[arg-type]
            nn.init.ones_(mix.bias)  # type: ignore[arg-type]
        uniform_(self.readout.weight, bound)
        nn.init.zeros_(self.readout.bias)

    @torch.no_grad()
    def _reset_phases(self, init: Init) -> None:
        """Random phases; the released CCNN code has 0, which makes every sine odd about u = 0."""
        if init is Init.CCNN:
            nn.init.zeros_(self.bias)
        else:
            uniform_(self.bias, math.pi)


@register_kernel("magnet")
class MAGNet(MultiplicativeFilterNetwork):
    """Multiplicative anisotropic Gabor network (FlexConv; CCNN §4.1).

    ``g_l(u)_h = exp(-½ Σ_d [γ_hd (u_d - μ_hd)]²) · sin(W_h·u + b_h)`` with parameters for each of the L+1
    filters: (L+1)(3HD + H) + L(H² + H) + H·O + O numbers in all.

    At the start: γ ~ Gamma(α/(l+1), β) for filter l, μ ~ spread·U(-1, 1) (causal with spread ≠ 1: 1 -
    spread·U(0, 1), near the current sample), W ~ 2π·ω₀·γ·U(±1/√D), b ~ U(-π, π), A ~ U(±√(3/H)), a = 1.

    Args:
        dim: number of coordinates D.
        out_channels: number of kernel values per position O.
        hidden_channels: features H.
        num_layers: mixing layers L.
        omega_0: cycles per unit of u, for an envelope of inverse width γ = 1 (CCNN's convention; see
            :func:`flexconv_omega_0` for FlexConv's, :func:`ccnn_pc.kernels.nyquist_omega_0` for a value
            from the data's spacing).
        alpha: shape of the Gamma distribution.
        beta: rate of the Gamma distribution.
        spread: how far from the middle (causal: from the current sample) the envelopes may lie; the papers
            take 1.667 window widths.
        init: ``DEFAULT``; ``CCNN`` (phases 0, read-out weight divided by √fan unseen); ``FLEXCONV`` (no
            scaling at all).
        fan: the mean of K² over the support is 1/fan.
        causal: current sample at u = 1.

    Raises:
        ValueError: a count below 1, or a number that is not positive.

    Example:
        >>> kernel = MAGNet(3, 6, hidden_channels=8)
        >>> kernel(torch.zeros(10, 3)).shape
        torch.Size([10, 6])
        >>> sum(p.numel() for p in kernel.parameters()) == 4 * (3 * 8 * 3 + 8) + 3 * (8 * 8 + 8) + 8 * 6 + 6
        True
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
        self.gamma = nn.Parameter(draw_gamma(self.num_filters, hidden_channels, dim, alpha, beta))
        self.mu = nn.Parameter(draw_centres(self.num_filters * hidden_channels, dim, spread, causal))
        with torch.no_grad():
            uniform_(self.weight, dim**-0.5).mul_(2.0 * math.pi * omega_0).mul_(self.gamma)
        self._reset_phases(init)
        self._reset_linears(init)
        self._finish(init, fan)

    def filters(self, u: Tensor) -> Tensor:
        """Values of all filters ``[..., (L+1)·H]`` at ``u [..., D]``, filter by filter."""
        return gabor_filters(u, self.gamma, self.mu, self.weight, self.bias)

    def filter_frequencies(self, gauss_stddevs: float = 2.0) -> Tensor:
        """Largest ``(‖W_h‖ + c·max_d|γ_hd|) / 2π`` over the units of each filter, in cycles per unit of u.

        A unit's spectrum is a Gaussian about ±W_h/2π with standard deviation γ_hd/2π along axis d, cut at c
        standard deviations.
        """
        return gabor_frequencies(self.weight, self.gamma, gauss_stddevs, self.num_filters)


def draw_gamma(num_filters: int, hidden_channels: int, columns: int, alpha: float, beta: float) -> Tensor:
    """Inverse widths ``[F·H, columns]``: Gamma(α/(l+1), β) for filter l, the first one being narrowest."""
    check_positive("alpha", alpha)
    check_positive("beta", beta)
    shape = alpha / torch.arange(1, num_filters + 1, dtype=torch.get_default_dtype())
    gamma = torch.distributions.Gamma(shape[:, None, None].expand(-1, hidden_channels, columns), beta)
    return gamma.sample().flatten(0, 1)


def draw_centres(count: int, dim: int, spread: float, causal: bool) -> Tensor:
    """Envelope centres ``[count, D]``: spread·U(-1, 1), or 1 - spread·U(0, 1) when causal and spread ≠ 1."""
    check_positive("spread", spread)
    if causal and spread != 1.0:
        return 1.0 - spread * torch.rand(count, dim)
    return spread * (2.0 * torch.rand(count, dim) - 1.0)


def gabor_frequencies(weight: Tensor, gamma: Tensor, gauss_stddevs: float, num_filters: int) -> Tensor:
    """Largest ``(‖W_h‖ + c·max_d|γ_hd|) / 2π`` of each filter's units: ``[F·H, D] -> [F]``."""
    per_unit = torch.linalg.vector_norm(weight, dim=1) + gauss_stddevs * gamma.abs().amax(dim=1)
    return per_unit.view(num_filters, -1).amax(dim=1) / (2.0 * math.pi)


def flexconv_omega_0(input_scale: float = 25.6, num_layers: int = 3) -> float:
    """The ``omega_0`` that draws the frequencies of FlexConv's ``input_scale`` s: ``s / (2π √(L+1))``.

    FlexConv draws W ~ γ·s/√(L+1)·U(±1/√D), CCNN W ~ 2π·ω₀·γ·U(±1/√D).

    Example:
        >>> round(flexconv_omega_0(25.6, 3), 4)
        2.0372
    """
    check_positive("input_scale", input_scale)
    check_at_least("num_layers", num_layers, 1)
    return input_scale / (2.0 * math.pi * math.sqrt(num_layers + 1))
