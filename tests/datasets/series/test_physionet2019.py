"""PhysioNet 2019: the published layout from small files; exact facts of the real ones."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.datasets.common.shuffle_split import published_rows
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.formats.psv import read_psv
from ccnn_pc.datasets.series.physionet2019 import COLUMNS, STATICS, VARIABLES, PhysioNet2019

HEADER = "|".join(COLUMNS)


def patient(number: int, first: int = 1, hours: int = 12) -> np.ndarray:
    random = np.random.default_rng(number)
    table = random.normal(50, 10, (hours, 41)).round(2)
    table[:, :34][random.random((hours, 34)) < 0.7] = np.nan
    table[:, 34:39] = [60 + number, number % 2, *([np.nan] * 2 if number % 3 == 0 else [0, 1]), -10 - number]
    table[:, 39] = np.arange(first, first + hours)
    table[:, 40] = (np.arange(hours) >= hours - 3) & (number % 4 == 0)
    return table


def as_text(table: np.ndarray) -> str:
    rows = ["|".join("NaN" if np.isnan(v) else f"{v:g}" for v in row) for row in table]
    return "\n".join([HEADER, *rows]) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "data" / "training_setA"
    place.mkdir(parents=True)
    for number in range(40):
        first = 5 if number == 1 else 1
        (place / f"p{number:06d}.psv").write_text(as_text(patient(number, first, 80 if number == 2 else 12)))
    return tmp_path / "data"


def test_names() -> None:
    assert len(VARIABLES) == 34 and len(STATICS) == 5 and len(COLUMNS) == 41


def test_grid_is_the_published_layout(folder: Path) -> None:
    data = PhysioNet2019(folder, None, normalize="none")
    assert data.shape == (75, 72) and len(data) == 40 and data.stored.name is not None
    for row in (0, 1, 2, 3):
        table, x = patient(row, 5 if row == 1 else 1, 80 if row == 2 else 12), data[row].x[0].numpy()
        wanted = np.full((72, 34), np.nan)
        table = table[table[:, 39] <= 72]
        wanted[table[:, 39].astype(int) - 1] = table[:, :34]
        assert np.array_equal(x[:34], np.cumsum(~np.isnan(wanted), axis=0).T)  # counts go on to the end
        np.testing.assert_allclose(x[34:68], np.nan_to_num(wanted).T, rtol=1e-6)
        static = np.nan_to_num([*table[0, 34:39], row % 3 != 0, 1.0])
        np.testing.assert_allclose(x[68:], np.repeat(static[:, None], 72, axis=1), rtol=1e-6)
    assert data.labels.tolist() == [int(number % 4 == 0) for number in range(40)]


def test_both_forms_hold_the_same(folder: Path) -> None:
    for drop in (0, 30):
        grid = PhysioNet2019(folder, None, drop=drop, time_channel=True)
        series: Any = PhysioNet2019(folder, None, drop=drop, form="irregular", time_channel=True)
        for row in (0, 1, 2):
            item, x = series[row], grid[row].x[0]
            hours = item.times.long() - 1
            torch.testing.assert_close(item.x, x[:, hours].T)
            assert item.mask.shape == item.x.shape and bool((item.x[~item.mask] == 0).all())
            assert torch.equal(item.mask[:, 35:69].cumsum(0), item.x[:, 1:35].long()) and bool(
                item.mask[:, 69:].all()
            )
            torch.testing.assert_close(item.x[:, 0], (item.times / 72).float())
        assert series[0].times[0] == 1 or drop
        assert series[1].times[0] >= 5 and series[0].lattice.tolist() == [[1.0]]
        assert len(series[0].times) == 12 if not drop else len(series[0].times) <= 12
    slim = PhysioNet2019(folder, "test", counts=False, statics=False)
    assert slim.shape == (34, 72)


def test_indicators_say_what_was_measured_when(folder: Path) -> None:
    plain: Any = PhysioNet2019(folder, None, form="irregular", counts=False)
    told: Any = PhysioNet2019(folder, None, form="irregular", counts=False, indicators=True)
    both: Any = PhysioNet2019(folder, None, form="irregular", indicators=True)
    for bare, item, more in zip(plain, told, both, strict=True):
        assert torch.equal(item.x[:, 34:], bare.x) and torch.equal(item.mask[:, 34:], bare.mask)
        assert torch.equal(item.x[:, :34], bare.mask[:, :34].float()) and bool(item.mask[:, :34].all())
        assert torch.equal(more.x[:, 34:], item.x) and torch.equal(more.x[:, :34], item.x[:, :34].cumsum(0))
    assert PhysioNet2019(folder, None, indicators=True).shape == (109, 72)


def test_normalisation_by_observed_training_values(folder: Path) -> None:
    train: Any = PhysioNet2019(folder, "train", form="irregular", counts=False)
    x, mask = (torch.cat([item[key] for item in train]) for key in ("x", "mask"))
    for channel in (0, 20, 33):
        known = x[mask[:, channel], channel]
        assert abs(float(known.mean())) < 1e-4 and abs(float(known.std()) - 1) < 1e-3
    ages = torch.stack([item.x[0, 34] for item in train])
    assert abs(float(ages.mean())) < 1e-5 and abs(float(ages.std()) - 1) < 1e-4
    parts = [PhysioNet2019(folder, split) for split in ("train", "val", "test")]
    assert [len(part) for part in parts] == [28, 6, 6]


def test_zip_is_the_folder(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "training_setB.zip", "w") as archive:
        for path in sorted((folder / "training_setA").glob("*.psv")):
            archive.write(path, f"training_setB/{path.name}")
    first, second = PhysioNet2019(tmp_path, None, sets="B"), PhysioNet2019(folder, None)
    assert torch.equal(first.batch(range(40)).x, second.batch(range(40)).x)
    (folder / "training_setB.zip").write_bytes((tmp_path / "training_setB.zip").read_bytes())
    assert len(PhysioNet2019(folder, None)) == 80 and len(PhysioNet2019(folder, None, sets="A")) == 40
    (folder / "training_setB.zip").write_bytes((tmp_path / "training_setB.zip").read_bytes()[:-50])
    with pytest.raises(ValueError, match=r"training_setB\.zip' is damaged or cut off"):
        PhysioNet2019(folder)


def test_broken_files_are_counted_and_named(folder: Path) -> None:
    place = folder / "training_setA"
    whole = (place / "p000003.psv").read_text()
    (place / "q1.psv").write_text(whole[:-30])
    (place / "q2.psv").write_text("")
    (place / "q3.psv").write_text(whole.replace("HR|", "Pulse|"))
    (place / "q4.psv").write_text(whole.replace("|1|0\n", "|x|0\n", 1))
    (place / "q5.psv").write_text(whole.replace("NaN", "", 1))
    (place / "q6.psv").write_text(as_text(patient(3)[::-1]))
    (place / "short.psv").write_text(as_text(patient(4, 1, 2)))  # not broken: left out, as published
    with pytest.warns(UserWarning, match="6 of 46 files"):
        data = PhysioNet2019(folder, None)
    assert len(data) == 40 and [Path(name).stem for name, _ in data.broken] == [f"q{i}" for i in range(1, 7)]
    reasons = [reason for _, reason in data.broken]
    assert "is cut off or damaged in line 13" in reasons[0] and "is empty" in reasons[1]
    assert "'Pulse'" in reasons[2] and "line 2: 'ICULOS' must be a number (got 'x')" in reasons[3]
    assert (
        "line 2: '" in reasons[4]
        and "must be a number (got '')" in reasons[4]
        and "rising hours" in reasons[5]
    )
    for path in place.glob("*.psv"):
        path.write_text("x")
    with pytest.raises(ValueError, match="none of the 47 files"):
        PhysioNet2019(folder)


def test_damages_of_one_patient_leave_the_others(folder: Path) -> None:
    """Values that Python reads and that are none, hours and labels that are none."""
    place = folder / "training_setA"
    table = patient(3)
    header, first, *rest = as_text(table).splitlines()
    cells = first.split("|")

    def text(column: str, cell: str) -> str:
        return "\n".join(
            [header, "|".join([*cells[: (i := COLUMNS.index(column))], cell, *cells[i + 1 :]]), *rest]
        )

    damaged = {
        "half": (text("ICULOS", "0.5"), "whole, rising hours"),
        "infinite": (text("HR", "inf"), "line 2: 'HR' must be a number (got 'inf')"),
        "large": (text("HR", "1e39"), "'HR' must be a finite number"),
        "python": (text("Temp", "3_7"), "'Temp' must be a number (got '3_7')"),
        "label": (text("SepsisLabel", "NaN"), "0 or 1 as SepsisLabel"),
        "score": (text("SepsisLabel", "0.5"), "0 or 1 as SepsisLabel"),
        "two": (text("HR", "80 81"), "line 2: 'HR' must be a number (got '80 81')"),
        "unlabelled": (as_text(table).replace("|SepsisLabel", ""), "must have the 41 columns"),
    }
    for name, (content, _) in damaged.items():
        (place / f"{name}.psv").write_text(content)
    with pytest.warns(UserWarning, match="8 of 48 files"):
        data = PhysioNet2019(folder, None)
    assert len(data) == 40 and {Path(name).stem for name, _ in data.broken} == set(damaged)
    for name, reason in data.broken:
        assert name in reason and damaged[Path(name).stem][1] in reason


def test_forms_of_a_file() -> None:
    columns = ["HR", "Temp"]
    for content in (b"\xef\xbb\xbfHR|Temp\n80|NaN\n", b"Temp|HR\r\nNaN|80\r\n\r\n", b"HR|Temp\r80|nan"):
        np.testing.assert_array_equal(read_psv(content, "p.psv", columns), [[80, np.nan]])
    np.testing.assert_array_equal(read_psv(b"HR\n80\n", "p.psv", columns, ["Temp"]), [[80, np.nan]])
    for content, match in (
        (b"HR|Temp\n80 81|\n", r"line 2: 'HR' must be a number \(got '80 81'\)"),
        (b"HR|Temp\n80|1\n\n81|2\n", "line 3"),
        (b"HR|HR\n80|1\n", "must have the 2 columns"),
        (b"HR|Temp|MAP\n80|1|2\n", "must have the 2 columns"),
        (b"HR\n80\n", "must have the 2 columns"),
    ):
        with pytest.raises(ValueError, match=rf"'p\.psv' .*{match}"):
            read_psv(content, "p.psv", columns)


def test_new_patients_are_read_as_those_of_the_training(folder: Path, tmp_path: Path) -> None:
    train: Any = PhysioNet2019(folder, "train", form="irregular")
    scaling = json.loads(json.dumps(train.scaling_of_training()))
    row = int(train._rows[4])
    path = tmp_path / "new.psv"
    lines = (folder / "training_setA" / f"p{row:06d}.psv").read_text().splitlines()
    path.write_text("\n".join(line.rpartition("|")[0] for line in lines) + "\n")
    new: Any = PhysioNet2019(path, None, form="irregular", labelled=False, scaling=scaling)
    assert len(new) == 1 and new[0].y is None
    torch.testing.assert_close(new[0].x, train[4].x)
    assert torch.equal(new[0].mask, train[4].mask) and torch.equal(new[0].times, train[4].times)
    path.write_text(
        "\n".join(path.read_text().splitlines()[:2])
    )  # one hour: left out of trainings, not of answers
    assert len(PhysioNet2019(path, None, labelled=False, scaling=scaling)) == 1
    with pytest.raises(ValueError, match="'scaling' that of the training"):
        PhysioNet2019(path, None, labelled=False)
    with pytest.raises(ValueError, match=r"'.*p000003\.psv' must have about ten series of each class"):
        PhysioNet2019(folder / "training_setA" / "p000003.psv", None)


def test_missing_and_wrong_arguments(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"training_setA(?s:.*)physionet\.org"):
        PhysioNet2019(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="sets=AB"):
        PhysioNet2019(folder, sets="AB")
    with pytest.raises(ValueError, match="'sets'"):
        PhysioNet2019(folder, sets="C")
    with pytest.raises(ValueError, match="'observed' must be None"):
        PhysioNet2019(folder, observed=True)


@pytest.mark.slow
def test_real_facts(shared: Path) -> None:
    data = PhysioNet2019(shared / "data", None)
    stored = data.stored
    assert len(data) == 15_000 and np.bincount(data.labels).tolist() == [14_380, 620]
    assert stored.values.shape == (545_892, 34) and (stored.lengths.min(), stored.lengths.max()) == (8, 72)
    assert round(float(np.isnan(stored.values).mean()), 4) == 0.8097
    assert stored.times is not None and int((stored.times[stored.offset[:-1]] != 1).sum()) == 961
    assert stored.static is not None and np.isnan(stored.static).sum(axis=0).tolist() == [0, 0, 4569, 4569, 0]
    assert [len(published_rows(stored.label, part)) for part in Split] == [10_500, 2_250, 2_250]
    x = data.batch(range(0, 15_000, 50)).x
    assert x.shape == (300, 75, 72) and bool(x.isfinite().all())
