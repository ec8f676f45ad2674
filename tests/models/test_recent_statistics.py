"""A network in a plain loop: its batch norms fit its weights as soon as it is in eval mode."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, Data

from ccnn_pc.models import create_model
from ccnn_pc.nn import recalibrate
from ccnn_pc.training.task import SupervisedTask


def batches(count: int = 6, seed: int = 0) -> list[Any]:
    generator = torch.Generator().manual_seed(seed)
    clouds = [
        Data(pos=torch.rand(12, 3, generator=generator), y=torch.tensor([i % 2])) for i in range(4 * count)
    ]
    return [Batch.from_data_list(clouds[4 * i : 4 * i + 4]) for i in range(count)]


def network(**options: Any) -> Any:
    torch.manual_seed(0)
    words = {"dim": 3, "in_channels": 3, "out_channels": 2, "num_neighbors": 8} | options
    return create_model("ccnn_4_16", **words)


def fit(model: Any, data: list[Any]) -> Any:
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    model.train()
    for batch in data:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(batch), batch.y).backward()
        optimizer.step()
    return model


def statistics(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.named_buffers() if "running" in name}


def same(one: nn.Module, other: nn.Module) -> bool:
    ours, theirs = statistics(one), statistics(other)
    return all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_eval_mode_has_the_statistics_of_the_last_batches_under_the_last_weights() -> None:
    data = batches()
    model = fit(network(), data)
    expected = recalibrate(copy.deepcopy(model), data[-4:])
    lagging = statistics(model)
    model.eval()
    assert same(model, expected) and not torch.equal(
        lagging["norm.running_mean"], statistics(model)["norm.running_mean"]
    )
    before = statistics(model)
    model.eval()
    model.train()
    model.eval()
    assert all(torch.equal(value, before[name]) for name, value in statistics(model).items())
    assert not any(module.training for module in model.modules())


def test_what_is_stored_in_training_is_what_eval_mode_has() -> None:
    """Asked for or not, and in whichever order; training goes on with the same last batches."""
    data = batches()
    model = fit(network(), data)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    assert model.training
    assert all(torch.equal(value, state[name]) for name, value in model.eval().state_dict().items())
    again = fit(network(), data[:5])
    again.state_dict()
    assert same(fit(again, []).eval(), recalibrate(fit(network(), data[:5]), data[1:5]))


def test_it_can_be_turned_off_and_is_in_trainings_that_resume() -> None:
    plain = fit(network(), batches())
    running = statistics(plain)
    model = network()
    model.recent = 0
    assert same(fit(model, batches()).eval(), plain)
    SupervisedTask(task := network(), 2, optimizer=lambda m: torch.optim.Adam(m.parameters()))
    assert task.recent == 0 and running.keys() == statistics(task).keys()


def test_norms_that_rest_stay_as_they_are() -> None:
    """As in fine-tuning with frozen statistics."""
    model = fit(network(), batches()).eval()
    before = statistics(model)
    model.train()
    model.blocks.eval()
    with torch.no_grad():
        for batch in batches(seed=1):
            model(batch)
    model.eval()
    after = statistics(model)
    changed = {name.split(".")[0] for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed == {"stem_norm", "norm"}


@pytest.mark.parametrize("way", ["copy", "pickle", "load", "move", "gradient"])
def test_nothing_of_the_data_is_kept_where_it_does_not_belong(way: str) -> None:
    model = fit(network(), batches())
    state = model.state_dict() if way == "load" else {}
    running = statistics(model)
    if way == "copy":
        model = copy.deepcopy(model)
    elif way == "pickle":
        model = pickle.loads(pickle.dumps(model))
    elif way == "load":
        fit(model, batches(seed=2))
        model.load_state_dict({**state, **running})
    elif way == "move":
        model.double().float()
    else:
        model = network()
        batch = batches()[0]
        batch.pos.requires_grad_()
        model(batch)
        running = statistics(model)
    model.eval()
    assert all(torch.equal(value, running[name]) for name, value in statistics(model).items())


def test_a_network_that_diverged_goes_to_eval_mode() -> None:
    model = fit(network(), batches())
    running = statistics(model)
    with torch.no_grad():
        model.stem.bias.fill_(torch.nan)
    model.eval()
    assert all(torch.equal(value, running[name]) for name, value in statistics(model).items())


def test_a_plain_loop_knows_its_classes_right_away() -> None:
    """Two kinds of clouds: in eval mode after each of the last epochs as good as with statistics of all that came."""
    generator = torch.Generator().manual_seed(0)

    def clouds(count: int) -> list[Any]:
        made = []
        for i in range(count):
            pos = torch.randn(24, 3, generator=generator)
            pos = nn.functional.normalize(pos) if i % 2 else pos * torch.tensor([0.7, 0.7, 0.1])
            made.append(Data(pos=pos, y=torch.tensor([i % 2])))
        return [Batch.from_data_list(made[i : i + 16]) for i in range(0, count, 16)]

    data, test = clouds(64), Batch.from_data_list(clouds(64))
    model = network()
    scores = []
    for _ in range(6):
        fit(model, data).eval()
        with torch.no_grad():
            scores.append(float((model(test).argmax(1) == test.y).float().mean()))
    assert sum(scores[2:]) / 4 >= 0.9, scores


@pytest.mark.parametrize("call", ["forward", "forward_features"])
def test_a_batch_that_was_refused_is_not_remembered(call: str) -> None:
    data = batches()
    model = fit(network(), data)
    expected = recalibrate(copy.deepcopy(model), data[-4:])
    wrong = data[0].clone()
    wrong.pos = wrong.pos.double()
    wrong.x = wrong.pos
    with pytest.raises(TypeError, match="float32"):
        getattr(model, call)(wrong)
    model.state_dict()
    assert same(model.eval(), expected)


def test_levels_remember_what_they_answered() -> None:
    data = batches()
    torch.manual_seed(0)
    model = create_model("ccnn_4_16", dim=3, in_channels=3, num_neighbors=8, features_only=True).train()
    for batch in data:
        model(batch)
    lagging = statistics(model)
    assert not torch.equal(
        lagging["network.stem_norm.running_mean"], statistics(model.eval())["network.stem_norm.running_mean"]
    )
