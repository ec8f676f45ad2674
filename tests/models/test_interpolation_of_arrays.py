"""Models and arrays with fewer samples than in training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ccnn_pc.cli.compose import compose_config
from ccnn_pc.domains import Grid, Interpolation
from ccnn_pc.models import create_model, from_pretrained, save_pretrained
from tests.clouds import DOUBLE


def make(name: str, **options: Any) -> Any:
    shape = None if name == "gru_dt" else [32]
    return create_model(name, dim=1, in_channels=3, out_channels=4, shape=shape, **options)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(2, 3, 16, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("how", list(Interpolation))
def test_arrays_are_taken_as_the_model_says(how: Interpolation, x: Tensor, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = make("ccnn_4_16", interpolation=how.value).double().eval()
    expected = model(x, Grid((16,), 2.0, batch_size=2, interpolation=how))
    assert torch.equal(model(x, spacing=2.0), expected)
    other = next(value for value in Interpolation if value is not how)
    assert not torch.allclose(model(x, Grid((16,), 2.0, batch_size=2, interpolation=other)), expected)
    assert torch.equal(model(x), model(x, Grid((16,), batch_size=2)))
    save_pretrained(model, tmp_path / "model", classes=list("abcd"))
    assert torch.equal(from_pretrained(tmp_path / "model").double()(x, spacing=2.0), expected)


def test_a_default_that_the_papers_do_not_have() -> None:
    assert make("ccnn_4_16").door.interpolation is Interpolation.LINEAR
    for experiment, how in (
        ("smnist_tiny", "linear"),
        ("smnist_ccnn_4_140", "none"),
        ("chartraj_ckcnn_2_30", "none"),
    ):
        assert compose_config([f"experiment={experiment}"]).model.interpolation == how


@pytest.mark.parametrize(
    ("name", "how", "message"),
    [
        ("ccnn_4_16", "cubic", "'interpolation' must be one of 'none', 'linear' .got 'cubic'"),
        ("gru_dt", "none", "'interpolation' must be 'linear' for 'gru_dt', which has no continuous kernels"),
    ],
)
def test_refuses(name: str, how: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(name, interpolation=how)
