"""Batches are a function of seed and epoch, from any position on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.training.data import Batches, ClassificationData, Validation
from ccnn_pc.training.loader import ResumableLoader, epoch_order


def content(loader: ResumableLoader) -> list[tuple[list[str], torch.Tensor]]:
    return [(batch.name, batch.pos) for batch in loader]


def same(first: list[Any], second: list[Any]) -> bool:
    pairs = zip(first, second, strict=True)
    return all(a[0] == b[0] and torch.equal(a[1], b[1]) for a, b in pairs)


def test_order_is_a_permutation_that_follows_from_seed_and_epoch() -> None:
    orders = {(seed, epoch): tuple(epoch_order(50, seed, epoch)) for seed in range(3) for epoch in range(3)}
    assert all(sorted(order) == list(range(50)) for order in orders.values())
    assert len(set(orders.values())) == 9
    assert orders[1, 2] == tuple(epoch_order(50, 1, 2))


@pytest.mark.parametrize("position", [0, 1, 4])
def test_resumes_at_any_batch(blobs: Callable[..., Any], position: int) -> None:
    whole, part, fresh = (ResumableLoader(blobs(), 5, seed=3) for _ in range(3))
    for loader in (whole, part):
        loader.set_epoch(2)
    iterator = iter(part)
    seen = [next(iterator) for _ in range(position)]
    assert len(seen) == position
    fresh.load_state_dict(part.state_dict())
    fresh.set_epoch(2)
    assert same(content(whole)[position:], content(fresh))
    assert same(content(whole), content(fresh)), "the next pass starts at the first batch again"


def test_a_position_belongs_to_its_epoch(blobs: Callable[..., Any]) -> None:
    stopped, fresh = ResumableLoader(blobs(), 5), ResumableLoader(blobs(), 5)
    next(iter(stopped))
    fresh.load_state_dict(stopped.state_dict())
    fresh.set_epoch(1)
    assert len(content(fresh)) == 5


def test_epochs_differ_in_order_and_in_random_numbers(blobs: Callable[..., Any]) -> None:
    loader = ResumableLoader(blobs(), 24, shuffle=False)
    first = content(loader)
    loader.set_epoch(1)
    second = content(loader)
    assert first[0][0] == second[0][0] and not torch.equal(first[0][1], second[0][1])


def test_workers_change_nothing(blobs: Callable[..., Any]) -> None:
    alone, helped = (ResumableLoader(blobs(), 5, seed=1, num_workers=n) for n in (0, 2))
    for loader in (alone, helped):
        loader.set_epoch(4)
    assert same(content(alone), content(helped))


def test_iterating_leaves_the_global_random_state_alone(blobs: Callable[..., Any]) -> None:
    before = torch.get_rng_state()
    content(ResumableLoader(blobs(), 5))
    assert torch.equal(before, torch.get_rng_state())


def test_sizes(blobs: Callable[..., Any]) -> None:
    assert len(ResumableLoader(blobs(), 5)) == 5 and len(ResumableLoader(blobs(), 5, drop_last=True)) == 4
    assert [len(b) for b in ResumableLoader(blobs(), 5, drop_last=True).batches()] == [5] * 4
    with pytest.raises(ValueError, match="'dataset' must fill at least one batch of 25"):
        ResumableLoader(blobs(), 25, drop_last=True)


def test_refuses_the_position_of_another_run(blobs: Callable[..., Any]) -> None:
    state = ResumableLoader(blobs(), 5, seed=1).state_dict()
    with pytest.raises(ValueError, match="'seed' must be 1 to resume"):
        ResumableLoader(blobs(), 5, seed=2).load_state_dict(state)


def test_validation_comes_from_training_data_and_test_is_not_opened(blobs: Callable[..., Any]) -> None:
    def forbidden() -> Any:
        raise AssertionError("the test split was opened")

    data = ClassificationData(lambda: blobs(40), forbidden, validation=Validation(0.25), batches=Batches(4))
    data.setup("fit")
    assert data.sizes() == {"train": 30, "val": 10}
    assert not set(data.train_set.rows) & set(data.val_set.rows)
    assert np.bincount(data.val_set.labels).tolist() == [5, 5]
    assert data.classes == ["left", "right"]


def test_validation_is_the_same_in_every_epoch(blobs: Callable[..., Any]) -> None:
    data = ClassificationData(blobs, blobs, validation=Validation(0.25), batches=Batches(4))
    data.setup("fit")
    loader = data.val_dataloader()
    assert isinstance(loader, ResumableLoader)
    first = content(loader)
    loader.set_epoch(5)
    assert same(first, content(loader))


def test_copies_are_independent_samplings(blobs: Callable[..., Any]) -> None:
    data = ClassificationData(blobs, blobs, validation=Validation(0.25), batches=Batches(4), copies=2)
    data.setup("fit")
    half = len(data.train_set) // 2
    first, second = data.train_set[0], data.train_set[half]
    assert half == 18 and first.name == second.name and not torch.equal(first.pos, second.pos)


def test_published_protocol_selects_on_test_and_says_so(blobs: Callable[..., Any]) -> None:
    data = ClassificationData(
        blobs, lambda: blobs(10), validation=Validation(on_test=True), batches=Batches(4)
    )
    data.setup("fit")
    assert data.sizes() == {"train": 24, "val": 10}


def test_the_last_of_a_class_are_kept_only_where_something_is() -> None:
    assert Validation(0.5, last=True).rows([0, 0, 1, 1], 0)[1].tolist() == [1, 3]
    Validation(0.0, last=True, on_test=True)
    with pytest.raises(ValueError, match="'val_last' must be false"):
        Validation(0.0, last=True)
