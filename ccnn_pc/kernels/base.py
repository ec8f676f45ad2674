"""What every kernel is: a function of kernel coordinates, ``[..., D] -> [..., out_channels]``."""

from __future__ import annotations

import abc
import enum

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc._precision import SinglePrecision
from ccnn_pc.kernels.scaling import scale_readout_, support_points
from ccnn_pc.kernels.weight_norm import scale_weight_


class Init(enum.Enum):
    """How the parameters of a kernel network are drawn.

    ``DEFAULT`` is this library's rule: random phases, and the read-out scaled so that the mean of K² over
    the support is ``1 / fan``. The others are what the released code of the papers draws; they keep its
    variance, whatever it is.
    """

    DEFAULT = "default"
    CKCONV = "ckconv"
    FLEXCONV = "flexconv"
    CCNN = "ccnn"
    SMPCONV = "smpconv"


class AbstractKernel(SinglePrecision, abc.ABC):
    """Kernel values at kernel coordinates: ``u [..., D] -> [..., out_channels]``, no window, no support test.

    Parameters stay float32 or float64 in ``model.bfloat16()`` and ``model.half()``: a phase in bfloat16 is noise.

    Args:
        dim: number of coordinates D, at least 1.
        out_channels: number of kernel values per position, at least 1.

    Raises:
        ValueError: ``dim`` or ``out_channels`` below 1.
    """

    def __init__(self, dim: int, out_channels: int) -> None:
        super().__init__()
        self.dim = check_at_least("dim", dim, 1)
        self.out_channels = check_at_least("out_channels", out_channels, 1)

    @abc.abstractmethod
    def forward(self, u: Tensor) -> Tensor:
        """Kernel values ``[..., out_channels]`` at coordinates ``u [..., D]``."""

    @abc.abstractmethod
    def filter_frequencies(self, gauss_stddevs: float = 2.0) -> Tensor:
        """Upper bounds ``[F]`` on the frequency of each multiplied filter, in cycles per unit of u.

        F = 1 where nothing is multiplied. The c = ``gauss_stddevs`` standard deviations of a Gaussian count.
        """

    def constrain_(self) -> None:  # noqa: B027  (most kernels have no constraint)
        """Bring parameters back into their range; trainings call it after every step of the optimiser."""

    def max_frequency(self, gauss_stddevs: float = 2.0) -> Tensor:
        """Upper bound on the kernel's frequency, in cycles per unit of u: frequencies of factors add."""
        return self.filter_frequencies(gauss_stddevs).sum()


class FactorizedKernel(AbstractKernel):
    """A kernel that ends in a linear read-out: ``K(u) = readout(features(u))``.

    Layers use the factors to move the read-out out of the sum over neighbours. Sub-classes write
    :meth:`_features` and assign :attr:`readout`; both see float32 or float64 only, also under autocast,
    because a phase in bfloat16 is noise.

    Args:
        dim: number of coordinates D.
        out_channels: number of kernel values per position.
        hidden_channels: number of features H, at least 1.
    """

    readout: nn.Linear

    def __init__(self, dim: int, out_channels: int, hidden_channels: int) -> None:
        super().__init__(dim, out_channels)
        self.hidden_channels = check_at_least("hidden_channels", hidden_channels, 1)

    @abc.abstractmethod
    def _features(self, u: Tensor) -> Tensor:
        """Features ``[..., H]`` at checked coordinates, outside of autocast."""

    def features(self, u: Tensor) -> Tensor:
        """Features ``[..., H]`` at coordinates ``u [..., D]``.

        Raises:
            ValueError: the last axis of ``u`` is not D long.
        """
        if u.shape[-1] != self.dim:
            raise ValueError(
                f"'u' must have {self.dim} coordinates in its last axis (got shape {list(u.shape)})"
            )
        with torch.autocast(device_type=u.device.type, enabled=False):
            return self._features(u.to(self.readout.weight.dtype))

    def forward(self, u: Tensor) -> Tensor:
        """Kernel values ``[..., out_channels]`` at coordinates ``u [..., D]``."""
        features = self.features(u)
        with torch.autocast(device_type=u.device.type, enabled=False):
            return self.readout(features)

    def _finish(self, init: Init, fan: float) -> None:
        """Give the read-out the variance that ``init`` asks for; the last line of every constructor."""
        self.fan = check_positive("fan", fan)
        self.init = init
        if init is Init.DEFAULT:
            scale_readout_(self, 1.0 / fan, support_points(self.dim))
        elif init is Init.CCNN:
            scale_weight_(self.readout, fan**-0.5)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, out_channels={self.out_channels}, hidden_channels={self.hidden_channels}"


def check_init(init: Init, allowed: tuple[Init, ...], kernel: str) -> Init:
    """``init`` must be one of the rules that this kernel knows.

    Raises:
        ValueError: another one.
    """
    if init not in allowed:
        names = ", ".join(f"Init.{rule.name}" for rule in allowed)
        raise ValueError(f"'init' of {kernel} must be one of {names} (got {init})")
    return init


def uniform_(tensor: Tensor, bound: float) -> Tensor:
    """Fill with U(-bound, bound)."""
    return nn.init.uniform_(tensor, -bound, bound)
