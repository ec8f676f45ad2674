"""What the pictures of kernels show is the layer's own kernel, in the right units."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import image
from matplotlib.figure import Figure
from torch import Tensor, nn

from ccnn_pc.kernels import GaussianWindow, MAGNet, NoWindow
from ccnn_pc.kernels.base import AbstractKernel
from ccnn_pc.nn import ContinuousConv, Quadrature
from ccnn_pc.ops.coordinates import kernel_coordinates
from ccnn_pc.viz import plot_kernels
from ccnn_pc.viz.kernels import plot_kernel
from ccnn_pc.viz.layers import Layer, layers
from ccnn_pc.viz.spectra import frequency_bound, line_spectrum, nyquist_frequency

SMALL = partial(MAGNet, hidden_channels=4, num_layers=2)


class Wave(AbstractKernel):
    """``cos(2π f u)`` along the first axis, f = 10 cycles per unit of u; the second channel is zero."""

    frequency = 10.0

    def __init__(self, dim: int, out_channels: int, fan: float = 1.0, causal: bool = False) -> None:
        super().__init__(dim, out_channels)
        self.anchor = nn.Parameter(torch.zeros(()))

    def reset_parameters(self) -> None:
        pass

    def forward(self, u: Tensor) -> Tensor:
        wave = torch.cos(2 * torch.pi * self.frequency * u[..., :1])
        return torch.cat([wave, torch.zeros_like(wave).expand(*u.shape[:-1], self.out_channels - 1)], dim=-1)

    def filter_frequencies(self, gauss_stddevs: float = 2.0) -> Tensor:
        return torch.tensor([self.frequency])


def only(conv: ContinuousConv) -> Layer:
    (layer,) = layers(conv)
    return layer


@pytest.mark.parametrize(
    ("dim", "causal", "separable"), [(1, False, True), (1, True, False), (2, False, False), (3, False, True)]
)
def test_one_picture_per_layer_and_two_of_all(
    tmp_path: Path, dim: int, causal: bool, separable: bool
) -> None:
    build = partial(ContinuousConv, dim=dim, causal=causal, separable=separable, kernel=SMALL, extent=4.0)
    model = nn.Sequential(build(3, 2), nn.ReLU(), build(2, 2, window=NoWindow))
    paths = plot_kernels(model, tmp_path / "pictures", channels=2)
    assert [p.name for p in paths] == ["kernel_1_0.png", "kernel_2_2.png", "windows.png", "spectra.png"]
    for path in paths:
        assert image.imread(path).std() > 0.02  # not blank


class Spot(AbstractKernel):
    """1 around one place in kernel coordinates."""

    def __init__(
        self,
        dim: int,
        out_channels: int,
        fan: float = 1.0,
        causal: bool = False,
        place: tuple[float, ...] = (),
    ) -> None:
        super().__init__(dim, out_channels)
        self.anchor, self.place = nn.Parameter(torch.zeros(())), torch.tensor(place)

    def reset_parameters(self) -> None:
        pass

    def forward(self, u: Tensor) -> Tensor:
        near = ((u - self.place).abs() < 0.25).all(dim=-1, keepdim=True)
        return near.float().expand(*u.shape[:-1], self.out_channels)

    def filter_frequencies(self, gauss_stddevs: float = 2.0) -> Tensor:
        return torch.tensor([1.0])


def seen_place(layer: Layer, monkeypatch: pytest.MonkeyPatch) -> tuple[float, float]:
    """Where the values are in the first panel as it is seen: right of the query, and above it, by the half panel."""
    figures = []

    @contextmanager
    def kept(*_: object, **__: object) -> Iterator[Figure]:
        figures.append(Figure())
        yield figures[-1]

    monkeypatch.setattr("ccnn_pc.viz.kernels.picture", kept)
    plot_kernel(layer, "nowhere.png", channels=1)
    axes = figures[0].axes[0]
    (shown,) = axes.get_images()
    values = np.asarray(shown.get_array())
    left, right, bottom, top = shown.get_extent()
    x, y = np.linspace(left, right, values.shape[1]), np.linspace(bottom, top, values.shape[0])
    assert shown.origin == "lower"  # the first row of values is at the first y
    weights = values / values.sum()
    place = axes.transData.transform(
        [(float((weights * x).sum()), float((weights * y[:, None]).sum())), (0, 0)]
    )
    box = axes.get_window_extent()
    across, up = (place[0] - place[1]) / [box.width / 2, box.height / 2]
    return float(across), float(up)


@pytest.mark.parametrize("place", [(0.0, 0.6), (0.6, 0.0), (-0.6, 0.3)])
def test_images_are_drawn_as_they_are_seen(
    place: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first axis are rows, downwards; the second columns, to the right; of clouds x to the right, y up."""
    build = partial(
        ContinuousConv, 1, 1, dim=2, kernel=partial(Spot, place=place), window=NoWindow, extent=4.0
    )
    image_layer, cloud_layer = only(build()), only(build(quadrature=Quadrature(reference_count=100)))
    assert seen_place(image_layer, monkeypatch) == pytest.approx((place[1], -place[0]), abs=0.02)
    assert [image_layer.axis_name(axis) for axis in (0, 1)] == ["row", "column"]
    assert seen_place(cloud_layer, monkeypatch) == pytest.approx(place, abs=0.02)
    assert [cloud_layer.axis_name(axis) for axis in (0, 1)] == ["x", "y"]
    assert only(ContinuousConv(1, 1, dim=1)).axis_name(0) == "time"


