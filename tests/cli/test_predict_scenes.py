"""``ccnn-pc predict`` on scenes: files come back with their classes set and nothing else changed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import laspy
import numpy as np
import pytest

from ccnn_pc._files import read_rows
from ccnn_pc.cli.app import main
from ccnn_pc.datasets import read_scene
from ccnn_pc.models import from_pretrained
from ccnn_pc.training.predict_scene import predict_scene
from tests.scans import CLASSES, scene_model, write_scan


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return scene_model(tmp_path_factory.mktemp("models") / "scenes")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CCNN_PC_TRACEBACK", "")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever gets as far as the network fails otherwise than expected."""

    def never(*_: Any, **__: Any) -> None:
        raise KeyError("the network has run")

    monkeypatch.setattr("ccnn_pc.training.predict_scene.predict_scene", never)


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(left.value.code or 0)


def labelled(capsys: pytest.CaptureFixture[str], *words: object) -> list[dict[str, Any]]:
    assert run("predict", *words, "--json", "--no-picture") == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return rows


def other_fields(las: laspy.LasData) -> Iterator[tuple[str, bytes]]:
    for name in las.point_format.dimension_names:
        if name != "classification" and not name.startswith("p_"):
            yield name, np.asarray(las.points[name]).tobytes()


@pytest.mark.parametrize(("form", "suffix"), [(1, "laz"), (3, "las"), (7, "laz")])
def test_the_classification_is_set_and_nothing_else(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: int, suffix: str
) -> None:
    scan, out = write_scan(tmp_path / f"scan.{suffix}", form=form), tmp_path / f"labelled.{suffix}"
    (row,) = labelled(capsys, model, scan, "--out", out, "--probabilities")
    before, after = laspy.read(scan), laspy.read(out)
    assert list(other_fields(before)) == list(other_fields(after))
    assert after.point_format.id == form and after.header.are_points_compressed == (suffix == "laz")
    assert [v.string for v in after.header.vlrs.get("WktCoordinateSystemVlr")] == [
        v.string for v in before.header.vlrs.get("WktCoordinateSystemVlr")
    ]
    network = from_pretrained(model)
    said = predict_scene(network, scan, network.preprocessing)  # type: ignore[arg-type]
    assert np.array_equal(after.classification, said.numbers())
    assert set(np.unique(said.numbers())) == {1, 2}  # an answer that is always the same would prove little
    assert np.array_equal(np.stack([after["p_other"], after["p_ground"]], axis=1), said.probabilities())
    assert row["points"] == 400 and row["kept"] == len(said.kept) < 400 and row["written"] == str(out)
    assert row["shares"]["ground"] == (said.numbers() == 2).mean()
    truth = np.asarray(before.classification)
    assert row["scores"]["accuracy"] == pytest.approx((said.numbers() == truth).mean())
    assert row["scores"]["type_1_error"] == pytest.approx((said.numbers()[truth == 2] == 1).mean())


def test_folders_patterns_and_broken_files(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scans, out = tmp_path / "scans", tmp_path / "scans" / "out"
    write_scan(scans / "a.laz")
    write_scan(scans / "north" / "a.laz", seed=1)
    (scans / "b.laz").write_bytes((scans / "a.laz").read_bytes()[:2500])
    rows = labelled(capsys, model, scans, "--out", out)
    assert [Path(row["file"]).relative_to(scans).as_posix() for row in rows] == [
        "a.laz",
        "b.laz",
        "north/a.laz",
    ]
    assert ["error" in row for row in rows] == [False, True, False] and "b.laz" in rows[1]["error"]
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*.*")) == ["a.laz", "north/a.laz"]
    assert len(labelled(capsys, model, scans, "--out", out)) == 3  # what was written is not read again
    (row,) = labelled(capsys, model, scans / "north", "--out", tmp_path / "deep" / "one")
    assert row["written"] == str(tmp_path / "deep" / "one" / "a.laz")
    rows = labelled(capsys, model, scans / "*.laz", "--out", tmp_path / "new")
    assert [Path(row["file"]).name for row in rows] == ["a.laz", "b.laz"]
    assert run("predict", model, scans / "b.laz", "--out", tmp_path / "b.laz") == 1
    assert not (tmp_path / "b.laz").exists()
    assert run("predict", model, scans / "a.laz", scans / "north" / "a.laz", "--out", out) == 1
    assert "'files' must have different names" in capsys.readouterr().err


def test_text_goes_back_to_text(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    las = laspy.read(write_scan(tmp_path / "scan.laz"))
    lines = [f"{x:.2f} {y:.2f} {z:.2f}  word{n}" for n, (x, y, z) in enumerate(las.xyz)]
    (tmp_path / "scan.txt").write_text("\n".join(["x y z remark", *lines]) + "\n")
    (row,) = labelled(capsys, model, tmp_path / "scan.txt", "--out", tmp_path / "out.txt")
    found = (tmp_path / "out.txt").read_text().splitlines()
    assert found[0].split() == ["x", "y", "z", "remark", "classification"]
    assert all(
        new.startswith(old) and new.split()[-1] in "12" for old, new in zip(lines, found[1:], strict=True)
    )
    assert "no field 'classification'" in row["unscored"] and "scores" not in row


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("scan.laz", "'target' must not be the file that was read"),
        ("labelled.ply", "'target' must end in .laz or .las where 'source' is a laz file"),
        ("missing/labelled.laz", "'target' must be in a folder that exists"),
        ("/proc/labelled.laz", "'out' must be a folder that can be written (got /proc"),
        (".", "'target' must not be the file that was read"),
    ],
)
def test_what_cannot_be_written_is_refused_at_once(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str, message: str
) -> None:
    before = write_scan(tmp_path / "scan.laz").read_bytes()
    assert run("predict", model, tmp_path / "scan.laz", "--out", tmp_path / out, "--no-picture") == 1
    assert message in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["scan.laz"]
    assert (tmp_path / "scan.laz").read_bytes() == before


