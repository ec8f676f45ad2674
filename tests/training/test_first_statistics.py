"""Networks that were trained for a few steps answer in eval mode as their batches did."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from ccnn_pc.training.first_statistics import FirstStatistics
from ccnn_pc.training.task import SupervisedTask


def test_they_are_means_until_a_running_mean_knows_as_much() -> None:
    """Ten batches with the usual momentum; after that as PyTorch has it, and never in evaluation."""
    norm: Any = nn.BatchNorm1d(2)
    first = FirstStatistics(norm)
    batches = torch.randn(14, 6, 2) * 3 + 5
    for number, batch in enumerate(batches, 1):
        before = norm.running_mean.clone()
        first.before()
        norm(batch)
        first.after()
        mean, variance = batches[:number].mean(dim=1).mean(dim=0), batches[:number].var(dim=1).mean(dim=0)
        if number <= 10:
            torch.testing.assert_close(norm.running_mean, mean, rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(norm.running_var, variance, rtol=1e-4, atol=1e-4)
        else:
            torch.testing.assert_close(norm.running_mean, 0.9 * before + 0.1 * batch.mean(dim=0))
    state = norm.running_mean.clone()
    norm.eval()
    first.before()
    norm(batches[0])
    first.after()
    assert torch.equal(state, norm.running_mean)


def test_two_calls_in_a_step_are_two_batches() -> None:
    norm: Any = nn.BatchNorm1d(1)
    first = FirstStatistics(norm)
    for value in (0.0, 6.0):
        first.before()
        for _ in range(2):
            norm(torch.tensor([[value - 1], [value + 1]]))
        first.after()
    assert norm.running_mean.item() == pytest.approx(3.0, abs=1e-5)


def test_a_task_of_two_steps_is_evaluated_as_it_was_trained(blobs: Any, network: Any) -> None:
    from torch_geometric.data import Batch

    data = blobs()
    model = network()
    task = SupervisedTask(model, 2, optimizer=lambda m: torch.optim.SGD(m.parameters(), 0.0))
    halves = [Batch.from_data_list([data[i] for i in rows]) for rows in (range(12), range(12, 24))]
    for number, half in enumerate(halves):
        task.training_step(half, number)
        task.on_after_backward()
    norm, heard = model.norm, list[torch.Tensor]()
    norm.register_forward_pre_hook(lambda layer, given: heard.append(given[0].mean(dim=0)))
    model.eval()
    for half in halves:
        model(half)
    torch.testing.assert_close(norm.running_mean, torch.stack(heard).mean(dim=0), rtol=1e-4, atol=1e-5)
