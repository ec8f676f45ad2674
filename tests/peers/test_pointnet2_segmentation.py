"""PointNet++ for a class per point against its formulas."""

from __future__ import annotations

from typing import Any

import torch
from torch_geometric.data import Batch, Data

from ccnn_pc.models import create_model
from ccnn_pc.peers.pointnet2_segmentation import PointNet2Segmentation, interpolated
from tests.peers.test_point_networks import clouds, linear_and_norm


def test_interpolation_is_its_formula() -> None:
    """Ragged clouds, one of two points; some places are points."""
    sizes, places = (7, 2, 12), (9, 4, 6)
    batch, query_batch = (torch.arange(3).repeat_interleave(torch.tensor(each)) for each in (sizes, places))
    pos, x = torch.rand(21, 3, dtype=torch.float64), torch.randn(21, 5, dtype=torch.float64)
    query = torch.rand(19, 3, dtype=torch.float64)
    query[0], query[9], query[15] = pos[3], pos[8], pos[20]
    found = interpolated(x, pos, batch, query, query_batch)
    for i in range(19):
        own = (batch == query_batch[i]).nonzero()[:, 0]
        gap = (pos[own] - query[i]).norm(dim=1)
        if i in (0, 9, 15):
            want = x[own[gap.argmin()]]
        else:
            near = gap.argsort()[:3]
            weight = 1 / gap[near] ** 2
            want = (x[own[near]] * weight[:, None]).sum(0) / weight.sum()
        torch.testing.assert_close(found[i], want, atol=1e-10, rtol=0)


def test_parameter_count_is_stated() -> None:
    expected = linear_and_norm(6, 64, 64, 128) + linear_and_norm(131, 128, 128, 256)
    expected += linear_and_norm(259, 256, 512, 1024) + linear_and_norm(1280, 256, 256)
    expected += linear_and_norm(384, 256, 128) + linear_and_norm(134, 128, 128, 128)
    expected += linear_and_norm(128, 128) + 129 * 14
    assert sum(p.numel() for p in PointNet2Segmentation(3, 14).parameters()) == expected
    assert 1.35e6 < expected < 1.45e6


def network() -> Any:
    torch.manual_seed(0)
    return PointNet2Segmentation(3, 5, centroids=(16, 4), dropout=0.0).double()


def test_a_batch_equals_its_clouds_alone() -> None:
    model, data = network().eval(), clouds(40, 3, 64, 1)
    together = model(Batch.from_data_list(data))
    alone = torch.cat([model(one) for one in data])
    assert together.shape == (108, 5)
    torch.testing.assert_close(together, alone, atol=1e-9, rtol=0)


def test_answers_follow_their_points() -> None:
    model = network().eval()
    (data,) = clouds(50)
    order = torch.cat([torch.zeros(1, dtype=torch.long), 1 + torch.randperm(49)])  # the first centroid stays
    permuted = model(Data(x=data.x[order], pos=data.pos[order]))
    torch.testing.assert_close(model(data)[order], permuted, atol=1e-9, rtol=0)


def test_a_point_hears_of_the_whole_cloud() -> None:
    model = network().eval()
    (data,) = clouds(60)
    far = (data.pos - data.pos[0]).norm(dim=1).argmax()
    changed = Data(x=data.x.clone(), pos=data.pos)
    changed.x[far] += 100.0
    assert float((model(data)[0] - model(changed)[0]).detach().abs().max()) > 1e-6


def test_every_parameter_gets_a_gradient_and_the_limit_of_centroids_is_kept() -> None:
    model, seen = network().train(), list[list[int]]()
    for level in (model.near, model.far):
        level.register_forward_hook(lambda _, __, out: seen.append(torch.bincount(out[2]).tolist()))
    model(Batch.from_data_list(clouds(40, 20, 9))).square().sum().backward()
    assert seen == [[16, 10, 5], [4, 3, 2]]
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


def test_made_by_name() -> None:
    model: Any = create_model(
        "pointnet2_segmentation", dim=3, in_channels=0, out_channels=5, pool=None, radii=(1.0, 4.0)
    )
    assert model.near.radius == 1.0 and model.far.radius == 4.0 and model.pool is None
