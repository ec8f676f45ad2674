"""What every kernel is: a function of kernel coordinates, ``[..., D] -> [..., out_channels]``."""

from __future__ import annotations

import abc
import enum
from typing import Any, ClassVar

from torch import Tensor, nn

from ccnn_pc._autograd import check_outside_of_torch_func
from ccnn_pc._checks import check_at_least, check_flags, check_positive
from ccnn_pc._choices import choice
from ccnn_pc._precision import SinglePrecision, own_types
from ccnn_pc.kernels.formula import Formula
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

    Constructors make parameters without drawing them (``torch.empty``, :func:`empty_linear`) and end with
    :meth:`reset_parameters`: with one seed both then draw the same values.

    Args:
        dim: number of coordinates D, at least 1.
        out_channels: number of kernel values per position, at least 1.
        init: the rule that parameters are drawn by, one of :attr:`rules`.
        fan: what the mean of K² over the support is the inverse of, for a new kernel; above 0.
        causal: whether u = 1 is the current sample.

    Raises:
        ValueError: ``dim`` or ``out_channels`` below 1, ``fan`` not positive, a rule that the kernel does not
            know.
    """

    #: Rules of :class:`Init` that the kernel knows.
    rules: ClassVar[tuple[Init, ...]] = (Init.DEFAULT,)
    #: Share of the energy that may lie beyond :meth:`max_frequency`.
    energy_beyond: ClassVar[float] = 1e-3
    #: Learning rate of Adam to start from, where a kernel is fitted to known values.
    fitting_rate: ClassVar[float] = 0.01

    def __init__(
        self,
        dim: int,
        out_channels: int,
        *,
        init: Init | str = Init.DEFAULT,
        fan: float = 1.0,
        causal: bool = False,
    ) -> None:
        check_outside_of_torch_func("a kernel")
        super().__init__()
        self.dim = check_at_least("dim", dim, 1)
        self.out_channels = check_at_least("out_channels", out_channels, 1)
        self.init = choice("init", init, Init)
        if self.init not in self.rules:
            known = ", ".join(f"Init.{rule.name}" for rule in self.rules)
            raise ValueError(f"'init' of {type(self).__name__} must be one of {known} (got {self.init})")
        self.fan = check_positive("fan", fan)
        check_flags(causal=causal)
        self.causal = causal

    @abc.abstractmethod
    def forward(self, u: Tensor) -> Tensor:
        """Kernel values ``[..., out_channels]`` at coordinates ``u [..., D]``."""

    @abc.abstractmethod
    def filter_frequencies(self, gauss_stddevs: float = 2.0) -> Tensor:
        """Upper bounds ``[F]`` on the frequency of each multiplied filter, in cycles per unit of u.

        F = 1 where nothing is multiplied. The c = ``gauss_stddevs`` standard deviations of a Gaussian count.
        """

    @abc.abstractmethod
    def reset_parameters(self) -> None:
        """Draw all parameters anew, as the constructor did; buffers stay."""

    def reset_children(self) -> None:
        """Draw the parameters of all layers inside by their own rules, in the order in which they were made."""
        for module in self.modules():
            reset = getattr(module, "reset_parameters", None)
            if module is not self and callable(reset):
                reset()

    def constrain_(self) -> None:  # noqa: B027  (most kernels have no constraint)
        """Bring parameters back into their range; trainings call it after every step of the optimiser."""

    def max_frequency(self, gauss_stddevs: float = 2.0) -> Tensor:
        """Upper bound on the kernel's frequency, in cycles per unit of u: frequencies of factors add."""
        return self.filter_frequencies(gauss_stddevs).sum()

    @classmethod
    def options_of_size(cls, size: int, omega_0: float, dim: int) -> dict[str, Any]:
        """Options of a kernel with ``size`` times its smallest number of units and a frequency near ``omega_0``.

        Studies that compare kernels ask for it (``ccnn-pc fit``); kernels whose options have other names
        override it.

        Example:
            >>> from ccnn_pc.kernels import SIREN, RandomFourierNet
            >>> SIREN.options_of_size(8, 2.0, dim=1), RandomFourierNet.options_of_size(8, 2.0, dim=1)
            ({'hidden_channels': 8, 'omega_0': 2.0}, {'hidden_channels': 16, 'omega_0': 2.0})
        """
        return {"hidden_channels": size, "omega_0": omega_0}

    def check_coordinates(self, u: Tensor) -> None:
        """The last axis of ``u`` must be D long.

        Raises:
            ValueError: another number of coordinates.
        """
        if u.shape[-1] != self.dim:
            raise ValueError(
                f"'u' must have {self.dim} coordinates in its last axis (got shape {list(u.shape)})"
            )