@pytest.mark.parametrize("causal", [False, True])
def test_offsets_are_the_inverse_of_kernel_coordinates(causal: bool) -> None:
    layer = only(ContinuousConv(2, 2, dim=1, extent=5.0, causal=causal, kernel=SMALL))
    u = torch.linspace(-1, 1, 9, dtype=torch.float64)[:, None]
    torch.testing.assert_close(kernel_coordinates(layer.offsets(u), layer.extent, causal), u)


def test_values_are_window_times_kernel_and_zero_outside() -> None:
    conv = ContinuousConv(2, 2, dim=2, kernel=SMALL, window=partial(GaussianWindow, width=0.4))
    u = torch.tensor([[0.0, 0.0], [0.3, -0.5], [1.2, 0.0]])
    values = only(conv).values(u)
    torch.testing.assert_close(values[:2], (conv.window(u[:2]) * conv.kernel(u[:2])).double())
    assert values[2].abs().max() == 0


def test_the_box_holds_the_query_and_ends_where_the_window_does() -> None:
    layer = only(ContinuousConv(2, 2, dim=2, window=partial(GaussianWindow, width=(0.1, 0.9), min_width=0.0)))
    lower, upper = layer.box(0.01)
    reach = 0.1 * (2 * torch.log(torch.tensor(100.0, dtype=torch.float64))).sqrt()
    torch.testing.assert_close(upper, torch.stack([reach, torch.ones_like(reach)]), atol=1e-6, rtol=0)
    torch.testing.assert_close(lower, -upper)


def test_the_loudest_channels_come_first() -> None:
    layer = only(ContinuousConv(3, 2, dim=2, kernel=Wave))
    assert layer.loudest(1) == [0]


@pytest.mark.parametrize(("extent", "causal"), [(1.0, False), (8.0, False), (8.0, True)])
def test_a_wave_has_its_line_at_its_frequency(extent: float, causal: bool) -> None:
    layer = only(ContinuousConv(2, 2, dim=1, kernel=Wave, window=NoWindow, extent=extent, causal=causal))
    frequency, energy = line_spectrum(layer, 0)
    expected = Wave.frequency / (extent / 2 if causal else extent)  # cycles per position unit
    assert float(frequency[energy.argmax()]) == pytest.approx(expected, rel=0.02)
    assert frequency_bound(layer, 0) == pytest.approx(expected)
    assert energy.max() == 1.0


def test_a_gaussian_window_has_a_gaussian_spectrum() -> None:
    class One(Wave):
        frequency = 0.0

    width = 0.1
    layer = only(
        ContinuousConv(1, 1, dim=1, kernel=One, window=partial(GaussianWindow, width=width, min_width=0.0))
    )
    frequency, energy = line_spectrum(layer, 0)
    low = frequency < 4.0
    expected = (-((2 * torch.pi * width * frequency[low]) ** 2)).exp()
    torch.testing.assert_close(energy[low], expected, atol=0.03, rtol=0)  # the taper widens it a little


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_no_energy_beyond_the_analytic_bound(dim: int) -> None:
    conv = ContinuousConv(4, 4, dim=dim, kernel=SMALL, window=partial(GaussianWindow, width=0.3))
    layer = only(conv)
    for axis in range(dim):
        frequency, energy = line_spectrum(layer, axis)
        beyond = frequency > frequency_bound(layer, axis)
        assert float(energy[beyond].sum() / energy.sum()) < 1e-2


def test_nyquist_frequency() -> None:
    grid = only(
        ContinuousConv(
            1, 1, dim=2, kernel=SMALL, extent=(4.0, 2.0), quadrature=Quadrature(spacing=(0.5, 0.25))
        )
    )
    assert [nyquist_frequency(grid, axis) for axis in (0, 1)] == [1.0, 2.0]
    cloud = only(ContinuousConv(1, 1, dim=3, kernel=SMALL))
    assert nyquist_frequency(cloud, 0) is None
    assert nyquist_frequency(cloud, 0, spacing=0.05) == pytest.approx(10.0)
    with pytest.raises(ValueError, match="'spacing' must be positive"):
        nyquist_frequency(cloud, 0, spacing=0.0)


def test_the_model_is_left_as_it_was(tmp_path: Path) -> None:
    model = ContinuousConv(2, 2, dim=1, kernel=SMALL, extent=4.0).train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    plot_kernels(model, tmp_path, channels=1)
    assert model.training and all(p.grad is None for p in model.parameters())
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_bad_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"'model' must hold at least one ContinuousConv layer \(got a Linear"
    ):
        plot_kernels(nn.Linear(2, 2), tmp_path)
    with pytest.raises(ValueError, match=r"'channels' must be at least 1 \(got 0\)"):
        plot_kernels(ContinuousConv(2, 2, dim=1, kernel=SMALL), tmp_path, channels=0)
