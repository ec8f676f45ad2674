"""Kernels by name, with equal numbers of parameters and with a frequency that the data can show."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc._choices import unknown_name
from ccnn_pc.kernels import AbstractKernel, Activation, kernel_factory, list_kernels


@dataclass(frozen=True)
class KernelFamily:
    """A kernel that can be compared with others.

    Attributes:
        name: see :func:`list_families`.
        factory: makes it, its size, frequency and seed left open.
    """

    name: str
    factory: functools.partial[AbstractKernel]

    @property
    def rate(self) -> float:
        """Learning rate to start from, see :attr:`ccnn_pc.kernels.AbstractKernel.fitting_rate`."""
        return float(self.factory.func.fitting_rate)  # type: ignore[attr-defined]


#: The study of the documentation, under its own names; the last five are perceptrons, named by non-linearity.
STUDIED = {
    family.name: family
    for family in (
        KernelFamily("magnet", kernel_factory("magnet")),
        KernelFamily("gabornet", kernel_factory("gabor")),
        KernelFamily("fouriernet", kernel_factory("fourier")),
        KernelFamily("siren", kernel_factory("siren")),
        KernelFamily("rfnet", kernel_factory("random_fourier")),
        KernelFamily("points", kernel_factory("moving_points")),
        KernelFamily("sine", kernel_factory("mlp", activation=Activation.SINE)),
        KernelFamily("gelu", kernel_factory("mlp", activation=Activation.GELU)),
        KernelFamily("swish", kernel_factory("mlp", activation=Activation.SILU)),
        KernelFamily("leaky_relu", kernel_factory("mlp", activation=Activation.LEAKY_RELU)),
        KernelFamily("relu", kernel_factory("mlp", activation=Activation.RELU)),
    )
}


def list_families() -> list[str]:
    """Names of all families: those of the study, then every other registered kernel.

    Example:
        >>> list_families()[:3], "moving_points_per_filter" in list_families()
        (['magnet', 'gabornet', 'fouriernet'], True)
    """
    return [*STUDIED, *(name for name in list_kernels() if name not in STUDIED)]


@functools.cache
def kernel_family(name: str) -> KernelFamily:
    """A family by its name.

    Raises:
        ValueError: an unknown name; the message lists those there are.

    Example:
        >>> kernel_family("siren").rate
        0.001
    """
    if name not in list_families():
        raise unknown_name("kernel", name, list_families())
    return STUDIED.get(name) or KernelFamily(name, kernel_factory(name))


def build_kernel(
    family: KernelFamily, dim: int, *, size: int, omega_0: float, seed: int = 0
) -> AbstractKernel:
    """A new kernel of one output channel, a function of the seed; the global random state stays as it is.

    Args:
        family: which kernel.
        dim: number of coordinates D.
        size: how large, see :meth:`ccnn_pc.kernels.AbstractKernel.options_of_size`.
        omega_0: cycles per unit of u.
        seed: of the parameters.

    Raises:
        ValueError: a count or a number that the kernel cannot have.

    Example:
        >>> build_kernel(kernel_family("siren"), 1, size=8, omega_0=4.0).hidden_channels
        8
    """
    options = family.factory.func.options_of_size(size, omega_0, dim)  # type: ignore[attr-defined]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return family.factory(dim=dim, out_channels=1, **options)


@functools.cache
def count_parameters(family: KernelFamily, dim: int, size: int) -> int:
    """How many parameters a kernel of this family and size has.

    Example:
        >>> count_parameters(kernel_family("siren"), 1, 32) == (32 + 32) + (32 * 32 + 32) + (32 + 1)
        True
    """
    kernel = build_kernel(family, dim, size=size, omega_0=1.0)
    return sum(p.numel() for p in kernel.parameters())


def size_for_budget(family: KernelFamily, dim: int, budget: int) -> int:
    """The size whose kernel has as nearly as possible ``budget`` parameters.

    Args:
        family: which kernel.
        dim: number of coordinates D.
        budget: parameters wanted, at least 1.

    Raises:
        ValueError: ``budget`` below 1, or a kernel that does not grow with its size.

    Example:
        >>> size_for_budget(kernel_family("points"), 1, 1153), size_for_budget(kernel_family("relu"), 1, 1153)
        (384, 32)
    """
    check_at_least("budget", budget, 1)
    low, high = 1, 2
    while count_parameters(family, dim, high) < budget:
        if high > budget:
            raise ValueError(f"'{family.name}' must grow with its size (options_of_size, {high}: too few)")
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if count_parameters(family, dim, middle) < budget:
            low = middle
        else:
            high = middle
    return min((low, high), key=lambda size: abs(count_parameters(family, dim, size) - budget))


def data_omega_0(build: Callable[[float], AbstractKernel], nyquist: float) -> float:
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
        >>> build = lambda w: build_kernel(kernel_family("fouriernet"), 1, size=8, omega_0=w)
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
