"""Values turned round in sign or in time are named where training leaned to one side, and nothing else is."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from ccnn_pc.models import SamplingWarning, create_model, measure

SIGN, TIME = "sign turned round", "from last to first"


def bursts(seed: int, size: int = 120, fade: float = 9.0) -> Tensor:
    """Peaks that rise at once and fade ``[size, 1]``, less their mean, over some noise."""
    draw = torch.Generator().manual_seed(seed)
    start = torch.randint(5, size - 30, (3,), generator=draw)
    since = torch.arange(size)[:, None] - start
    peaks = torch.where(since >= 0, torch.exp(-since.clamp(min=0) / fade), 0.0).sum(1, keepdim=True)
    return peaks - peaks.mean() + 0.02 * torch.randn(size, 1, generator=draw)


def waves(seed: int, size: int = 120) -> Tensor:
    """Sums of sines, which look alike on all sides."""
    draw = torch.Generator().manual_seed(seed)
    phase, speed = 6.3 * torch.rand(4, generator=draw), 0.05 + 0.2 * torch.rand(4, generator=draw)
    return torch.sin(torch.arange(size)[:, None] * speed + phase).sum(1, keepdim=True)


def as_sequences(items: list[Tensor]) -> Any:
    return torch.stack([x.T for x in items])


def as_series(items: list[Tensor], keep: float = 1.0) -> Any:
    draw = torch.Generator().manual_seed(0)
    found = []
    for x in items:
        kept = torch.rand(len(x), generator=draw) < keep
        kept[0] = True
        found.append(Data(x=x[kept], times=torch.arange(len(x), dtype=torch.float64)[kept]))
    return Batch.from_data_list(found)


def said(collate: Callable[..., Any], make: Callable[[int], Tensor], asked: list[Tensor], **how: Any) -> str:
    torch.manual_seed(0)
    model: Any = create_model("ccnn_4_16", dim=1, in_channels=1, out_channels=2, shape=[120], spacing=1.0)
    model.trained_on = measure(model.reading, [collate([make(seed)]) for seed in range(64)])
    with warnings.catch_warnings(record=True) as caught, torch.inference_mode():
        warnings.simplefilter("always")
        model.eval()(collate(asked, **how))
    return " ".join(str(each.message) for each in caught if issubclass(each.category, SamplingWarning))


@pytest.mark.parametrize("collate", [as_sequences, as_series])
@pytest.mark.parametrize("items", [1, 16])
def test_what_leans_to_the_other_side_is_named(collate: Callable[..., Any], items: int) -> None:
    asked = [bursts(1000 + seed) for seed in range(items)]
    assert said(collate, bursts, asked) == ""
    assert SIGN in said(collate, bursts, [-x for x in asked])
    back = said(collate, bursts, [x.flip(0) for x in asked])
    assert TIME in back and SIGN not in back


@pytest.mark.parametrize("collate", [as_sequences, as_series])
def test_what_leans_to_no_side_is_not(collate: Callable[..., Any]) -> None:
    asked = [waves(1000 + seed) for seed in range(16)]
    for turned in (asked, [-x for x in asked], [x.flip(0) for x in asked]):
        assert said(collate, waves, turned) == ""


@pytest.mark.parametrize("keep", [0.7, 0.4])
def test_series_with_fewer_samples_lean_as_before(keep: float) -> None:
    asked = [bursts(1000 + seed) for seed in range(32)]
    assert said(as_series, bursts, asked, keep=keep) == ""
    assert TIME in said(as_series, bursts, [x.flip(0) for x in asked], keep=keep)


def test_one_of_several_does_not_turn_a_batch() -> None:
    asked = [bursts(1000 + seed) for seed in range(16)]
    assert said(as_series, bursts, [-asked[0], *asked[1:]]) == ""


def test_a_channel_that_hardly_any_item_had_says_nothing() -> None:
    draw = torch.Generator().manual_seed(0)

    def patient(seed: int, sign: float) -> Data:
        """A wave, and bursts that one in twenty has."""
        mask = torch.ones(120, 2, dtype=torch.bool)
        mask[:, 1] = seed % 20 == 0
        x = torch.cat([waves(seed), sign * (2 + seed % 7) * bursts(seed)], dim=1)
        return Data(x=x * mask, times=torch.arange(120, dtype=torch.float64), mask=mask)

    torch.manual_seed(0)
    sizes: Any = {"dim": 1, "in_channels": 2, "out_channels": 2, "shape": [120], "spacing": 1.0}
    model: Any = create_model("ccnn_4_16", **sizes)
    model.trained_on = measure(
        model.reading, [Batch.from_data_list([patient(seed, 1.0)]) for seed in range(64)]
    )
    often, seldom = model.trained_on.channels
    assert often.highest is not None and often.step_skewness is not None
    assert seldom.highest is seldom.skewness is seldom.step_skewness is None
    rows = torch.randint(1000, (32,), generator=draw).tolist()
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("error", SamplingWarning)
        model.eval()(Batch.from_data_list([patient(seed, -1.0) for seed in [20, 40, *rows]]))
