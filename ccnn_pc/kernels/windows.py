"""Windows: multiplicative envelopes that tell how far a kernel reaches (FlexConv's learnable masks)."""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least, check_flags, check_fraction
from ccnn_pc._precision import SinglePrecision
from ccnn_pc.kernels.registry import register_window


class AbstractWindow(SinglePrecision, abc.ABC):
    """An envelope in kernel coordinates: ``u [..., D] -> [..., 1]``, at most 1; float32 or float64, as kernels are."""

    def __init__(self, dim: int, causal: bool = False) -> None:
        super().__init__()
        self.dim = check_at_least("dim", dim, 1)
        check_flags(causal=causal)
        self.causal = causal

    @abc.abstractmethod
    def forward(self, u: Tensor) -> Tensor:
        """Window values ``[..., 1]`` at coordinates ``u [..., D]``."""

    def gaussian(self) -> tuple[Tensor, Tensor] | None:
        """Mean and precision p ``[D]`` where the window is ``exp(-Σ_d p_d (u_d - μ_d)²)``; None where it is not.

        Holds for the class that writes it, as :meth:`ccnn_pc.kernels.FactorizedKernel.formula` does.
        """
        return None

    @abc.abstractmethod
    def reset_parameters(self) -> None:
        """Set all parameters as the constructor did; buffers stay."""

    @abc.abstractmethod
    def support(self, threshold: float) -> tuple[Tensor, Tensor]:
        """Corners ``[D]`` of the box in [-1, 1]^D outside of which the window is below ``threshold``."""

    @abc.abstractmethod
    def reach(self, extent: Tensor, threshold: float) -> Tensor:
        """Distance from the query, in position units, beyond which the window is below ``threshold``."""

    @abc.abstractmethod
    def max_frequency(self, gauss_stddevs: float = 2.0) -> Tensor:
        """Frequency that the window adds to a kernel's, in cycles per unit of u."""


@register_window("none")
class NoWindow(AbstractWindow):
    """The constant window 1: the kernel uses its whole support.

    Example:
        >>> NoWindow(2)(torch.zeros(3, 2)).shape
        torch.Size([3, 1])
    """

    _device: Tensor

    def __init__(self, dim: int, *, causal: bool = False) -> None:
        super().__init__(dim, causal)
        self.register_buffer("_device", torch.zeros(()), persistent=False)

    def reset_parameters(self) -> None:
        """There are none."""

    def forward(self, u: Tensor) -> Tensor:
        """Ones ``[..., 1]``, in the type of ``u``."""
        return u.new_ones(*u.shape[:-1], 1)

    def gaussian(self) -> tuple[Tensor, Tensor] | None:
        """A Gaussian without precision."""
        zero = self._device.expand(self.dim)
        return zero, zero

    def support(self, threshold: float) -> tuple[Tensor, Tensor]:
        check_fraction("threshold", threshold)
        one = torch.ones_like(self._device).expand(self.dim)
        return -one, one

    def reach(self, extent: Tensor, threshold: float) -> Tensor:
        check_fraction("threshold", threshold)
        return extent.new_full((), math.inf)

    def max_frequency(self, gauss_stddevs: float = 2.0) -> Tensor:
        return torch.zeros_like(self._device)


