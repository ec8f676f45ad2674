"""Rendered kernels that are kept belong to the values they were rendered from."""

from __future__ import annotations

import copy
import gc
import io
import math
import pickle
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ccnn_pc.domains import Grid, IrregularSeries
from ccnn_pc.domains.grid import rendered
from ccnn_pc.domains.grid.rendered import smoothed
from ccnn_pc.kernels import SIREN, GaussianWindow, NoWindow
from ccnn_pc.nn import ContinuousConv

GRID = Grid((9, 8))


def layer(seed: int = 0, **options: Any) -> ContinuousConv:
    torch.manual_seed(seed)
    return ContinuousConv(3, 4, dim=2, extent=3.0, kernel=partial(SIREN, hidden_channels=5), **options).eval()


def samples() -> Tensor:
    return torch.randn(72, 3, generator=torch.Generator().manual_seed(9))


@torch.no_grad()
def answer(conv: nn.Module) -> Tensor:
    return conv(samples(), GRID)


def fresh(conv: ContinuousConv) -> Tensor:
    """The result of the layer's present values, with nothing kept."""
    rendered._memory.clear()
    return answer(conv)


def data_edit(conv: ContinuousConv) -> None:
    for p in conv.parameters():
        p.data.mul_(1.5)


def moving_average(conv: ContinuousConv) -> None:
    for average, p in zip(conv.parameters(), layer(seed=1).parameters(), strict=True):
        average.data.mul_(0.5).add_(p.data, alpha=0.5)


def numpy_edit(conv: ContinuousConv) -> None:
    for p in conv.parameters():
        p.detach().numpy()[...] *= -1.25


def data_swap(conv: ContinuousConv) -> None:
    for p, q in zip(conv.parameters(), layer(seed=1).parameters(), strict=True):
        p.data = q.data


def optimiser_step(conv: ContinuousConv) -> None:
    for p in conv.parameters():
        p.grad = torch.ones_like(p)
    torch.optim.AdamW(conv.parameters(), lr=0.1, fused=True).step()


def load(conv: ContinuousConv) -> None:
    conv.load_state_dict(layer(seed=1).state_dict())


def load_assigned(conv: ContinuousConv) -> None:
    conv.load_state_dict(layer(seed=1).state_dict(), assign=True)


def buffer_edit(conv: ContinuousConv) -> None:
    conv.kernel.get_buffer("omega").data.mul_(2.0)


def window_edit(conv: ContinuousConv) -> None:
    conv.window.get_parameter("width").data.mul_(2.0)


def another_window(conv: ContinuousConv) -> None:
    """Without parameters that could tell one from the other."""
    conv.window = NoWindow(2)


def option_edit(conv: ContinuousConv) -> None:
    conv.window.min_width = 0.7  # type: ignore[assignment]


