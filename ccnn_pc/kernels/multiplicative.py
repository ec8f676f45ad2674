"""Multiplicative filter networks: MAGNet (the kernels of FlexConv and CCNN), GaborNet, FourierNet."""

from __future__ import annotations

import abc
import math
from typing import Any

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc.kernels.base import FactorizedKernel, Init, empty_linear, uniform_
from ccnn_pc.kernels.filter_functions import gabor_filters, multiplicative_chain
from ccnn_pc.kernels.formula import Formula, Function, linear_numbers
from ccnn_pc.kernels.registry import register_kernel
from ccnn_pc.kernels.spectrum import Lengths, linear_frequency, nyquist_frequency


class MultiplicativeFilterNetwork(FactorizedKernel):
    """Products of filters: ``z_0 = g_0(u)``, ``z_l = g_l(u) ⊙ (A_l z_{l-1} + a_l)``, ``K = readout(z_L)``.

    All L+1 filters are stored stacked (``[(L+1)·H, D]``) and evaluated together. Sub-classes say what
    parameters a unit's filter has (:meth:`filter_shapes`), how they are drawn and what they compute, set their
    options and then call :meth:`reset_parameters`.

    Args:
        dim: number of coordinates D.
        out_channels: number of kernel values per position.
        hidden_channels: features H.
        num_layers: mixing layers L (there are L+1 filters).
        omega_0: scale of the frequencies, in cycles per unit of u.
        options: ``init``, ``fan`` and ``causal`` of :class:`ccnn_pc.kernels.AbstractKernel`.
    """

    rules = (Init.DEFAULT, Init.FLEXCONV, Init.CCNN)
    weight: Tensor
    bias: Tensor

    def __init__(
        self,
        dim: int,
        out_channels: int,
        hidden_channels: int,
        num_layers: int,
        omega_0: float,
        **options: Any,
    ) -> None:
        super().__init__(dim, out_channels, hidden_channels, **options)
        self.num_layers = check_at_least("num_layers", num_layers, 1)
        self.num_filters = num_layers + 1
        self.omega_0 = check_positive("omega_0", omega_0)
        units = self.num_filters * hidden_channels
        for name, shape in self.filter_shapes().items():
            self.register_parameter(name, nn.Parameter(torch.empty(units, *shape)))
        self.mixing = nn.ModuleList(empty_linear(hidden_channels, hidden_channels) for _ in range(num_layers))
        self.readout = empty_linear(hidden_channels, out_channels)

    def filter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters of one unit's filter, by name."""
        return {"weight": (self.dim,), "bias": ()}

    @abc.abstractmethod
    def draw_filters(self) -> None:
        """Draw the filters' parameters but the phases, under ``no_grad``."""

    @abc.abstractmethod
    def filters(self, u: Tensor) -> Tensor:
        """Values of all filters ``[..., (L+1)·H]`` at ``u [..., D]``, filter by filter."""

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw all parameters anew, as the constructor did."""
        self.reset_children()
        self.draw_filters()
        if self.init is Init.CCNN:
            nn.init.zeros_(self.bias)  # as released; it makes every sine odd about u = 0
        else:
            uniform_(self.bias, math.pi)
        self.draw_mixing()
        self.scale_readout()

    def draw_mixing(self) -> None:
        """A ~ U(±√(3/H)) with a = 1; FlexConv: A ~ U(±√(1/H)), everything else as PyTorch leaves it."""
        bound = (3.0 / self.hidden_channels) ** 0.5
        if self.init is Init.FLEXCONV:
            for mix in self.mixing:
                uniform_(mix.weight, self.hidden_channels**-0.5)  # type: ignore[arg-type]
            return
        for mix in self.mixing:
            uniform_(mix.weight, bound)  # type: ignore[arg-type]
            nn.init.ones_(mix.bias)  # type: ignore[arg-type]
        uniform_(self.readout.weight, bound)
        nn.init.zeros_(self.readout.bias)

    def compute_features(self, u: Tensor) -> Tensor:
        """Features ``[..., H]`` at checked coordinates."""
        filters = self.filters(u.reshape(-1, self.dim)).t().contiguous()  # unit-major: rows are long
        stacked = filters.view(self.num_filters, self.hidden_channels, -1)
        mixing = torch.stack([mix.weight for mix in self.mixing])  # type: ignore[misc]
        offset = torch.stack([mix.bias for mix in self.mixing])  # type: ignore[misc]
        z = multiplicative_chain(stacked, mixing, offset).t()
        return z.unflatten(0, u.shape[:-1]) if u.dim() > 1 else z[0]


class GaborFilterNetwork(MultiplicativeFilterNetwork):
    """Products of Gabor filters, a wave under a Gaussian each; :class:`MAGNet` and :class:`GaborNet` are such networks.

    Sub-classes say what inverse widths γ are drawn from, and how many a unit has (:meth:`filter_shapes`).
    """

    gamma: Tensor
    mu: Tensor

    def __init__(
        self,
        dim: int,
        out_channels: int,
        *,
        hidden_channels: int = 32,
        num_layers: int = 3,
        omega_0: float = 1.0,
        gamma_distribution: tuple[float, float] = (6.0, 1.0),
        spread: float = 1.0,
        init: Init | str = Init.DEFAULT,
        fan: float = 1.0,
        causal: bool = False,
    ) -> None:
        options = {"init": init, "fan": fan, "causal": causal}
        super().__init__(dim, out_channels, hidden_channels, num_layers, omega_0, **options)
        self.gamma_distribution = check_gamma_distribution(gamma_distribution)
        self.spread = check_positive("spread", spread)
        self.reset_parameters()

    def filter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters of one unit's filter, by name."""
        return {**super().filter_shapes(), "gamma": (self.dim,), "mu": (self.dim,)}

    @abc.abstractmethod
    def gamma_shapes(self) -> Tensor:
        """Shape ``[L+1]`` of the Gamma distribution of each filter."""

    def frequency_bound(self) -> float:
        """Largest |W_hd| of an envelope with γ = 1, before 2π·ω₀."""
        return self.dim**-0.5

    def draw_filters(self) -> None:
        """γ, then μ, then W."""
        shapes = self.gamma_shapes()[:, None, None].expand(-1, self.hidden_channels, self.gamma.shape[1])
        gamma = torch.distributions.Gamma(shapes, self.gamma_distribution[1])
        self.gamma.copy_(gamma.sample().flatten(0, 1))
        places = torch.rand(self.mu.shape)
        if self.causal and self.spread != 1.0:
            self.mu.copy_(1.0 - self.spread * places)
        else:
            self.mu.copy_(self.spread * (2.0 * places - 1.0))
        uniform_(self.weight, self.frequency_bound()).mul_(2.0 * math.pi * self.omega_0).mul_(self.gamma)

    def filters(self, u: Tensor) -> Tensor:
        """Values of all filters ``[..., (L+1)·H]`` at ``u [..., D]``, filter by filter."""
        return gabor_filters(u, self.gamma, self.mu, self.weight, self.bias)

    def formula(self) -> Formula | None:
        """Products of Gabor filters."""
        mixing = linear_numbers(self.mixing)
        if mixing is None:
            return None
        filters = (self.weight, self.bias, self.gamma.expand_as(self.mu), self.mu)
        return Formula(Function.GABOR, self.hidden_channels, self.num_layers, (*filters, *mixing))

    def filter_frequencies(self, gauss_stddevs: float = 2.0) -> Tensor:
        """Largest ``(‖W_h‖ + c·max_d|γ_hd|) / 2π`` over the units of each filter, in cycles per unit of u.

        A unit's spectrum is a Gaussian about ±W_h/2π with standard deviation γ_hd/2π along axis d, cut at c
        standard deviations.
        """
        units = torch.linalg.vector_norm(self.weight, dim=1) + gauss_stddevs * self.gamma.abs().amax(dim=1)
        return units.view(self.num_filters, -1).amax(dim=1) / (2.0 * math.pi)


