"""What exported files compute equals what the library computes, call by call, before anything is written."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data

from ccnn_pc.datasets import CloudPreprocessing, PointCloudData
from ccnn_pc.domains import PointSet
from ccnn_pc.domains.points.coverage import NeighborhoodWarning
from ccnn_pc.export import program_of
from ccnn_pc.export.plain import correlate
from ccnn_pc.export.points import PlainPoints, clouds_of, nearest
from ccnn_pc.models import create_model
from ccnn_pc.ops.grids.convolution import grid_convolution
from ccnn_pc.ops.neighbors.k_nearest import knn

KERNELS = ["magnet", "siren", "mlp", "moving_points"]


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    torch.manual_seed(0)
    with warnings.catch_warnings():  # tiny clouds
        warnings.simplefilter("ignore", NeighborhoodWarning)
        yield


def close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5 * float(wanted.abs().max()))


@pytest.mark.parametrize("metric", [None, (1.0, 1.0, 0.0), (2.0, 1.0, 0.5)])
def test_nearest_points(metric: tuple[float, ...] | None) -> None:
    sizes = torch.tensor([30, 4, 1])
    pos = torch.rand(35, 3)
    batch = clouds_of(sizes, 35)
    cloud = PointSet(pos, batch).knn(6, metric=metric)
    found = nearest(pos, batch, pos, batch, 6, metric)
    for row, index in enumerate(found):
        near: Any = cloud.neighbors
        wanted = near.index[row, : near.count[row]].tolist()
        assert sorted(index[index >= 0].tolist()) == sorted(wanted)
    query, query_batch = torch.rand(5, 3), torch.tensor([0, 0, 1, 1, 2])
    between = nearest(pos, batch, query, query_batch, 3, None)
    wide = knn(pos, 3, batch, query_pos=query, query_batch=query_batch)
    width = wide.index.shape[1]
    assert torch.equal((between >= 0).sum(dim=1), wide.count.long())
    assert [set(a[a >= 0].tolist()) for a in between] == [
        set(row[:count].tolist()) for row, count in zip(wide.index, wide.count.clamp(max=width), strict=True)
    ]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    "words", [{}, {"pool": "mean+max", "full_stem": True}, {"pool": None, "norm": "group"}]
)
def test_networks_on_points(kernel: str, words: dict[str, Any]) -> None:
    model = create_model(
        "ccnn_4_16",
        dim=3,
        in_channels=2,
        num_classes=3,
        num_neighbors=6,
        kernel=kernel,
        reference_count=20,
        **words,
    ).eval()
    sizes = torch.tensor([20, 9, 4])
    x, pos = torch.randn(33, 2), torch.rand(33, 3)
    batch = clouds_of(sizes, 33)
    table = nearest(pos, batch, pos, batch, 6, None)
    with torch.no_grad():
        close(model.logits(x, PlainPoints(pos, sizes, table)), model(Data(x=x, pos=pos, batch=batch)))


def test_small_clouds_have_fewer_neighbours_where_training_had() -> None:
    """As the transform of the model's preprocessing counts them."""
    used = CloudPreprocessing(
        num_points=40, normalize="box", features=("pos",), num_neighbors=10, fewest_neighbors=3
    )
    model = create_model("ccnn_4_16", dim=3, in_channels=3, num_classes=3, num_neighbors=4).eval()
    model.preprocessing = used
    program = program_of(model, num_points=40)
    for count in (40, 23, 9):
        data = used.transform()(PointCloudData(pos=torch.rand(count, 3)))
        given = {"x": data.x, "pos": data.pos, "sizes": torch.tensor([len(data.pos)])}
        with torch.no_grad():
            close(program.module(*given.values()), model(data))
            close(program.reference(given), model(data))


