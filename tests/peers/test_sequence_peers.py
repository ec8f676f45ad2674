"""Transformer and diagonal state spaces over the samples of an array."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ccnn_pc.models import create_model
from ccnn_pc.peers.s4d import S4D, DiagonalStateSpace
from ccnn_pc.peers.transformer import Transformer


@pytest.fixture(autouse=True)
def double() -> None:
    torch.manual_seed(0)


def test_a_state_space_is_its_recurrence_in_both_directions() -> None:
    layer = DiagonalStateSpace(3, 4).double()
    x = torch.randn(2, 50, 3, dtype=torch.float64)
    change, weight = layer.discrete()

    def walk(samples: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        state = torch.zeros(2, 3, 4, dtype=torch.complex128)
        found = []
        for sample in samples.unbind(1):
            state = torch.exp(change) * state + sample[..., None]  # the input's factor is in the weight
            found.append(2 * (weight * state).sum(-1).real)
        return torch.stack(found, 1)

    ahead = walk(x, weight[0])
    back = walk(x.flip(1), weight[1]).flip(1)
    later = torch.cat([back[:, 1:], torch.zeros(2, 1, 3, dtype=torch.float64)], 1)  # begins one sample later
    torch.testing.assert_close(layer(x), ahead + later + layer.skip * x, rtol=0, atol=1e-12)


def test_its_discrete_form_holds_inputs_between_samples() -> None:
    layer = DiagonalStateSpace(2, 3).double()
    change, weight = layer.discrete()
    poles, step = torch.complex(-layer.log_decay.exp(), layer.frequency), layer.log_step.exp()[:, None]
    fine = torch.linspace(0, 1, 20001, dtype=torch.float64)[:, None, None]
    held = torch.trapezoid(torch.exp(poles * step * (1 - fine)) * step, fine[:, 0, 0], dim=0)
    torch.testing.assert_close(weight, torch.view_as_complex(layer.readout) * held, rtol=1e-6, atol=0)
    torch.testing.assert_close(change, poles * step)


def test_transformer_is_torchs_over_patches() -> None:
    model = Transformer(3, 5, dim=2, channels=16, feedforward=24, patch=4).double().eval()
    x = torch.randn(2, 3, 8, 12, dtype=torch.float64)
    patches = nn.functional.unfold(x, 4, stride=4).transpose(1, 2)
    tokens, shape = model.tokens(x)
    torch.testing.assert_close(tokens, patches)
    assert shape == [2, 3]
    h = model.embedding(patches) + model.positions(shape, patches)
    torch.testing.assert_close(model(x), model.head(model.norm(model.layers(h)).mean(1)))


def test_positions_differ_at_every_place() -> None:
    model = Transformer(1, 2, dim=2, channels=16, heads=2)
    places = model.positions([6, 7], torch.zeros(1, dtype=torch.float64))
    assert isinstance(places, torch.Tensor)
    apart = torch.cdist(places, places) + 9 * torch.eye(42)
    assert float(apart.min()) > 0.02
    row = torch.sin(torch.tensor(3.0, dtype=torch.float64))
    assert float(places[3 * 7, 0]) == pytest.approx(float(row) / 4)  # √16


@pytest.mark.parametrize("kind", [Transformer, S4D])
@pytest.mark.parametrize("shape", [(24,), (6, 4)])
def test_items_of_a_batch_do_not_see_each_other(
    kind: type[Transformer | S4D], shape: tuple[int, ...]
) -> None:
    model = kind(2, 3, dim=len(shape), patch=2).double().eval()
    x = torch.randn(4, 2, *shape, dtype=torch.float64)
    torch.testing.assert_close(model(x), torch.cat([model(each[None]) for each in x]))


def test_sizes_and_names() -> None:
    for name, count in {"transformer": 20_610, "s4d": 20_490}.items():
        model = create_model(name, dim=1, in_channels=18, out_channels=10, shape=(256,))
        assert abs(sum(p.numel() for p in model.parameters()) - count) < 2_500, name
    with pytest.raises(ValueError, match=r"'heads' must divide 'channels' \(got 5 and 32\)"):
        Transformer(1, 2, heads=5)
    with pytest.raises(ValueError, match=r"'patch' must divide the sizes of 'x' \(got 3 and \[8\]\)"):
        S4D(1, 2, patch=3)(torch.rand(1, 1, 8))
    with pytest.raises(
        ValueError, match=r"'x' must have shape \[B, 1, H, W\] for this model \(got \[1, 1, 8\]\)"
    ):
        S4D(1, 2, dim=2)(torch.rand(1, 1, 8))
