"""CKConv's released layer with its quirks turned off, one by one; the network that its checkpoints fill."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ccnn_pc.domains import Grid
from ccnn_pc.kernels import SIREN, NoWindow
from ccnn_pc.models import create_model
from ccnn_pc.nn import ContinuousConv
from ccnn_pc.published import Anchor, ReleasedCKConv
from tests.released import close


def layers(length: int, **options: Any) -> tuple[ReleasedCKConv, ContinuousConv]:
    """The released layer and ours, of the same parameters, trained on a length."""
    common: dict[str, Any] = {"dim": 1, "extent": float(length - 1), "causal": True, "separable": False}
    common |= {"kernel": SIREN, "window": NoWindow}
    released, ours = ReleasedCKConv(2, 3, **common, **options), ContinuousConv(2, 3, **common)
    released.load_state_dict(ours.state_dict())
    return released.double(), ours.double()


@pytest.mark.parametrize(("length", "equal"), [(12, True), (13, False)])
def test_the_short_transform_is_wrong_for_odd_lengths_alone(length: int, equal: bool) -> None:
    x = torch.randn(length, 2, dtype=torch.float64)
    released, ours = layers(length)
    expected = ours(x, Grid((length,))).detach()
    error = float((released(x, Grid((length,))) - expected).detach().abs().max() / expected.abs().max())
    assert (error < 1e-9) is equal
    assert equal or error > 0.01
    close(layers_of(released, short_fft=False)(x, Grid((length,))), expected)


def layers_of(layer: ReleasedCKConv, **options: Any) -> ReleasedCKConv:
    """The same parameters with other options."""
    other, _ = layers(layer.trained_length, **options)
    other.load_state_dict(layer.state_dict())
    return other


def test_ends_puts_the_newest_tap_at_one() -> None:
    """Of 12 taps every third one is at lags 0, 3, 6, 9 from the oldest: the newest falls 2 steps short."""
    released, _ = layers(12)
    ends = layers_of(released, anchor=Anchor.ENDS)
    for layer, newest in ((released, 1 - 2 * 2 / 11), (ends, 1.0)):
        taps, ratio = layer.taps(4)
        at = layer.kernel(torch.linspace(-1, newest, 4, dtype=torch.float64)[:, None])
        assert ratio == 3.0
        close(taps, 3.0 * at.unflatten(-1, (3, 2)).transpose(1, 2))


def test_without_blur_finer_taps_are_kernel_values() -> None:
    released, _ = layers(12)
    plain, smooth = (
        layers_of(released, blur=False, anchor=Anchor.ENDS),
        layers_of(released, anchor=Anchor.ENDS),
    )
    at = plain.kernel(torch.linspace(-1, 1, 24, dtype=torch.float64)[:, None])
    values = 0.5 * at.unflatten(-1, (3, 2)).transpose(1, 2)
    close(plain.taps(24)[0], values)
    blurred = smooth.taps(24)[0]
    close(blurred[:2], values[:2])
    weights = torch.exp(-2 * torch.arange(-2.0, 3.0, dtype=torch.float64) ** 2) * (2 / torch.pi) ** 0.5
    close(blurred[10], torch.einsum("j,jio->io", weights, values[8:13]))


def test_omega_keeps_its_digits_in_double() -> None:
    """Phases of 30 radians: ω₀ in single precision would move logits by 1e-6."""
    model = create_model("ckcnn_released", dim=1, in_channels=1, out_channels=2, shape=(9,), omega_0=31.1 / 7)
    kernel = model.double().convolutions()[0].kernel
    assert isinstance(kernel, SIREN)
    assert float(kernel.omega) == pytest.approx(2 * torch.pi * 31.1 / 7, rel=1e-15)


def test_series_only_and_known_anchors() -> None:
    with pytest.raises(ValueError, match=r"'dim' must be 1 for 'ckcnn_released' \(got 3\)"):
        create_model("ckcnn_released", dim=3, in_channels=3, out_channels=2)
    with pytest.raises(ValueError, match=r"'anchor' must be one of 'oldest', 'ends' \(got 'newest'\)"):
        create_model("ckcnn_released", dim=1, in_channels=3, out_channels=2, anchor="newest")
