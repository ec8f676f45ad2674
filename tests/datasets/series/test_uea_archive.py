"""Series of the UEA and UCR archives, in every form in which they are handed out."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.datasets import open_dataset
from ccnn_pc.datasets.formats.uea import read_uea
from ccnn_pc.datasets.series.uea_archive import UEAArchive

TS = """#comment
@problemName Small
@timeStamps false
@missing false
@univariate false
@dimension 2
@equalLength false
@classLabel true left right

@data
0,1,2:5,5,5:right
1,2:6,7:left
"""
ARFF = r"""% comment
@RELATION 'a small one'
@attribute bag relational
  @attribute t0 numeric
  @attribute t1 numeric
@end bag
@attribute class {'very good', "it's", plain, 'a,b'}
@DATA
'0,1,2\n5,5,5','very good'
"1,?,3\n6,7,8",'it\'s'
'1,2\n6,7', plain
'9\n9', "a,b"
"""


def read(folder: Path, text: str, name: str = "a.ts") -> tuple[list[Any], list[str]]:
    (folder / name).write_text(text)
    series, labels = read_uea(folder / name)
    return [each.T.tolist() for each in series], labels


def test_ts(tmp_path: Path) -> None:
    wanted = [[[0, 1, 2], [5, 5, 5]], [[1, 2], [6, 7]]]
    assert read(tmp_path, TS) == (wanted, ["right", "left"])
    assert read(tmp_path, "\ufeff" + TS.replace("\n", "\r\n")) == (wanted, ["right", "left"])
    (tmp_path / "a.ts.gz").write_bytes(gzip.compress(TS.replace("comment", "caf\xe9").encode("latin-1")))
    assert read_uea(tmp_path / "a.ts.gz")[1] == ["right", "left"]
    quoted = TS.replace("left right", "'no: not' \"all right\"").replace(":right", ':"all right"')
    assert read(tmp_path, quoted.replace(":left", ":'no: not'"))[1] == ["all right", "no: not"]
    unnamed = TS.replace(" left right", "").replace(":right", ":Ångström 1").replace(":left", ":-2")
    assert read(tmp_path, unnamed)[1] == ["Ångström 1", "-2"]
    (gaps,), _ = read(tmp_path, "@classLabel true a\n@data\n1,?,3, NaN ,?:4,?,?,5,?:a\n")
    np.testing.assert_array_equal(gaps, [[1, np.nan, 3, np.nan], [4, np.nan, np.nan, 5]])


def test_arff(tmp_path: Path) -> None:
    series, labels = read(tmp_path, ARFF, "a.arff")
    assert labels == ["very good", "it's", "plain", "a,b"]
    assert series[0] == [[0, 1, 2], [5, 5, 5]] and series[2:] == [[[1, 2], [6, 7]], [[9], [9]]]
    np.testing.assert_array_equal(series[1], [[1, np.nan, 3], [6, 7, 8]])
    flat = (
        "@relation x\n@attribute class { '1', '2' }\n"
        + "@attribute t numeric\n" * 2
        + "@data\n1,0.5,-1\n'2',3,?\n"
    )
    assert read(tmp_path, flat, "b.arff") == ([[[0.5, -1]], [[3]]], ["1", "2"])


def test_columns(tmp_path: Path) -> None:
    assert read(tmp_path, "1\t0.5\t1\tNaN\n-1\t2\t3\t4\n", "a.tsv") == (
        [[[0.5, 1]], [[2, 3, 4]]],
        ["1", "-1"],
    )
    assert read(tmp_path, "  2.0e+00  1.5  2.5\n 1.0e+00 3 4\n", "a.txt") == (
        [[[1.5, 2.5]], [[3, 4]]],
        ["2", "1"],
    )
    for text in ("0.5\t1\n", "a\t1\n", "1\t2\t\t3\n"):
        with pytest.raises(ValueError, match=r"a\.tsv' is damaged or cut off in line 1"):
            read(tmp_path, text, "a.tsv")


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("0,1,2", "0,1_5,2", r"line 11: a value must be a number \(got '1_5'\)"),
        ("0,1,2", "0,inf,2", r"line 11: a value must be a number \(got 'inf'\)"),
        ("0,1,2", "0,١,2", "line 11: a value must be a number"),
        ("0,1,2", "0,1e39,2", "line 11: a value must be a finite number"),
        ("0,1,2", "0,,2", "line 11: a value must be a number"),
        ("0,1,2:5,5,5", "?,?,?:?,?,?", "without any value in line 11"),
        ("0,1,2:", "", "line 12: it must have 1 channels"),
        (":right", "", r"line 11: .*must be one of left, right \(got '5,5,5'\)"),
        (":right", ":", "must be one of left, right|must end with its class"),
        (":right", ":NaN", "must be one of left, right"),
        ("@timeStamps false", "@timeStamps", "true or false after '@timestamps'"),
        (
            "@timeStamps false",
            "@timeStamps true",
            "line 11: a channel must be .time,value.,.*got .0,1,2",
        ),
        ("@classLabel true left right", "@targetLabel true", "numbers to predict .*numbers=True"),
        ("@classLabel true left right", "@classLabel false", r"class labels \(got '@classLabel false'\)"),
        ("@classLabel true left right", "@ classLabel true", "'@ classLabel true' in line 8"),
        ("@data", "@", "'@' in line 10"),
        ("@problemName", "problemName", "'problemName Small' in line 2"),
        ("@data", "@date", r"line 11|no line|after lines"),
    ],
)
def test_damaged_ts(old: str, new: str, match: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"a\.ts' .*({match})"):
        read(tmp_path, TS.replace(old, new, 1))


def test_numbers_to_predict(tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_text("@targetLabel true\n@data\n1,2:0.5\n3,4:-2\n5,6:0.5\n")
    (tmp_path / "b.arff").write_text("@attribute a numeric\n@attribute y real\n@data\n1,0.5\n3,-2\n5,0.5\n")
    for name in ("a.ts", "b.arff"):
        data: Any = UEAArchive(tmp_path / name, None, numbers=True, cache=tmp_path / "cache")
        assert [item.y.tolist() for item in data] == [[[0.5]], [[-2.0]], [[0.5]]]
    for label in ("left", "NaN", "1_5", "inf"):
        (tmp_path / "a.ts").write_text(f"@targetLabel true\n@data\n1,2:{label}\n")
        with pytest.raises(ValueError, match=r"a\.ts' is damaged or cut off in line 3: .*" + label):
            UEAArchive(tmp_path / "a.ts", None, numbers=True, cache=tmp_path / "cache")


def test_numbers_to_predict_are_no_classes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"line 3: its class must be a name or a whole number \(got '0.5'\)"):
        read(tmp_path, "@classLabel true\n@data\n1,2:0.5\n")
    with pytest.raises(ValueError, match="one attribute with names of classes in braces"):
        read(tmp_path, "@attribute a numeric\n@attribute b numeric\n@data\n1,2\n", "a.arff")
    for bad in ("'0,1\\n1,2,plain", "1,2,3,plain", "'0,1\\n1,2',other", "'0,1\\n1,2',"):
        with pytest.raises(ValueError, match=r"a\.arff' is damaged or cut off in line 9"):
            read(tmp_path, "\n".join(ARFF.splitlines()[:8] + [bad]), "a.arff")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Gun").mkdir()
    for part, count in (("TRAIN", 6), ("TEST", 4)):
        rows = [f"{row},{row + 1},{row % 2}:{'left' if row % 2 else 'right'}" for row in range(count)]
        text = "\n".join(["@classLabel true right left", "@data", *rows])
        (tmp_path / "Gun" / f"Gun_{part}.ts").write_text(text)
        (tmp_path / "Gun" / f"GunDimension1_{part}.arff").write_text("one channel of it")
    return tmp_path / "Gun"


def test_opened_by_path(folder: Path) -> None:
    whole: Any = UEAArchive(folder, None, normalize="none")
    assert len(whole) == 10 and whole.classes == ["left", "right"] and whole.shape == (1, 3)
    assert whole.labels.tolist() == [1, 0] * 5 and whole[1].x.tolist() == [[[1, 2, 1]]]
    train = torch.cat([item.x for item in UEAArchive(folder, "train")])
    torch.testing.assert_close(train.mean(), torch.tensor(0.0))
    for path, count in ((folder, 4), (folder / "Gun_TEST.ts", 4), (folder / "Gun_TRAIN.ts", 6)):
        data: Any = open_dataset(path)
        assert isinstance(data, UEAArchive) and len(data) == count
        torch.testing.assert_close(data[0].x, train[:1])  # normalised by the training file alone
    irregular: Any = open_dataset(folder, "train", form="irregular")
    assert irregular[2].times.tolist() == [0, 1, 2] and "mask" not in irregular[2]
    (folder / "own.ts").write_text((folder / "Gun_TEST.ts").read_text().replace("1,2,1", "1,?,1"))
    own: Any = open_dataset(folder / "own.ts", form="irregular")
    assert len(own) == 4 and own[1].mask.tolist() == [[True], [False], [True]]


def test_parts_that_are_missing_or_do_not_belong_together(folder: Path) -> None:
    with pytest.raises(ValueError, match="'split' must be 'train' or 'test'"):
        UEAArchive(folder, "val")
    (folder / "Gun_TRAIN.ts").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"Gun_TEST\.ts' must have the file of the part 'train' beside it"
    ):
        UEAArchive(folder, "train")
    (folder / "Gun_TRAIN.ts").write_text("@classLabel true\n@data\n1,2:1,2:left\n")
    with pytest.raises(ValueError, match=r"Gun_TRAIN\.ts' must have series of 1 channels, as the other part has|"
                       r"Gun_TEST\.ts' must have series of 2 channels"):  # fmt: skip
        UEAArchive(folder)
    for name in ("A_TRAIN.ts", "B_TRAIN.ts"):
        (folder.parent / name).write_text(TS)
    with pytest.raises(ValueError, match=r"must hold one data set \(got A, B\): give one of its files"):
        open_dataset(folder.parent)
    assert len(open_dataset(folder.parent / "A_TRAIN.ts")) == 2


@pytest.mark.parametrize("channels", [1, 3])
def test_a_scaling_of_other_channels_is_refused(channels: int, tmp_path: Path) -> None:
    """One channel was repeated for all, in silence."""
    (tmp_path / "a.ts").write_text(TS)
    scaling = UEAArchive(tmp_path / "a.ts").scaling_of_training()
    lines = TS.replace("5,5,5:", ":".join(["5,5,5"] * (channels - 1)) + ":" * (channels > 1))
    lines = lines.replace("6,7:", ":".join(["6,7"] * (channels - 1)) + ":" * (channels > 1))
    (tmp_path / "b.ts").write_text(lines.replace("@dimension 2", f"@dimension {channels}"))
    assert UEAArchive(tmp_path / "b.ts").shape == (channels, 3)
    with pytest.raises(
        ValueError, match=f"must have 2 channels, as the series of the training had \\(got {channels}"
    ):
        UEAArchive(tmp_path / "b.ts", scaling=scaling)