CHANGES: list[Callable[[ContinuousConv], None]] = [
    data_edit, moving_average, numpy_edit, data_swap, optimiser_step, load, load_assigned, buffer_edit, window_edit,
    another_window, option_edit,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_is_seen(change: Callable[[ContinuousConv], None]) -> None:
    conv = layer()
    before = answer(conv)
    change(conv)
    after = answer(conv)
    assert (after - before).abs().max() > 0.02 * before.abs().max()
    assert torch.equal(after, fresh(conv))


def test_a_change_between_training_and_eval_is_seen() -> None:
    conv = layer()
    before = answer(conv)
    conv.train()
    moving_average(conv)
    after = answer(conv.eval())
    assert not torch.allclose(after, before)
    assert torch.equal(after, fresh(conv))


def test_functional_call_with_one_tensor_after_another() -> None:
    """The allocator gives a new tensor the place of the last one, with the same version."""
    conv, found = layer(), []
    for scale in (1.5, 2.0, 2.5):
        with torch.no_grad():
            values = {"kernel.readout.weight": conv.kernel.get_parameter("readout.weight") * scale}
            found.append(torch.func.functional_call(conv, values, (samples(), GRID)))
        del values
    for scale, y in zip((1.5, 2.0, 2.5), found, strict=True):
        other = layer()
        with torch.no_grad():
            other.kernel.get_parameter("readout.weight").mul_(scale)
        assert torch.equal(y, fresh(other))
    assert torch.equal(answer(conv), fresh(conv))


@pytest.mark.parametrize("way", ["deepcopy", "pickle", "torch.save"])
def test_a_copy_has_a_kernel_of_its_own(way: str) -> None:
    conv = layer()
    before = answer(conv)
    if way == "deepcopy":
        other = copy.deepcopy(conv)
    elif way == "pickle":
        other = pickle.loads(pickle.dumps(conv))
    else:
        file = io.BytesIO()
        torch.save(conv, file)
        file.seek(0)
        other = torch.load(file, weights_only=False)
    assert torch.equal(answer(other), before)
    data_edit(other)
    assert not torch.allclose(answer(other), before)
    assert torch.equal(answer(other), fresh(other))
    assert torch.equal(answer(conv), before)


def test_another_type_renders_anew() -> None:
    conv = layer()
    single = answer(conv)
    conv.double()
    with torch.no_grad():
        double = conv(samples().double(), GRID)
        assert double.dtype is torch.float64
        assert torch.equal(double, layer().double()(samples().double(), GRID))
    assert torch.equal(answer(conv.float()), single)


def test_autocast_leaves_no_coarse_kernel_behind() -> None:
    conv = layer()
    exact = answer(conv)
    rendered._memory.clear()
    with torch.autocast("cpu", torch.bfloat16):
        answer(conv)
    assert torch.equal(answer(conv), exact)


def test_the_same_values_are_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    conv, forward = layer(), SIREN.forward
    calls = []

    def counting(self: SIREN, u: Tensor) -> Tensor:
        calls.append(u)
        return forward(self, u)

    monkeypatch.setattr(SIREN, "forward", counting)
    answer(conv), answer(conv)
    assert len(calls) == 1
    with torch.no_grad():
        for p in conv.parameters():
            p.copy_(p.clone())  # another version, the same values
    answer(conv)
    assert len(calls) == 1
    with torch.no_grad():
        conv(samples(), Grid((9, 8), spacing=0.5))
    assert len(calls) == 2


def test_inference_mode() -> None:
    """Tensors made there have no version; what was rendered there serves outside."""
    expected = answer(layer())
    with torch.inference_mode():
        conv = layer()
        assert torch.equal(conv(samples(), GRID), expected)
        assert torch.equal(conv(samples(), GRID), expected)
    other = layer()
    with torch.inference_mode():
        other(samples(), GRID)
    assert torch.equal(answer(other), expected)


def test_series_on_a_lattice_see_changes() -> None:
    torch.manual_seed(0)
    conv = ContinuousConv(2, 2, dim=1, extent=3.0, causal=True, window=GaussianWindow).eval()
    series = IrregularSeries(torch.tensor([0.0, 1.0, 2.0, 4.0]), lattice=1.0)
    x = torch.randn(4, 2)
    with torch.no_grad():
        before = conv(x, series)
        for p in conv.kernel.parameters():
            p.data.mul_(1.5)
        after = conv(x, series)
        rendered._memory.clear()
        assert torch.equal(after, conv(x, series))
    assert not torch.allclose(after, before)


def test_what_is_kept_goes_with_its_kernel() -> None:
    conv = layer()
    answer(conv)
    kernel, kept = weakref.ref(conv.kernel), len(rendered._memory)
    del conv
    gc.collect()
    assert kernel() is None and len(rendered._memory) == kept - 1


@pytest.mark.parametrize("deviations", [0.3, 0.8])
def test_finer_kernels_are_blurred_by_a_gaussian_of_the_spacing_of_training(deviations: float) -> None:
    """Its formula as a matrix, cut at four deviations; axes as fine as in training, or coarser, stay as they are."""
    kernel = torch.rand(9, 3, 4, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    steps = torch.arange(9, dtype=torch.float64)
    apart = steps[:, None] - steps
    sigma = deviations * 0.5 / 0.1  # in taps
    far = torch.arange(-math.ceil(4 * sigma), math.ceil(4 * sigma) + 1, dtype=torch.float64)
    total = torch.exp(-0.5 * (far / sigma).square()).sum()
    blur = torch.exp(-0.5 * (apart / sigma).square()) * (apart.abs() <= math.ceil(4 * sigma)) / total
    expected = torch.einsum("ts,sabc->tabc", blur, kernel)
    found = smoothed(kernel, deviations, (0.5, 0.5, 0.5), (0.1, 0.5, 1.0))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
