"""SIREN: sinusoidal networks, the kernels of CKConv."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least, check_flags, check_positive
from ccnn_pc.kernels.base import FactorizedKernel, Init, empty_linear, uniform_
from ccnn_pc.kernels.formula import Formula, Function, linear_numbers
from ccnn_pc.kernels.registry import register_kernel
from ccnn_pc.kernels.spectrum import linear_frequency, modulated_frequency
from ccnn_pc.kernels.weight_norm import add_weight_norm_, plain_weights


@register_kernel("siren")
class SIREN(FactorizedKernel):
    """Sinusoidal network (CKConv): num_layers - 1 times ``h ← sin(ω(W h + b))``, then a read-out.

    The angular factor is ``ω = 2π·omega_0`` (a persistent buffer), so that ``omega_0`` counts cycles per
    unit of u as in all other kernels; :func:`angular_omega_0` turns the papers' ω into it.

    At the start: W ~ U(±1/√D) for the first layer, U(±√(6/H)/ω) for the next ones, b ~ U(±π/ω) (uniform
    phases).

    Args:
        dim: number of coordinates D.
        out_channels: number of kernel values per position.
        hidden_channels: features H.
        num_layers: linear layers, the read-out included; at least 2.
        omega_0: largest frequency of the first layer, in cycles per unit of u.
        init: ``DEFAULT``; ``CKCONV`` (as it takes effect in the released code: PyTorch's default weights
            behind a first layer U(±1), all biases U(±1)); ``FLEXCONV`` (first layer U(±1/D), default
            biases, read-out divided by ω); ``CCNN`` (first layer U(±1/D), biases 0, read-out weight divided
            by √fan).
        weight_norm: learn length and direction of every row of every layer apart, as CKConv does.
        fan: the mean of K² over the support is 1/fan (``DEFAULT``).
        causal: accepted like in all kernels; nothing depends on it.

    Raises:
        ValueError: a count that is too small, or a number that is not positive.

    Example:
        >>> SIREN(2, 5, hidden_channels=8)(torch.zeros(4, 2)).shape
        torch.Size([4, 5])
    """

    rules = (Init.DEFAULT, Init.CKCONV, Init.FLEXCONV, Init.CCNN)
    fitting_rate = 0.001  # parameters are multiplied by 2π·omega_0, so that a step goes further
    omega: Tensor

    def __init__(
        self,
        dim: int,
        out_channels: int,
        *,
        hidden_channels: int = 32,
        num_layers: int = 3,
        omega_0: float = 1.0,
        init: Init | str = Init.DEFAULT,
        weight_norm: bool = False,
        fan: float = 1.0,
        causal: bool = False,
    ) -> None:
        super().__init__(dim, out_channels, hidden_channels, init=init, fan=fan, causal=causal)
        self.num_layers = check_at_least("num_layers", num_layers, 2)
        self.omega_0 = check_positive("omega_0", omega_0)
        check_flags(weight_norm=weight_norm)
        self.register_buffer("omega", torch.tensor(2.0 * math.pi * omega_0))
        sizes = [dim] + [hidden_channels] * (num_layers - 1)
        self.hidden = nn.ModuleList(empty_linear(*pair) for pair in zip(sizes[:-1], sizes[1:], strict=True))
        self.readout = empty_linear(hidden_channels, out_channels)
        if weight_norm:
            add_weight_norm_([*self.hidden, self.readout])
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew, as the constructor did."""
        with plain_weights(self):
            self.reset_children()
            self._draw([layer for layer in self.hidden if isinstance(layer, nn.Linear)])
            self.scale_readout()

    def _draw(self, layers: list[nn.Linear]) -> None:
        if self.init is Init.CKCONV:
            uniform_(layers[0].weight, 1.0)
            for layer in (*layers, self.readout):
                uniform_(layer.bias, 1.0)
            return
        omega = 2.0 * math.pi * self.omega_0
        inner = math.sqrt(6.0 / self.hidden_channels) / omega
        uniform_(layers[0].weight, self.dim**-0.5 if self.init is Init.DEFAULT else 1.0 / self.dim)
        for layer in layers[1:]:
            uniform_(layer.weight, inner)
        if self.init is Init.FLEXCONV:
            uniform_(self.readout.weight, inner)
            return
        for layer in layers:
            uniform_(layer.bias, math.pi / omega if self.init is Init.DEFAULT else 0.0)
        uniform_(self.readout.weight, math.sqrt(3.0 / self.hidden_channels))
        nn.init.zeros_(self.readout.bias)

    def compute_features(self, u: Tensor) -> Tensor:
        """Features ``[..., H]`` at checked coordinates."""
        for layer in self.hidden:
            u = torch.sin(layer(u) * self.omega)
        return u

    def formula(self) -> Formula | None:
        """Sines of sines, the factor ω within the numbers."""
        numbers = linear_numbers(self.hidden)
        if numbers is None:
            return None
        scaled = tuple(number * self.omega for number in numbers)
        return Formula(Function.SIREN, self.hidden_channels, len(self.hidden) - 1, scaled)

    def filter_frequencies(self, gauss_stddevs: float = 2.0) -> Tensor:
        """Carson's bandwidth through the layers, ``[1]``; see :func:`ccnn_pc.kernels.modulated_frequency`."""
        first, *others = (layer.weight * self.omega for layer in self.hidden if isinstance(layer, nn.Linear))
        frequency = linear_frequency(first)
        for weight in others:
            frequency = modulated_frequency(weight, frequency)
        return frequency.max().view(1)


def angular_omega_0(omega: float) -> float:
    """The ``omega_0`` (cycles per unit of u) that makes a SIREN with the papers' angular factor: ``ω / 2π``.

    Example:
        >>> round(angular_omega_0(30.0), 4)
        4.7746
    """
    return check_positive("omega", omega) / (2.0 * math.pi)