class FactorizedKernel(AbstractKernel):
    """A kernel that ends in a linear read-out: ``K(u) = readout(features(u))``.

    Layers use the factors to move the read-out out of the sum over neighbours. Sub-classes write
    :meth:`compute_features`, assign :attr:`readout` and end :meth:`reset_parameters` with
    :meth:`scale_readout`; features and read-out see float32 or float64 only, also under autocast, because a
    phase in bfloat16 is noise.

    Args:
        dim: number of coordinates D.
        out_channels: number of kernel values per position.
        hidden_channels: number of features H, at least 1.
        options: ``init``, ``fan`` and ``causal`` of :class:`AbstractKernel`.
    """

    readout: nn.Linear

    def __init__(self, dim: int, out_channels: int, hidden_channels: int, **options: Any) -> None:
        super().__init__(dim, out_channels, **options)
        self.hidden_channels = check_at_least("hidden_channels", hidden_channels, 1)

    @abc.abstractmethod
    def compute_features(self, u: Tensor) -> Tensor:
        """Features ``[..., H]`` at checked coordinates, in the type of the read-out, outside of autocast."""

    def features(self, u: Tensor) -> Tensor:
        """Features ``[..., H]`` at coordinates ``u [..., D]``.

        Raises:
            ValueError: the last axis of ``u`` is not D long.
        """
        self.check_coordinates(u)
        with own_types(u.device.type):
            return self.compute_features(u.to(self.readout.weight.dtype))

    def forward(self, u: Tensor) -> Tensor:
        """Kernel values ``[..., out_channels]`` at coordinates ``u [..., D]``."""
        features = self.features(u)
        with own_types(u.device.type):
            return self.readout(features)

    def formula(self) -> Formula | None:
        """Which known function of u the features are, with its numbers; None where they are no such function.

        Native operators compute it without calling the kernel. It holds for the class that writes it: see
        :func:`ccnn_pc.kernels.formula.formula_of`.
        """
        return None

    def scale_readout(self) -> None:
        """Give the read-out the variance that ``init`` asks for; the last line of :meth:`reset_parameters`.

        ``DEFAULT``: the mean of K² over the support becomes 1/fan. ``CCNN``: the weight is divided by √fan,
        unseen. Other rules keep what was drawn.
        """
        if self.init is Init.DEFAULT:
            scale_readout_(self, 1.0 / self.fan, support_points(self.dim))
        elif self.init is Init.CCNN:
            scale_weight_(self.readout, self.fan**-0.5)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, out_channels={self.out_channels}, hidden_channels={self.hidden_channels}"


def empty_linear(in_features: int, out_features: int, bias: bool = True) -> nn.Linear:
    """A linear layer whose numbers nobody has drawn yet, as ``torch.empty`` is a tensor of that kind.

    Example:
        >>> import torch
        >>> state = torch.get_rng_state()
        >>> empty_linear(2, 3).weight.shape, torch.equal(torch.get_rng_state(), state)
        (torch.Size([3, 2]), True)
    """
    layer: nn.Linear = _Undrawn(in_features, out_features, bias=bias)
    layer.__class__ = nn.Linear
    return layer


class _Undrawn(nn.Linear):
    def reset_parameters(self) -> None:
        """Nothing is drawn."""


def uniform_(tensor: Tensor, bound: float) -> Tensor:
    """Fill with U(-bound, bound)."""
    return nn.init.uniform_(tensor, -bound, bound)