@pytest.mark.usefixtures("no_network")
def test_numbers_and_names_that_old_files_cannot_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many = {"names": {1: "other", 40: "a name that is longer than fields of LAS may be"}}
    model = scene_model(tmp_path / "model", classes=many)
    scan = write_scan(tmp_path / "scan.laz", form=3)
    assert run("predict", model, scan, "--out", tmp_path / "out.laz") == 1
    assert "point format 3 holds numbers up to 31 (got 40)" in capsys.readouterr().err
    scan = write_scan(tmp_path / "scan.laz", form=7)
    assert run("predict", model, scan, "--out", tmp_path / "out.laz", "--probabilities") == 1
    assert "must have at most 32 bytes" in capsys.readouterr().err


@pytest.mark.usefixtures("no_network")
def test_options_that_do_not_go_together(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scans = [write_scan(tmp_path / f"{name}.laz") for name in "ab"]
    for words, message in (
        ([scans[0]], "'out' must be the labelled file, or their folder"),
        ([*scans, "--out", tmp_path / "c.laz"], "'out' must be a folder for 2 scenes"),
        (
            [*scans, "--out", tmp_path / "c", "--html", tmp_path / "p.html"],
            "'html' must be a folder for 2 scenes",
        ),
        ([scans[0], "--out", tmp_path / "c.laz", "--csv", tmp_path / "c.csv"], "'csv' must be left out"),
        ([scans[0], "--out", tmp_path / "c.laz", "--size", 3], "'size' must be left out"),
        ([tmp_path / "none.laz", "--out", tmp_path / "c.laz"], "must be an existing file"),
        ([tmp_path / "velodyne" / "0.bin", "--out", tmp_path / "c.ply"], "must be an existing file"),
        ([tmp_path / "*.ply", "--out", tmp_path / "c"], "must be a file, a folder or a pattern of scenes"),
    ):
        assert run("predict", model, *words) == 1
        assert message in capsys.readouterr().err
    assert run("predict", "ccnn_tiny-modelnet10", scans[0], "--probabilities") == 1
    assert "'probabilities' must be left out for a model that labels no scenes" in capsys.readouterr().err


def test_numbers_that_the_model_does_not_know_are_not_judged(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    las = laspy.read(write_scan(tmp_path / "scan.laz"))
    for number, message in ((9, "does not know: 9 (1 point)"), (2, "does not hold two classes")):
        las.classification[:] = 2
        las.classification[0] = number
        las.write(str(tmp_path / "scan.laz"))
        (row,) = labelled(capsys, model, tmp_path / "scan.laz", "--out", tmp_path / "out.laz")
        assert message in row["unscored"] and "scores" not in row


def test_pictures_pages_and_words_for_people(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = write_scan(tmp_path / "scan.laz")
    page = tmp_path / "page.html"
    assert run("predict", model, scan, "--out", tmp_path / "out.laz", "--html", page) == 0
    told = capsys.readouterr()
    assert re.search(r"out\.laz +400 +\d+\.\d +\w+ \d+\.\d %, .*total error \d", told.out)
    assert f"picture: {tmp_path / 'out.png'}" in told.err and "next: ccnn-pc evaluate" in told.err
    write_scan(tmp_path / "scan.las")
    assert (
        run("predict", model, scan, tmp_path / "scan.las", "--out", tmp_path / "o", "--html", tmp_path / "h")
        == 0
    )
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == [
        "scan.las", "scan.laz", "scan.png", "scan_2.png",
    ]  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "h").iterdir()) == ["scan.html", "scan_2.html"]
    assert (tmp_path / "out.png").stat().st_size > 10_000 and "<canvas>" in page.read_text()


def test_a_polite_kill_leaves_nothing(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the file is being written; what was there before stays."""
    scan = write_scan(tmp_path / "scan.laz")
    (tmp_path / "out.laz").write_bytes(b"before")
    seen: list[str] = []

    def killed(*_: Any, **__: Any) -> None:
        seen.extend(path.name for path in tmp_path.glob(".*.part"))
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("ccnn_pc.datasets.formats.las_write._append_tail", killed)
    before = signal.getsignal(signal.SIGTERM)
    assert run("predict", model, scan, "--out", tmp_path / "out.laz", "--no-picture") == 143
    assert len(seen) == 1 and sorted(p.name for p in tmp_path.iterdir()) == ["out.laz", "scan.laz"]
    assert (tmp_path / "out.laz").read_bytes() == b"before" and signal.getsignal(signal.SIGTERM) is before


KILLED = """
import os, signal, sys
import ccnn_pc.datasets.formats.las_write as las_write
las_write._append_tail = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
from ccnn_pc.cli.app import main
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_a_kill_leaves_no_half_of_a_file(model: str, tmp_path: Path) -> None:
    scan, out = write_scan(tmp_path / "scan.laz"), tmp_path / "out.laz"
    words = ["predict", model, str(scan), "--out", str(out), "--no-picture"]
    assert subprocess.run([sys.executable, "-c", KILLED, *words]).returncode == -signal.SIGKILL
    assert not out.exists()
    assert run(*words) == 0 and len(laspy.read(out).points) == 400


def test_evaluate_judges_every_point_of_every_file(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scans = tmp_path / "scans"
    for number in range(2):
        write_scan(scans / f"{number}.laz", count=300 + 100 * number, seed=number)
    (scans / "cut.laz").write_bytes((scans / "0.laz").read_bytes()[:2500])
    rows = labelled(capsys, model, scans, "--out", tmp_path / "out")
    words = ["evaluate", model, "--data", scans, "--out", tmp_path / "judged" / "scores.csv"]
    with pytest.warns(UserWarning, match="1 of 3 files"):
        assert run(*words, "--json") == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    confusion = np.zeros((2, 2), dtype=int)
    for number, row in enumerate(result["files"]):
        truth, said = (
            np.asarray(laspy.read(place / f"{number}.laz").classification) - 1
            for place in (scans, tmp_path / "out")
        )
        here = np.bincount(2 * truth.astype(int) + said, minlength=4).reshape(2, 2)
        assert row["n"] == 300 + 100 * number and row["file"].endswith(f"{number}.laz")
        assert {name: row[name] for name in rows[number]["scores"]} == rows[number]["scores"]
        assert row["total_error"] == pytest.approx((truth != said).mean())
        confusion += here
    assert result["n"] == 700 and result["accuracy"] == pytest.approx(np.trace(confusion) / 700)
    for label, name in enumerate(CLASSES):
        hits = confusion[label, label]
        union = confusion[label].sum() + confusion[:, label].sum() - hits
        assert result["classes"][name]["iou"] == pytest.approx(hits / union)
        assert result["classes"][name]["n"] == confusion[label].sum()
    table = read_rows(tmp_path / "judged" / "scores.csv")
    assert [float(row["accuracy"]) for row in table] == [row["accuracy"] for row in result["files"]]
    stored = read_rows(tmp_path / "judged" / "scores_confusion.csv")
    assert [[int(row[name]) for name in CLASSES] for row in stored] == confusion.tolist()
    names = {"scores.csv", "scores_0.png", "scores_1.png", "scores_confusion.csv", "scores_confusion.png"}
    assert {path.name for path in (tmp_path / "judged").iterdir()} == names | {"scores_report.html"}


def test_evaluate_for_people(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan = write_scan(tmp_path / "scan.laz")
    assert run("evaluate", model, "--data", scan) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0][:3] == ["scene", "points", "accuracy"] and lines[1][:2] == [str(scan), "400"]
    assert [line[0] for line in lines if line and line[0] in CLASSES] == CLASSES and lines[1][0] != "all"


def test_odd_scenes_are_labelled_or_refused(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a file holds, it comes back with all of its points in their places, or there is a reason."""
    random = np.random.default_rng(0)
    pos = random.uniform(0, 20, (120, 3)) * [1, 1, 0.2]
    table = "\n".join(" ".join(f"{value:.3f}" for value in row) for row in pos)
    names = np.array(["ground"] * 120)
    arrays: dict[str, dict[str, Any]] = {
        "repeated": {"pos": np.repeat(pos, 3, axis=0)},
        "one_place": {"pos": np.ones((60, 3))},
        "one_point": {"pos": np.ones((1, 3))},
        "far_apart": {"pos": np.array([[0.0, 0.0, 0.0], [1e6, 1e6, 0.0]])},
        "negative": {"pos": pos, "classification": np.full(120, -1, dtype="i2")},
        "halves": {"pos": pos, "classification": np.full(120, 1.5)},
        "floats": {"pos": pos, "classification": np.where(np.arange(120) % 2, 1.0, 2.0)},
        "gaps": {"pos": pos, "classification": np.where(np.arange(120) % 2, np.nan, 2.0)},
        "enormous": {"pos": pos, "classification": np.full(120, 1 << 63, dtype="u8")},
        "words": {"pos": pos, "classification": names},
    }
    texts = {
        "comments.txt": f"# a scan\n// x y z\n{table}\n# the end\n",
        "semicolons.csv": "x;y;z\n" + table.replace(" ", ";") + "\n",
        "commas.csv": "x;y;z\n" + table.replace(" ", ";").replace(".", ",") + "\n",
        "short.txt": f"x y z echo\n{table}\n",
        "flat.txt": "x y\n" + "\n".join(line.rpartition(" ")[0] for line in table.splitlines()) + "\n",
    }
    files = [tmp_path / f"{name}.npz" for name in arrays] + [tmp_path / name for name in texts]
    for file in files:
        if file.suffix == ".npz":
            np.savez(file, **arrays[file.stem])
        else:
            file.write_text(texts[file.name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        status = run("predict", model, *files, "--out", tmp_path / "out", "--no-picture", "--json")
    assert status == 0, capsys.readouterr().err
    rows = {Path(row["file"]).name: row for row in json.loads(capsys.readouterr().out.splitlines()[-1])}
    refused = {
        "words.npz": "field 'classification' (<U6) holds no numbers",
        "short.txt": "line 2 must have the 4 columns of its heading (got 3)",
        "flat.txt": "names of columns with x, y, z",
    }
    for file in files:
        row = rows[file.name]
        if file.name in refused:
            assert refused[file.name] in row["error"] and not (tmp_path / "out" / file.name).exists()
            continue
        back = read_scene(tmp_path / "out" / file.name)
        assert np.array_equal(back.pos, read_scene(file).pos) and row["points"] == len(back)
        assert set(back.labels("classification").tolist()) <= {1, 2}
        assert ("scores" in row) == (file.stem == "floats")
    assert (
        "below 2^63" in rows["enormous.npz"]["unscored"]
        and "-1 (120 points)" in rows["negative.npz"]["unscored"]
    )


def test_what_is_odd_is_warned_about(model: str, tmp_path: Path) -> None:
    network = from_pretrained(model)
    pos = np.random.default_rng(0).uniform(0, 20, (120, 3))
    np.savez(tmp_path / "kilometres.npz", pos=pos / 1000)
    with pytest.warns(UserWarning, match="leaves 1 of 120 points.*is it in the unit of the positions"):
        predict_scene(network, tmp_path / "kilometres.npz", network.preprocessing)
    head = "ply\nformat binary_little_endian 1.0\nelement vertex 120\n"
    head += "".join(f"property float {axis}\n" for axis in "xyz") + "end_header\n"
    for offset, odd in ((0.0, False), (5_400_000.0, True)):
        (tmp_path / "a.ply").write_bytes(head.encode() + (pos + offset).astype("<f4").tobytes())
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            read_scene(tmp_path / "a.ply")
        told = [str(each.message) for each in seen]
        assert (
            any("numbers near 5.40002e+06 are 0.5 apart, and points lie about 1.8 apart" in t for t in told)
            == odd
        )
