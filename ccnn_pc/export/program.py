"""What of a model goes into a file: a function of tensors, their names, sizes that may change, an example."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim
from torch_geometric.data import Data

from ccnn_pc._choices import choice
from ccnn_pc.domains.points.point_set import PointSet
from ccnn_pc.domains.sampling import Interpolation
from ccnn_pc.export.points import Nearby, PlainPoints, PlainPyramid, clouds_of, nearest
from ccnn_pc.export.series import PlainSeries
from ccnn_pc.models.base import Model, Network
from ccnn_pc.models.shift.seen import Samples
from ccnn_pc.models.unet import CCNNUNet
from ccnn_pc.ops.neighbors.k_nearest import Neighbors
from ccnn_pc.ops.series.weights import Weights


class NeighborSource(enum.Enum):
    """Where neighbours of points come from: searched in the file (GRAPH), or an input of it (INPUT)."""

    GRAPH = "graph"
    INPUT = "input"


class FileFormat(enum.Enum):
    """ONNX, for onnxruntime; PT2, PyTorch's exported program."""

    ONNX = "onnx"
    PT2 = "pt2"


Sizes = dict[int, Any]


@dataclasses.dataclass(frozen=True)
class Program:
    """A model as a function of tensors.

    Attributes:
        module: called with the tensors of ``inputs`` in their order.
        inputs: an example of each.
        dynamic: which axes of each may have any size.
        make: other inputs, from a seed: of other sizes, for a check.
        reference: what the model itself answers to such inputs.
        output: name of the answer.
    """

    module: nn.Module
    inputs: dict[str, Tensor]
    dynamic: dict[str, Sizes]
    make: Callable[[int], dict[str, Tensor]]
    reference: Callable[[Mapping[str, Tensor]], Tensor]
    output: str = "answers"


def program_of(
    model: Model,
    neighbors: NeighborSource | str = NeighborSource.GRAPH,
    *,
    num_points: int = 256,
    stamps: bool = False,
) -> Program:
    """What goes into a file.

    Networks of arrays (images, volumes, sequences; series at the spacing of training) take ``x [B, C, *S]``, samples
    as far apart as in training. Networks of points take ``x [n, C]``, ``pos [n, D]`` and ``sizes [B]``, the points of
    each cloud, which lie one after the other; with neighbours as an input also ``index [n, k]``, -1 where there are
    fewer. U-Nets take the positions and sizes of every cloud of the pyramid, from fine to coarse, and with neighbours
    as an input a table for each cloud and for each step down and up. Series at any times take ``x [n, C]``,
    ``times [n]``, which differ and grow within each series, and ``sizes [B]``; all channels are observed.

    Args:
        model: in eval mode; statistics of its norms are fixed.
        neighbors: of points.
        num_points: of the clouds, or samples of the series, of the example.
        stamps: series at any times, where the network sums over them.

    Raises:
        TypeError: a network that cannot be written, and why.
        ValueError: no such choice.
    """
    where = choice("neighbors", neighbors, NeighborSource)
    if not isinstance(model, Network):
        raise TypeError(
            f"'model' must be a network of continuous kernels to be exported (got a {type(model).__name__}: peers of "
            "points search neighbours among their features or draw centroids, peers of series walk along time)"
        )
    model.eval()
    if stamps:
        return _series(model, num_points)
    if isinstance(model, CCNNUNet):
        return _pyramids(model, where, num_points)
    if reads_points(model):
        return _points(model, where, num_points)
    return _arrays(model)


def reads_points(model: Network) -> bool:
    """Whether a network was trained on points: as it was measured, or as its words say."""
    if model.trained_on is not None:
        return model.trained_on.kind is Samples.POINTS and not model.reading.on_grid
    return model.dim > 2 and model.config.get("shape") is None


# --- arrays -----------------------------------------------------------------------------------------------------


