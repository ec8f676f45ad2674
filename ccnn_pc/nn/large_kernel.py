"""Parts of SMPConv's networks for large images: the layout of RepLKNet (Ding et al. 2022)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional

from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.domains.grid.grid import Grid
from ccnn_pc.nn.apply import Composite, apply_layer
from ccnn_pc.nn.branches import BranchedConv
from ccnn_pc.nn.dropout import DropPath
from ccnn_pc.nn.mixing import ChannelMixing
from ccnn_pc.nn.tap_conv import TapConv, subsample


class NormedLinear(Composite):
    """A linear map of channels without bias, then a batch norm."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.linear = ChannelMixing(in_channels, out_channels, bias=False)
        self.norm = nn.BatchNorm1d(out_channels)

    def forward(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        return apply_layer(self.norm, self.linear(x), domain)


class NormedTaps(Composite):
    """An ordinary convolution of 3 taps per axis, every ``stride``-th sample of it, batch norm and ReLU.

    Shapes:
        * ``[n, C_in]`` on a grid to ``[m, C_out]`` on the coarser grid, which is returned as well.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dim: int,
        spacing: float,
        stride: int = 1,
        depthwise: bool = True,
    ) -> None:
        super().__init__()
        self.stride = stride
        self.taps = TapConv(
            in_channels, out_channels, 3, dim=dim, spacing=spacing, depthwise=depthwise, bias=False
        )
        self.norm = nn.BatchNorm1d(out_channels)

    def forward(self, x: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
        y = self.taps(x, grid)
        if self.stride > 1:
            y, grid = subsample(y, grid, self.stride)
        return functional.relu(apply_layer(self.norm, y, grid)), grid


class Stem(Composite):
    """The first four layers: to C channels, and to a quarter of the samples per axis.

    3 taps with stride 2, 3 depthwise taps, a linear map, 3 depthwise taps with stride 2; after each a batch norm and a
    ReLU.

    Args:
        in_channels: channels of the data.
        channels: C.
        dim: axes.
        spacing: of the data's grid.
    """

    def __init__(self, in_channels: int, channels: int, *, dim: int, spacing: float) -> None:
        super().__init__()
        self.first = NormedTaps(in_channels, channels, dim=dim, spacing=spacing, stride=2, depthwise=False)
        self.second = NormedTaps(channels, channels, dim=dim, spacing=2 * spacing)
        self.linear = NormedLinear(channels, channels)
        self.last = NormedTaps(channels, channels, dim=dim, spacing=2 * spacing, stride=2)

    def forward(self, x: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
        x, grid = self.first(x, grid)
        x, grid = self.second(x, grid)
        return self.last(functional.relu(self.linear(x, grid)), grid)


class Transition(Composite):
    """Between two stages: a linear map to more channels, then 3 depthwise taps with stride 2.

    Args:
        in_channels: channels before.
        out_channels: channels after.
        dim: axes.
        spacing: of the grid before.
    """

    def __init__(self, in_channels: int, out_channels: int, *, dim: int, spacing: float) -> None:
        super().__init__()
        self.linear = NormedLinear(in_channels, out_channels)
        self.down = NormedTaps(out_channels, out_channels, dim=dim, spacing=spacing, stride=2)

    def forward(self, x: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
        return self.down(functional.relu(self.linear(x, grid)), grid)


class LargeKernelBlock(Composite):
    r"""SMPConv's block for large images.

    .. math::
        y = x + \mathrm{droppath}(A_2\, \mathrm{ReLU}(\mathrm{conv}(h))), \qquad
        h = \mathrm{ReLU}(A_1\, \mathrm{norm}(x))

    with A linear maps that end in a batch norm, and conv two depthwise branches, norms included.

    Args:
        channels: C.
        conv: makes the convolution of two branches: called with ``channels``.
        drop_path: share of images whose branch is dropped.
    """

    def __init__(self, channels: int, *, conv: Callable[[int], BranchedConv], drop_path: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)
        self.before = NormedLinear(channels, channels)
        self.conv = conv(channels)
        self.after = NormedLinear(channels, channels)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        y = functional.relu(self.before(apply_layer(self.norm, x, domain), domain))
        y = self.after(functional.relu(self.conv(y, domain)), domain)
        return x + self.drop_path(y, domain)


class FeedForwardBlock(Composite):
    r"""The block of two linear maps that follows each :class:`LargeKernelBlock`.

    .. math:: y = x + \mathrm{droppath}(A_2\, \mathrm{GELU}(A_1\, \mathrm{norm}(x)))

    Args:
        channels: C.
        expansion: channels between the maps, in multiples of C.
        drop_path: share of images whose branch is dropped.
    """

    def __init__(self, channels: int, *, expansion: int = 4, drop_path: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)
        self.up = NormedLinear(channels, expansion * channels)
        self.down = NormedLinear(expansion * channels, channels)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, domain: AbstractDomain) -> Tensor:
        y = functional.gelu(self.up(apply_layer(self.norm, x, domain), domain))
        return x + self.drop_path(self.down(y, domain), domain)
