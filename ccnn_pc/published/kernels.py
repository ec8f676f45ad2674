"""Kernel networks of the released code that no paper needs: for its golden vectors and for comparison."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ccnn_pc.kernels import MLP, AbstractKernel, Activation, ActivationFactory, MAGNet

#: Added to the variance in the norms of CKConv's released code.
RELEASED_NORM_EPS = 1e-12


class SteerableMAGNet(MAGNet):
    r"""MAGNet with turned envelopes, an option of FlexConv's code; two axes.

    .. math::
        g(u)_h = \exp\bigl(-\tfrac12 \sum_d [\gamma_{hd}\, (R_h^\top (u - \mu_h))_d]^2\bigr)
        \sin(W_h \cdot u + b_h)

    with the rotation :math:`R_h` by :math:`2\pi\theta_h`; the waves are not turned. At the start θ ~ U(0, 1).

    Args:
        dim: 2.
        out_channels: number of kernel values per position.
        options: as in :class:`ccnn_pc.kernels.MAGNet`.

    Raises:
        ValueError: another number of axes.

    Example:
        >>> SteerableMAGNet(2, 6, hidden_channels=8)(torch.zeros(10, 2)).shape
        torch.Size([10, 6])
    """

    theta: Tensor

    def __init__(self, dim: int, out_channels: int, **options: Any) -> None:
        if dim != 2:
            raise ValueError(f"'dim' must be 2 for envelopes that turn (got {dim})")
        super().__init__(dim, out_channels, **options)

    def filter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters of one unit's filter, by name."""
        return {**super().filter_shapes(), "theta": ()}

    def draw_mixing(self) -> None:
        """The mixing, then the angles."""
        super().draw_mixing()
        self.theta.uniform_()

    def filters(self, u: Tensor) -> Tensor:
        """Values of all filters ``[..., (L+1)·H]`` at ``u [..., 2]``, filter by filter."""
        x, y = (u[..., None, :] - self.mu).unbind(-1)
        cos, sin = torch.cos(2.0 * math.pi * self.theta), torch.sin(2.0 * math.pi * self.theta)
        along, across = cos * x + sin * y, cos * y - sin * x
        exponent = -0.5 * ((self.gamma[:, 0] * along).square() + (self.gamma[:, 1] * across).square())
        return exponent.exp() * torch.sin(nn.functional.linear(u, self.weight, self.bias))


class JointNorm(nn.LayerNorm):
    """The norm of CKConv's kernel networks: one mean and one variance over all positions and channels together."""

    def forward(self, input: Tensor) -> Tensor:
        variance, mean = torch.var_mean(input, correction=0)
        return (input - mean) * torch.rsqrt(variance + self.eps) * self.weight + self.bias


class _JointNormNetwork(MLP):
    def make_norm(self) -> nn.Module:
        return JointNorm(self.hidden_channels, RELEASED_NORM_EPS)


class JointNormMLP(AbstractKernel):
    r"""CKConv's perceptron kernels with their released norm (its ablation): for rendered kernels on grids only.

    .. math:: h \leftarrow \varphi(\gamma\, (W h + b - \mathrm{mean}) / \sqrt{\mathrm{var} + \epsilon} + \beta)

    with mean and variance over all positions that are asked for. Values at one position then depend on the other
    positions: it is no function of relative position, and another number of taps, or message passing, makes another
    kernel. Fused operators refuse it.

    Args:
        dim: number of coordinates D.
        out_channels: number of kernel values per position.
        hidden_channels: width H.
        num_layers: linear layers, the read-out included; they are weight-normed.
        omega_0: scale of the first layer, see :class:`ccnn_pc.kernels.MLP`.
        activation: factory of the non-linearity.
        fan: the mean of K² over the support is 1/fan.
        causal: nothing depends on it.

    Raises:
        ValueError: a count that is too small, or a number that is not positive.

    Example:
        >>> kernel, u = JointNormMLP(1, 2, hidden_channels=8), torch.linspace(-1, 1, 9)[:, None]
        >>> bool(torch.allclose(kernel(u)[:5], kernel(u[:5])))
        False
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
        fan: float = 1.0,
        causal: bool = False,
    ) -> None:
        super().__init__(dim, out_channels, fan=fan, causal=causal)
        self.network = _JointNormNetwork(
            dim,
            out_channels,
            hidden_channels=hidden_channels,
            num_layers=num_layers,
            omega_0=omega_0,
            activation=activation,
            weight_norm=True,
            fan=fan,
        )

    def reset_parameters(self) -> None:
        """Draw all parameters anew, as the constructor did."""
        self.network.reset_parameters()

    def forward(self, u: Tensor) -> Tensor:
        """Kernel values ``[..., out_channels]`` at coordinates ``u [..., D]``; all of them make the statistics."""
        return self.network(u)

    def filter_frequencies(self, gauss_stddevs: float = 2.0) -> Tensor:
        """As for the perceptron with a norm per position: valid, and very loose."""
        return self.network.filter_frequencies(gauss_stddevs)