class _OnArrays(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.network(x)
        return found


def _arrays(model: Network) -> Program:
    """Arrays at the spacing of training, all of whose cells are samples.

    Raises:
        TypeError: a network of occupied cells.
    """
    if getattr(model.preprocessing, "voxels", None) is not None:
        raise TypeError(
            "'model' must read whole arrays to be exported for arrays (got one of the occupied cells of voxels, whose "
            "norms and means leave the others out); models of voxels as points (form 'lattice') can be exported"
        )
    geometry = model.config["geometry"]
    shape = list(geometry.get("shape") or ()) or {1: [784], 2: [32, 32]}.get(model.dim)
    if shape is None:
        raise TypeError("'model' must have been made with a 'shape' to be exported for arrays (got none)")

    def make(seed: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        sizes = shape if seed == 0 else [max(4, size - 1 - axis) for axis, size in enumerate(shape)]
        return {"x": torch.randn(2 + seed, model.in_channels, *sizes, generator=generator)}

    axes: Sizes = {0: Dim("batch", min=1, max=1 << 16)}
    for axis, size in enumerate(shape):
        axes[2 + axis] = Dim(f"size_{axis}", min=2, max=max(1 << 16, size))
    return Program(
        _OnArrays(model),
        make(0),
        {"x": axes},
        make,
        lambda given: model(given["x"], spacing=model.reading.spacing),
    )


# --- points -----------------------------------------------------------------------------------------------------


def nearby(model: Network) -> Nearby:
    """Neighbours that the data of a network bring, or that it searches."""
    used, near = model.preprocessing, model.reading.neighbors
    k = getattr(used, "num_neighbors", None)
    if k is None:
        return Nearby(near.k, near.metric)  # type: ignore[union-attr]
    per = getattr(used, "num_points" if getattr(used, "voxels", None) is None else "num_voxels", None)
    return Nearby(k, getattr(used, "metric", None), per, getattr(used, "fewest_neighbors", 1))


def _joined(pos: Tensor, sizes: Tensor, near: Nearby) -> PointSet:
    """Clouds with their neighbours, as the data of training had them."""
    batch = clouds_of(sizes, len(pos))
    found: Any = PointSet(pos, batch).knn(near.k, metric=near.metric).neighbors
    count = torch.minimum(found.count, near.counts(sizes)[batch].to(found.count))
    return PointSet(pos, batch, neighbors=Neighbors(found.index, count))


class _OnPoints(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network, self.near = network, nearby(network)

    def forward(self, x: Tensor, pos: Tensor, sizes: Tensor, index: Tensor | None = None) -> Tensor:
        table = self.near.search(pos, sizes) if index is None else index
        return self.network.logits(x, PlainPoints(pos, sizes, table))


def _cloud(
    generator: torch.Generator, counts: Sequence[int], channels: int, dim: int, scale: float
) -> dict[str, Tensor]:
    n = sum(counts)
    return {
        "x": torch.randn(n, channels, generator=generator),
        "pos": (2 * torch.rand(n, dim, generator=generator) - 1) * scale,
        "sizes": torch.tensor(counts),
    }


def _points(model: Network, where: NeighborSource, num_points: int) -> Program:
    near = nearby(model)
    scale = _scale_of(model)

    def set_of(given: Mapping[str, Tensor]) -> PointSet:
        return _joined(given["pos"], given["sizes"], near)

    def make(seed: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        counts = (
            [num_points, max(2, num_points // 2)] if seed == 0 else [num_points // 2, num_points // 3 + 1, 5]
        )
        given = _cloud(generator, counts, model.in_channels, model.dim, scale)
        if where is NeighborSource.INPUT:
            given["index"] = _table(set_of(given).neighbors)
        return given

    n, clouds = Dim("points", min=2, max=1 << 24), Dim("clouds", min=1, max=1 << 16)
    dynamic: dict[str, Sizes] = {"x": {0: n}, "pos": {0: n}, "sizes": {0: clouds}}
    if where is NeighborSource.INPUT:
        dynamic["index"] = {0: n}
    return Program(
        _OnPoints(model), make(0), dynamic, make, lambda given: model.logits(given["x"], set_of(given))
    )


def _scale_of(model: Network) -> float:
    """Half of the width of clouds in which a kernel reaches about as far as in training."""
    from ccnn_pc.models.shift.outside_clouds import window_reach

    return 2.0 * window_reach(model.convolutions()[0])


def _table(neighbors: Any) -> Tensor:
    """Neighbours as a table ``[m, k]`` with -1 where there are fewer."""
    index, count = neighbors.index.long(), neighbors.count
    return torch.where(torch.arange(index.shape[1]) < count[:, None], index, -1)


# --- series at any times ----------------------------------------------------------------------------------------


class _OnSeries(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network, self.weights = (
            network,
            choice("series_weights", network.reading.series_weights, Weights),
        )

    def forward(self, x: Tensor, times: Tensor, sizes: Tensor) -> Tensor:
        series = PlainSeries(times, sizes, self.weights, self.network.reading.support)
        return self.network.logits(x, series)


def _series(model: Network, num_points: int) -> Program:
    """Sums over samples at any times.

    Raises:
        TypeError: a network of more axes, one that reads lines between stamps, or one whose weights or ends of kernels
            are of other kinds.
    """
    between, weights = model.reading.series_interpolation, model.reading.series_weights
    sums = between is Interpolation.NONE or (
        between is None and (weights is not Weights.CELL or model.reading.causal)
    )
    if model.dim != 1 or not sums:
        why = (
            f"{model.dim} axes"
            if model.dim != 1
            else "one that reads lines between stamps at the spacing of training"
        )
        raise TypeError(
            f"'stamps' must be False for this model (got {why}): its file takes values at that spacing, x [B, C, L]; "
            "series_interpolation=none is a network that sums over stamps"
        )
    if weights is Weights.DENSITY or any(conv.endpoint != 1.0 for conv in model.convolutions()):
        raise TypeError(
            "'stamps' must be False for a model with weights by density, or kernels that end in the middle of the "
            "present sample (endpoint below 1)"
        )
    module = _OnSeries(model)
    reach = float(model.convolutions()[0].extent[0])

    def make(seed: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        counts = (
            [num_points, max(2, num_points // 2)] if seed == 0 else [num_points // 2, num_points // 3 + 1, 1]
        )
        steps = 0.1 + torch.rand(sum(counts), generator=generator)
        times = torch.cat([part.cumsum(0) for part in steps.split(counts)]) * (2 * reach / num_points)
        x = torch.randn(sum(counts), model.in_channels, generator=generator)
        return {"x": x, "times": times, "sizes": torch.tensor(counts)}

    def reference(given: Mapping[str, Tensor]) -> Tensor:
        batch = clouds_of(given["sizes"], len(given["times"]))
        found: Tensor = model(Data(x=given["x"], times=given["times"], batch=batch))
        return found

    n, series = Dim("samples", min=3, max=1 << 20), Dim("series", min=1, max=1 << 16)
    return Program(module, make(0), {"x": {0: n}, "times": {0: n}, "sizes": {0: series}}, make, reference)


# --- points with coarser ones -----------------------------------------------------------------------------------


class _OnPyramids(nn.Module):
    def __init__(self, network: CCNNUNet) -> None:
        super().__init__()
        self.network, self.levels = network, len(network.encoder)
        self.near = nearby(network)

    def forward(
        self, x: Tensor, pos: list[Tensor], sizes: list[Tensor], index: list[Tensor] | None = None
    ) -> Tensor:
        batch = [clouds_of(count, each.shape[0]) for each, count in zip(pos, sizes, strict=True)]
        tables, levels = iter(index or []), self.network.levels

        def table(samples: int, queries: int) -> Tensor:
            if index is not None:
                return next(tables)
            if samples == queries == 0:
                return self.near.search(pos[0], sizes[0])
            k, metric = levels.num_neighbors, levels.metric
            return nearest(pos[samples], batch[samples], pos[queries], batch[queries], k, metric)

        numbers = range(self.levels)
        clouds = [PlainPoints(pos[l], sizes[l], table(l, l)) for l in numbers]  # noqa: E741
        steps = list(zip(numbers, numbers[1:], strict=False))
        down = [PlainPoints(pos[a], sizes[a], table(a, b), pos[b], sizes[b]) for a, b in steps]
        up = [PlainPoints(pos[b], sizes[b], table(b, a), pos[a], sizes[a]) for a, b in steps]
        return self.network.logits(x, PlainPyramid(clouds, down, up))


class _Flat(nn.Module):
    """Lists of tensors as arguments one after the other, which files have names for."""

    def __init__(self, module: _OnPyramids, tables: bool) -> None:
        super().__init__()
        self.module, self.tables = module, tables

    def forward(self, *given: Tensor) -> Tensor:
        levels = self.module.levels
        x, rest = given[0], list(given[1:])
        index = rest[2 * levels :] if self.tables else None
        found: Tensor = self.module(x, rest[:levels], rest[levels : 2 * levels], index)
        return found


def _pyramids(model: CCNNUNet, where: NeighborSource, num_points: int) -> Program:
    module = _OnPyramids(model)
    scale, spacing = _scale_of(model), min(model.levels.cells)

    def pyramid(given: Mapping[str, Tensor]) -> Any:
        pos = [given[f"pos_{level}"] for level in range(module.levels)]
        places = [(each, clouds_of(given[f"sizes_{level}"], len(each))) for level, each in enumerate(pos)]
        return model.levels.joined(places, _joined(given["pos_0"], given["sizes_0"], module.near))

    def make(seed: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        counts = (
            [num_points, max(2, num_points // 2)] if seed == 0 else [num_points // 2, num_points // 3 + 1, 9]
        )
        wide = max(scale, 0.5 * spacing * num_points ** (1 / model.dim))
        cloud = _cloud(generator, counts, model.in_channels, model.dim, wide)
        first = PointSet(cloud["pos"], clouds_of(cloud["sizes"], len(cloud["pos"])))
        given = {"x": cloud["x"]}
        places = model.levels.places(first)
        given |= {f"pos_{level}": pos for level, (pos, _) in enumerate(places)}
        given |= {
            f"sizes_{level}": torch.bincount(batch, minlength=len(counts))
            for level, (_, batch) in enumerate(places)
        }
        if where is NeighborSource.INPUT:
            found = pyramid(given)
            for name in ("clouds", "down", "up"):
                for level, each in enumerate(getattr(found, name)):
                    given[f"index_{name}_{level}"] = _table(each.neighbors)
        return given

    example, clouds = make(0), Dim("clouds", min=1, max=1 << 16)
    points = [Dim(f"points_{level}", min=2, max=1 << 24) for level in range(module.levels)]
    queries = {"clouds": points, "down": points[1:], "up": points}

    def axes(name: str) -> Sizes:
        if name == "x":
            return {0: points[0]}
        kind, level = name.rsplit("_", 1)
        if kind == "sizes":
            return {0: clouds}
        return {0: points[int(level)] if kind == "pos" else queries[kind.removeprefix("index_")][int(level)]}

    return Program(
        _Flat(module, where is NeighborSource.INPUT),
        example,
        {name: axes(name) for name in example},
        make,
        lambda given: model.logits(given["x"], pyramid(given)),
    )