@register_kernel("magnet")
class MAGNet(GaborFilterNetwork):
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
            :func:`flexconv_omega_0` for FlexConv's, :func:`nyquist_omega_0` for a value
            from the data's spacing).
        gamma_distribution: shape α and rate β of the Gamma distribution of the inverse widths.
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

    def gamma_shapes(self) -> Tensor:
        """Shape ``[L+1]`` of the Gamma distribution of each filter: α/(l+1), the first one being narrowest."""
        return self.gamma_distribution[0] / torch.arange(
            1, self.num_filters + 1, dtype=torch.get_default_dtype()
        )


@register_kernel("gabor")
class GaborNet(GaborFilterNetwork):
    """Multiplicative filter network of round Gabor filters: one inverse width γ_h for all axes.

    ``g_l(u)_h = exp(-½ γ_h² ‖u - μ_h‖²) · sin(W_h·u + b_h)``. At the start: γ ~ Gamma(α/(L+1), β) for every
    filter, the rest as in :class:`MAGNet`.

    Args:
        dim: number of coordinates D.
        out_channels: number of kernel values per position.
        hidden_channels: features H.
        num_layers: mixing layers L (L+1 filters).
        omega_0: cycles per unit of u, for an envelope of inverse width γ = 1.
        gamma_distribution: shape α (before division by L+1) and rate β of the Gamma distribution.
        spread: how far from the middle (causal: from the current sample) the envelopes may lie.
        init: ``DEFAULT``; ``CCNN`` (W ~ 2π·ω₀·γ·U(±1/D), phases 0); ``FLEXCONV``.
        fan: the mean of K² over the support is 1/fan.
        causal: current sample at u = 1.

    Example:
        >>> GaborNet(3, 2, hidden_channels=4)(torch.zeros(3, 3)).shape
        torch.Size([3, 2])
    """

    def filter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters of one unit's filter, by name."""
        return {**super().filter_shapes(), "gamma": (1,)}

    def gamma_shapes(self) -> Tensor:
        """Shape ``[L+1]`` of the Gamma distribution of each filter: α/(L+1)."""
        return torch.full((self.num_filters,), self.gamma_distribution[0] / self.num_filters)

    def frequency_bound(self) -> float:
        """Largest |W_hd| of an envelope with γ = 1, before 2π·ω₀."""
        return 1.0 / self.dim if self.init is Init.CCNN else super().frequency_bound()


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
        init: Init | str = Init.DEFAULT,
        fan: float = 1.0,
        causal: bool = False,
    ) -> None:
        options = {"init": init, "fan": fan, "causal": causal}
        super().__init__(dim, out_channels, hidden_channels, num_layers, omega_0, **options)
        self.reset_parameters()

    def draw_filters(self) -> None:
        """W ~ 2π·ω₀·U(±1/√D); CCNN: U(±1/D)."""
        bound = 1.0 / self.dim if self.init is Init.CCNN else self.dim**-0.5
        uniform_(self.weight, 2.0 * math.pi * self.omega_0 * bound)

    def draw_mixing(self) -> None:
        """CCNN: A_l orthogonal·√2; a_l = (row sums of A_l ⋯ A_1) / (H·2^l), as released."""
        super().draw_mixing()
        if self.init is not Init.CCNN:
            return
        product = torch.eye(self.hidden_channels).to(self.weight)
        for level, mix in enumerate(self.mixing, start=1):
            assert isinstance(mix, nn.Linear)
            nn.init.orthogonal_(mix.weight, gain=math.sqrt(2.0))
            product = mix.weight @ product
            mix.bias.copy_(product.sum(dim=1) / (self.hidden_channels * 2.0**level))

    def filters(self, u: Tensor) -> Tensor:
        """Values of all filters ``[..., (L+1)·H]`` at ``u [..., D]``, filter by filter."""
        return torch.sin(nn.functional.linear(u, self.weight, self.bias))

    def formula(self) -> Formula | None:
        """Products of sines."""
        mixing = linear_numbers(self.mixing)
        if mixing is None:
            return None
        return Formula(
            Function.FOURIER, self.hidden_channels, self.num_layers, (self.weight, self.bias, *mixing)
        )

    def filter_frequencies(self, gauss_stddevs: float = 2.0) -> Tensor:
        """Largest ``‖W_h‖ / 2π`` over the units of each filter; exact, there is no Gaussian to cut."""
        return linear_frequency(self.weight).view(self.num_filters, -1).amax(dim=1)


