"""Parts of an answer: their sum, where they lie where one knows it, and that they are of the trained network."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data

from ccnn_pc.datasets.common.grid_data import GridData
from ccnn_pc.datasets.series.data import SeriesData
from ccnn_pc.explain import Asked, deletion, integrated_gradients
from ccnn_pc.explain.deletion import without
from ccnn_pc.models import create_model


class Mean(nn.Module):
    """A linear map of the mean of the features: each point's part is known."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[1.0, -2.0], [0.5, 3.0]]))

    def forward(self, batch: Any) -> Tensor:
        return torch.stack([item.x.mean(dim=0) for item in batch.to_data_list()]) @ self.weight.t()


def test_parts_of_a_linear_network() -> None:
    """a_i = w · (x_i - x') / n, for each output, from every baseline."""
    model, x = Mean(), torch.randn(7, 2)
    for baseline in (0.0, 0.5):
        found = integrated_gradients(model, Data(pos=torch.randn(7, 3), x=x), 1, baseline=baseline, steps=3)
        wanted = (x - baseline) * torch.tensor([0.5, 3.0]) / 7
        assert torch.allclose(found.channels, wanted, atol=1e-6)
        assert torch.allclose(found.values, wanted.sum(dim=1), atol=1e-6) and found.gap < 1e-5
    assert found.without == pytest.approx(1.75) and model.training


def items() -> dict[str, tuple[nn.Module, Data]]:
    """An untrained network and an item of every kind."""
    torch.manual_seed(0)
    series = SeriesData(times=torch.tensor([0.0, 0.7, 2.0, 3.1, 3.3, 6.0]), x=torch.randn(6, 2))
    return {
        "cloud": (
            create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=3),
            Data(pos=torch.rand(30, 3)),
        ),
        "image": (
            create_model("ccnn_4_16", dim=2, in_channels=3, out_channels=3, shape=[6, 5]),
            GridData(x=torch.randn(1, 3, 6, 5)),
        ),
        "series": (create_model("ccnn_4_16", dim=1, in_channels=2, out_channels=3, shape=[8]), series),
        "volume": (
            create_model("ccnn_4_16", dim=3, in_channels=1, out_channels=3, shape=[4, 4, 4], spacing=0.5),
            GridData(x=torch.randn(1, 1, 4, 4, 4)),
        ),
    }


@pytest.mark.parametrize("kind", ["cloud", "image", "series", "volume"])
def test_parts_add_up_to_the_answer(kind: str) -> None:
    model, data = items()[kind]
    model.eval()
    found = integrated_gradients(model, data, 2, steps=48)
    with torch.no_grad():
        answer = float(model(data)[0, 2])
        empty = data.clone()
        empty.x = torch.zeros_like(data.pos if data.x is None else data.x)
        without_features = float(model(empty)[0, 2])
    assert found.answer == pytest.approx(answer, abs=1e-4)
    assert found.without == pytest.approx(without_features, abs=1e-4)
    assert float(found.values.double().sum()) == pytest.approx(answer - without_features, rel=0.01, abs=1e-4)
    samples = {"cloud": 30, "image": 30, "series": 6, "volume": 64}[kind]
    assert found.values.shape == (samples,) and len(found.channels) == samples


def series_of(sign: int, left: bool) -> tuple[Tensor, Tensor]:
    """A narrow bump of the class's sign, a wide one of any sign, and noise ``[1, 40]``; where the narrow one is."""
    t = torch.arange(40.0)
    narrow, wide = (10, 29) if left else (29, 10)
    other = 2 * int(torch.randint(2, ())) - 1
    x = 2.5 * sign * torch.exp(-((t - narrow) ** 2) / 2) + 2.0 * other * torch.exp(-((t - wide) ** 2) / 40)
    return (x + 0.1 * torch.randn(40))[None], (t - narrow).abs() <= 3


def cloud_of(sign: int) -> Data:
    """40 points with noise, the last 8 of them close together and with a value of the class's sign."""
    centre = torch.rand(1, 3) - 0.5
    pos = torch.cat([2 * torch.rand(32, 3) - 1, centre + 0.05 * torch.randn(8, 3)])
    x = 0.3 * torch.randn(40, 1)
    x[32:] += 1.5 * sign
    return Data(pos=pos, x=x)


