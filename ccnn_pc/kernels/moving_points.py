"""Self-moving points: kernels that interpolate weights at learned places (SMPConv)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc._precision import own_types
from ccnn_pc.kernels.base import AbstractKernel, FactorizedKernel, Init, empty_linear, uniform_
from ccnn_pc.kernels.formula import Formula, Function
from ccnn_pc.kernels.registry import register_kernel
from ccnn_pc.kernels.scaling import scales, support_points

#: The widest tent and, unless told otherwise, the narrowest, in units of u.
MAX_RADIUS, MIN_RADIUS = 1.0, 1e-4
#: Added to the number of tents that touch a place, as in the released code.
COUNT_GUARD = 1e-6
#: Coordinates evaluated at a time when a new kernel is measured.
_CHUNK = 4096


class MovingPoints(AbstractKernel):
    """What kernels of tents share: ``φ_p(u) = max(0, 1 - ‖c_p - u‖₁ / r_p)`` with learned places and radii.

    Sub-classes assign ``coord`` ``[..., P, D]`` and ``radius`` ``[..., P]``, and the weights.

    Args:
        dim: number of coordinates D.
        out_channels: number of kernel values per position.
        omega_0: ``radius`` is 1/omega_0 (at most 1) unless given.
        radius: initial radius r, in units of u.
        coord_std: spread of the initial points, see :class:`SelfMovingPoints`.
        min_radius: smallest radius.
        options: ``init``, ``fan`` and ``causal`` of :class:`ccnn_pc.kernels.AbstractKernel`, and what the
            next class takes.
    """

    rules = (Init.DEFAULT, Init.SMPCONV)
    energy_beyond = 0.02
    coord: nn.Parameter
    radius: nn.Parameter

    def __init__(
        self,
        dim: int,
        out_channels: int,
        *,
        omega_0: float,
        radius: float | None,
        coord_std: float | None,
        min_radius: float = MIN_RADIUS,
        **options: Any,
    ) -> None:
        super().__init__(dim, out_channels, **options)
        self.min_radius = check_positive("min_radius", min_radius)
        if min_radius > MAX_RADIUS:
            raise ValueError(f"'min_radius' must be at most {MAX_RADIUS} (got {min_radius})")
        widest = min(1.0 / check_positive("omega_0", omega_0), MAX_RADIUS)
        self.initial_radius = widest if radius is None else check_positive("radius", radius)
        self.coord_std = None if coord_std is None else check_positive("coord_std", coord_std)

    @torch.no_grad()
    def draw_points(self) -> None:
        """Places uniform over the support, or (half-)normal with ``coord_std`` and cut to it; equal radii."""
        if self.coord_std is None:
            places = 2.0 * torch.rand(self.coord.shape) - 1.0
        else:
            upper = 0.0 if self.causal else 1.0
            places = nn.init.trunc_normal_(torch.empty(self.coord.shape), std=self.coord_std, a=-1.0, b=upper)
            places = 1.0 + 2.0 * places if self.causal else places
        self.coord.copy_(places)
        self.radius.fill_(self.initial_radius)

    @torch.no_grad()
    def constrain_(self) -> None:
        """Bring all radii back into [``min_radius``, 1]; call it after each optimiser step."""
        self.radius.clamp_(self.min_radius, MAX_RADIUS)

    def tents(self, u: Tensor) -> Tensor:
        """``φ(u)`` ``[E, ..., P]`` at coordinates that broadcast against the places: ``[E, ..., 1, D]``."""
        distance = (u[..., 0] - self.coord[..., 0]).abs()
        for d in range(1, self.dim):
            distance = distance + (u[..., d] - self.coord[..., d]).abs()
        return (1.0 - distance / self.radius.clamp_min(self.min_radius)).clamp_min(0.0)

    def filter_frequencies(self, gauss_stddevs: float = 2.0) -> Tensor:
        """``1 / min_p r_p`` ``[1]``, along an axis: the first zero of the narrowest tent's sinc² spectrum.

        99.7 % of a tent's energy lies below it; jumps, where tents are counted, reach beyond.
        """
        return (1.0 / self.radius.clamp_min(self.min_radius).min()).view(1)

    @classmethod
    def options_of_size(cls, size: int, omega_0: float, dim: int) -> dict[str, Any]:
        """``size`` points whose tents reach at least as far as they would lie apart on a lattice.

        That is ``2·P^(-1/D)``, however high ``omega_0``: where no tent reaches, nothing can be learned.
        """
        apart = 2.0 * check_at_least("size", size, 1) ** (-1.0 / dim)
        radius = min(max(1.0 / check_positive("omega_0", omega_0), apart), MAX_RADIUS)
        return {"radius": radius, "omega_0": omega_0}


@register_kernel("moving_points")
class SelfMovingPoints(MovingPoints, FactorizedKernel):
    """Tents at learned points, shared by channels: ``φ_p(u) = max(0, 1 - ‖c_p - u‖₁ / r_p)``, ``K = W φ``.

    The form of SMPConv's large networks: no division by the number of tents that touch u (paper eq. 1
    divides), so that the kernel is continuous and factorises. The read-out has no bias: where no tent
    reaches, K is 0. After each step of the optimiser call :meth:`constrain_`.

    Args:
        dim: number of coordinates D.
        out_channels: number of kernel values per position.
        hidden_channels: number of points P.
        omega_0: ``radius`` is 1/omega_0 (at most 1) unless given: the first zero of a tent's spectrum.
        radius: initial radius r, in units of u; 4/K in SMPConv for a kernel of K taps per axis.
        coord_std: spread of the initial points about 0 (causal: half-normal below 1, of scale 2·coord_std),
            cut to the support; default: uniform over the support. SMPConv has 0.05 to 0.2.
        min_radius: smallest radius (SMPConv: 1e-4, large networks 1e-3); the largest is 1.
        init: ``DEFAULT``; ``SMPCONV`` (read-out truncated normal with deviation 0.02, not scaled by ``fan``).
        fan: the mean of K² over the support is 1/fan.
        causal: current sample at u = 1.

    Raises:
        ValueError: a count below 1, or a number that is not positive.

    Example:
        >>> SelfMovingPoints(2, 3, hidden_channels=9)(torch.zeros(4, 2)).shape
        torch.Size([4, 3])
    """

    def __init__(
        self,
        dim: int,
        out_channels: int,
        *,
        hidden_channels: int = 32,
        omega_0: float = 1.0,
        radius: float | None = None,
        coord_std: float | None = None,
        min_radius: float = MIN_RADIUS,
        init: Init | str = Init.DEFAULT,
        fan: float = 1.0,
        causal: bool = False,
    ) -> None:
        options = {"hidden_channels": hidden_channels, "init": init, "fan": fan, "causal": causal}
        points = {"omega_0": omega_0, "radius": radius, "coord_std": coord_std, "min_radius": min_radius}
        super().__init__(dim, out_channels, **points, **options)  # type: ignore[arg-type]
        self.coord = nn.Parameter(torch.empty(hidden_channels, dim))
        self.radius = nn.Parameter(torch.empty(hidden_channels))
        self.readout = empty_linear(hidden_channels, out_channels, bias=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew, as the constructor did."""
        self.draw_points()
        self.reset_children()
        if self.init is Init.SMPCONV:
            nn.init.trunc_normal_(self.readout.weight, std=0.02)
        else:
            uniform_(self.readout.weight, (3.0 / self.hidden_channels) ** 0.5)
        self.scale_readout()

    def compute_features(self, u: Tensor) -> Tensor:
        """Features ``[..., P]`` at checked coordinates."""
        return self.tents(u[..., None, :])

    def formula(self) -> Formula | None:
        """Tents."""
        steepness = self.radius.clamp_min(self.min_radius).reciprocal()
        return Formula(Function.TENTS, self.hidden_channels, 0, (self.coord, steepness))

    @classmethod
    def options_of_size(cls, size: int, omega_0: float, dim: int) -> dict[str, Any]:
        """As for all kernels of tents, with ``size`` points."""
        return {"hidden_channels": size, **super().options_of_size(size, omega_0, dim)}


