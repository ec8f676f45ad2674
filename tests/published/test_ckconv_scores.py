"""Converted checkpoints score on real data what the released code scores with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ccnn_pc.datasets import MNIST, CharacterTrajectories
from ccnn_pc.models import Model, from_pretrained
from ccnn_pc.published import convert_ckconv

Load = Callable[..., Model]


@pytest.fixture
def load(shared: Path, tmp_path: Path) -> Load:
    """A converted network by the start of its file's name."""

    def converted(start: str, omega_0: float, length: int | None = None) -> Model:
        (path,) = (shared / "checkpoints").glob(f"{start}*.pt")
        convert_ckconv(path, tmp_path / start, omega_0=omega_0, length=length)
        return from_pretrained(tmp_path / start)

    return converted


@torch.no_grad()
def errors(model: Model, x: Tensor, y: Tensor) -> int:
    return sum(int((model(a).argmax(1) != b).sum()) for a, b in zip(x.split(100), y.split(100), strict=True))


@pytest.mark.parametrize(
    ("start", "omega_0", "drop", "rate"),
    [
        ("CharTrajectories_srtr_1_drop_0", 21.44961185481323, 0.0, 1),
        ("CharTrajectories_srtr_1_drop_0", 21.44961185481323, 0.0, 4),
        ("CharTrajectories_srtr_8_drop_0", 12.589391905289371, 0.0, 8),
        ("CharTrajectories_srtr_1_drop_70", 4.237433943113986, 70.0, 1),
    ],
)
def test_character_trajectories(
    shared: Path, load: Load, start: str, omega_0: float, drop: float, rate: int
) -> None:
    """Within 0.2 points, normalised per step by the training split; by all series it is the number itself."""
    data = CharacterTrajectories(shared / "data", split=None, normalize="step", drop=drop)
    x = data.raw(np.arange(len(data))).squeeze(1)[:, :, ::rate]
    found = errors(load(start, omega_0), x, torch.from_numpy(data.stored.label))
    results = json.loads((shared / "golden" / "ct_checkpoint_results.json").read_text())
    if drop:
        reference = results["accuracy"]["drop70"]["normalisation per time step, statistics over all 2858"]
    elif rate == 8:
        reference = results["extra_other_rate_checkpoints"]["results"]["ct_sr8"]["1/8"]["as coded"]
    else:
        rates = results["accuracy"]["sr1_checkpoint_at_rates"]
        reference = rates[{1: "1/1 (N=182)", 4: "1/4 (N=46)"}[rate]]
    assert 1 - found / len(data) == pytest.approx(reference, abs=0.002)


@pytest.mark.slow
def test_digits_exactly(shared: Path, load: Load) -> None:
    """99.31 % of the 10,000 test digits, as published: 69 errors."""
    data = MNIST(shared / "data" / "mnist", "test", view="sequence")
    items = [data[row] for row in range(len(data))]
    x, y = torch.cat([item.x for item in items]), torch.cat([item.y for item in items])
    assert errors(load("MNIST_perm_False", 31.09195739463897, 784), x, y) == 69
