"""Weights of one network as the beginning of another."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ccnn_pc.models import create_model
from ccnn_pc.models.state import load_weights


def network(classes: int = 5, **options: Any) -> Any:
    size = {"in_channels": 3, "shape": (9,), "interpolation": "none", **options}
    return create_model("ccnn_4_16", dim=1, out_channels=classes, **size).eval()


def test_the_same_make_gives_the_same_answers() -> None:
    trained, model = network(spacing=2.0), network(spacing=1.0)
    assert load_weights(model, trained).new == ()
    x = torch.randn(2, 3, 9)
    torch.testing.assert_close(model(x, spacing=2.0), trained(x), atol=0, rtol=0)
    assert model.stem.spacing.tolist() == [2.0]  # what its kernels were trained for


def test_another_number_of_classes_has_a_new_head() -> None:
    trained, model = network(5), network(7)
    before = model.head.linear.weight.clone()
    kept = load_weights(model, trained)
    assert set(kept.new) == {"head.linear.weight", "head.linear.bias"} and kept.of - kept.numbers == 7 * 17
    assert str(kept) == f"{kept.numbers} of {kept.of} numbers kept; new: head (5 -> 7 outputs)"
    assert torch.equal(model.head.linear.weight, before)
    assert torch.equal(model.stem.kernel.readout.weight, trained.stem.kernel.readout.weight)


def test_another_make_is_refused_and_nothing_changes() -> None:
    trained, model = network(norm="none"), network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=r"'trained' must be a network like 'model'.*is missing"):
        load_weights(model, trained)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_other_channels_have_new_first_layers_alone() -> None:
    torch.manual_seed(0)
    trained, model = network(in_channels=2), network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    kept = load_weights(model, trained)
    state, theirs = model.state_dict(), trained.state_dict()
    learned = dict(model.named_parameters())
    assert set(kept.new) == {name for name in learned if name.startswith("stem.")}
    for name, value in state.items():
        expected = before[name] if name in kept.new else theirs[name]
        assert torch.equal(value, expected), name
    assert kept.changed == ("stem (2 -> 3 channels)",)
