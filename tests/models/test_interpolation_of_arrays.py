"""Models and arrays with fewer samples than in training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ccnn_pc.cli.compose import compose_config
from ccnn_pc.domains import Grid, Interpolation
from ccnn_pc.models import create_model, from_pretrained, save_pretrained
from ccnn_pc.models.options import Words
from ccnn_pc.models.smpconv import build_smpconv
from tests.clouds import DOUBLE


def make(name: str, **options: Any) -> Any:
    shape = None if name == "gru_dt" else [32]
    return create_model(name, dim=1, in_channels=3, out_channels=4, shape=shape, **options)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(2, 3, 16, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("pool", ["mean", None])
@pytest.mark.parametrize("how", list(Interpolation))
def test_arrays_are_read_as_the_model_says(
    how: Interpolation, pool: str | None, x: Tensor, tmp_path: Path
) -> None:
    """On lines: what the network answers to the array at the spacing of training, per sample at the samples."""
    torch.manual_seed(0)
    if how is Interpolation.CUBIC and pool is None:  # causal kernels: a curve would know the next sample
        with pytest.raises(ValueError, match="must not know later samples"):
            make("ccnn_4_16", interpolation=how.value, pool=pool)
        return
    model = make("ccnn_4_16", interpolation=how.value, pool=pool).double().eval()
    filled = F.interpolate(x, 31, mode="linear", align_corners=True)
    lines = model(filled) if pool else model(filled)[..., ::2]
    found = model(x, spacing=2.0)
    assert torch.allclose(found, lines, atol=1e-9, rtol=0) is (how is Interpolation.LINEAR)
    assert found.shape == ((2, 4) if pool else (2, 4, 16))
    assert torch.equal(found, model(x, Grid((16,), 2.0, batch_size=2)))
    assert torch.equal(model(x), model(x, Grid((16,), batch_size=2)))
    save_pretrained(model, tmp_path / "model", classes=list("abcd"))
    assert torch.equal(from_pretrained(tmp_path / "model").double()(x, spacing=2.0), found)


def test_answers_between_samples_are_refused(x: Tensor) -> None:
    model = make("ccnn_4_16", pool=None).double().eval()
    with pytest.raises(ValueError, match="'x' must lie at whole multiples of the training spacing"):
        model(x, spacing=1.5)
    assert make("ccnn_4_16").double().eval()(x, spacing=1.5).shape == (2, 4)


def test_a_default_that_the_papers_do_not_have() -> None:
    assert make("ccnn_4_16").reading.interpolation is Interpolation.LINEAR
    image: Any = create_model("ccnn_4_16", dim=2, in_channels=3, out_channels=4)
    assert image.reading.interpolation is Interpolation.CUBIC
    for experiment, how in (
        ("smnist_tiny", None),
        ("smnist_ccnn_4_140", "none"),
        ("chartraj_ckcnn_2_30", "none"),
    ):
        assert compose_config([f"experiment={experiment}"]).model.interpolation == how


@pytest.mark.parametrize(
    ("name", "how", "message"),
    [
        ("ccnn_4_16", "square", "'interpolation' must be one of 'none', 'linear', 'cubic' .got 'square'"),
        ("gru_dt", "none", "'interpolation' must be 'linear' for 'gru_dt', which has no continuous kernels"),
    ],
)
def test_refuses(name: str, how: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(name, interpolation=how)


def test_networks_of_large_kernels_read_arrays_as_they_are_told() -> None:
    words = Words("smpconv", {"dim": 2, "interpolation": "none"}, in_channels=3, out_channels=4)
    model = build_smpconv(words, depths=(1,), widths=(8,), kernel_taps=(5,))
    assert model.reading.interpolation is Interpolation.NONE