def check_gamma_distribution(value: tuple[float, float]) -> tuple[float, float]:
    """Shape and rate of a Gamma distribution: two positive numbers.

    Raises:
        ValueError: not two, or not positive.
    """
    if len(value) != 2:
        raise ValueError(f"'gamma_distribution' must be two numbers, shape and rate (got {value})")
    shape, rate = (check_positive("gamma_distribution", number) for number in value)
    return shape, rate


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


def nyquist_omega_0(
    spacing: Lengths,
    extent: Lengths,
    *,
    dim: int,
    hidden_channels: int = 32,
    num_layers: int = 3,
    gamma_distribution: tuple[float, float] = (6.0, 1.0),
    causal: bool = False,
    worst_case: bool = False,
) -> float:
    """The ``omega_0`` with which a new MAGNet stays below the Nyquist frequency of the data.

    Unit h of filter l reaches up to γ_l (ω₀ + 1/2π) cycles per unit of u (its sine, and one standard
    deviation of its Gaussian), and the filters' frequencies add: ``ω₀ = f_Nyq / Σ_l γ_l - 1/2π``. γ_l is
    the mean α/((l+1)β) of its Gamma distribution, or (``worst_case``) the largest of H·D draws, taken as
    the quantile 1 - 1/(H·D + 1). Where the Gaussians alone use up more than nine tenths of the Nyquist
    frequency, a tenth of it is left to the sines.

    Args:
        spacing: distance of samples in position units; :func:`median_spacing` for clouds.
        extent: reach of the kernel in position units.
        dim: number of coordinates D.
        hidden_channels: features H.
        num_layers: mixing layers L (L+1 filters).
        gamma_distribution: shape α and rate β of the Gamma distribution of the inverse widths.
        causal: whether u runs from -1 (oldest) to 1 (current).
        worst_case: bound the fastest unit instead of the mean one.

    Raises:
        ValueError: a length that is not positive and finite, or a count below 1.

    Example:
        >>> round(nyquist_omega_0(1.0, 16.0, dim=2), 4)   # 33 x 33 taps: 8 / 12.5 - 1 / 2π
        0.4808
    """
    check_at_least("dim", dim, 1)
    check_at_least("hidden_channels", hidden_channels, 1)
    check_at_least("num_layers", num_layers, 1)
    nyquist = nyquist_frequency(spacing, extent, causal)
    alpha, beta = check_gamma_distribution(gamma_distribution)
    shapes = [alpha / (level + 1) for level in range(num_layers + 1)]
    if worst_case:
        from scipy.special import gammaincinv

        quantile = 1.0 - 1.0 / (hidden_channels * dim + 1)
        shapes = [float(gammaincinv(shape, quantile)) for shape in shapes]
    share = nyquist * beta / sum(shapes)
    return max(share - 1.0 / (2.0 * math.pi), 0.1 * share)