def test_volumes_weigh_samples_and_means() -> None:
    model = create_model(
        "ccnn_4_16", dim=3, in_channels=2, num_classes=3, num_neighbors=6, pool="mean"
    ).eval()
    x, pos, volume = torch.randn(20, 2), torch.rand(20, 3), 0.5 + torch.rand(20)
    sizes, batch = torch.tensor([12, 8]), torch.tensor([0] * 12 + [1] * 8)
    plain = PlainPoints(pos, sizes, nearest(pos, batch, pos, batch, 6, None), volume=volume)
    with torch.no_grad():
        close(model.logits(x, plain), model(Data(x=x, pos=pos, batch=batch, volume=volume)))


@pytest.mark.parametrize("neighbors", ["graph", "input"])
def test_networks_with_coarser_clouds(neighbors: str) -> None:
    model = create_model(
        "ccnn_unet_tiny", dim=3, in_channels=2, num_classes=3, num_neighbors=6, point_spacing=0.2
    )
    program = program_of(model, neighbors, num_points=60)
    assert ("index_up_2" in program.inputs) == (neighbors == "input")
    for seed in range(2):
        given = program.make(seed)
        assert list(given) == list(program.inputs) == list(program.dynamic)
        with torch.no_grad():
            close(program.module(*given.values()), program.reference(given))


@pytest.mark.parametrize("weights", ["cell", "trapezoid", "past", "constant"])
@pytest.mark.parametrize("pool", ["last", "mean", None])
def test_series_at_any_times(weights: str, pool: str | None) -> None:
    model = create_model(
        "ccnn_4_16", dim=1, in_channels=2, num_classes=3, shape=(12,), pool=pool, series_weights=weights,
        series_interpolation="none",
    )  # fmt: skip
    program = program_of(model, stamps=True, num_points=20)
    given = program.make(0)
    given["times"][7:20] += 40.0  # a pause longer than kernels see
    with torch.no_grad():
        close(program.module(*given.values()), program.reference(given))
        given = program.make(1)
        close(program.module(*given.values()), program.reference(given))


@pytest.mark.parametrize("taps", [(5,), (3, 4), (3, 2, 3)])
@pytest.mark.parametrize("full", [False, True])
def test_correlations(taps: tuple[int, ...], full: bool) -> None:
    x = torch.randn(2, *[6 + axis for axis in range(len(taps))], 3)
    kernel = torch.randn(*taps, *((3, 4) if full else (3,)))
    for origin in ([k // 2 for k in taps], [k - 1 for k in taps], [0] * len(taps)):
        found = correlate(x, kernel, origin, "auto", torch.float32)
        torch.testing.assert_close(found, grid_convolution(x, kernel, origin), rtol=1e-5, atol=1e-5)


def test_what_is_not_written_says_why() -> None:
    sizes: dict[str, Any] = {"in_channels": 2, "num_classes": 3}
    with pytest.raises(TypeError, match="peers of points search neighbours among their features"):
        program_of(create_model("dgcnn", dim=3, **sizes))
    lines = create_model("ccnn_4_16", dim=1, shape=(12,), **sizes)
    with pytest.raises(TypeError, match="reads lines between stamps"):
        program_of(lines, stamps=True)
    with pytest.raises(TypeError, match="got 2 axes"):
        program_of(create_model("ccnn_4_16", dim=2, shape=(8, 8), **sizes), stamps=True)
    half = create_model("ccnn_4_16", dim=1, shape=(12,), endpoint=0.5, series_interpolation="none", **sizes)
    with pytest.raises(TypeError, match="endpoint below 1"):
        program_of(half, stamps=True)
    voxels = create_model("ccnn_4_16", dim=3, shape=(8, 8, 8), **sizes)
    voxels.preprocessing = CloudPreprocessing(voxels=8, form="dense", features=("one",))
    with pytest.raises(TypeError, match="occupied cells of voxels"):
        program_of(voxels)
    with pytest.raises(ValueError, match="'neighbors' must be one of"):
        program_of(lines, "gaph")
