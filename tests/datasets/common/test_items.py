"""Files as items: tables of labels, parts and groups, what is drawn, and what a table must not say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ccnn_pc.datasets.common.items import Division, Items, find_items, rows_of_part
from ccnn_pc.datasets.common.splits import Split, grouped_split


def is_data(path: Path) -> bool:
    return path.suffix == ".dat"


def write(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    return root


def parts(items: Items, division: Division) -> list[list[str]]:
    return [[items.paths[row].name for row in rows_of_part(items, split, division)] for split in Split]


def test_a_train_folder_alone_is_divided(tmp_path: Path) -> None:
    write(tmp_path, *(f"train/{label}/{label}{n}.dat" for label in "ab" for n in range(10)))
    division = Division(test_fraction=0.2, val_fraction=0.25)
    items = find_items(tmp_path, is_data, division)
    found = parts(items, division)
    assert [len(part) for part in found] == [12, 4, 4] and len(
        {name for part in found for name in part}
    ) == 20
    assert sorted(name[0] for name in found[2]) == ["a", "a", "b", "b"]
    with pytest.raises(FileNotFoundError, match="must have a folder 'test'"):
        rows_of_part(items, Split.TEST, Division())


@pytest.mark.parametrize("layout", ["{part}/{label}", "{label}/{part}"])
def test_parts_by_folders(tmp_path: Path, layout: str) -> None:
    for part, count in (("Training", 4), ("valid", 2), ("TEST", 1)):
        write(
            tmp_path,
            *(f"{layout.format(part=part, label=label)}/{n}.dat" for label in "ab" for n in range(count)),
        )
    division = Division(test_fraction=0.5, val_fraction=0.5)  # there are such parts: nothing is drawn
    items = find_items(tmp_path, is_data, division)
    assert items.classes == ["a", "b"] and [len(part) for part in parts(items, division)] == [8, 4, 2]


def test_a_table_says_labels_parts_and_groups(tmp_path: Path) -> None:
    write(tmp_path, *(f"deep/er/{n}.dat" for n in range(5)), "more.dat")
    rows = [
        "deep/er/0.dat,x,train",
        "1.dat,y,train",
        "2,x,val",
        f"{tmp_path}/deep/er/3.dat,y,test",
        "./more.dat,x,test",
    ]
    (tmp_path / "all.csv").write_text("\n".join(["File,Label,Split", *rows]))
    division = Division(labels=tmp_path / "all.csv")
    with pytest.warns(UserWarning, match=r"1 of 6 files .* have no row .*4\.dat"):
        items = find_items(tmp_path, is_data, division)
    assert items.classes == ["x", "y"]
    assert parts(items, division) == [["0.dat", "1.dat"], ["2.dat"], ["3.dat", "more.dat"]]


def test_targets_are_columns_of_numbers(tmp_path: Path) -> None:
    write(tmp_path, "a.dat", "b.dat")
    (tmp_path / "t.csv").write_text("file,age,mass\na.dat,3,0.5\nb.dat,4,nan\n")
    with pytest.raises(
        ValueError, match=r"t\.csv' line 3: 'mass' must be a number for regression .got 'nan'"
    ):
        find_items(tmp_path, is_data, Division(labels=tmp_path / "t.csv", targets=["age", "mass"]))
    items = find_items(tmp_path, is_data, Division(labels=tmp_path / "t.csv", targets=["age"]))
    assert items.numbers is not None and items.numbers.tolist() == [[3.0], [4.0]]


def test_groups_stay_together(tmp_path: Path) -> None:
    write(tmp_path, *(f"{label}/{label}_p{p}_{n}.dat" for label in "ab" for p in range(8) for n in range(3)))
    rows = [f"{label}_p{p}_{n}.dat,p{p}" for label in "ab" for p in range(8) for n in range(3)]
    (tmp_path / "groups.tsv").write_text("\n".join(["file,patient", *rows]))
    division = Division(test_fraction=0.25, val_fraction=0.2, split_file=tmp_path / "groups.tsv")
    items = find_items(tmp_path, is_data, division)
    found = [{name.split("_")[1] for name in part} for part in parts(items, division)]
    assert all(found) and sum(map(len, found)) == 8 == len(set.union(*found))
    assert len(found[2]) == 2 and [len(part) for part in parts(items, division)][2] == 12


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("name,label\na.dat,x", "must name a column 'file'"),
        ("file,label\nz.dat,x", r"line 2: 'file' must be one of the files of .*got 'z\.dat'"),
        ("file,label\na.dat,x\na.dat,y", "line 3: 'a.dat' must be named once .also in line 2"),
        ("file,label,split\na.dat,x,1", "line 2: 'split' must be train, val or test .got '1'"),
        ("file,label\na.dat,\nb.dat,x", "line 2 must have a label for 'a.dat'"),
        ("file,label,group\na.dat,x,1\nb.dat,x,", "b.dat' must have a group"),
    ],
)
def test_what_a_table_must_not_say(tmp_path: Path, rows: str, message: str) -> None:
    write(tmp_path, "a.dat", "b.dat")
    (tmp_path / "t.csv").write_text(rows)
    with pytest.raises(ValueError, match=message):
        find_items(tmp_path, is_data, Division(labels=tmp_path / "t.csv"))


def test_grouped_split_keeps_classes_in_their_share() -> None:
    labels = np.array([0, 1] * 50)
    groups = [f"g{n // 4}" for n in range(100)]
    rest, drawn = grouped_split(labels, groups, 0.2, seed=3)
    assert len(drawn) == 20 and np.bincount(labels[drawn]).tolist() == [10, 10] and not set(rest) & set(drawn)
    one, other = grouped_split(np.array([0, 0, 1]), ["a", "b", "b"], 0.01)
    assert len(one) and len(other)
    with pytest.raises(ValueError, match="'groups' must be at least two"):
        grouped_split(labels, ["a"] * 100, 0.2)
