"""Coarser clouds of a cloud, searches along some axes, and the network that works on them."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Batch, Data

from ccnn_pc.domains import Levels, PointPyramid, PointSet
from ccnn_pc.models import create_model, from_pretrained, save_pretrained
from ccnn_pc.nn import ContinuousConv

LEVELS = Levels(cells=(0.2, 0.4), keep="lowest", num_neighbors=6, metric=(1, 1, 0))


def clouds(*sizes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    pos = [torch.rand(n, 3, generator=generator, dtype=torch.float64) for n in sizes]
    pos = [(each * 2**20).round() / 2**20 for each in pos]  # so that moving them far away rounds nothing
    batch = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    return torch.cat(pos), batch


def network(**options):
    torch.manual_seed(0)
    words = {"extent": 0.5, "point_spacing": 0.1, "cells": (0.2, 0.4, 0.8), "num_neighbors": 8}
    return (
        create_model("ccnn_unet_tiny", dim=3, in_channels=2, out_channels=4, **{**words, **options})
        .double()
        .eval()
    )


def test_neighbours_are_nearest_in_the_metric_and_sorted_by_distance():
    pos, batch = clouds(80, 50)
    found = PointSet(pos, batch).knn(7, metric=(1, 1, 0))
    edges = found.edges()
    apart = torch.cdist(pos[:, :2], pos[:, :2]).masked_fill(batch[:, None] != batch, torch.inf)
    for query in range(130):
        samples = edges[0][edges[1] == query]
        assert set(samples.tolist()) == set(apart[query].topk(7, largest=False).indices.tolist())
        distance = (found.pos[samples] - found.pos[query]).norm(dim=1)
        assert bool((distance.diff() >= 0).all())


def test_pruning_is_no_other_sum_where_neighbours_were_searched_horizontally():
    pos, batch = clouds(90)
    x = torch.randn(90, 3, dtype=torch.float64)
    conv = ContinuousConv(3, 5, dim=3, extent=0.3).double()
    cloud = PointSet(pos, batch).knn(20, metric=(1, 1, 0))
    torch.testing.assert_close(conv(x, cloud), conv(x, cloud, algorithm="messages"), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("metric", [(1, 1), (0, 0, 0), (1, -1, 1), (1, float("nan"), 1)])
def test_a_metric_that_is_none_is_refused(metric):
    with pytest.raises(ValueError, match="'metric' must be 3 factors"):
        PointSet(torch.rand(5, 3)).knn(2, metric=metric)


def test_coarser_clouds_are_parts_of_the_finer_and_steps_join_them():
    pos, batch = clouds(300, 120)
    pyramid = LEVELS.of(PointSet(pos, batch))
    assert isinstance(pyramid, PointPyramid) and len(pyramid.clouds) == 3
    whole = [cloud.pos + cloud.center[cloud.batch] for cloud in pyramid.clouds]
    centre = pyramid.center  # coarser clouds have the finest one's frame
    frames = [whole[0] - centre[pyramid.clouds[0].batch], *whole[1:]]
    for fine, coarse in zip(frames, frames[1:], strict=False):
        assert (
            float(
                torch.cdist(coarse, fine, compute_mode="donot_use_mm_for_euclid_dist").min(dim=1).values.max()
            )
            < 1e-12
        )
    for step, samples, queries in [(pyramid.down[0], 0, 1), (pyramid.up[1], 2, 1)]:
        rel = step.rel(step.edges())
        expected = frames[samples][step.edges()[0]] - frames[queries][step.edges()[1]]
        torch.testing.assert_close(rel, expected, rtol=0, atol=1e-12)
        assert bool((step.batch[step.edges()[0]] == step.query_batch[step.edges()[1]]).all())


def test_to_layers_a_pyramid_is_its_finest_cloud():
    pos, batch = clouds(200)
    conv = ContinuousConv(3, 4, dim=3, extent=0.4).double()
    x = torch.randn(200, 3, dtype=torch.float64)
    cloud = PointSet(pos, batch).knn(6, metric=(1, 1, 0))
    assert conv(x, LEVELS.of(cloud)).equal(conv(x, cloud))
    assert not cloud.neighbors_judged  # what somebody else holds is not changed


def test_clouds_that_do_not_fit_are_refused():
    pyramid = LEVELS.of(PointSet(*clouds(200)))
    with pytest.raises(ValueError, match="'down' and 'up' must be one less"):
        PointPyramid(pyramid.clouds, pyramid.down[:1], pyramid.up)
    with pytest.raises(ValueError, match="must join clouds"):
        PointPyramid(pyramid.clouds, pyramid.up, pyramid.down)
    with pytest.raises(ValueError, match="'cells' must grow"):
        Levels(cells=(0.4, 0.4))


def test_the_network_does_not_know_where_the_origin_is_nor_the_order_nor_the_other_clouds():
    model = network()
    pos, batch = clouds(150, 90)
    x = torch.randn(240, 2, dtype=torch.float64)
    y = model(Data(x=x, pos=pos, batch=batch))
    moved = model(Data(x=x, pos=pos + 2.0**20, batch=batch))
    torch.testing.assert_close(moved, y, rtol=0, atol=1e-9)
    alone = torch.cat([model(Data(x=x[batch == n], pos=pos[batch == n])) for n in range(2)])
    torch.testing.assert_close(alone, y, rtol=0, atol=1e-9)
    order = torch.randperm(150, generator=torch.Generator().manual_seed(1))
    mixed = model(Data(x=x[order], pos=pos[order]))
    torch.testing.assert_close(mixed, y[:150][order], rtol=0, atol=1e-9)


def test_a_pyramid_that_is_brought_is_read_and_one_of_another_height_refused():
    model = network()
    pos, batch = clouds(150)
    x = torch.randn(150, 2, dtype=torch.float64)
    y = model(x, PointSet(pos, batch).knn(8))
    assert model(x, model.levels.of(PointSet(pos, batch).knn(8))).equal(y)
    with pytest.raises(ValueError, match="'domain' must have 4 clouds"):
        model(x, LEVELS.of(PointSet(pos, batch)))


def test_far_points_change_answers_through_coarser_clouds():
    """A flat network of the same reach would not see them."""
    model = network()
    pos, batch = clouds(400)
    far = int((pos - pos[0]).norm(dim=1).argmax())
    x = torch.zeros(400, 2, dtype=torch.float64)
    other = x.clone()
    other[far] = 5.0
    cloud = PointSet(pos, batch).knn(8)
    assert float((model(other, cloud) - model(x, cloud))[0].abs().max()) > 1e-6


def test_saved_and_loaded_it_answers_the_same(tmp_path):
    model = network(keep="highest", metric=(1, 1, 0), cells=(0.3, 0.5, 0.9))
    pos, batch = clouds(100)
    data = Data(x=torch.randn(100, 2, dtype=torch.float64), pos=pos)
    loaded = from_pretrained(save_pretrained(model, tmp_path / "model")).double()
    assert loaded.levels == model.levels and loaded.reading == model.reading
    assert model.levels.metric == (1.0, 1.0, 0.0)
    torch.testing.assert_close(loaded(data), model(data), rtol=1e-5, atol=1e-6)


def test_items_of_a_batch_that_are_smaller_than_a_cell_have_one_point_on_coarser_clouds():
    items = [Data(x=torch.rand(n, 2).double(), pos=torch.rand(n, 3).double() * 0.05) for n in (1, 2, 7)]
    assert network()(Batch.from_data_list(items)).shape == (10, 4)


def test_other_data_than_points_are_refused():
    with pytest.raises(TypeError, match="'domain' must be points"):
        network()(torch.rand(1, 2, 4, 4, 4).double())
    with pytest.raises(ValueError, match="must be that of clouds"):
        network(shape=(8, 8, 8))


def test_reach_and_spacing_follow_from_each_other():
    both = [
        network(extent=None, point_spacing=0.2, cells=None),
        network(extent=1.0, point_spacing=None, cells=None),
    ]
    assert all(model.levels.cells == (0.4, 0.8, 1.6) for model in both)
    reach = [[conv.extent.tolist() for conv in model.convolutions()] for model in both]
    assert reach[0] == reach[1] and reach[0][0] == [1.0] * 3
    down = both[0].down[2]
    assert down.extent.tolist() == [8.0] * 3
