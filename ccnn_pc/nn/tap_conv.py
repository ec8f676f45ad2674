"""Ordinary convolutions on grids: a number per tap."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ccnn_pc._checks import check_at_least, check_extent, check_flags, check_positive
from ccnn_pc._precision import keeping_single
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.grid.grid import Boundary, Grid
from ccnn_pc.nn.located import as_grid, check_samples, plain
from ccnn_pc.ops.grids.convolution import grid_convolution

#: How far a ratio of spacings may be off a whole number.
_WHOLE = 1e-4


class TapConv(nn.Module):
    r"""Convolution on a grid with a number per tap, dense or depthwise: the small branch of SMPConv's layers.

    .. math:: y_i = \sum_t k_t\, x_{i + t - a} + b

    Taps have a place in space, ``spacing`` apart. On a grid r times as fine (a whole number per axis) they stay there
    and read every r-th sample, so that the layer is the same function of position.

    Args:
        in_channels: C_in.
        out_channels: C_out; C_in if depthwise.
        taps: taps per axis K, one number or one per axis.
        dim: axes D of the grid.
        spacing: distance of the taps, in position units.
        causal: the newest tap reads the sample itself (one axis); else the middle one, K // 2.
        depthwise: one kernel per channel.
        bias: add one.
        std: deviation of the initial taps (normal, cut at two deviations); None: one that keeps the variance.

    Shapes:
        * ``[n, C_in]`` on a :class:`Grid` of n samples, to ``[n, C_out]``.
        * an array ``[B, C_in, *S]`` alone, samples as far apart as the taps, to ``[B, C_out, *S]``.

    Raises:
        ValueError: sizes below 1, depthwise with another C_out, causal with several axes; at the call: another number
            of axes or channels, a grid that is not a whole number of times as fine.
        TypeError: at the call, a domain that is no grid.

    Example:
        >>> conv = TapConv(3, 8, 5, dim=1, causal=True)
        >>> conv(torch.rand(20, 3), Grid((10,), batch_size=2)).shape
        torch.Size([20, 8])
    """

    spacing: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        taps: int | Sequence[int],
        *,
        dim: int,
        spacing: float | Sequence[float] = 1.0,
        causal: bool = False,
        depthwise: bool = False,
        bias: bool = True,
        std: float | None = None,
    ) -> None:
        check_flags(causal=causal, depthwise=depthwise, bias=bias)
        super().__init__()
        self.in_channels = check_at_least("in_channels", in_channels, 1)
        self.out_channels = check_at_least("out_channels", out_channels, 1)
        self.dim = check_at_least("dim", dim, 1)
        sizes = [taps] * dim if isinstance(taps, int) else list(taps)
        self.taps = tuple(check_at_least("taps", k, 1) for k in sizes)
        if len(self.taps) != dim:
            raise ValueError(f"'taps' must be one number or one for each of the {dim} axes (got {taps})")
        if depthwise and in_channels != out_channels:
            raise ValueError(f"'out_channels' must be {in_channels} if depthwise (got {out_channels})")
        if causal and dim != 1:
            raise ValueError(f"'causal' must be False for data with more than one axis (got dim={dim})")
        self.causal, self.depthwise = causal, depthwise
        self.register_buffer("spacing", check_extent("spacing", spacing, dim).to(torch.get_default_dtype()))
        ends = (in_channels,) if depthwise else (in_channels, out_channels)
        self.weight = nn.Parameter(torch.empty(*self.taps, *ends))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.origin = [k - 1 if causal else k // 2 for k in self.taps]
        self.std = None if std is None else check_positive("std", std)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new taps; the bias becomes 0."""
        if self.std is None:
            inputs = math.prod(self.taps) * (1 if self.depthwise else self.in_channels)
            nn.init.uniform_(self.weight, -((3 / inputs) ** 0.5), (3 / inputs) ** 0.5)
        else:
            nn.init.trunc_normal_(self.weight, std=self.std, a=-2 * self.std, b=2 * self.std)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> TapConv:
        """The spacing stays float32 in half precision."""
        return super()._apply(keeping_single(fn, lambda tensor: tensor is self.spacing), recurse)

    def forward(self, x: Tensor, domain: AbstractDomain | None = None) -> Tensor:
        if domain is None:
            samples, grid = as_grid(x, self.dim, self.in_channels, self.spacing.tolist())
            return grid.unflatten(self(samples, grid))
        if not isinstance(domain, Grid):
            raise TypeError(f"'domain' must be a Grid for a kernel of taps (got {type(domain).__name__})")
        check_samples(x, domain, self.dim, self.in_channels, self.weight)
        kernel, origin = self._spread(domain)
        y = grid_convolution(
            domain.unflatten(x).movedim(1, -1),
            kernel,
            origin,
            circular=domain.boundary is Boundary.CIRCULAR,
            method=domain.method,
        )
        rows = domain.flatten(y.movedim(-1, 1))
        return rows if self.bias is None else rows + self.bias

    def _spread(self, grid: Grid) -> tuple[Tensor, list[int]]:
        """The taps with zeros between them where the grid is finer, and the tap of offset 0."""
        ratios = [a / b for a, b in zip(self.spacing.tolist(), grid.spacing, strict=True)]
        steps = [max(1, round(ratio)) for ratio in ratios]
        if any(abs(ratio - step) > _WHOLE * step for ratio, step in zip(ratios, steps, strict=True)):
            raise ValueError(
                f"'domain' must have spacing {self.spacing.tolist()} or a whole fraction of it, where the taps are "
                f"(got {list(grid.spacing)})"
            )
        if all(step == 1 for step in steps):
            return self.weight, self.origin
        sizes = [(k - 1) * step + 1 for k, step in zip(self.taps, steps, strict=True)]
        spread = self.weight.new_zeros(*sizes, *self.weight.shape[self.dim :])
        spread[tuple(slice(None, None, step) for step in steps)] = self.weight
        return spread, [a * step for a, step in zip(self.origin, steps, strict=True)]

    def extra_repr(self) -> str:
        options = [f"{self.in_channels}, {self.out_channels}, taps={self.taps}"]
        options += [f"dim={self.dim}", f"spacing={plain(self.spacing)}"]
        options += ["causal=True"] if self.causal else []
        options += ["depthwise=True"] if self.depthwise else []
        options += [] if self.bias is not None else ["bias=False"]
        options += [] if self.std is None else [f"std={self.std}"]
        return ", ".join(options)


