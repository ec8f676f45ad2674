"""Released layers on sequences and images equal ours, by a map of parameter names: golden vectors ``2_*``."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.domains import Grid
from ccnn_pc.kernels import (
    SIREN,
    GaussianWindow,
    MAGNet,
    NoWindow,
    SelfMovingPoints,
    SelfMovingPointsPerFilter,
)
from ccnn_pc.nn import ContinuousConv, DepthwiseConv, Quadrature
from ccnn_pc.ops.grids.convolution import Method
from ccnn_pc.published import Crop, ReleasedCKConv, ReleasedGridConv, cropped_taps
from tests.released import Golden, Released, close, load_conv

CCNN = [
    *("ckconv2d", "ckconv2d_fft", "sepckconv1d"),
    *("flexfull1d_direct", "flexfull1d_fft", "flexfull2d_direct"),
    *("sepflex1d_centred", "sepflex1d_direct", "sepflex1d_fft", "sepflex1d_nocrop"),
    *("sepflex1d_oddL_direct", "sepflex1d_oddL_fft"),
    *("sepflex2d_aniso", "sepflex2d_s075", "sepflex2d_s225", "sepflex2d_s750"),
]
FLEXCONV = [
    *("flexconv1d_direct", "flexconv1d_fft"),
    *("flexconv2d", "flexconv2d_aniso", "flexconv2d_fft", "flexconv2d_rate"),
]
CKCONV = ["ckconv1d_L160", "ckconv1d_L161", "ckconv1d_resolution"]
SMPCONV = ["1d_direct", "1d_fft", "1d_oddL_fft_legacy", "2d"]


def test_every_convolution_vector_on_grids_is_checked(shared: Path) -> None:
    found = {path.stem.removeprefix("2_conv_") for path in (shared / "golden").glob("2_conv_*.npz")}
    points = {"cc_point_sepflex_legacy"}  # tests/published/test_golden_points.py
    ours = zip(("cc", "fx", "ck", "smp"), (CCNN, FLEXCONV, CKCONV, SMPCONV), strict=True)
    assert found - points == {f"{source}_{name}" for source, names in ours for name in names}


def run(conv: ContinuousConv, x: torch.Tensor, **options: Any) -> torch.Tensor:
    grid = Grid(tuple(x.shape[2:]), batch_size=len(x), **options)
    with torch.no_grad():
        return grid.unflatten(conv(grid.flatten(x), grid))


def geometry(size: str, x: torch.Tensor, causal: bool) -> dict[str, Any]:
    """Kernels of the released sizes: "same" is the length of the data."""
    dim = x.dim() - 2
    taps = x.shape[-1] if size == "same" else int(size)
    return {"dim": dim, "extent": float(taps - 1 if causal else taps // 2), "causal": causal}


@pytest.mark.parametrize("name", CCNN)
def test_ccnn(golden: Golden, name: str) -> None:
    released = Released(golden, f"2_conv_cc_{name}")
    x, causal = released.input(), released.config("causal") == "True"
    hidden = int(released.config("hidden"))
    flex = "Flex" in released.config("layer")
    conv = ReleasedGridConv(
        int(released.config("in_channels")),
        int(released.config("out_channels")),
        kernel=functools.partial(
            SIREN if released.config("kernel_type") == "SIREN" else MAGNet, hidden_channels=hidden
        ),
        window=GaussianWindow if flex else NoWindow,
        separable="Separable" in released.config("layer"),
        crop=Crop.CCNN if flex and released.config("dynamic_cropping") == "True" else Crop.NONE,
        fft_above=50 if released.config("use_fft") == "True" else None,
        **geometry(released.config("kernel_size"), x, causal),
    ).double()
    load_conv(conv, released)
    close(run(conv, x), released.output("y"))
    if name == "sepflex1d_oddL_fft":  # without the fault: the direct result
        conv.fft_above = None
        direct = Released(golden, "2_conv_cc_sepflex1d_oddL_direct")
        close(run(conv, x), direct.output("y"))


@pytest.mark.parametrize("name", FLEXCONV)
def test_flexconv(golden: Golden, name: str) -> None:
    released = Released(golden, f"2_conv_fx_{name}")
    x = released.input()
    options = geometry(released.config("horizon"), x, causal=x.dim() == 3)
    spacing = 1.0
    if name.endswith(
        "rate"
    ):  # a kernel trained at twice the spacing counts a quarter per sample: our weights
        spacing = float(released.config("kernel_sampling_rate_norm")) ** -0.5
    conv = ReleasedGridConv(
        int(released.config("in_channels")),
        int(released.config("out_channels")),
        kernel=functools.partial(MAGNet, hidden_channels=int(released.config("kernel_no_hidden"))),
        window=functools.partial(GaussianWindow, learn_mean=True),
        separable=False,
        crop=Crop.FLEXCONV,
        fft_above=50 if "config/conv_use_fft" in released.data else None,
        quadrature=Quadrature(spacing=spacing),
        **options,
    ).double()
    load_conv(conv, released)
    close(run(conv, x), released.output("y"))


def ckconv(kind: type[ContinuousConv], released: Released) -> ContinuousConv:
    conv = kind(
        int(released.config("in_channels")),
        int(released.config("out_channels")),
        kernel=functools.partial(SIREN, hidden_channels=int(released.config("hidden")), weight_norm=True),
        window=NoWindow,
        separable=False,
        **geometry(released.config("train_length"), released.input(), causal=True),
    ).double()
    load_conv(conv, released)
    return conv


@pytest.mark.parametrize("name", CKCONV[:2])
def test_ckconv(golden: Golden, name: str) -> None:
    """The released transform where the length is odd; ours is the direct result, by every method."""
    released = Released(golden, f"2_conv_ck_{name}")
    conv = ckconv(ContinuousConv, released)
    for method in Method:
        close(run(conv, released.input(), method=method), released.output("y_direct"))
    close(run(ckconv(ReleasedCKConv, released), released.input()), released.output("y"))


def test_ckconv_at_other_rates(golden: Golden) -> None:
    released = Released(golden, "2_conv_ck_ckconv1d_resolution")
    conv = ckconv(ReleasedCKConv, released)
    assert isinstance(conv, ReleasedCKConv)
    for end in ("", "_r2", "_r4", "_r8", "_r16", "_up2"):
        x = released.input(f"x{end}")
        kernel, ratio = conv.taps(x.shape[-1])
        assert ratio == float(released.output(f"sr_change{end}"))
        close(kernel.movedim((1, 2), (1, 0)).movedim(2, -1), released.output(f"kernel{end}"))
        close(run(conv, x), released.output(f"y{end}"))
    with pytest.raises(ValueError, match="knows lengths only"):
        conv(torch.zeros(91, 3).double(), Grid((91,), 2.0))


@pytest.mark.parametrize("name", SMPCONV)
def test_smpconv(golden: Golden, name: str) -> None:
    released = Released(golden, f"2_conv_smp_{name}")
    x = released.input()
    filters, inputs, points = released("Kernel.weights").shape
    conv = ReleasedGridConv(
        inputs,
        filters,
        kernel=functools.partial(SelfMovingPointsPerFilter, in_channels=inputs, num_points=points),
        window=NoWindow,
        separable=False,
        fft_above=0 if released.config("use_fft") == "True" else None,
        **geometry(released.config("horizon"), x, causal=x.dim() == 3),
    ).double()
    load_conv(conv, released)
    close(run(conv, x), released.output("y"))


def test_smpconv_depthwise(golden: Golden) -> None:
    released = Released(golden, "1_kernel_smpi_depthwise")
    planes, points = int(released.config("planes")), int(released.config("n_points"))
    kernel = functools.partial(SelfMovingPoints, hidden_channels=points)
    conv = DepthwiseConv(planes, dim=2, extent=6.0, kernel=kernel, window=NoWindow, bias=False).double()
    with torch.no_grad():
        coord = released("weight_coord")[0]
        conv.kernel.coord.copy_(torch.stack([-coord[:, 1], coord[:, 0]], dim=-1))  # type: ignore[union-attr, operator]
        conv.kernel.radius.copy_(released("radius").flatten())  # type: ignore[union-attr, operator]
        conv.kernel.readout.weight.copy_(released("weights")[0])  # type: ignore[union-attr, operator]
    close(run(conv, released.input()), released.output("y"))


def kept(
    width: float, size: int, causal: bool, crop: Crop, second: float | None = None
) -> list[tuple[int, int]]:
    """Number of the first tap that is kept, and how many are, per axis."""
    dim = 1 if second is None else 2
    window = GaussianWindow(dim, causal=causal).double()
    window.width.data.copy_(torch.tensor([width] if second is None else [width, second]))
    taps = cropped_taps(window, [size] * dim, causal, crop)
    oldest = -(size - 1) if causal else -(size // 2)
    return [(first - oldest, count) for first, count in zip(taps.first, taps.shape, strict=True)]


def test_ccnn_crop(golden: Golden) -> None:
    with np.load(golden("2_masks_cc_gaussian_crop")) as file:
        data = dict(file)
    for row, width in enumerate(data["input/sigma"]):
        for causal, key in ((True, "causal"), (False, "centred1d")):
            sizes = data["input/causal_lengths" if causal else "input/centred_sizes"]
            for column, size in enumerate(sizes):
                expected = (
                    data[f"output/{key}_start_index"][row, column],
                    data[f"output/{key}_taps"][row, column],
                )
                assert kept(float(width), int(size), causal, Crop.CCNN) == [expected], (width, size)
        for column, size in enumerate(data["input/centred_sizes"]):
            counts = [count for _, count in kept(float(width), int(size), False, Crop.CCNN, second=0.2)]
            assert counts == data["output/centred2d_taps_sigma_x_0p2"][row, column].tolist()


def test_flexconv_crop(golden: Golden) -> None:
    with np.load(golden("2_masks_fx_crop")) as file:
        data = dict(file)
    for row, width in enumerate(data["input/sigma"]):
        for causal, key in ((True, "causal"), (False, "centred")):
            sizes = data["input/causal_lengths" if causal else "input/centred_sizes"]
            for column, size in enumerate(sizes):
                count = kept(float(width), int(size), causal, Crop.FLEXCONV)[0][1]
                assert count == data[f"output/{key}_taps"][row, column], (width, size, causal)


def test_released_layers_refuse() -> None:
    with pytest.raises(TypeError, match="'window' must be Gaussian"):
        ReleasedGridConv(2, 2, dim=1, extent=4.0, window=NoWindow, crop=Crop.CCNN)
    with pytest.raises(ValueError, match="'causal' must be True"):
        ReleasedCKConv(2, 2, dim=1, extent=4.0)
