"""Exact parameter counts of every published table of CKConv, FlexConv, CCNN and SMPConv (law 8)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ccnn_pc.kernels.scaling import unscaled
from ccnn_pc.models import create_model
from ccnn_pc.models.options import Words
from ccnn_pc.models.parameters import count_parameters
from ccnn_pc.models.smpconv import build_smpnet_resnet

#: name, dim, in, out, options, parameters: CKConv, FlexConv, CCNN and SMPConv, all tables
COUNTS: list[tuple[str, int, int, int, dict[str, Any], int]] = [
    ("ckcnn_2_30", 1, 1, 10, {}, 98_286),
    ("ckcnn_2_100", 1, 1, 10, {}, 1_030_546),
    ("ckcnn_2_30", 1, 3, 10, {}, 100_386),
    ("ckcnn_2_100", 1, 3, 10, {}, 1_037_546),
    ("ckcnn_2_30", 1, 3, 20, {}, 100_696),
    ("ckcnn_2_30", 1, 4, 20, {}, 101_746),
    ("ckcnn_2_30", 1, 20, 10, {}, 118_236),
    ("ckcnn_2_30", 1, 2, 10, {}, 99_336),
    ("ckcnn_2_30", 1, 75, 1, {}, 175_707),
    ("ckcnn_2_25", 1, 2, 1, {}, 70_587),
    ("ckcnn_2_10", 1, 1, 10, {"pool": None}, 15_526),
    ("flexnet_7", 2, 3, 10, {}, 671_650),
    ("flexnet_7", 2, 1, 10, {}, 670_066),
    ("flexnet_5", 2, 3, 10, {}, 454_046),
    ("flexnet_5", 2, 3, 1000, {}, 498_596),
    ("flextcn_6", 1, 1, 10, {}, 373_324),
    ("flextcn_6", 1, 3, 10, {}, 375_364),
    ("flextcn_6", 1, 20, 10, {}, 392_704),
    ("flextcn_6", 1, 3, 20, {}, 375_674),
    ("smpnet_tcn_6", 1, 1, 10, {}, 370_960),
    ("smpnet_tcn_6", 1, 3, 10, {"bias": True}, 373_480),
    ("smpnet_tcn_6", 1, 3, 20, {"bias": True}, 373_790),
    ("smpnet_tcn_6", 1, 20, 10, {"bias": True}, 391_840),
    ("smpnet_resnet_7", 2, 3, 10, {}, 489_646),
    ("smpconv_t", 2, 3, 1000, {}, 26_705_248),
    ("smpconv_b", 2, 3, 1000, {}, 79_546_520),
    ("ccnn_4_140", 1, 1, 10, {}, 198_769),
    ("ccnn_6_380", 1, 1, 10, {}, 1_993_091),
    ("ccnn_4_140", 1, 3, 10, {}, 199_117),
    ("ccnn_6_380", 1, 3, 10, {}, 1_993_983),
    ("ccnn_4_140", 1, 20, 10, {}, 202_075),
    ("ccnn_4_140", 2, 3, 10, {}, 201_042),
    ("ccnn_6_380", 2, 3, 10, {}, 1_999_366),
    ("ccnn_4_140", 2, 3, 100, {}, 213_732),
    ("ccnn_6_380", 2, 3, 100, {}, 2_033_656),
    ("ccnn_4_140", 1, 1, 1, {}, 197_500),
]


@pytest.mark.parametrize(("name", "dim", "inputs", "outputs", "options", "count"), COUNTS)
@unscaled()
def test_parameter_counts_are_exact(
    name: str, dim: int, inputs: int, outputs: int, options: dict[str, Any], count: int
) -> None:
    started = time.perf_counter()
    model = create_model(name, dim=dim, in_channels=inputs, out_channels=outputs, **options)
    assert sum(p.numel() for p in model.parameters()) == count
    assert options or count_parameters(name, dim, inputs, outputs) == count
    assert time.perf_counter() - started < 20


@pytest.mark.parametrize(("points", "count"), [(4, 250_318), (8, 330_094), (32, 808_750), (64, 1_446_958)])
@unscaled()
def test_counts_over_the_number_of_points(points: int, count: int) -> None:
    """SMPConv Table 9."""
    words = Words("smpnet", {"dim": 2, "init": "smpconv"}, in_channels=3, out_channels=10)
    model = build_smpnet_resnet(words, widths=(24, 24, 36, 36, 36, 48, 48), num_points=points)
    assert sum(p.numel() for p in model.parameters()) == count
