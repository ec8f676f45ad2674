"""Peers on series: what they compute, and that a batch is no more than its series."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch

from ccnn_pc.datasets import GridData, SeriesData
from ccnn_pc.domains import IrregularSeries
from ccnn_pc.models import create_model, from_pretrained, save_pretrained
from ccnn_pc.peers.gru import GRUD, GRUDt, last_observed, time_unobserved
from ccnn_pc.peers.ode_rnn import ODERNN
from ccnn_pc.peers.padded import PaddedSeries, pad_series

pytest.importorskip("torchdiffeq", reason="torchdiffeq is in the `baselines` extra")
pytest.importorskip("torchcde", reason="torchcde is in the `baselines` extra")

#: name, options
PEERS: list[tuple[str, dict[str, Any]]] = [
    ("gru_dt", {}),
    ("gru_dt", {"mask_input": True, "num_layers": 2}),
    ("gru_d", {}),
    ("ode_rnn", {}),
    ("ode_rnn", {"mask_input": True, "method": "euler", "num_steps": 3}),
    ("neural_cde", {}),
    ("neural_cde", {"spline": "natural", "adjoint": False, "num_steps": 2}),
]


def made(name: str, options: dict[str, Any], **change: Any) -> Any:
    torch.manual_seed(0)
    sizes = {"dim": 1, "in_channels": 3, "out_channels": 4, "hidden": 6, **change}
    return create_model(name, **sizes, **options).eval()


def series(*lengths: int, mask: bool = True, dtype: torch.dtype = torch.float32) -> list[SeriesData]:
    generator = torch.Generator().manual_seed(1)
    items = []
    for n in lengths:
        gaps = 0.05 + torch.rand(n, generator=generator, dtype=torch.float64)
        item = SeriesData(times=100 + gaps.cumsum(0), x=torch.randn(n, 3, generator=generator, dtype=dtype))
        if mask:
            item.mask = torch.rand(n, 3, generator=generator) < 0.6
            item.x[~item.mask] = float("nan")  # what stands there does not matter
        items.append(item)
    return items


def padded(items: list[SeriesData], spacing: float = 1.0) -> PaddedSeries:
    batch: Any = Batch.from_data_list(items)
    mask = batch.get("mask")
    return pad_series(batch.x, IrregularSeries(batch.times, batch.batch, mask=mask), spacing)


@pytest.mark.parametrize(("name", "options"), PEERS)
@pytest.mark.parametrize("mask", [True, False])
def test_a_batch_is_its_series(name: str, options: dict[str, Any], mask: bool) -> None:
    model, items = made(name, options, spacing=0.5), series(5, 1, 12, 2, mask=mask)
    with torch.no_grad():
        together = model(Batch.from_data_list(items))
        alone = torch.cat([model(item) for item in items])
        reverse = model(Batch.from_data_list(items[::-1]))
    assert together.shape == (4, 4)
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=0)
    torch.testing.assert_close(reverse.flip(0), alone, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("name", "options"), PEERS)
def test_only_differences_of_stamps_count_in_units_of_the_spacing(name: str, options: dict[str, Any]) -> None:
    (item,) = series(8, dtype=torch.float64)
    later, slower = copy.copy(item), copy.copy(item)
    later.times, slower.times = item.times + 1e6, item.times * 60
    model, minutes = made(name, options).double(), made(name, options, spacing=60.0).double()
    with torch.no_grad():
        expected = model(item)
        torch.testing.assert_close(model(later), expected, atol=1e-7, rtol=0)
        torch.testing.assert_close(minutes(slower), expected, atol=1e-9, rtol=0)
        assert not torch.allclose(model(slower), expected, atol=1e-3)


@pytest.mark.parametrize(("name", "options"), PEERS)
def test_grids_arrays_and_series_are_the_same_data(name: str, options: dict[str, Any]) -> None:
    model, x = made(name, options, spacing=0.25), torch.randn(2, 3, 9)
    items = [SeriesData(times=torch.arange(9) * 0.5, x=each.t()) for each in x]
    grids = [GridData(x=each[None], spacing=torch.tensor([[0.5]])) for each in x]
    batch: Any = Batch.from_data_list(items)
    with torch.no_grad():
        expected = model(batch)
        torch.testing.assert_close(model(Batch.from_data_list(grids)), expected)
        torch.testing.assert_close(model(batch.x, IrregularSeries(batch.times, batch.batch)), expected)
        twice = copy.copy(batch)
        twice.times = batch.times / 2  # at the spacing of training
        torch.testing.assert_close(model(x), model(twice))


@pytest.mark.parametrize(("name", "options"), PEERS)
def test_every_parameter_learns_and_is_stored(name: str, options: dict[str, Any], tmp_path: Any) -> None:
    model = made(name, options, out_channels=1).train()
    batch = Batch.from_data_list(series(7, 4, 6))
    copy.deepcopy(model)(batch).square().sum().backward()
    model(batch).square().sum().backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.isfinite().all()), key
        assert float(parameter.grad.abs().max()) > 0, key
    save_pretrained(model, tmp_path / "model")
    with torch.no_grad():
        assert torch.equal(from_pretrained(tmp_path / "model")(batch), model.eval()(batch))


def test_numbers_of_parameters() -> None:
    c, h, k, w = 3, 6, 4, 5

    def count(name: str, **options: Any) -> int:
        return sum(p.numel() for p in made(name, options).parameters())

    def gru(inputs: int) -> int:
        return 3 * h * (inputs + h) + 6 * h

    head = h * k + k
    assert count("gru_dt") == gru(c + 1) + head and count("gru_dt", mask_input=True) == gru(2 * c + 1) + head
    assert count("gru_d") == 3 * h * (2 * c + h) + 3 * h + 2 * c + (c * h + h) + head
    field = h * w + w + w * h + h
    assert count("ode_rnn", field_width=w) == gru(c) + field + head
    field = h * w + w + (w * w + w) + w * h * (c + 1) + h * (c + 1)
    assert count("neural_cde", field_width=w) == (c + 1) * h + h + field + head


def test_gru_delta_is_a_gru_on_values_and_gaps() -> None:
    (item,) = series(7, mask=False)
    model = GRUDt(3, 4, hidden=6, spacing=0.5)
    gaps = item.times.diff(prepend=item.times[:1]) / 0.5
    _, state = model.rnn(torch.cat([item.x, gaps[:, None].float()], dim=1)[None])
    torch.testing.assert_close(model(item), model.head(state[-1]))


def test_gru_d_is_the_loop_of_the_paper() -> None:
    (item,) = series(9, dtype=torch.float64)
    model = GRUD(3, 4, hidden=6, means=[0.5, -1.0, 0.0]).double()
    assert 5 < int(item.mask.sum()) < 22 and not bool(item.mask[0].all())
    with torch.no_grad():
        torch.nn.init.normal_(model.decay_x_bias)
        w_xr, w_xz, w_xh = model.inputs.weight[:, :3].chunk(3)
        v_r, v_z, v_h = model.inputs.weight[:, 3:].chunk(3)
        b_r, b_z, b_h = model.inputs.bias.chunk(3)
        u_r, u_z = model.gates.weight.chunk(2)
        u_h, mean = model.candidate.weight, model.means
        h, delta, latest = torch.zeros(6).double(), torch.zeros(3).double(), mean.clone()
        for t in range(9):
            m = item.mask[t].double()
            if t > 0:
                gap = item.times[t] - item.times[t - 1]
                delta = torch.where(item.mask[t - 1], gap, gap + delta)
            x = torch.where(item.mask[t], item.x[t], torch.zeros(3).double())
            gamma_x = torch.exp(-torch.clamp(model.decay_x_weight * delta + model.decay_x_bias, min=0))
            gamma_h = torch.exp(-torch.clamp(model.decay_h.weight @ delta + model.decay_h.bias, min=0))
            x_hat = m * x + (1 - m) * (gamma_x * latest + (1 - gamma_x) * mean)
            h_hat = gamma_h * h
            r = torch.sigmoid(w_xr @ x_hat + u_r @ h_hat + v_r @ m + b_r)
            z = torch.sigmoid(w_xz @ x_hat + u_z @ h_hat + v_z @ m + b_z)
            fresh = torch.tanh(w_xh @ x_hat + u_h @ (r * h_hat) + v_h @ m + b_h)
            h = (1 - z) * h_hat + z * fresh
            latest = torch.where(item.mask[t], x, latest)
        torch.testing.assert_close(model(item)[0], model.head(h), atol=1e-9, rtol=0)


def test_time_and_place_of_the_last_observation() -> None:
    batch = padded(series(6, 3))
    for row, length in enumerate(batch.lengths.tolist()):
        for channel in range(3):
            seen, since = -1, 0.0
            for i in range(length):
                if i > 0:
                    gap = float(batch.times[row, i] - batch.times[row, i - 1])
                    since = gap + (0.0 if batch.mask[row, i - 1, channel] else since)
                seen = i if batch.mask[row, i, channel] else seen
                assert float(time_unobserved(batch)[row, i, channel]) == pytest.approx(since, abs=1e-5)
                assert int(last_observed(batch, first=-1)[row, i, channel]) == seen


def test_ode_rnn_without_motion_is_a_gru() -> None:
    (item,) = series(7, mask=False)
    model = ODERNN(3, 4, hidden=6)
    gru = nn.GRU(3, 6, batch_first=True)
    gru.load_state_dict({f"{name}_l0": value for name, value in model.cell.state_dict().items()})
    expected = model.head(gru(item.x[None])[1][-1])
    assert not torch.allclose(model(item), expected, atol=1e-3)
    nn.init.zeros_(model.field[-1].weight)  # type: ignore[arg-type]
    nn.init.zeros_(model.field[-1].bias)  # type: ignore[arg-type]
    torch.testing.assert_close(model(item), expected)


class _Turn(nn.Module):
    """dh/dt = A h with a quarter turn per unit of time."""

    def forward(self, h: Tensor) -> Tensor:
        return torch.pi / 2 * torch.stack([-h[:, 1], h[:, 0]], dim=1)


def test_states_between_samples_follow_the_equation() -> None:
    model = ODERNN(3, 4, hidden=2, num_steps=50)
    model.field = _Turn()  # type: ignore[assignment]
    found = model.evolved(torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0]]), torch.tensor([1.0, 2.0, 0.0]))
    torch.testing.assert_close(found, torch.tensor([[0.0, 1.0], [-1.0, 0.0], [0.0, 2.0]]), atol=1e-5, rtol=0)


def test_refuses() -> None:
    model = made("gru_d", {})
    with pytest.raises(ValueError, match="'dim' must be 1"):
        made("ode_rnn", {}, dim=3)
    with pytest.raises(ValueError, match=r"'x' must have shape \[n, 3\] .*got \[4, 2\]"):
        model(SeriesData(times=torch.arange(4.0), x=torch.zeros(4, 2)))
    with pytest.raises(ValueError, match=r"'x' must have shape \[B, 3, L\]"):
        model(torch.zeros(2, 4, 5))
    with pytest.raises(TypeError, match="'domain' must say where features lie"):
        model(torch.zeros(5, 3))
    with pytest.raises(ValueError, match=r"'data\.x' must be finite where it was observed"):
        model(SeriesData(times=torch.arange(2.0), x=torch.full((2, 3), torch.nan)))
    with pytest.raises(ValueError, match="'times' must be in order"):
        model(SeriesData(times=torch.tensor([1.0, 0.0]), x=torch.zeros(2, 3)))
    with pytest.raises(ValueError, match="'means' must have 3 entries"):
        made("gru_d", {"means": [0.0]})
    with pytest.raises(ValueError, match="'times' must rise"):
        made("neural_cde", {})(SeriesData(times=torch.zeros(3), x=torch.zeros(3, 3)))
    with pytest.raises(ValueError, match="'spline' must be one of 'hermite', 'natural'"):
        made("neural_cde", {"spline": "cubic"})
    with pytest.raises(ValueError, match="'method' must be one of 'euler', .*got 'rk5'"):
        made("ode_rnn", {"method": "rk5"})


@pytest.mark.parametrize(("name", "package"), [("ode_rnn", "torchdiffeq"), ("neural_cde", "torchcde")])
def test_a_missing_package_names_the_extra(name: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(ImportError, match=rf"'{package}' is needed .*pip install 'ccnn-pc\[baselines\]'"):
        made(name, {})
