from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ccnn_pc._files import read_rows
from ccnn_pc.cli.app import main
from ccnn_pc.cli.fit import TABLE
from ccnn_pc.cli.fit_report import IMAGE, LINES, advice, ranked, report
from ccnn_pc.kernels import registry
from ccnn_pc.studies import kernel_fits
from ccnn_pc.studies.families import STUDIED, list_families
from ccnn_pc.studies.targets import Target

QUICK = ["--hidden", "8", "--steps", "5", "--points", "20"]


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(["fit", *words])
    return int(stopped.value.code or 0)


def test_table_and_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "grey.npy", np.random.default_rng(0).random((6, 9)))
    out = tmp_path / "new" / "out"
    words = ["--kernels", "relu,siren", "--targets", "step,noise", "--image", str(tmp_path / "grey.npy")]
    assert run(*words, *QUICK, "--out", str(out)) == 0
    printed = capsys.readouterr().out
    assert all(str(out / name) in printed for name in (TABLE, LINES, IMAGE)) and "Next:" in printed
    rows = read_rows(out / TABLE)
    names = [(row["target"], row["kernel"]) for row in rows]
    assert names == [(t, k) for t in ("step", "noise", "grey.npy") for k in ("relu", "siren")]
    assert [row["parameters"] for row in rows] == ["97", "97", "97", "97", "105", "105"]  # 8·D + 8 + 72 + 9
    assert [row["points"] for row in rows] == ["20"] * 4 + ["27"] * 2
    assert "error_between" in rows[0] and "error_between" not in rows[2]  # noise has nothing between
    assert float(rows[0]["nyquist"]) == pytest.approx(19 / 4)
    assert {row["steps"] for row in rows} == {"5"} and "torch" in rows[0]["versions"]
    shown = [line.split()[0] for line in printed.splitlines() if line.split()[:1] in (["relu"], ["siren"])]
    assert shown == [row["kernel"] for row in ranked([_numbers(row) for row in rows])]


def test_finished_fits_are_kept_when_it_ends_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = kernel_fits.fit_kernel
    calls: list[None] = []

    def ends_at_the_third(*args: object, **options: object) -> object:
        calls.append(None)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(kernel_fits, "fit_kernel", ends_at_the_third)
    words = ["--kernels", "relu,siren", "--targets", "step,noise", *QUICK, "--out", str(tmp_path)]
    assert run_or_stop(*words) != 0
    assert [(row["target"], row["kernel"]) for row in read_rows(tmp_path / TABLE)] == [
        ("step", "relu"),
        ("step", "siren"),
    ]


def run_or_stop(*words: str) -> int:
    try:
        return run(*words)
    except KeyboardInterrupt:
        return 130


def _numbers(row: dict[str, str]) -> dict[str, object]:
    found: dict[str, object] = dict(row)
    for name in ("error", "error_between", "cpu_seconds"):
        found[name] = float(row[name]) if name in row else None
    return found


def test_json_is_the_table_and_the_same_every_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for folder in ("a", "b"):
        words = [
            "--kernels",
            "magnet",
            "--targets",
            "chirp, noise",
            "--out",
            str(tmp_path / folder),
            "--json",
        ]
        assert run(*words, *QUICK) == 0
        found.append(json.loads(capsys.readouterr().out.splitlines()[-1])["rows"])
    times = [[row.pop("cpu_seconds") for row in rows] for rows in found]
    assert len(times[0]) == 2 and found[0] == found[1]
    assert (tmp_path / "a" / LINES).read_bytes() == (tmp_path / "b" / LINES).read_bytes()


def test_the_frequency_comes_from_the_points_unless_given(tmp_path: Path) -> None:
    def omega_0(*words: str) -> float:
        assert run("--kernels", "fouriernet", "--targets", "step", *words, "--out", str(tmp_path)) == 0
        return float(read_rows(tmp_path / TABLE)[0]["omega_0"])

    few, many = (omega_0("--hidden", "8", "--steps", "1", "--points", n) for n in ("21", "41"))
    assert many == pytest.approx(2 * few, abs=1e-3)  # twice the points per unit, twice the frequency
    assert omega_0(*QUICK, "--omega-0", "7.5") == 7.5


