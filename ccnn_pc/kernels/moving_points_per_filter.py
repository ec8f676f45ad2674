"""Self-moving points with places of their own for every filter (SMPConv on sequences and small images)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc.kernels.base import AbstractKernel, Init, check_init, uniform_
from ccnn_pc.kernels.moving_points import draw_points
from ccnn_pc.kernels.registry import register_kernel
from ccnn_pc.kernels.scaling import support_points

#: Added to the number of tents that touch a place, as in the released code.
COUNT_GUARD = 1e-6
#: Coordinates evaluated at a time when a new kernel is measured.
_CHUNK = 4096


@register_kernel("moving_points_per_filter")
class SelfMovingPointsPerFilter(AbstractKernel):
    r"""Mean of the tents that touch u, at places learned for each filter (SMPConv eq. 1).

    .. math::
        K_{oi}(u) = \frac{\sum_p w_{oip}\, \varphi_{op}(u)}{\#\{p : \varphi_{op}(u) > 0\} + 10^{-6}}, \qquad
        \varphi_{op}(u) = \max(0,\, 1 - \|c_{op} - u\|_1 / r_{op})

    The count is not differentiated, so K jumps where a tent begins to touch. It does not factorise: layers render it on
    grids and pass messages elsewhere. Where no tent reaches K is 0. After each step of the optimiser call
    :meth:`constrain_`.

    Args:
        dim: number of coordinates D.
        out_channels: number of kernel values per position, filters times ``in_channels`` (numbered o * I + i).
        in_channels: values I per filter, which share its points; 1 for depthwise layers.
        num_points: points P of each filter.
        omega_0: ``radius`` is 1/omega_0 (at most ``max_radius``) unless given.
        radius: initial radius r, in units of u. SMPConv: 0.0002 to 0.012 on sequences, 0.12 on CIFAR.
        coord_std: spread of the initial points about 0 (causal: half-normal below 1, of scale 2·coord_std), cut to the
            support; default: uniform over the support. SMPConv: 0.1 on sequences, 0.05 on images.
        min_radius: smallest radius.
        max_radius: largest radius.
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
        min_radius: float = 1e-4,
        max_radius: float = 1.0,
        init: Init = Init.DEFAULT,
        fan: float = 1.0,
        causal: bool = False,
    ) -> None:
        super().__init__(dim, out_channels)
        check_init(init, (Init.DEFAULT, Init.SMPCONV), "SelfMovingPointsPerFilter")
        self.in_channels = check_at_least("in_channels", in_channels, 1)
        self.num_points = check_at_least("num_points", num_points, 1)
        if out_channels % in_channels:
            raise ValueError(
                f"'out_channels' must be a multiple of in_channels = {in_channels} (got {out_channels})"
            )
        self.min_radius = check_positive("min_radius", min_radius)
        self.max_radius = check_positive("max_radius", max_radius)
        if min_radius > max_radius:
            raise ValueError(f"'min_radius' must be at most 'max_radius' = {max_radius} (got {min_radius})")
        check_positive("omega_0", omega_0)
        self.fan = check_positive("fan", fan)
        self.init = init
        start = min(1.0 / omega_0, max_radius) if radius is None else check_positive("radius", radius)
        filters = out_channels // in_channels
        points = draw_points(filters * num_points, dim, coord_std, causal)
        self.coord = nn.Parameter(points.view(filters, num_points, dim))
        self.radius = nn.Parameter(torch.full((filters, num_points), float(start)))
        self.weight = nn.Parameter(torch.empty(filters, in_channels, num_points))
        if init is Init.SMPCONV:
            nn.init.trunc_normal_(self.weight, std=0.02)
            return
        uniform_(self.weight, 1.0)
        with torch.no_grad():
            self.weight.mul_((fan * self._mean_square(start)) ** -0.5)

    def _mean_square(self, radius: float) -> float:
        """Mean of K² over the support, on as many places as narrow tents need."""
        n = 1 << min(16, max(10, math.ceil(self.dim * math.log2(4.0 / radius))))
        parts = support_points(self.dim, n).to(self.weight).split(_CHUNK)
        mean = sum(float(self(u).double().square().sum()) for u in parts) / (n * self.out_channels)
        if mean <= 0.0:
            raise ValueError(f"'radius' must be so large that points touch some of {n} places (got {radius})")
        return mean

    @torch.no_grad()
    def constrain_(self) -> None:
        """Bring all radii back into [``min_radius``, ``max_radius``]; call it after each optimiser step."""
        self.radius.clamp_(self.min_radius, self.max_radius)

    def forward(self, u: Tensor) -> Tensor:
        """Kernel values ``[..., out_channels]`` at coordinates ``u [..., D]``."""
        if u.shape[-1] != self.dim:
            raise ValueError(
                f"'u' must have {self.dim} coordinates in its last axis (got shape {list(u.shape)})"
            )
        with torch.autocast(device_type=u.device.type, enabled=False):
            places = u.to(self.weight.dtype).reshape(-1, 1, 1, self.dim)
            distance = (places[..., 0] - self.coord[..., 0]).abs()
            for d in range(1, self.dim):
                distance = distance + (places[..., d] - self.coord[..., d]).abs()
            tents = (1.0 - distance / self.radius.clamp_min(self.min_radius)).clamp_min(0.0)  # [E, O, P]
            touching = (tents.detach() > 0).sum(-1, keepdim=True).to(tents) + COUNT_GUARD
            values = torch.einsum("eop,oip->eoi", tents / touching, self.weight)
        return values.reshape(*u.shape[:-1], self.out_channels)

    def filter_frequencies(self, gauss_stddevs: float = 2.0) -> Tensor:
        """``1 / min_p r_p`` ``[1]``: the first zero of the narrowest tent's spectrum; its jumps reach beyond."""
        return (1.0 / self.radius.clamp_min(self.min_radius).min()).view(1)

    def extra_repr(self) -> str:
        return (
            f"dim={self.dim}, out_channels={self.out_channels}, in_channels={self.in_channels}, "
            f"num_points={self.num_points}"
        )