@register_kernel("moving_points_per_filter")
class SelfMovingPointsPerFilter(MovingPoints):
    r"""Mean of the tents that touch u, at places learned for each filter (SMPConv eq. 1).

    .. math::
        K_{oi}(u) = \frac{\sum_p w_{oip}\, \varphi_{op}(u)}{\#\{p : \varphi_{op}(u) > 0\} + 10^{-6}}, \qquad
        \varphi_{op}(u) = \max(0,\, 1 - \|c_{op} - u\|_1 / r_{op})

    The form of SMPConv on sequences and small images. The count is not differentiated, so K jumps where a tent
    begins to touch. It does not factorise: layers render it on grids and pass messages elsewhere. Where no tent
    reaches K is 0. After each step of the optimiser call :meth:`constrain_`.

    Args:
        dim: number of coordinates D.
        out_channels: number of kernel values per position, filters times ``in_channels`` (numbered o * I + i).
        in_channels: values I per filter, which share its points; 1 for depthwise layers.
        num_points: points P of each filter.
        omega_0: ``radius`` is 1/omega_0 (at most 1) unless given.
        radius: initial radius r, in units of u. SMPConv: 0.0002 to 0.012 on sequences, 0.12 on CIFAR.
        coord_std: spread of the initial points about 0 (causal: half-normal below 1, of scale 2·coord_std), cut to the
            support; default: uniform over the support. SMPConv: 0.1 on sequences, 0.05 on images.
        init: ``DEFAULT``; ``SMPCONV`` (weights truncated normal with deviation 0.02, whatever ``fan``).
        fan: the mean of K² over the support is 1/fan.
        causal: current sample at u = 1.

    Raises:
        ValueError: a count below 1, ``out_channels`` that are no multiple of ``in_channels``, a number that is not
            positive, or radii so small that no point is seen.

    Example:
        >>> kernel = SelfMovingPointsPerFilter(2, 12, in_channels=3, num_points=5)
        >>> kernel(torch.zeros(7, 2)).shape
        torch.Size([7, 12])
        >>> sum(p.numel() for p in kernel.parameters()) == 4 * 5 * (2 + 1) + 12 * 5
        True
    """

    energy_beyond = 0.04  # jumps decay as 1/f²

    def __init__(
        self,
        dim: int,
        out_channels: int,
        *,
        in_channels: int = 1,
        num_points: int = 30,
        omega_0: float = 1.0,
        radius: float | None = None,
        coord_std: float | None = None,
        init: Init | str = Init.DEFAULT,
        fan: float = 1.0,
        causal: bool = False,
    ) -> None:
        options = {"init": init, "fan": fan, "causal": causal}
        points = {"omega_0": omega_0, "radius": radius, "coord_std": coord_std}
        super().__init__(dim, out_channels, **points, **options)  # type: ignore[arg-type]
        self.in_channels = check_at_least("in_channels", in_channels, 1)
        self.num_points = check_at_least("num_points", num_points, 1)
        if out_channels % in_channels:
            raise ValueError(
                f"'out_channels' must be a multiple of in_channels = {in_channels} (got {out_channels})"
            )
        filters = out_channels // in_channels
        self.coord = nn.Parameter(torch.empty(filters, num_points, dim))
        self.radius = nn.Parameter(torch.empty(filters, num_points))
        self.weight = nn.Parameter(torch.empty(filters, in_channels, num_points))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw all parameters anew, as the constructor did."""
        self.draw_points()
        if self.init is Init.SMPCONV:
            nn.init.trunc_normal_(self.weight, std=0.02)
        else:
            uniform_(self.weight, 1.0)
            if scales():
                self.weight.mul_((self.fan * self._mean_square()) ** -0.5)

    def _mean_square(self) -> float:
        """Mean of K² over the support, on as many places as narrow tents need."""
        radius = self.initial_radius
        n = 1 << min(16, max(10, math.ceil(self.dim * math.log2(4.0 / radius))))
        parts = support_points(self.dim, n).to(self.weight).split(_CHUNK)
        mean = sum(float(self(u).double().square().sum()) for u in parts) / (n * self.out_channels)
        if mean <= 0.0:
            raise ValueError(f"'radius' must be so large that points touch some of {n} places (got {radius})")
        return mean

    def forward(self, u: Tensor) -> Tensor:
        """Kernel values ``[..., out_channels]`` at coordinates ``u [..., D]``."""
        self.check_coordinates(u)
        with own_types(u.device.type):
            tents = self.tents(u.to(self.weight.dtype).reshape(-1, 1, 1, self.dim))  # [E, O, P]
            touching = (tents.detach() > 0).sum(-1, keepdim=True).to(tents) + COUNT_GUARD
            values = torch.einsum("eop,oip->eoi", tents / touching, self.weight)
        return values.reshape(*u.shape[:-1], self.out_channels)

    @classmethod
    def options_of_size(cls, size: int, omega_0: float, dim: int) -> dict[str, Any]:
        """As for all kernels of tents, with ``size`` points per filter."""
        return {"num_points": size, **super().options_of_size(size, omega_0, dim)}

    def extra_repr(self) -> str:
        return (
            f"dim={self.dim}, out_channels={self.out_channels}, in_channels={self.in_channels}, "
            f"num_points={self.num_points}"
        )
