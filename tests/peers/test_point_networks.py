from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import EdgeConv

from ccnn_pc.models import create_model
from ccnn_pc.peers.dgcnn import DGCNN
from ccnn_pc.peers.pointnet2 import PointNet2, SetAbstraction

BUILDERS: dict[str, Callable[[], nn.Module]] = {
    "pointnet2": lambda: PointNet2(3, 5, dropout=0.0),
    "dgcnn": lambda: DGCNN(3, 5, k=6, dropout=0.0),
}


def clouds(*sizes: int, dtype: torch.dtype = torch.float64) -> list[Data]:
    generator = torch.Generator().manual_seed(0)
    return [
        Data(
            x=torch.randn(n, 3, generator=generator, dtype=dtype),
            pos=torch.rand(n, 3, generator=generator, dtype=dtype) - 0.5,
        )
        for n in sizes
    ]


@pytest.fixture(params=list(BUILDERS))
def model(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    return BUILDERS[request.param]().double()


def linear_and_norm(*widths: int, bias: bool = True) -> int:
    """Parameters of linear layers of these widths, each followed by a batch norm."""
    return sum(a * b + (b if bias else 0) + 2 * b for a, b in pairwise(widths))


def test_parameter_counts_are_the_papers() -> None:
    expected = linear_and_norm(6, 64, 64, 128) + linear_and_norm(131, 128, 128, 256)
    expected += linear_and_norm(259, 256, 512, 1024) + linear_and_norm(1024, 512, 256) + 257 * 40
    assert sum(p.numel() for p in PointNet2(3, 40).parameters()) == expected
    assert 1.4e6 < expected < 1.6e6
    expected = sum(
        linear_and_norm(2 * a, b, bias=False) for a, b in [(3, 64), (64, 64), (64, 128), (128, 256)]
    )
    expected += linear_and_norm(512, 1024, bias=False) + linear_and_norm(2048, 512, 256) + 257 * 40
    assert sum(p.numel() for p in DGCNN(0, 40).parameters()) == expected
    assert 1.75e6 < expected < 1.85e6


def test_a_batch_equals_its_clouds_alone(model: nn.Module) -> None:
    model.eval()
    data = clouds(40, 3, 64)
    together = model(Batch.from_data_list(data))
    alone = torch.cat([model(one) for one in data])
    assert together.shape == (3, 5)
    torch.testing.assert_close(together, alone, atol=1e-9, rtol=0)


def test_the_order_of_points_does_not_matter(model: nn.Module) -> None:
    model.eval()
    (data,) = clouds(50)
    order = torch.cat([torch.zeros(1, dtype=torch.long), 1 + torch.randperm(49)])  # the first centroid stays
    permuted = Data(x=data.x[order], pos=data.pos[order])
    torch.testing.assert_close(model(data), model(permuted), atol=1e-9, rtol=0)


def test_every_parameter_gets_a_gradient(model: nn.Module) -> None:
    model.train()(Batch.from_data_list(clouds(40, 50, 60))).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
    assert max(float(p.grad.abs().max()) for p in model.parameters() if p.grad is not None) > 0


def test_learns_to_tell_flat_from_round() -> None:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    data = []
    for i in range(24):
        pos = torch.nn.functional.normalize(torch.randn(48, 3, generator=generator), dim=1)
        data.append(Data(pos=pos * torch.tensor([1.0, 1.0, float(i % 2)]), y=torch.tensor([i % 2])))
    batch = Batch.from_data_list(data)
    model = PointNet2(0, 2, dropout=0.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(8):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(batch), batch.y).backward()
        optimizer.step()
    assert (model(batch).argmax(dim=1) == batch.y).double().mean() == 1.0


def test_set_abstraction_is_the_maximum_over_the_nearest_in_the_ball() -> None:
    torch.manual_seed(0)
    level = SetAbstraction([5, 8, 4], radius=0.4, max_neighbors=6).double().eval()
    pos, x = torch.rand(60, 3, dtype=torch.float64), torch.randn(60, 2, dtype=torch.float64)
    y, query, batch = level(x, pos, torch.zeros(60, dtype=torch.long), torch.tensor([12]))
    assert y.shape == (12, 4) and batch.tolist() == [0] * 12
    counts = set()
    for i in range(12):
        gap = (pos - query[i]).norm(dim=1)
        ball = [j for j in gap.argsort()[:6].tolist() if gap[j] <= 0.4]
        counts.add(len(ball))
        want = level.conv.local_nn(torch.cat([x[ball], pos[ball] - query[i]], dim=1)).amax(dim=0)
        torch.testing.assert_close(y[i], want, atol=1e-12, rtol=0)
    assert len(counts) > 1  # both limits, radius and cap, were at work


def test_dgcnn_layer_is_the_edge_convolution_on_its_own_features() -> None:
    torch.manual_seed(0)
    model = DGCNN(0, 3, k=4).double().eval()
    (data,) = clouds(20)
    x = data.pos
    levels = []
    for conv in model.convs:
        nearest = torch.cdist(x, x).topk(4, largest=False).indices
        pairs = torch.cat([x.unsqueeze(1).expand(-1, 4, -1), x[nearest] - x.unsqueeze(1)], dim=-1)
        assert isinstance(conv, EdgeConv)
        x = conv.nn(pairs.flatten(0, 1)).unflatten(0, (20, 4)).amax(dim=1)
        levels.append(x)
    x = model.embed(torch.cat(levels, dim=1))
    want = model.head(torch.cat([x.amax(dim=0), x.mean(dim=0)]).unsqueeze(0))
    torch.testing.assert_close(model(data), want, atol=1e-9, rtol=0)


def test_bad_input_is_named(model: nn.Module) -> None:
    (data,) = clouds(20)
    with pytest.raises(ValueError, match=r"'x' must have shape \[n, 3\].*got \[20, 2\]"):
        model(Data(x=data.x[:, :2], pos=data.pos))
    with pytest.raises(ValueError, match=r"'x' must have shape \[n, 3\].*got None"):
        model(Data(pos=data.pos))
    with pytest.raises(ValueError, match="'pos' must have 3 coordinates"):
        model(Data(x=data.x, pos=data.pos[:, :2]))
    with pytest.raises(ValueError, match="'x' must have as many rows as 'pos'"):
        model(Data(x=data.x[:7], pos=data.pos))


def test_bad_sizes_are_named() -> None:
    with pytest.raises(ValueError, match=r"'out_channels' must be at least 0 \(got -1\)"):
        PointNet2(3, -1)
    with pytest.raises(ValueError, match=r"'k' must be at least 1 \(got 0\)"):
        DGCNN(3, 5, k=0)
    with pytest.raises(ValueError, match="'radius' must be positive"):
        PointNet2(3, 5, radii=(-1.0, 0.4))


def test_made_by_name() -> None:
    model = create_model("pointnet2", dim=3, in_channels=3, out_channels=5, max_neighbors=16)
    assert isinstance(model, PointNet2) and model.near.max_neighbors == 16
    assert isinstance(create_model("dgcnn", dim=3, in_channels=0, out_channels=5, k=7), DGCNN)
