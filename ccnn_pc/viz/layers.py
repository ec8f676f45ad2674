"""The convolution layers of a model, as the pictures need them: names, windowed kernels, reach."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ccnn_pc.nn import KernelConv
from ccnn_pc.ops.coordinates import in_support


class Axes(enum.Enum):
    """What the axes of positions are: ROWS and columns of an image, rows downwards; SPACE, x, y, z; STEPS in time."""

    ROWS = ("row", "column")
    SPACE = ("x", "y", "z")
    STEPS = ("time",)


@dataclass(frozen=True)
class Layer:
    """One layer with its place in the model."""

    name: str
    conv: KernelConv
    axes: Axes = Axes.SPACE

    def axis_name(self, axis: int) -> str:
        """``row``, ``column``, ``x`` or ``time``."""
        names = self.axes.value
        return names[axis] if self.dim <= len(names) else f"axis {axis}"

    def planes(self) -> list[tuple[int, int]]:
        """Pairs of the axis that is drawn to the right and the one that is drawn up, or of rows down."""
        pairs = [(a, b) for a in range(self.dim) for b in range(a + 1, self.dim)]
        return [(b, a) for a, b in pairs] if self.axes is Axes.ROWS else pairs

    @property
    def dim(self) -> int:
        """Number of axes D."""
        return self.conv.dim

    @property
    def extent(self) -> Tensor:
        """Reach per axis ``[D]``, position units, float64 on the CPU."""
        return self.conv.extent.detach().double().cpu()

    @property
    def unit(self) -> Tensor:
        """Position units per unit of u, ``[D]``: the extent, or half of it if causal."""
        return self.extent / 2 if self.conv.causal else self.extent

    @property
    def centre(self) -> float:
        """Kernel coordinate of the query itself."""
        return 1.0 if self.conv.causal else 0.0

    def offsets(self, u: Tensor) -> Tensor:
        """Offset sample - query in position units of kernel coordinates ``[..., D]``."""
        return (u.double().cpu() - self.centre) * self.unit

    def coordinates(self, rel: Tensor, axis: int) -> Tensor:
        """Kernel coordinates along one axis, for offsets in position units."""
        return rel / self.unit[axis] + self.centre

    @torch.no_grad()
    def values(self, u: Tensor) -> Tensor:
        """``m(u) K(u)``, zero outside of the support: ``[..., D] -> [..., C]``, float64 on the CPU."""
        parameter = next(self.conv.parameters())
        u = u.to(parameter)
        inside = in_support(u)[..., None]
        clamped = u.clamp(-1, 1)
        return (self.conv.window(clamped) * self.conv.kernel(clamped) * inside).double().cpu()

    @torch.no_grad()
    def window(self, u: Tensor) -> Tensor:
        """``m(u)``: ``[..., D] -> [...]``, float64 on the CPU."""
        return self.conv.window(u.to(next(self.conv.parameters())))[..., 0].double().cpu()

    @torch.no_grad()
    def box(self, threshold: float = 0.01) -> tuple[Tensor, Tensor]:
        """Corners ``[D]``, in kernel coordinates, of where the window is above ``threshold``."""
        lower, upper = (
            corner.detach().double().cpu().clamp(-1, 1) for corner in self.conv.window.support(threshold)
        )
        centre = torch.full_like(lower, self.centre)
        lower, upper = torch.minimum(lower, centre), torch.maximum(upper, centre)
        thin = (upper - lower) < 1e-6
        return torch.where(thin, torch.clamp(lower - 1e-3, min=-1), lower), torch.where(
            thin, upper + 1e-3, upper
        )

    def line(self, axis: int, count: int, lower: float = -1.0, upper: float = 1.0) -> Tensor:
        """Kernel coordinates ``[count, D]`` on the line through the query along ``axis``."""
        u = torch.full((count, self.dim), self.centre, dtype=torch.float64)
        u[:, axis] = torch.linspace(lower, upper, count, dtype=torch.float64)
        return u

    def plane(self, across: int, down: int, count: int) -> Tensor:
        """Kernel coordinates ``[count, count, D]`` on a plane through the query; rows run along ``down``."""
        lower, upper = self.box()
        u = torch.full((count, count, self.dim), self.centre, dtype=torch.float64)
        u[..., across] = torch.linspace(
            float(lower[across]), float(upper[across]), count, dtype=torch.float64
        )
        u[..., down] = torch.linspace(float(lower[down]), float(upper[down]), count, dtype=torch.float64)[
            :, None
        ]
        return u

    def loudest(self, count: int) -> list[int]:
        """Channels with the most energy ``Σ (m K)²`` in the box, in their own order."""
        lower, upper = self.box()
        draw = torch.quasirandom.SobolEngine(self.dim).draw(1024, dtype=torch.float64)
        energy = self.values(lower + (upper - lower) * draw).square().sum(dim=0)
        return sorted(energy.topk(min(count, len(energy))).indices.tolist())

    def channel_name(self, channel: int) -> str:
        """``channel 3``, or ``3 → 5`` where a full kernel has a value per pair of channels."""
        if self.conv.separable:
            return f"channel {channel}"
        return f"{channel % self.conv.in_channels} → {channel // self.conv.in_channels}"


def layers(model: nn.Module) -> list[Layer]:
    """All continuous convolutions of a model, in its own order.

    Raises:
        ValueError: there is none.
    """
    found = [(name or "layer", m) for name, m in model.named_modules() if isinstance(m, KernelConv)]
    if not found:
        raise ValueError(
            f"'model' must hold at least one ContinuousConv layer (got a {type(model).__name__} without)"
        )
    return [Layer(name, conv, axes_of(model, conv)) for name, conv in found]


def axes_of(model: nn.Module, conv: KernelConv) -> Axes:
    """What the axes of a layer are: two are those of an image, unless the model reads clouds.

    Example:
        >>> from ccnn_pc.nn import ContinuousConv
        >>> [axes_of(conv, conv).name for conv in (ContinuousConv(1, 1, dim=dim) for dim in (1, 2, 3))]
        ['STEPS', 'ROWS', 'SPACE']
    """
    reads_clouds = getattr(getattr(model, "preprocessing", None), "kind", None) == "cloud"
    if conv.dim == 1:
        return Axes.STEPS
    return Axes.ROWS if conv.dim == 2 and not reads_clouds and not float(conv.reference_count) else Axes.SPACE
