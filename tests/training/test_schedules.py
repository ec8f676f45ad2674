"""Warm-up and cosine, against their formula."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch.optim import SGD

from ccnn_pc.training.schedules import warmup_cosine, warmup_cosine_factor


def test_factor_is_the_formula() -> None:
    total, warm, floor = 50, 10, 0.1
    for step in range(total + 5):
        found = warmup_cosine_factor(step, total, warm, floor)
        if step < warm:
            expected = (step + 1) / (warm + 1)
        else:
            progress = min((step - warm) / (total - warm), 1.0)
            expected = floor + (1 - floor) * math.cos(math.pi * progress / 2) ** 2
        assert found == pytest.approx(expected, abs=1e-12)


def test_rises_then_falls_and_never_exceeds_the_base_rate() -> None:
    factors = [warmup_cosine_factor(t, 100, 20) for t in range(101)]
    assert all(a < b for a, b in zip(factors[:20], factors[1:21], strict=True))
    assert all(a > b for a, b in zip(factors[20:], factors[21:], strict=False))
    assert factors[20] == 1.0 and factors[100] == 0.0 and factors[0] > 0


def optimizer() -> SGD:
    return SGD([{"params": [torch.zeros(1, requires_grad=True)], "lr": lr} for lr in (0.1, 0.01, 1e-5)])


def test_groups_keep_their_rates_and_end_at_eta_min() -> None:
    groups = optimizer()
    schedule = warmup_cosine(groups, total_steps=10, steps_per_epoch=5, warmup_epochs=1, eta_min=1e-4)
    assert [g["lr"] for g in groups.param_groups] == pytest.approx([0.1 / 6, 0.01 / 6, 1e-5 / 6])
    for _ in range(5):
        groups.step()
        schedule.step()
    assert [g["lr"] for g in groups.param_groups] == pytest.approx([0.1, 0.01, 1e-5])
    for _ in range(5):
        groups.step()
        schedule.step()
    assert [g["lr"] for g in groups.param_groups] == pytest.approx([1e-4, 1e-4, 1e-5])


def test_state_goes_on_where_it_was() -> None:
    make = partial(warmup_cosine, total_steps=9, steps_per_epoch=3, warmup_epochs=1)
    first, second = optimizer(), optimizer()
    running, fresh = make(first), make(second)
    for _ in range(4):
        first.step()
        running.step()
    second.load_state_dict(first.state_dict())
    fresh.load_state_dict(running.state_dict())
    for one in (first, running, second, fresh):
        one.step()  # type: ignore[attr-defined]
    assert [g["lr"] for g in first.param_groups] == [g["lr"] for g in second.param_groups]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"total_steps": 0}, "'total_steps' must be at least 1"),
        ({"warmup_epochs": -1.0}, "'warmup_epochs' must be finite and at least 0"),
        ({"eta_min": float("nan")}, "'eta_min' must be finite"),
    ],
)
def test_refuses(change: dict[str, float], message: str) -> None:
    arguments = {"total_steps": 10, "steps_per_epoch": 5, "warmup_epochs": 1.0, "eta_min": 0.0} | change
    with pytest.raises(ValueError, match=message):
        warmup_cosine(optimizer(), **arguments)  # type: ignore[arg-type]
