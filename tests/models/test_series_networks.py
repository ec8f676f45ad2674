"""Networks on irregular series: reading, law 2 through whole networks, lattices, masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import Batch, Data

from ccnn_pc.domains import IrregularSeries, PointSet, Weights
from ccnn_pc.models import CKCNN, Model, create_model, from_pretrained, save_pretrained
from tests.clouds import DOUBLE

NAMES = ["ccnn_4_16", "ckcnn_2_30"]


def make(name: str, pool: Any = "last", **options: Any) -> Model:
    torch.manual_seed(0)
    if name == "ccnn_4_16":
        options = {"width": 0.5, **options}
    model = create_model(
        name, dim=1, in_channels=3, out_channels=4, shape=(21,), spacing=0.5, pool=pool, **options
    )
    return model.double().eval()


def items(*sizes: int, lattice: float | None = None) -> list[Data]:
    generator, made = torch.Generator().manual_seed(1), []
    for n in sizes:
        times = torch.rand(n, dtype=DOUBLE, generator=generator).sort().values * 10
        if lattice is not None:
            times = (times / lattice).round() * lattice
        item = Data(times=times, x=torch.randn(n, 3, dtype=DOUBLE, generator=generator))
        if lattice is not None:
            item.lattice = torch.full((1, 1), lattice, dtype=DOUBLE)
        made.append(item)
    return made


@pytest.mark.parametrize("name", NAMES)
def test_data_with_times_are_series(name: str) -> None:
    model, data = make(name), Batch.from_data_list(items(14, 25))
    expected = model(data.x, IrregularSeries(data.times, data.batch))
    assert expected.shape == (2, 4)
    assert torch.equal(model(data), expected)
    as_pos = Batch.from_data_list([Data(pos=i.times[:, None], x=i.x) for i in items(14, 25)])
    assert torch.equal(model(as_pos), expected)
    alone = torch.cat([model(item) for item in items(14, 25)])
    torch.testing.assert_close(alone, expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("empty", [0, 1, 2])
def test_an_empty_series_never_vanishes(empty: int) -> None:
    """At the end of a batch no sample says that there is one more series."""
    batch = Batch.from_data_list(items(*(0 if place == empty else 5 for place in range(3))))  # type: ignore[arg-type]
    for model in (
        make("ccnn_4_16"),
        create_model("gru_d", dim=1, in_channels=3, out_channels=2, spacing=1.0).double(),
    ):
        with pytest.raises(
            ValueError, match=rf"each of its 3 items \(got none in item {empty}, counted from 0\)"
        ):
            model(batch)
    clouds = [Data(pos=torch.rand(0 if place == empty else 5, 3, dtype=DOUBLE)) for place in range(3)]
    cloud_model = (
        create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=2, num_neighbors=4).double().eval()
    )
    with pytest.raises(ValueError, match=rf"got none in item {empty}"):
        cloud_model(Batch.from_data_list(clouds))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_a_lattice_is_only_faster(name: str) -> None:
    model, data = make(name), Batch.from_data_list(items(14, 25, lattice=0.1))
    where = model.reading.read(data)[1]  # type: ignore[union-attr, operator]
    assert isinstance(where, IrregularSeries) and where.renders
    plain = IrregularSeries(data.times + 1e-9, data.batch)
    torch.testing.assert_close(model(data), model(data.x, plain), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_a_regular_series_is_an_array(name: str) -> None:
    model, x = make(name), torch.randn(2, 3, 21, dtype=DOUBLE)
    grid = torch.arange(21, dtype=DOUBLE) * 0.5
    data = Batch.from_data_list(
        [Data(times=grid, x=item.t(), lattice=torch.tensor([[0.5]], dtype=DOUBLE)) for item in x]
    )
    torch.testing.assert_close(model(data), model(x), atol=1e-9, rtol=0)


def test_clouds_of_one_axis_stay_clouds() -> None:
    model, pos = make("ccnn_4_16", pool="mean"), torch.rand(9, 1, dtype=DOUBLE)
    x = torch.randn(9, 3, dtype=DOUBLE)
    joined = Data(x=x, pos=pos, edge_index=PointSet(pos).knn(4).edges())
    weighted = Data(x=x, pos=pos, volume=torch.ones(9, dtype=DOUBLE))
    for data in (joined, weighted):
        assert isinstance(model.reading.read(data)[1], PointSet)  # type: ignore[union-attr, operator]


@pytest.mark.parametrize("lattice", [None, 0.1])
@pytest.mark.parametrize("name", NAMES)
def test_the_past_never_sees_the_future(name: str, lattice: float | None) -> None:
    """Law 2: with one answer per sample, what comes later changes nothing before it, and the present notices."""
    model, (item,) = make(name, pool=None), items(30, lattice=lattice)
    if lattice is not None:
        item.times = torch.arange(30, dtype=DOUBLE) * 2 * lattice
    before = model(item)
    assert before.shape == (30, 4)
    changed = item.clone()
    changed.x[17] += 3.0
    moved = (model(changed) - before).abs().amax(1)
    assert moved[:17].max() <= (0.0 if lattice is None else 1e-12)
    assert moved[17] > 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_past_weights_never_see_later_stamps(name: str) -> None:
    """Answers in running operation: with PAST no answer changes when further samples arrive; with CELL it does."""
    model, (item,) = make(name, pool=None), items(30)

    def difference(weights: Weights) -> float:
        with torch.no_grad():
            all_, some = (
                model(item.x[:n], IrregularSeries(item.times[:n], weights=weights)) for n in (30, 18)
            )
        return float((all_[:18] - some).abs().max())

    assert difference(Weights.PAST) < 1e-12
    assert difference(Weights.CELL) > 1e-6


@pytest.mark.parametrize(
    ("name", "pool"),
    [
        ("ccnn_4_16", "last"),
        ("ccnn_4_16", "mean"),
        ("ckcnn_2_30", "last"),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in [("ckcnn_2_30", "mean"), ("flextcn_6", "last")]
        ),
    ],
)
def test_what_samples_stand_for_is_an_option(name: str, pool: str, tmp_path: Path) -> None:
    """The name in the options is the domain's, comes back from disk, and leaves regular sampling alone."""
    data, plain = Batch.from_data_list(items(14, 25)), make(name, pool)
    for weights in Weights:
        model = make(name, pool, series_weights=weights.value)
        expected = model(data.x, IrregularSeries(data.times, data.batch, weights=weights))
        assert torch.equal(model(data), expected)
        assert torch.allclose(expected, plain(data)) == (weights is Weights.CELL)
        if weights is Weights.PAST:
            stored = from_pretrained(save_pretrained(model, tmp_path / weights.value))
            assert torch.equal(stored.double()(data), expected)
    even = Data(times=torch.arange(21, dtype=DOUBLE) * 0.5, x=torch.randn(21, 3, dtype=DOUBLE))
    model = make(name, pool, series_weights=Weights.CONSTANT)
    torch.testing.assert_close(model(even), plain(even), atol=1e-9, rtol=0)
    assert torch.equal(model(even.x.t()[None]), plain(even.x.t()[None]))


