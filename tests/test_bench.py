"""Benchmarks: the roofline is the arithmetic counted by hand, short forms fill their tables, failures are rows."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

from ccnn_pc._files import read_rows
from ccnn_pc.native import state
from scripts.bench import (
    comparing,
    first_minute,
    harness,
    large_clouds,
    machine,
    point_conv,
    point_conv_peers,
    predict_scene,
)
from scripts.bench.machine import EdgeWork, Roofline, Speeds, product_roofline, roofline


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, str]]]:
    """Runs the short form of a benchmark; its rows."""

    def run(module: ModuleType, *words: str) -> list[dict[str, str]]:
        out = tmp_path / "table.csv"
        monkeypatch.setattr(
            sys,
            "argv",
            ["bench", "--small", "--threads", str(torch.get_num_threads()), "--out", str(out), *words],
        )
        module.main()
        return read_rows(out)

    return run


#: What was measured on the machine that the bounds of the operator were first written down for.
MEASURED = Speeds(product=152e9, sine=1.56e9, exponential=1.86e9, copy=1.0)
EDGES = 4 * 512 * 256


def test_the_roofline_is_that_of_the_count_by_hand() -> None:
    """18.0 and 65.2 thousand operations an edge; 141 and 383 ms for 4 clouds of 512 points with k = 256."""
    found = roofline(dim=3, hidden=32, layers=3, channels=140)
    assert found == Roofline(EdgeWork(18008, 128), EdgeWork(65224, 256))
    assert round(1e3 * found.forward.seconds(EDGES, MEASURED)) == 141
    assert round(1e3 * found.both.seconds(EDGES, MEASURED)) == 383


def test_products_alone_are_a_lower_bound() -> None:
    quick = Speeds(product=207e9, sine=1.62e9, exponential=2.43e9, copy=1.0)
    found = product_roofline(hidden=32, layers=3, channels=140)
    assert round(1e3 * found.forward.seconds(EDGES, quick)) == 108
    assert round(1e3 * found.both.seconds(EDGES, quick)) == 294


def test_the_machine_is_measured(bench: Callable[..., list[dict[str, str]]]) -> None:
    for row in bench(machine):
        assert all(float(row[f"{name}_g"]) > 0 for name in ("product", "sine", "exponential", "copy"))


def test_all_contenders_compute_the_same(bench: Callable[..., list[dict[str, str]]]) -> None:
    """Outputs and gradients are those of message passing in float64; who is not there says why."""
    rows = bench(point_conv, "--only", "base")
    assert {row["contender"] for row in rows} == {*point_conv_peers.CONTENDERS, *point_conv_peers.OTHERS}
    for row in rows:
        if row["contender"] in point_conv_peers.OTHERS:
            assert ("reason" in row) != ("both_x" in row) and "max_error" not in row
        elif row["contender"] == "native" and not state().runs:
            assert "not built" in row["reason"] or "turned off" in row["reason"]
        else:
            assert float(row["max_error"]) < 1e-5 and float(row["gradient_error"]) < 1e-4
            assert row["edges"] == "512" and float(row["both_x"]) > 0


@pytest.mark.skipif(not state().runs, reason="the native operators are not built")
def test_the_native_operator_keeps_its_phases(bench: Callable[..., list[dict[str, str]]]) -> None:
    """At omega_0 = 500 float32 phases are wrong in the third digit; the error in the table tells."""
    found = {row["contender"]: float(row["max_error"]) for row in bench(point_conv, "--only", "omega")}
    assert found["native"] < 1e-5 < 1e-4 < found["fused"]


def test_an_operator_that_fails_is_a_row(
    bench: Callable[..., list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> point_conv_peers.Step:
        raise RuntimeError("no such thing\nat all")

    monkeypatch.setitem(point_conv_peers.CONTENDERS, "fused", broken)
    rows = {row["contender"]: row for row in bench(point_conv, "--only", "omega")}
    assert rows["fused"]["reason"] == "RuntimeError: no such thing" and "both_min_ms" not in rows["fused"]
    assert float(rows["messages"]["both_min_ms"]) > 0


def test_a_contender_that_fails_has_no_further_turns() -> None:
    turns: list[str] = []

    def fails() -> tuple[float, float]:
        turns.append("fails")
        raise ValueError("later")

    failed: dict[str, str] = {}
    found = harness.interleaved({"a": fails, "b": lambda: (1.0, 2.0)}, 4, limit=5.0, failed=failed)
    assert turns == ["fails"] and failed == {"a": "ValueError: later"}
    assert found["b"] == [(1.0, 2.0)] * 3  # no turns beyond the limit, but three
    with pytest.raises(ValueError, match="later"):
        harness.interleaved({"a": fails}, 1)


def test_a_command_is_timed_with_what_it_starts(tmp_path: Path) -> None:
    work = "import time; began = time.process_time()\nwhile time.process_time() - began < 0.2: pass"
    shell = ["bash", "-c", f"{sys.executable} -c '{work}'; sleep 0.1"]
    clock, processors = first_minute.seconds(shell, tmp_path)
    assert processors >= 0.2 and clock >= 0.3
    with pytest.raises(RuntimeError, match=r"ended with 1: .*no such thing"):
        first_minute.seconds([sys.executable, "-c", "raise SystemExit('no such thing')"], tmp_path)


@pytest.mark.slow
def test_large_clouds_are_measured_in_fresh_processes(
    bench: Callable[..., list[dict[str, str]]], tmp_path: Path
) -> None:
    plot = tmp_path / "growth.png"
    rows = bench(large_clouds, "--plot", str(plot))
    assert {row["part"] for row in rows} == {"wide", "growth"} and plot.exists()
    assert all("reason" in row or (float(row["peak_mb"]) >= 0 and float(row["knn_s"]) > 0) for row in rows)


@pytest.mark.slow
def test_a_scene_is_labelled_in_a_fresh_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "predict.csv"
    monkeypatch.setattr(sys, "argv", ["bench", "--points", "500", "--out", str(out)])
    predict_scene.main()
    (row,) = read_rows(out)
    assert row["points"] == "500" and float(row["cpu_s"]) > 1 and 100 < float(row["peak_mb"]) < 2000


def test_comparing_has_a_row_for_each_kind_of_data(bench: Callable[..., list[dict[str, str]]]) -> None:
    rows = bench(comparing)
    assert [row["case"] for row in rows] == list(comparing.CASES)
    for row in rows:
        assert 0 < float(row["min_ms"]) <= float(row["median_ms"]) and float(row["forward_min_ms"]) > 0
        share = 100 * float(row["min_ms"]) / float(row["forward_min_ms"])
        assert float(row["percent"]) == pytest.approx(share, rel=0.05)
