"""Fewer samples, at the input of a network or before one of its layers: what studies of other samplings ask with."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from scipy.spatial import cKDTree
from torch import Tensor, nn
from torch.nn import functional

from ccnn_pc.domains import Grid, IrregularSeries, PointSet
from ccnn_pc.domains.base import AbstractDomain
from ccnn_pc.models.reading import Reading
from ccnn_pc.nn.apply import apply_layer
from ccnn_pc.ops.points.density import inverse_density_volume, knn_density

#: Makes features on fewer samples out of features on all of them.
Thinning = Callable[[Tensor, Any], tuple[Tensor, AbstractDomain]]


class AskedAt(nn.Module):
    """A network that sees fewer samples from one of its layers on.

    Args:
        network: a CCNN, trained on all samples.
        thin: leaves some of them.
        depth: 0: at its input; 1: behind the stem; n + 1: behind the n-th block.
        interpolation: at the input: what samples stand for between them, as in ``model.reading``; "none": sums.
        margin: at the input: so many samples of a grid are repeated beyond each border, and not answered for.
    """

    def __init__(
        self, network: Any, thin: Thinning, depth: int = 0, interpolation: str = "none", margin: int = 0
    ) -> None:
        super().__init__()
        self.network, self.thin, self.depth, self.margin = network, thin, depth, margin
        self.whole = _between(network.reading, "none")
        self.sampling = _between(network.reading, interpolation).sampling

    def forward(self, data: Any) -> Tensor:
        """Answers per item."""
        net = self.network
        x, where = self.whole.read(data)
        if self.depth == 0:
            x, where = self.thin(x, where)
            if self.margin:
                x, where = _widened(x, where, self.margin)
            x, where = where.as_input(x, self.sampling)
        y = functional.gelu(apply_layer(net.stem_norm, net.stem(x, where), where))
        for number, block in enumerate(net.blocks, start=1):
            if self.depth == number:
                y, where = self.thin(y, where)
            y = block(y, where)
        if self.margin:
            y, where = _narrowed(y, where, self.margin)
        return apply_layer(net.head, apply_layer(net.norm, y, where), where)


def _between(reading: Reading, interpolation: str) -> Reading:
    """A reading with another interpolation, of whatever comes."""
    series = interpolation if reading.dim == 1 else reading.series_interpolation
    return replace(reading, interpolation=interpolation, series_interpolation=series)


def everything(x: Tensor, where: Any) -> tuple[Tensor, AbstractDomain]:
    """All samples."""
    return x, where


@dataclass(frozen=True)
class Coarser:
    """Every n-th sample of a grid along each axis; of series, every n-th of each.

    Attributes:
        step: n.
        first: "sample" keeps the samples as they are; before, "mean" takes means over n of them, "band" cuts
            frequencies that the coarser grid cannot show.
    """

    step: int
    first: str = "sample"

    def __call__(self, x: Tensor, where: Any) -> tuple[Tensor, AbstractDomain]:
        """Leave out the others."""
        if isinstance(where, IrregularSeries):
            place = _numbers_within(where.batch)
            return _kept(x, where, place % self.step == 0)
        picture = where.unflatten(x)
        if self.first == "mean":
            cut = [slice(None), slice(None), *[slice(0, s - s % self.step) for s in where.shape]]
            pool = (functional.avg_pool1d, functional.avg_pool2d)[where.dim - 1]
            picture = pool(picture[tuple(cut)], self.step)
        else:
            if self.first == "band":
                picture = _band_limited(picture, self.step)
            picture = picture[(slice(None), slice(None), *[slice(None, None, self.step)] * where.dim)]
        steps = [self.step * s for s in where.spacing]
        grid = Grid(tuple(picture.shape[2:]), steps, len(picture))
        return grid.flatten(picture.contiguous()), grid


@dataclass(frozen=True)
class Part:
    """A random part of the samples, drawn from a seed.

    Attributes:
        share: of them that stays.
        weights: of pixels: "none", "density" (of their nearest ones), "cell" (pixels that are nearest to each).
        k: neighbours of scattered pixels; 0: they are read by the network, on a grid.
        seed: of the draw.
    """

    share: float
    weights: str = "none"
    k: int = 0
    seed: int = 0

    def __call__(self, x: Tensor, where: Any) -> tuple[Tensor, AbstractDomain]:
        """Leave out the others."""
        generator = torch.Generator().manual_seed(self.seed)
        keep = torch.rand(len(x), generator=generator) < self.share
        if isinstance(where, IrregularSeries):
            return _kept(x, where, keep)
        batch, pos = where.segments()[0], where.positions().to(x.dtype)
        if len(pos) != len(x):
            pos = pos.repeat(len(x) // len(pos), 1)
        few, cloud = pos[keep], batch[keep]
        volume = None
        if self.weights == "cell":
            counts = [
                torch.bincount(
                    torch.from_numpy(cKDTree(few[cloud == b]).query(pos[batch == b])[1]),
                    minlength=int((cloud == b).sum()),
                )
                for b in range(where.num_clouds if isinstance(where, PointSet) else int(batch[-1]) + 1)
            ]
            volume = torch.cat(counts).to(x.dtype)
        if self.weights == "density":
            volume = inverse_density_volume(knn_density(few, batch=cloud), cloud)
        points = PointSet(few, cloud, volume=volume)
        return x[keep], points.knn(self.k) if self.k else points


@dataclass(frozen=True)
class Points:
    """So many points of each cloud.

    Attributes:
        number: of points.
        how: "even" (the first ones of clouds whose points are ordered from far to near), "random", "uneven" (ten times
            as dense at one end of the first axis).
        k: neighbours.
        density: whether points are weighted by the inverse of their density.
        seed: of the draw.
    """

    number: int
    how: str
    k: int
    density: bool = False
    seed: int = 0

    def __call__(self, x: Tensor, where: Any) -> tuple[Tensor, AbstractDomain]:
        """Leave out the others."""
        generator = torch.Generator().manual_seed(self.seed)
        kept = []
        for first, last in _runs(where.batch):
            size, number = last - first, min(self.number, last - first)
            chances = torch.ones(size)
            if self.how == "uneven":
                along = where.pos[first:last, 0]
                chances = 10 ** ((along - along.min()) / (along.max() - along.min()).clamp(min=1e-9))
            drawn = (
                torch.arange(number)
                if self.how == "even"
                else torch.multinomial(chances, number, generator=generator).sort().values
            )
            kept.append(first + drawn)
        rows = torch.cat(kept)
        pos, batch = where.pos[rows], where.batch[rows]
        volume = None
        if self.density:
            volume = inverse_density_volume(knn_density(pos, k=3, intrinsic_dim=2, batch=batch), batch)
        return x[rows], PointSet(pos, batch, volume=volume).knn(min(self.k, self.number))


def _kept(x: Tensor, where: IrregularSeries, keep: Tensor) -> tuple[Tensor, AbstractDomain]:
    keep = keep | (_numbers_within(where.batch) == 0)
    return x[keep], IrregularSeries(where.times[keep], where.batch[keep], weights=where.weights)


def _numbers_within(batch: Tensor) -> Tensor:
    """0, 1, 2, ... within each segment of a sorted batch vector."""
    lengths = torch.bincount(batch)
    return torch.arange(len(batch)) - (lengths.cumsum(0) - lengths)[batch]


def _runs(batch: Tensor) -> list[tuple[int, int]]:
    ends = torch.bincount(batch).cumsum(0).tolist()
    return list(zip([0, *ends], ends, strict=False))


def _band_limited(picture: Tensor, step: int) -> Tensor:
    """Without frequencies above those of every ``step``-th sample, per axis."""
    axes = tuple(range(2, picture.dim()))
    spectrum = torch.fft.fftn(picture, dim=axes)
    for axis in axes:
        frequency = torch.fft.fftfreq(picture.shape[axis]).abs()
        shape = [1] * picture.dim()
        shape[axis] = -1
        spectrum = spectrum * (frequency < 0.5 / step).to(picture.dtype).view(shape)
    return torch.fft.ifftn(spectrum, dim=axes).real


def _widened(x: Tensor, where: AbstractDomain, margin: int) -> tuple[Tensor, AbstractDomain]:
    assert isinstance(where, Grid)
    picture = functional.pad(where.unflatten(x), [margin] * 2 * where.dim, mode="replicate")
    grid = Grid(tuple(picture.shape[2:]), where.spacing, len(picture))
    return grid.flatten(picture), grid


def _narrowed(y: Tensor, where: AbstractDomain, margin: int) -> tuple[Tensor, AbstractDomain]:
    assert isinstance(where, Grid)
    inner = (slice(None), slice(None), *[slice(margin, -margin)] * where.dim)
    picture = where.unflatten(y)[inner].contiguous()
    grid = Grid(tuple(picture.shape[2:]), where.spacing, len(picture))
    return grid.flatten(picture), grid


def aliased_share(layer: Any, step: int) -> float:
    r"""Share of the energy of a layer's windowed kernels above the Nyquist frequency of every ``step``-th sample.

    :math:`\sum_{|f|_\infty \ge 1/(2s)} |\hat K(f)|^2 / \sum_f |\hat K(f)|^2`, of taps at the spacing of training.
    """
    reach = [math.floor(float(e) / float(s) + 1e-6) for e, s in zip(layer.extent, layer.spacing, strict=True)]
    taps = torch.stack(torch.meshgrid(*[torch.arange(-r, r + 1.0) for r in reach], indexing="ij"), dim=-1)
    u = (taps * layer.spacing / layer.extent).flatten(0, -2)
    with torch.no_grad():
        values = (layer.kernel(u) * layer.window(u).view(-1, 1)).T.reshape(-1, *taps.shape[:-1])
    axes = tuple(range(1, values.dim()))
    energy = torch.fft.fftn(values, s=[64] * len(axes), dim=axes).abs().square()
    above = torch.zeros(energy.shape[1:], dtype=torch.bool)
    for axis in range(len(axes)):
        shape = [1] * len(axes)
        shape[axis] = -1
        above = above | (torch.fft.fftfreq(64).abs() >= 0.5 / step).view(shape)
    return float(energy[:, above].sum() / energy.sum())