@pytest.mark.parametrize(
    ("name", "dim", "weights", "message"),
    [
        ("ccnn_4_16", 1, "voronoi", "'series_weights' must be one of 'cell', .* 'constant' .got 'voronoi'"),
        ("ccnn_4_16", 3, "constant", "'series_weights' must be 'cell' for 3 axes .got 'constant'"),
        (
            "gru_dt",
            1,
            "constant",
            "'series_weights' must be 'cell' for 'gru_dt', which has no continuous kernels",
        ),
    ],
)
def test_weights_that_make_no_sense(name: str, dim: int, weights: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        create_model(name, dim=dim, in_channels=3, out_channels=4, series_weights=weights)
    create_model(name, dim=dim, in_channels=3, out_channels=4, series_weights="cell")


@pytest.mark.parametrize("name", NAMES)
def test_masks_come_in_with_the_data(name: str) -> None:
    """Values that were not observed do not matter, NaN included; a full mask is no mask."""
    model, parts = make(name), items(14, 25)
    generator = torch.Generator().manual_seed(3)
    for part in parts:
        part.mask = torch.rand(part.x.shape, generator=generator) < 0.7
    data = Batch.from_data_list(parts)
    nothing = data.clone()
    nothing.x = torch.where(data.mask, data.x, torch.nan)
    assert torch.equal(model(nothing), model(data))
    masked = IrregularSeries(data.times, data.batch, mask=data.mask)
    assert torch.equal(model(data.x, masked), model(data))
    assert not torch.allclose(model(data.x, masked.unmasked()), model(data))
    full = data.clone()
    full.mask = torch.ones_like(data.mask)
    torch.testing.assert_close(model(full), model(data.x, masked.unmasked()), atol=1e-9, rtol=0)


def test_a_mask_reaches_the_first_convolution_as_it_should() -> None:
    model, (item,) = make("ccnn_4_16", series_interpolation="none"), items(25)
    mask = torch.rand(25, 3, generator=torch.Generator().manual_seed(3)) < 0.7
    x, where = model.reading.read(Data(times=item.times, x=item.x, mask=mask))  # type: ignore[union-attr, operator]
    stem = model.convolutions()[0]
    masked = IrregularSeries(item.times, mask=mask)
    expected = stem(torch.where(mask, item.x, 0.0), masked)
    torch.testing.assert_close(stem(x, where), expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_gets_a_gradient(name: str) -> None:
    model, data = make(name, pool="mean").train(), Batch.from_data_list(items(14, 25))
    model(data).square().sum().backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), parameter_name
    assert isinstance(model, CKCNN) or model.convolutions()[1].window.width.grad.abs() > 0  # type: ignore[union-attr, operator]


X, T = torch.zeros(5, 3), torch.arange(5.0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (Data(times=T), r"'data.x' must have shape \[n, 3\] for this model \(got None\)"),
        (Data(times=T, x=torch.zeros(5, 2)), r"'data.x' must have shape \[n, 3\] .* \(got \[5, 2\]\)"),
        (Data(times=T, pos=T[:, None], x=X), "'data.pos' must be None beside 'data.times'"),
        (Data(pos=torch.zeros(5, 2), x=X), r"'data.pos' must have shape \[n, 1\]"),
        (Data(times=T.flip(0), x=X), "'times' must be in order"),
        (Data(times=T, x=X + torch.nan), "'data.x' must be finite where it was observed"),
        (Data(times=T, x=X, lattice=torch.tensor([[1.0], [2.0]])), "'data.lattice' must be the same"),
        (Data(times=T, x=X, mask=torch.ones(5, 2, dtype=torch.bool)), "'x' must have the shape of 'mask'"),
    ],
)
def test_refuses(data: Data, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make("ccnn_4_16").float()(data)