def trained(model: nn.Module, batch: Callable[[Tensor], Any], steps: int) -> nn.Module:
    """A network that tells the sign."""
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    model.train()
    for _ in range(steps):
        labels = torch.randint(2, (24,))
        loss = nn.functional.cross_entropy(model(batch(2 * labels - 1)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss) < 0.2
    return model.eval()


def share_inside(values: Tensor, inside: Tensor) -> float:
    return float(values.abs()[inside].sum() / values.abs().sum())


def test_a_series_whose_class_is_the_sign_of_a_narrow_bump() -> None:
    """Most lies on that bump, a sixth of the stamps; of a network that has learned nothing it lies on the wide one."""
    torch.manual_seed(0)

    def new() -> nn.Module:
        return create_model("ccnn_4_16", dim=1, in_channels=1, out_channels=2, shape=[40])

    def batch(signs: Tensor) -> Tensor:
        return torch.stack([series_of(int(sign), bool(torch.rand(()) < 0.5))[0] for sign in signs])

    model, random = trained(new(), batch, 80), new().eval()
    shares: list[list[float]] = [[], []]
    for sign, left in ((1, True), (-1, True), (1, False), (-1, False)):
        x, inside = series_of(sign, left)
        data, asked = GridData(x=x[None]), (sign + 1) // 2
        found = integrated_gradients(model, data, asked, steps=32)
        assert float(found.values[inside].sum()) > 0  # it speaks for the class
        other = integrated_gradients(random, data, asked, steps=16)
        for each, values in zip(shares, (found.values, other.values), strict=True):
            each.append(share_inside(values, inside))
    learned, nothing = (sum(each) / 4 for each in shares)
    assert learned > 0.5 and learned > nothing + 0.2, shares


def test_a_cloud_whose_class_is_a_cluster() -> None:
    """The parts lie on the cluster; without its points the output falls faster than without random ones."""
    torch.manual_seed(0)
    model = create_model("ccnn_4_16", dim=3, in_channels=1, out_channels=2)
    trained(model, lambda signs: Batch.from_data_list([cloud_of(int(s)) for s in signs]), 40)
    for sign in (1, -1):
        data, asked = cloud_of(sign), (sign + 1) // 2
        found = integrated_gradients(model, data, asked, steps=32)
        cluster = torch.arange(40) >= 32
        assert share_inside(found.values, cluster) > 0.6 and float(found.values[cluster].sum()) > 0
        left = deletion(model, data, asked, found.values, shares=(0.0, 0.2, 0.3))
        assert [left.most[0], left.random[0]] == pytest.approx([found.answer] * 2, abs=1e-4)
        assert left.most[1] < left.random[1] < left.least[1] + 0.5 * abs(found.answer)


def test_the_network_is_as_it_was() -> None:
    model: Any = create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=2)
    model.stem.requires_grad_(False)
    model.train()
    wanted = [p.requires_grad for p in model.parameters()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    integrated_gradients(model, Data(pos=torch.rand(20, 3)), 0, steps=2)
    assert model.training and [p.requires_grad for p in model.parameters()] == wanted and not model.warned
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_which_output_of_which_samples() -> None:
    rows = torch.arange(12.0).view(6, 2)  # two copies of three samples
    assert Asked(1).of(rows, 2).tolist() == [3.0, 9.0]
    assert Asked(1, torch.tensor([True, False, False])).of(rows, 2).tolist() == [1.0, 7.0]
    assert Asked(1).of(rows.view(2, 3, 2).transpose(1, 2), 2).tolist() == [3.0, 9.0]  # of arrays
    single = torch.tensor([[2.0], [3.0]])
    assert Asked(0).of(single, 2).tolist() == [2.0, 3.0]  # a number keeps its sign
    assert Asked(0, negative=True).of(single, 2).tolist() == [-2.0, -3.0]
    with pytest.raises(ValueError, match="'output' must be below 2"):
        Asked(5).of(rows[:2], 2)


def test_samples_are_taken_away() -> None:
    cloud = Data(pos=torch.arange(12.0).view(4, 3), x=torch.arange(4.0)[:, None])
    cloud.neighbor_index, cloud.y = torch.zeros(2, 4, dtype=torch.int32), torch.tensor([1])
    left = without(cloud, torch.tensor([1, 2]))
    assert left.x.flatten().tolist() == [0.0, 3.0] and left.pos.shape == (2, 3) and left.num_nodes == 2
    assert left.y.tolist() == [1] and "neighbor_index" not in left and cloud.x.shape == (4, 1)
    array = without(GridData(x=torch.ones(1, 2, 2, 2)), torch.tensor([3]))
    assert array.x[0, :, 1, 1].tolist() == [0.0, 0.0] and float(array.x.sum()) == 6.0
    with pytest.raises(ValueError, match=r"'importance' must be \[4\]"):
        deletion(Mean(), cloud, 0, torch.ones(3))


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Mean()
    with pytest.raises(ValueError, match="its answer is not finite"):
        integrated_gradients(model, Data(pos=torch.rand(2, 3), x=torch.full((2, 2), torch.nan)), 0)
    with pytest.raises(ValueError, match="'data' must have features"):
        integrated_gradients(model, Data(), 0)
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.delitem(sys.modules, "captum.attr", raising=False)
    with pytest.raises(ImportError, match=r"ccnn-pc\[explain\]"):
        integrated_gradients(model, Data(pos=torch.rand(2, 3), x=torch.rand(2, 2)), 0)