def coarser(grid: Grid, factor: int) -> Grid:
    """Every ``factor``-th sample of a grid along each axis, as a grid of its own.

    Raises:
        ValueError: a factor below 1, a grid with empty cells, or a circular one that it does not divide.

    Example:
        >>> coarse = coarser(Grid((5, 8), spacing=0.5), 2)
        >>> coarse.shape, coarse.spacing
        ((3, 4), (1.0, 1.0))
    """
    check_at_least("factor", factor, 1)
    if grid.occupied_cells is not None:
        raise ValueError(f"'grid' must have all cells occupied to be made coarser (got {grid})")
    if grid.boundary is Boundary.CIRCULAR and any(size % factor for size in grid.shape):
        raise ValueError(f"'grid' must have multiples of {factor} samples where it is circular (got {grid})")
    return Grid(
        [-(-size // factor) for size in grid.shape],
        [factor * step for step in grid.spacing],
        grid.batch_size,
        grid.boundary,
        method=grid.method,
        smoothing=grid.smoothing,
        device=grid.device,
    )


def subsample(x: Tensor, grid: Grid, factor: int) -> tuple[Tensor, Grid]:
    """Every ``factor``-th sample along each axis: ``[n, C]`` on a grid to ``[m, C]`` on the :func:`coarser` one."""
    coarse = coarser(grid, factor)
    every = (slice(None), slice(None), *[slice(None, None, factor)] * grid.dim)
    return coarse.flatten(grid.unflatten(x)[every]), coarse
