"""Files of the UEA archive with time stamps: numbers or dates, channels sampled at times of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.datasets import open_dataset
from ccnn_pc.datasets.formats.uea import read_stamped, read_uea
from ccnn_pc.datasets.looking.look import look_at
from ccnn_pc.datasets.series.uea_archive import UEAArchive

HEAD = "@timeStamps true\n@classLabel true down up\n@data\n"


def write_parts(folder: Path, rows: str, name: str = "Mine", head: str = HEAD) -> Path:
    for part in ("TRAIN", "TEST"):
        (folder / f"{name}_{part}.ts").write_text(head + rows)
    return folder


def test_channels_with_times_of_their_own_share_the_times_of_all(tmp_path: Path) -> None:
    rows = "(0,1),(0.5,2),(2,?):(0.5,7), (1.5,8) :up\n( -1 , 1e1 ):(3,4):down\n"
    (tmp_path / "a.ts").write_text(HEAD + rows)
    series, labels, times = read_stamped(tmp_path / "a.ts")
    assert labels == ["up", "down"] and times is not None
    assert [each.tolist() for each in times] == [[0, 0.5, 1.5], [-1, 3]]  # nothing was seen at 2
    nan = np.nan
    np.testing.assert_array_equal(series[0], [[1, nan], [2, 7], [nan, 8]])
    np.testing.assert_array_equal(series[1], [[10, nan], [nan, 4]])
    with pytest.raises(ValueError, match="without time stamps .*UEAArchive reads them"):
        read_uea(tmp_path / "a.ts")


def test_dates_are_seconds(tmp_path: Path) -> None:
    row = "(2020-02-28 23:59:30,1),(2020-02-29,2):(2020-02-29 00:00:30,3),(2020-03-01T01:00:00+01:00,4):up\n"
    (tmp_path / "a.ts").write_text(HEAD + row)
    _, labels, times = read_stamped(tmp_path / "a.ts")
    assert times is not None and np.diff(times[0]).tolist() == [30, 30, 86370] and labels == ["up"]


def test_items_have_the_stamps_and_a_mask(tmp_path: Path) -> None:
    write_parts(tmp_path, "(0,1),(0.25,2),(1,4):up\n(0.5,1),(0.75,0):down\n")
    data: Any = UEAArchive(tmp_path, "train", form="irregular", normalize="none")
    assert data[0].times.tolist() == [0, 0.25, 1] and data[0].x[:, 0].tolist() == [1, 2, 4]
    assert data.lattice == 0.25 and data.measured() == {"in_channels": 1, "shape": [5], "spacing": 0.25}
    assert torch.equal(open_dataset(tmp_path, form="irregular")[1].times, data[1].times)
    with pytest.raises(ValueError, match="'form' must be irregular .*data.form=irregular"):
        UEAArchive(tmp_path)
    found = look_at(tmp_path)
    assert found.words["data.form"] == "irregular" and "2 to 3 samples, with time stamps" in found.said


FAULTS = [
    ("(0,1),(0,2):up", "line 4: a channel must have times that rise .got 0 and then 0."),
    ("(soon,1):up", "must have numbers or dates .* as times .got 'soon'."),
    ("(0,1),(1:up", "line 4: a channel must be .time,value."),
    ("(0,1):(0,1):up\n(0,1):up", "line 5: it must have 2 channels"),
    ("(0,much):up", "line 4: a channel"),
    ("(0,?):up", "without any value in line 4"),
]


@pytest.mark.parametrize(("rows", "message"), FAULTS)
def test_faults_name_their_line(tmp_path: Path, rows: str, message: str) -> None:
    (tmp_path / "a.ts").write_text(HEAD + rows)
    with pytest.raises(ValueError, match=message):
        read_stamped(tmp_path / "a.ts")


def test_parts_of_one_kind(tmp_path: Path) -> None:
    write_parts(tmp_path, "(0,1),(1,2):up\n")
    (tmp_path / "Mine_TEST.ts").write_text(HEAD.replace("true\n@class", "false\n@class") + "1,2:up\n")
    with pytest.raises(ValueError, match="must have time stamps where the other part has them"):
        UEAArchive(tmp_path, "train", form="irregular")