def test_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "bad.png").write_text("no picture")
    out = ["--out", str(tmp_path / "out")]
    cases = {
        ("--kernels", "magnet,mgnet"): f"among {', '.join(f for f in list_families())} (got mgnet)",
        ("--targets", "steps"): f"among {', '.join(t.value for t in Target)} (got steps)",
        ("--kernels", ""): "(got none)",
        ("--targets", "none"): "only with an image",
        ("--image", str(tmp_path / "none.png")): "no such file",
        ("--image", str(tmp_path / "bad.png")): "'image' must be a picture or a .npy file",
        ("--steps", "0"): "'steps' must be at least 1 (got 0)",
        ("--points", "1"): "'points' must be at least 2 (got 1)",
        ("--omega-0", "-1"): "'omega_0' must be positive and finite (got -1.0)",
        ("--lr", "0"): "'lr' must be positive",
        ("--out", str(tmp_path / "file" / "x")): "'out' must be a folder that can be written",
    }
    for words, message in cases.items():
        assert run(*(() if "--out" in words else out), *words) == 1
        error = capsys.readouterr().err
        assert message in " ".join(error.split()), words
        assert error.strip().startswith("error:") and len(error.strip().splitlines()) == 1
    assert not (tmp_path / "out" / TABLE).exists()


def test_advice_follows_what_came_out() -> None:
    good = {"kernel": "magnet", "aliased": False, "error": 0.01}
    assert "--image" in advice([good], steps=10, with_image=False)
    assert "--seed" in advice([good], steps=10, with_image=True)
    assert "--steps 40" in advice([good | {"error": 0.5}], steps=10, with_image=False)
    assert "magnet oscillates" in advice([good | {"aliased": True}], steps=10, with_image=False)


def test_report_of_a_stored_table() -> None:
    columns = [
        "target",
        "kernel",
        "error",
        "error_between",
        "parameters",
        "points",
        "cpu_seconds",
        "steps",
        "seed",
        "versions",
    ]
    lines = [
        "step,a,0.3,0.5,90,20,30,7,3,v",
        "noise,a,0.9,,90,20,30,7,3,v",
        "b.png,a,0.1,0.1,97,1152,30,7,3,v",
        "step,b,0.1,0.7,91,20,30,7,3,v",
        "noise,b,0.8,,91,20,30,7,3,v",
        "b.png,b,0.1,0.1,99,1152,30,7,3,v",
    ]
    about, header, cells = report([dict(zip(columns, line.split(","), strict=True)) for line in lines])
    assert "20 points, 1152 of b.png; 7 steps, seed 3, 3.0 processor minutes for 6 fits (v)" in about
    assert "At the points `b` comes closest (0.1 / 0.4 in the mean), between them `a` (0.2 / 0.3)" in about
    assert header == ["kernel", "parameters", "mean", "step", "noise", "b.png"]
    assert cells == [
        ["`b`", "91, 99", "0.1 / 0.4", "0.1 / 0.7", "0.8", "0.1 / 0.1"],
        ["`a`", "90, 97", "0.2 / 0.3", "0.3 / 0.5", "0.9", "0.1 / 0.1"],
    ]


def test_help_has_examples_and_all_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    text = capsys.readouterr().out
    assert "ccnn-pc fit --kernels magnet,siren,points" in text
    for name in (*STUDIED, *(t.value for t in Target)):
        assert name in text


def test_a_kernel_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One file and one line of registration; the command imports it by name."""
    (tmp_path / "kernels_of_a_test.py").write_text(
        "from ccnn_pc.kernels import SIREN, register_kernel\n\n\n"
        '@register_kernel("of_a_test")\nclass Mine(SIREN):\n    pass\n'
    )
    monkeypatch.setattr(registry, "_KERNELS", dict(registry._KERNELS))
    monkeypatch.chdir(tmp_path)
    words = ("--import", "kernels_of_a_test", "--kernels", "of_a_test,siren")
    assert run("--targets", "sine", "--points", "9", "--steps", "2", "--out", str(tmp_path), *words) == 0
    first, second = read_rows(tmp_path / TABLE)
    assert first["kernel"] == "of_a_test" and first["error"] == second["error"]
