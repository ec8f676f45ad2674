"""Kernel networks by name, with equal numbers of parameters and with a frequency that the data can show."""

from __future__ import annotations

import enum
import functools
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc.kernels import (
    MLP,
    SIREN,
    FactorizedKernel,
    FourierNet,
    GaborNet,
    MAGNet,
    RandomFourierNet,
    SelfMovingPoints,
    Sine,
)


class KernelFamily(enum.Enum):
    """The kernel networks that can be compared; the last five are perceptrons, named by non-linearity."""

    MAGNET = "magnet"
    GABORNET = "gabornet"
    FOURIERNET = "fouriernet"
    SIREN = "siren"
    RFNET = "rfnet"
    POINTS = "points"
    SINE = "sine"
    GELU = "gelu"
    SWISH = "swish"
    LEAKY_RELU = "leaky_relu"
    RELU = "relu"

    @property
    def rate(self) -> float:
        """Learning rate to start from: 0.01; 0.001 for SIREN, whose parameters are multiplied by 2π·omega_0."""
        return 0.001 if self is KernelFamily.SIREN else 0.01


_CLASSES: dict[KernelFamily, Callable[..., FactorizedKernel]] = {
    KernelFamily.MAGNET: MAGNet,
    KernelFamily.GABORNET: GaborNet,
    KernelFamily.FOURIERNET: FourierNet,
    KernelFamily.SIREN: SIREN,
    KernelFamily.RFNET: RandomFourierNet,
    KernelFamily.POINTS: SelfMovingPoints,
    KernelFamily.SINE: partial(MLP, activation=Sine),
    KernelFamily.GELU: partial(MLP, activation=nn.GELU),
    KernelFamily.SWISH: partial(MLP, activation=nn.SiLU),
    KernelFamily.LEAKY_RELU: partial(MLP, activation=nn.LeakyReLU),
    KernelFamily.RELU: partial(MLP, activation=nn.ReLU),
}


def build_kernel(
    family: KernelFamily, dim: int, *, hidden_channels: int, omega_0: float, seed: int = 0
) -> FactorizedKernel:
    """A new kernel of one output channel, a function of the seed; the global random state stays as it is.

    Tents of :class:`~ccnn_pc.kernels.SelfMovingPoints` reach at least as far as P of them would lie apart on
    a lattice, ``2·P^(-1/D)``, however high ``omega_0``: where no tent reaches, nothing can be learned.

    Args:
        family: which kernel network.
        dim: number of coordinates D.
        hidden_channels: features H (points P).
        omega_0: cycles per unit of u.
        seed: of the parameters.

    Raises:
        ValueError: a count or a number that the kernel cannot have.

    Example:
        >>> build_kernel(KernelFamily.SIREN, 1, hidden_channels=8, omega_0=4.0).hidden_channels
        8
    """
    options: dict[str, Any] = {"hidden_channels": hidden_channels, "omega_0": omega_0}
    if family is KernelFamily.POINTS:
        apart = 2.0 * check_at_least("hidden_channels", hidden_channels, 1) ** (-1.0 / dim)
        options["radius"] = min(max(1.0 / check_positive("omega_0", omega_0), apart), 1.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _CLASSES[family](dim, 1, **options)


@functools.cache
def count_parameters(family: KernelFamily, dim: int, hidden_channels: int) -> int:
    """How many parameters a kernel of this family and size has.

    Example:
        >>> count_parameters(KernelFamily.SIREN, 1, 32) == (32 + 32) + (32 * 32 + 32) + (32 + 1)
        True
    """
    kernel = build_kernel(family, dim, hidden_channels=hidden_channels, omega_0=1.0)
    return sum(p.numel() for p in kernel.parameters())


def hidden_for_budget(family: KernelFamily, dim: int, budget: int) -> int:
    """The number of features whose kernel has as nearly as possible ``budget`` parameters.

    Args:
        family: which kernel network.
        dim: number of coordinates D.
        budget: parameters wanted, at least 1.

    Raises:
        ValueError: ``budget`` below 1.

    Example:
        >>> hidden_for_budget(KernelFamily.POINTS, 1, 1153), hidden_for_budget(KernelFamily.RELU, 1, 1153)
        (384, 32)
    """
    check_at_least("budget", budget, 1)
    unit = 2 if family is KernelFamily.RFNET else 1  # half cosines, half sines
    low, high = 1, 2
    while count_parameters(family, dim, unit * high) < budget:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if count_parameters(family, dim, unit * middle) < budget:
            low = middle
        else:
            high = middle
    return min((unit * low, unit * high), key=lambda h: abs(count_parameters(family, dim, h) - budget))


def data_omega_0(build: Callable[[float], FactorizedKernel], nyquist: float) -> float:
    """The ``omega_0`` with which a new kernel reaches up to the Nyquist frequency of the data and no further.

    Solves ``build(omega_0).max_frequency() = nyquist`` by bisection: the analytic bound of the kernel as it
    is drawn, its fastest units and the products of its filters included. One rule for all kernels;
    :func:`ccnn_pc.kernels.nyquist_omega_0` is the closed form for the mean unit of a MAGNet. Where Gaussians
    alone reach further than the data, a hundredth of ``nyquist`` is left to the sines.

    Args:
        build: the kernel for an ``omega_0``, with the same random numbers every time.
        nyquist: cycles per unit of u, see :func:`ccnn_pc.kernels.nyquist_frequency`.

    Raises:
        ValueError: ``nyquist`` not positive.

    Example:
        >>> build = lambda w: build_kernel(KernelFamily.FOURIERNET, 1, hidden_channels=8, omega_0=w)
        >>> omega_0 = data_omega_0(build, nyquist=50.0)
        >>> round(float(build(omega_0).max_frequency().detach()), 2)
        50.0
    """
    low, high = 0.01 * check_positive("nyquist", nyquist), 4.0 * nyquist
    for _ in range(24):
        middle = math.sqrt(low * high)
        if float(build(middle).max_frequency().detach()) > nyquist:
            high = middle
        else:
            low = middle
    return low