@register_window("gaussian")
class GaussianWindow(AbstractWindow):
    """Gaussian window ``m(u) = exp(-½ Σ_d (u_d - μ_d)² / (σ_d² + min_width²))``, σ learnable (FlexConv).

    The guard ``min_width`` keeps the gradient finite at σ = 0; its default is the 1e-8 that the released
    grid code adds to σ². With ``min_width=0`` the window is exactly the released point-cloud and FlexConv
    one. σ may be negative.

    Args:
        dim: number of coordinates D.
        width: initial σ in kernel coordinates, one number or one per axis.
        mean: centre μ, one number or one per axis; default 0 (the query), or 1 (the current sample) when
            causal.
        isotropic: one σ for all axes; default: yes for D = 3, no otherwise.
        learn_mean: make μ a parameter instead of a buffer.
        causal: current sample at u = 1.
        min_width: guard, in kernel coordinates.

    Raises:
        ValueError: a negative or infinite ``width`` or ``min_width``, or not one number per axis.

    Example:
        >>> window = GaussianWindow(1, width=0.5)
        >>> round(window(torch.tensor([[0.5]])).item(), 4)   # one standard deviation: exp(-1/2)
        0.6065
    """

    mean: Tensor

    def __init__(
        self,
        dim: int,
        *,
        width: float | Sequence[float] = 0.5,
        mean: float | Sequence[float] | None = None,
        isotropic: bool | None = None,
        learn_mean: bool = False,
        causal: bool = False,
        min_width: float = 1e-4,
    ) -> None:
        super().__init__(dim, causal)
        self.isotropic = dim == 3 if isotropic is None else isotropic
        check_flags(isotropic=self.isotropic, learn_mean=learn_mean)
        widths = _numbers("width", width, 1 if self.isotropic else dim)
        if bool((widths < 0).any()):
            raise ValueError(f"'width' must be at least 0 (got {width})")
        if not 0.0 <= min_width < math.inf:
            raise ValueError(f"'min_width' must be at least 0 and finite (got {min_width})")
        self.min_width = float(min_width)
        self.width = nn.Parameter(torch.empty_like(widths))
        centre = _numbers("mean", (1.0 if causal else 0.0) if mean is None else mean, dim)
        if learn_mean:
            self.mean = nn.Parameter(torch.empty_like(centre))
        else:
            self.register_buffer("mean", centre)
        self._initial = {"width": widths.tolist(), "mean": centre.tolist()}
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Set width and, where it is learned, mean as the constructor did."""
        for name, parameter in self.named_parameters():
            parameter.copy_(torch.tensor(self._initial[name]))

    @property
    def effective_width(self) -> Tensor:
        """``√(σ² + min_width²)``, ``[D]``."""
        return (self.width.square() + self.min_width**2).sqrt().expand(self.dim)

    def forward(self, u: Tensor) -> Tensor:
        """Window values ``[..., 1]``, float32 or better, at coordinates ``u [..., D]``.

        Raises:
            ValueError: the last axis of ``u`` is not D long.
        """
        if u.shape[-1] != self.dim:
            raise ValueError(
                f"'u' must have {self.dim} coordinates in its last axis (got shape {list(u.shape)})"
            )
        offset = u.to(self.width.dtype) - self.mean
        precision = -0.5 / (self.width.square() + self.min_width**2)
        return (offset.square() * precision).sum(dim=-1, keepdim=True).exp()

    def gaussian(self) -> tuple[Tensor, Tensor] | None:
        """Mean and ``1 / 2(σ² + min_width²)``."""
        precision = 0.5 / (self.width.square() + self.min_width**2)
        return self.mean, precision.expand(self.dim)

    @torch.no_grad()
    def support(self, threshold: float) -> tuple[Tensor, Tensor]:
        """Corners ``μ ∓ √(σ² + min_width²)·√(-2 ln θ)``, clamped to [-1, 1]; the whole box for θ = 0.

        Raises:
            ValueError: ``threshold`` not in [0, 1).
        """
        root = self.effective_width * _deviations(threshold)
        return (self.mean - root).clamp(-1.0, 1.0), (self.mean + root).clamp(-1.0, 1.0)

    @torch.no_grad()
    def reach(self, extent: Tensor, threshold: float) -> Tensor:
        """``R = max_d(extent_d |σ_d|)·√(-2 ln θ) + ‖extent ⊙ μ‖``: beyond it the window is below θ.

        Causal kernel coordinates run twice as fast and have the query at 1: ``extent/2`` and ``μ - 1`` take
        their places.

        Args:
            extent: reach of the kernel ``[D]`` (or one number), in position units.
            threshold: θ in [0, 1); 0 gives inf.

        Raises:
            ValueError: ``threshold`` not in [0, 1).
        """
        scale = torch.as_tensor(extent, dtype=self.width.dtype, device=self.width.device).expand(self.dim)
        shift = self.mean
        if self.causal:
            scale, shift = scale / 2.0, shift - 1.0
        radius = (scale * self.effective_width).max() * _deviations(threshold)
        return radius + torch.linalg.vector_norm(scale * shift)

    def max_frequency(self, gauss_stddevs: float = 2.0) -> Tensor:
        """``c / (2π min_d σ_d)``, in cycles per unit of u: c standard deviations of the window's spectrum."""
        return gauss_stddevs / (2.0 * math.pi * self.effective_width.min())

    def extra_repr(self) -> str:
        return f"dim={self.dim}, isotropic={self.isotropic}, causal={self.causal}, min_width={self.min_width}"


def _deviations(threshold: float) -> float:
    """How many standard deviations out a Gaussian falls to ``threshold``."""
    check_fraction("threshold", threshold)
    return math.sqrt(-2.0 * math.log(threshold)) if threshold > 0.0 else math.inf


def _numbers(name: str, value: float | Sequence[float], count: int) -> Tensor:
    """One number, or ``count`` of them, as a tensor ``[count]`` of the default type."""
    tensor = torch.as_tensor(value, dtype=torch.get_default_dtype()).detach().clone()
    if tensor.dim() == 0:
        tensor = tensor.repeat(count)
    if tensor.shape != (count,):
        raise ValueError(f"'{name}' must be one number or {count} of them (got {value})")
    if not bool(torch.isfinite(tensor).all()):
        raise ValueError(f"'{name}' must be finite (got {value})")
    return tensor
