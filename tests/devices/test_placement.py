"""Layers, domains, models, transforms and operators stay on the device of their data, and give the CPU's numbers."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.transforms import BaseTransform

import ccnn_pc.nn
from ccnn_pc.datasets import GridData, PointCloudData, transforms
from ccnn_pc.domains import Grid, Interpolation, PointSet, Pool, Sampling, Weights
from ccnn_pc.kernels.scaling import unscaled
from ccnn_pc.models import create_model
from ccnn_pc.nn import Algorithm
from ccnn_pc.ops.cells import cell_coordinates
from ccnn_pc.ops.grids.interpolation import cubic_at, cubic_axis, finer_positions, interpolate_axis
from ccnn_pc.ops.neighbors.k_nearest import Backend, knn
from ccnn_pc.ops.neighbors.radius_graph import radius
from ccnn_pc.ops.points import density
from ccnn_pc.ops.points.farthest import farthest_points
from ccnn_pc.ops.points.surface import face_areas_and_normals
from ccnn_pc.ops.points.voxels import voxel_centers, voxelize
from ccnn_pc.ops.series.stamps import lattice_cells
from ccnn_pc.ops.series.weights import future_fractions, series_volume
from tests.conformance.test_models import data, make, without_missing_packages
from tests.devices.cases import DOMAINS, LAYERS, MODELS, batch_of, cases, draw, layer_for, samples
from tests.devices.simulated import Far, SimulatedDevice, tensors_in

AsSeries = transforms.AsSeries
pytestmark = pytest.mark.filterwarnings("ignore::ccnn_pc.domains.points.coverage.NeighborhoodWarning")


def assert_same(found: Any, wanted: Any, numbers: bool = True) -> None:
    """All tensors are on the device, and have the numbers that they have on the CPU."""
    found, wanted = list(tensors_in(found)), list(tensors_in(wanted))
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert isinstance(one, Far), f"a tensor {list(one.shape)} was left on the CPU"
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        if numbers:
            torch.testing.assert_close(one.near, other, atol=1e-4, rtol=1e-4, equal_nan=True)


@pytest.mark.parametrize(("layer", "domain"), cases(), ids=lambda name: name)
def test_layers(layer: str, domain: str) -> None:
    here = DOMAINS[domain]("cpu")
    module, x = layer_for(layer, here), samples(here)
    torch.manual_seed(0)
    wanted = copy.deepcopy(module)(x, here)
    with SimulatedDevice() as device:
        there, far = DOMAINS[domain]("cuda"), x.to("cuda").requires_grad_()
        module.to("cuda")
        torch.manual_seed(0)
        answer = module(far, there)
        answer.square().sum().backward()
    assert_same(answer, wanted.detach(), not device.launched)
    on_device = [there, far.grad, *module.parameters(), *module.buffers()]
    on_device += [p.grad for p in module.parameters()]
    assert all(isinstance(tensor, Far) for tensor in tensors_in(on_device))


def test_every_layer_is_tried() -> None:
    tried = {type(part) for make in LAYERS.values() for part in make(1).modules()}
    public = {getattr(ccnn_pc.nn, name) for name in ccnn_pc.nn.__all__}
    layers = {kind for kind in public if inspect.isclass(kind) and issubclass(kind, nn.Module)}
    assert layers - tried == {ccnn_pc.nn.KernelConv}  # what others are made of


@pytest.mark.parametrize("name", list(DOMAINS))
def test_domains(name: str) -> None:
    """Made of tensors on the device, and moved there, and back; pooled, weighted, as edges, as a model reads them."""
    sampling = Sampling((0.5,) * DOMAINS[name]("cpu").dim, Interpolation.LINEAR, Interpolation.LINEAR)

    def everything(domain: Any, x: Tensor) -> list[Any]:
        edges, pools = domain.edges(1.5), [Pool.MAX, Pool.MEAN, Pool.MEAN_MAX]
        found = [
            edges,
            domain.rel(edges),
            domain.segments(),
            domain.quadrature(x.new_full((domain.dim,), 0.7), 9),
        ]
        if domain.num_queries == domain.num_samples:
            found += [domain.pool(x, pool) for pool in pools]
        if not getattr(domain, "bipartite", False):
            read, regular = domain.as_input(x, sampling)
            found += [read, regular.segments()]
            if isinstance(domain, Grid):
                found.append(regular.at_source(read)[0])
        return found

    here, x = DOMAINS[name]("cpu"), samples(DOMAINS[name]("cpu"))
    wanted = everything(here, x)
    with SimulatedDevice():
        for there in (DOMAINS[name]("cuda"), DOMAINS[name]("cpu").to("cuda")):
            assert_same(there, DOMAINS[name]("cpu"))
            assert_same(everything(there, x.to("cuda")), wanted)
        back = there.to("cpu")
    assert not any(isinstance(tensor, Far) for tensor in tensors_in(back))


@pytest.mark.parametrize("name", ["k-NN", "queries", "radius", "graph", "image", "occupied image", "series"])
def test_messages(name: str) -> None:
    here = DOMAINS[name]("cpu")
    layer, x = layer_for("separable", here), samples(here)
    wanted = layer(x, here, algorithm=Algorithm.MESSAGES).detach()
    with SimulatedDevice():
        layer.to("cuda")
        assert_same(layer(x.to("cuda"), DOMAINS[name]("cuda"), algorithm=Algorithm.MESSAGES), wanted)


@pytest.mark.parametrize(("name", "kind"), MODELS)
def test_models(name: str, kind: str) -> None:
    """Training and evaluation of a network of each family, on every kind of data that it takes."""
    torch.manual_seed(0)
    model, given = without_missing_packages(lambda: make(name, kind)), data(name, kind)
    torch.manual_seed(0)
    wanted = copy.deepcopy(model)(given).detach()
    with SimulatedDevice() as device:
        model.to("cuda")
        torch.manual_seed(0)
        assert_same(model(given.to("cuda")), wanted, not device.launched)
        nn.functional.cross_entropy(model(given.to("cuda")), torch.tensor([0, 2], device="cuda")).backward()
        model.eval()(given.to("cuda"))
    on_device = [*model.parameters(), *model.buffers(), *(p.grad for p in model.parameters())]
    assert all(isinstance(tensor, Far) for tensor in on_device)


@unscaled()
def test_models_move_to_meta() -> None:
    """Nothing of a model stays behind, and nothing of it is read on the way."""
    for name, kind in MODELS:
        model = without_missing_packages(lambda: make(name, kind)).to("meta")  # noqa: B023  (called at once)
        assert all(tensor.is_meta for tensor in (*model.parameters(), *model.buffers())), name


def shape() -> PointCloudData:
    normal = nn.functional.normalize(draw(40, 3) - 0.5, dim=1)
    return PointCloudData(pos=draw(40, 3) * 2 - 1, normal=normal, label=torch.arange(40) % 3)


def image() -> GridData:
    return GridData(x=draw(1, 3, 8, 8), y=torch.tensor([1]))


def regular_series() -> Any:
    return AsSeries(0.5)(GridData(x=draw(1, 2, 12), y=torch.tensor([1])))


#: Transform -> data for it.
TRANSFORMS: dict[str, tuple[Any, Any]] = {
    "AsSeries": (AsSeries(0.5), lambda: GridData(x=draw(1, 2, 12))),
    "CoarserGrid": (transforms.CoarserGrid(1.5), image),
    "Compose": (transforms.Compose([transforms.Jitter(), transforms.KNN(4)]), shape),
    "Cutout": (transforms.Cutout(4, probability=1.0), image),
    "DropSamples": (transforms.DropSamples(30), lambda: GridData(x=draw(1, 2, 12))),
    "DropSamples of series": (transforms.DropSamples(30, irregular=True), regular_series),
    "CellMeans": (transforms.CellMeans(2), image),
    "EveryNth": (transforms.EveryNth(2), image),
    "EvenedPoints": (transforms.EvenedPoints(0.6), shape),
    "FarthestPoints": (transforms.FarthestPoints(8, candidates=20), shape),
    "FeaturesFrom": (transforms.FeaturesFrom(("pos", "normal")), shape),
    "HideFuture": (transforms.HideFuture(2.0, gap=1.0), regular_series),
    "HideValues": (transforms.HideValues(0.8, gap=1.0), regular_series),
    "InverseDensity": (transforms.InverseDensity(6), shape),
    "Jitter": (transforms.Jitter(), shape),
    "JitteredCells": (transforms.JitteredCells(0.5), image),
    "LitCells": (transforms.LitCells(), image),
    "KNN": (transforms.KNN(4), shape),
    "KNN of fewer points": (transforms.KNN(12, per=60), shape),
    "Normalize": (transforms.Normalize("sphere"), shape),
    "Normalize to a box": (transforms.Normalize(), shape),
    "OccupiedCells": (transforms.OccupiedCells(), lambda: transforms.Voxelize(4, form="dense")(shape())),
    "PointDropout": (transforms.PointDropout(), shape),
    "RandomCrop": (transforms.RandomCrop(2, "symmetric"), image),
    "RandomFlip": (transforms.RandomFlip(0, 1.0), shape),
    "RandomMirror": (transforms.RandomMirror(1.0), image),
    "RandomMotion": (transforms.RandomMotion(), image),
    "PermutedAxes": (transforms.PermutedAxes("x,-z,y"), shape),
    "RandomPoints": (transforms.RandomPoints(8), shape),
    "RandomPoints of few": (transforms.RandomPoints(50, replace=True), shape),
    "RandomRotation": (transforms.RandomRotation("any"), shape),
    "RandomScale": (transforms.RandomScale(per_axis=True), shape),
    "RandomStamps": (transforms.RandomStamps(40), regular_series),
    "RandomTranslate": (transforms.RandomTranslate(), shape),
    "ScatteredCells": (transforms.ScatteredCells(0.5), image),
    "UnevenCells": (transforms.UnevenCells(0.5), image),
    "UnevenPoints": (transforms.UnevenPoints(8), shape),
    **{f"ToView, {view.value}": (transforms.ToView(view), image) for view in transforms.View},
    "Voxelize": (transforms.Voxelize(4), shape),
    "Voxelize to a grid": (transforms.Voxelize(4, form="dense"), shape),
}


@pytest.mark.parametrize("name", list(TRANSFORMS))
def test_transforms(name: str) -> None:
    """Numbers are drawn on the CPU, the same for every device, and data stay where they are."""

    def run(given: Any) -> Any:
        transform, generator = TRANSFORMS[name][0], torch.Generator().manual_seed(3)
        random = isinstance(transform, transforms.RandomTransform)
        return (transform(given, generator) if random else transform(given)).to_dict()

    given = TRANSFORMS[name][1]()
    wanted = run(given)
    with SimulatedDevice():
        assert_same(run(given.to("cuda")), wanted)


def test_every_transform_is_tried() -> None:
    public = {getattr(transforms, name) for name in transforms.__all__}
    kinds_of = {kind for kind in public if inspect.isclass(kind) and issubclass(kind, BaseTransform)}
    assert kinds_of - {type(transform) for transform, _ in TRANSFORMS.values()} == {
        transforms.RandomTransform
    }


def surface(place: Any) -> tuple[Tensor, Tensor]:
    return place(torch.eye(3)), place(torch.tensor([[0, 1, 2]]))


TIMES, SERIES = draw(12).sort().values.double() * 9, torch.zeros(12, dtype=torch.long)
POS, BATCH = draw(30, 3), batch_of(18, 12)
#: Function of ``ccnn_pc.ops`` -> a call with tensors put where ``place`` puts them.
OPERATORS: dict[str, Any] = {
    "cubic_at": lambda place: cubic_at(place(POS.view(2, 9, 5)), place(POS[:, :2].double())),
    "knn": lambda place: knn(place(POS), 4, place(BATCH)),
    "knn of few": lambda place: knn(place(POS), 14, place(BATCH)),
    "knn by trees": lambda place: knn(place(POS), 4, place(BATCH), backend=Backend.KDTREE),
    "knn on a lattice": lambda place: knn(place((POS * 4).round()), 4, place(BATCH)),
    "knn of queries": lambda place: knn(
        place(POS), 4, place(BATCH), query_pos=place(POS[:20] + 0.1), query_batch=place(BATCH[:20])
    ),
    "radius": lambda place: radius(place(POS), 0.5, place(BATCH)),
    "farthest_points": lambda place: farthest_points(place(POS), 7, start=2),
    "default_bandwidth": lambda place: density.default_bandwidth(place(POS), place(BATCH)),
    "kernel_density": lambda place: density.kernel_density(place(POS), place(BATCH)),
    "knn_density": lambda place: density.knn_density(place(POS), 5, place(BATCH)),
    "inverse_density_volume": lambda place: density.inverse_density_volume(
        place(POS[:, 0] + 1), place(BATCH)
    ),
    "face_areas_and_normals": lambda place: face_areas_and_normals(*surface(place)),
    "voxelize": lambda place: voxelize(place(POS), 4),
    "voxel_centers": lambda place: voxel_centers(place(torch.arange(6).view(2, 3)), 6),
    "cell_coordinates": lambda place: cell_coordinates(place(torch.arange(6)), (2, 3)),
    "lattice_cells": lambda place: lattice_cells(
        place(torch.tensor([0.0, 1.0, 3.0]).double()), place(torch.zeros(1).double()), place(SERIES[:3]), 0.5
    ),
    **{
        f"series_volume, {weights.value}": lambda place, weights=weights: series_volume(
            place(TIMES), place(SERIES), weights, mask=place(draw(12, 3) > 0.4)
        )
        for weights in Weights
    },
    "future_fractions": lambda place: future_fractions(place(TIMES), place(SERIES)),
    "cubic_axis": lambda place: cubic_axis(place(POS), 0, finer_positions(30, 1.5, device=place(POS).device)),
    "on_grid": lambda place: PointSet(place(POS)).on_grid(place(POS)[:, :2], (9,) * POS.shape[1], 0.5)[0],
    "interpolate_axis": lambda place: interpolate_axis(
        place(POS), 0, finer_positions(30, 1.5, device=place(POS).device)
    ),
}


@pytest.mark.parametrize("name", list(OPERATORS))
def test_operators(name: str) -> None:
    wanted = OPERATORS[name](lambda tensor: tensor)
    with SimulatedDevice():
        assert_same(OPERATORS[name](lambda tensor: tensor.to("cuda")), wanted)


def test_the_simulated_device_refuses_what_a_gpu_refuses() -> None:
    with SimulatedDevice() as device:
        x = torch.ones(3, device="cuda")
        with pytest.raises(RuntimeError, match="one device"):
            x + torch.ones(3)
        with pytest.raises(TypeError, match="numpy"):
            x.numpy()
        with pytest.raises(TypeError, match="address"):
            x.data_ptr()
        assert (x + torch.tensor(1.0)).device == x.device and not device.take()
        assert (float(x.sum()), x.tolist(), len(x[x > 0]), int(x.nonzero().numel())) == (3, [1, 1, 1], 3, 3)
        assert torch.tensor([1.0], device="cuda").device == x.long().bincount().device == x.device
        assert len(device.take()) == 6


def test_forward_passes_without_numbers() -> None:
    """On ``meta``, which knows no autocast: shapes alone, as for counting operations."""
    image = create_model("ccnn_4_16", dim=2, in_channels=3, out_channels=4, shape=(8, 8)).to("meta")
    assert image(torch.zeros(2, 3, 8, 8, device="meta")).shape == (2, 4)
