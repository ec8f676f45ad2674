"""Statistics of batch norms from data: exact, of a sampling, and nothing else changes."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, Data

from ccnn_pc.models import create_model
from ccnn_pc.nn import recalibrate


def clouds(seed, count=12, points=60):
    torch.manual_seed(seed)
    return [Data(pos=torch.randn(points, 3)) for _ in range(count)]


def batches(items, size):
    return [Batch.from_data_list(items[i : i + size]) for i in range(0, len(items), size)]


def network(**options):
    torch.manual_seed(0)
    return create_model(
        "ccnn_4_16", dim=3, in_channels=3, out_channels=4, num_points=60, num_neighbors=12, **options
    ).eval()


def test_statistics_are_those_of_all_numbers_together():
    torch.manual_seed(0)
    parts = [torch.randn(n, 3, 5) * scale + 100 for n, scale in ((4, 1.0), (9, 3.0), (1, 0.1))]
    norm = recalibrate(nn.BatchNorm1d(3).eval(), parts)
    everything = torch.cat(parts).transpose(0, 1).flatten(1)
    torch.testing.assert_close(norm.running_mean, everything.mean(1))
    torch.testing.assert_close(norm.running_var, everything.var(1))


def test_a_network_in_eval_mode_then_answers_as_in_training():
    model, (batch,) = network(), batches(clouds(1), 12)  # of one batch both are the same, but for n / (n - 1)
    before = model(batch)
    model.recent = 0
    wanted = model.train()(batch)
    found = recalibrate(model.eval(), [batch])(batch)
    assert float((before - wanted).abs().max()) > 1
    torch.testing.assert_close(found, wanted, rtol=1e-2, atol=1e-2)


def test_nothing_but_statistics_changes_and_modes_stay():
    model = network(dropout=0.5)
    model.blocks[1].train()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    assert recalibrate(model, batches(clouds(2), 4)) is model
    assert [module.training for module in model.modules()] == modes
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, state[name])}
    assert changed and {name.rpartition(".")[2] for name in changed} == {"running_mean", "running_var"}
    again = {name: value.clone() for name, value in model.state_dict().items()}
    recalibrate(model, batches(clouds(2), 4))  # dropout rests: the same numbers
    assert all(torch.equal(value, again[name]) for name, value in model.state_dict().items())


def test_no_data_is_an_error_and_what_fails_changes_nothing():
    model = network()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=r"two numbers per channel.*got 0"):
        recalibrate(model, [])
    with pytest.raises(TypeError, match="domain"):
        recalibrate(model, [*batches(clouds(3), 4), torch.zeros(3, 7, 7)])
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert not model.training and not model.blocks[0].training


@pytest.mark.parametrize(
    ("norm", "batch", "error", "said"),
    [
        (nn.BatchNorm1d(1), torch.tensor([[1.0], [torch.nan]]), ValueError, "finite mean and variance"),
        (nn.BatchNorm1d(1).half(), torch.tensor([[0.0], [1e3]]).half(), ValueError, "in torch.float16"),
        (nn.BatchNorm1d(1), {"x": torch.ones(2, 1)}, TypeError, "tensors or PyG data .got dict"),
    ],
)
def test_statistics_that_are_no_numbers_are_refused(norm, batch, error, said):
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    with pytest.raises(error, match=said):
        recalibrate(norm, [batch])
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())


def test_networks_without_batch_norms_stay_as_they_are():
    model = network(norm="layer")
    state = {name: value.clone() for name, value in model.state_dict().items()}
    recalibrate(model, ((batch, "label") for batch in batches(clouds(4), 4)))
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
