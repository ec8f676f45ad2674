"""Self-moving points: kernels that interpolate weights at learned places (SMPConv)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_positive
from ccnn_pc.kernels.base import FactorizedKernel, Init, check_init, uniform_
from ccnn_pc.kernels.registry import register_kernel


@register_kernel("moving_points")
class SelfMovingPoints(FactorizedKernel):
    """Tents at learned points, shared by channels: ``φ_p(u) = max(0, 1 - ‖c_p - u‖₁ / r_p)``, ``K = W φ``.

    The form of SMPConv's large networks: no division by the number of tents that touch u (paper eq. 1
    divides), so that the kernel is continuous and factorises. The read-out has no bias: where no tent
    reaches, K is 0. After each step of the optimiser call :meth:`constrain_`.

    Args:
        dim: number of coordinates D.
        out_channels: number of kernel values per position.
        hidden_channels: number of points P.
        omega_0: ``radius`` is 1/omega_0 (at most ``max_radius``) unless given: the first zero of a tent's
            spectrum.
        radius: initial radius r, in units of u; 4/K in SMPConv for a kernel of K taps per axis.
        coord_std: spread of the initial points about 0 (causal: half-normal below 1, of scale 2·coord_std),
            cut to the support; default: uniform over the support. SMPConv has 0.05 to 0.2.
        min_radius: smallest radius (SMPConv: 1e-4, large networks 1e-3).
        max_radius: largest radius.
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
        min_radius: float = 1e-4,
        max_radius: float = 1.0,
        init: Init = Init.DEFAULT,
        fan: float = 1.0,
        causal: bool = False,
    ) -> None:
        super().__init__(dim, out_channels, hidden_channels)
        check_init(init, (Init.DEFAULT, Init.SMPCONV), "SelfMovingPoints")
        self.min_radius = check_positive("min_radius", min_radius)
        self.max_radius = check_positive("max_radius", max_radius)
        if min_radius > max_radius:
            raise ValueError(f"'min_radius' must be at most 'max_radius' = {max_radius} (got {min_radius})")
        check_positive("omega_0", omega_0)
        start = min(1.0 / omega_0, max_radius) if radius is None else check_positive("radius", radius)
        self.coord = nn.Parameter(draw_points(hidden_channels, dim, coord_std, causal))
        self.radius = nn.Parameter(torch.full((hidden_channels,), float(start)))
        self.readout = nn.Linear(hidden_channels, out_channels, bias=False)
        if init is Init.SMPCONV:
            nn.init.trunc_normal_(self.readout.weight, std=0.02)
        else:
            uniform_(self.readout.weight, (3.0 / hidden_channels) ** 0.5)
        self._finish(init, fan)

    @torch.no_grad()
    def constrain_(self) -> None:
        """Bring all radii back into [``min_radius``, ``max_radius``]; call it after each optimiser step."""
        self.radius.clamp_(self.min_radius, self.max_radius)

    def _features(self, u: Tensor) -> Tensor:
        distance = (u[..., :1] - self.coord[:, 0]).abs()
        for d in range(1, self.dim):
            distance = distance + (u[..., d : d + 1] - self.coord[:, d]).abs()
        return (1.0 - distance / self.radius.clamp_min(self.min_radius)).clamp_min(0.0)

    def filter_frequencies(self, gauss_stddevs: float = 2.0) -> Tensor:
        """``1 / min_p r_p`` ``[1]``, along an axis: the first zero of the narrowest tent's sinc² spectrum.

        99.7 % of a tent's energy lies below it.
        """
        return (1.0 / self.radius.clamp_min(self.min_radius).min()).view(1)


def draw_points(count: int, dim: int, coord_std: float | None, causal: bool) -> Tensor:
    """Initial places ``[count, D]``, see :class:`SelfMovingPoints`; half-normal below 1 when causal."""
    if coord_std is None:
        return 2.0 * torch.rand(count, dim) - 1.0
    check_positive("coord_std", coord_std)
    points = torch.empty(count, dim)
    if causal:
        return 1.0 + 2.0 * nn.init.trunc_normal_(points, std=coord_std, a=-1.0, b=0.0)
    return nn.init.trunc_normal_(points, std=coord_std, a=-1.0, b=1.0)
