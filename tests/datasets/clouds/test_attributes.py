"""What files say of points besides positions: read, stored, transformed, used as features."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch

from ccnn_pc.cli.read_file import read_input
from ccnn_pc.datasets import (
    CloudArrays,
    CloudPreprocessing,
    FeaturesFrom,
    PointCloudData,
    PointCloudFolder,
    RandomPoints,
    open_dataset,
    read_shape,
)

HEADING = "x,y,z,intensity,R,G,B,label,kind,index\n"


def write_scan(path: Path, n: int = 40, heading: str = HEADING) -> None:
    """A scan whose columns all say which point they belong to: intensity is 2 x, red 3 x."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = len(heading.split(","))
    rows = []
    for i in range(n):
        values = [i, 7, i % 5, 2 * i, 3 * i, 0, 255, i % 3, f"k{i}", 1000 + i]
        rows.append(",".join(str(value) for value in values[:columns]))
    path.write_text(heading + "\n".join(rows) + "\n")


def check_rows(data: PointCloudData, x: torch.Tensor, n: int) -> None:
    """Every attribute belongs to the point at ``x`` (the file's coordinate)."""
    assert len(x) == n
    torch.testing.assert_close(data.intensity, 2 * x)
    torch.testing.assert_close(data.red, 3 * x)
    assert data.green.tolist() == [0] * n and data.blue.tolist() == [255] * n
    assert data.label.dtype == torch.int64 and data.label.tolist() == [int(i) % 3 for i in x.round().tolist()]
    assert data.kind == [f"k{int(i)}" for i in x.round().tolist()]
    torch.testing.assert_close(data["index"], 1000 + x)


def test_read_shape_keeps_them_in_the_order_of_the_points(tmp_path):
    write_scan(tmp_path / "a.csv")
    for num_points in (None, 13):
        data = read_shape(tmp_path / "a.csv", num_points, torch.Generator().manual_seed(0), normals=False)
        check_rows(data, data.pos[:, 0] + float(data.center[0, 0]), num_points or 40)


def test_a_folder_stores_them_with_its_points(tmp_path):
    for name in ("a", "b"):
        write_scan(tmp_path / name / "1.csv")
    data = PointCloudFolder(tmp_path, num_points=20, normals=False, transform=RandomPoints(11))
    again = PointCloudFolder(
        tmp_path, num_points=20, normals=False, transform=RandomPoints(11)
    )  # from the cache
    for dataset in (data, again, pickle.loads(pickle.dumps(again))):
        for row in range(2):
            item = dataset[row]
            center, scale = dataset.clouds.center[row, 0], dataset.clouds.scale[row]
            x = torch.round(item.pos[:, 0].double() * scale + center).float()
            check_rows(item, x, 11)
    batch = Batch.from_data_list([data[0], data[1]])
    assert batch["index"].tolist() == [*data[0]["index"].tolist(), *data[1]["index"].tolist()]
    assert batch.intensity.shape == (22,)


def test_they_are_features(tmp_path):
    write_scan(tmp_path / "a" / "1.csv")
    prepare = CloudPreprocessing(
        num_points=9, normalize="box", features=("intensity", "r", "Class", "pos")
    ).transform()
    item = PointCloudFolder(tmp_path, normals=False, transform=prepare)[0]
    assert item.x.shape == (9, 6) and "intensity" not in item and "green" in item
    torch.testing.assert_close(item.x[:, 1], 1.5 * item.x[:, 0])
    # what predict reads
    item = read_input(
        tmp_path / "a" / "1.csv", CloudPreprocessing(num_points=9, features=("intensity", "pos"))
    )
    torch.testing.assert_close(item.x[:, 0], 2 * (item.pos[:, 0] + 19.5))


def test_missing_ones_are_an_error_that_lists_what_is_there(tmp_path):
    write_scan(tmp_path / "a" / "1.csv", heading="x,y,z,intensity\n")
    data = PointCloudFolder(tmp_path, normals=False, transform=FeaturesFrom(["reflectance", "pos"]))
    with pytest.raises(ValueError, match=r"must have 'reflectance' .*'intensity'"):
        data[0]
    with pytest.raises(ValueError, match="'reflectance'"):
        read_input(tmp_path / "a" / "1.csv", CloudPreprocessing(features=("reflectance",)))


def test_words_and_gaps_are_no_features(tmp_path):
    (tmp_path / "a.csv").write_text("x,y,z,label,i\n0,1,2,tree,\n3,4,5,car,7\n")
    data = read_shape(tmp_path / "a.csv", normals=False)
    assert data.label == ["tree", "car"]
    with pytest.raises(ValueError, match=r"'label' must be numbers.*\(got list\)"):
        FeaturesFrom(["label"])(data)
    with pytest.raises(ValueError, match=r"'i' must be finite to be a feature \(1 of 2"):
        FeaturesFrom(["i"])(data)


def test_what_only_some_files_have_is_left_out_with_a_warning(tmp_path):
    write_scan(tmp_path / "a" / "1.csv", heading="x,y,z,intensity,R\n")
    write_scan(tmp_path / "a" / "2.csv", heading="x,y,z,intensity\n")
    for _ in range(2):  # told again when it comes from the cache
        with pytest.warns(UserWarning, match=r"left out: 'red' \(1 of 2\)"):
            data = PointCloudFolder(tmp_path, normals=False)
    assert "intensity" in data[0] and "red" not in data[0]


def test_colours_of_corners_are_interpolated_on_meshes(tmp_path):
    corners = [(0, 0, 0), (1, 0, 0), (0, 1, 0)]
    head = "ply\nformat ascii 1.0\nelement vertex 3\n" + "".join(f"property float {a}\n" for a in "xyz")
    head += "property uchar red\nproperty int part\nelement face 1\n"
    head += "property list uchar int vertex_indices\nend_header\n"
    rows = "".join(f"{x} {y} {z} {100 * x} {10 + x}\n" for x, y, z in corners)
    (tmp_path / "a.ply").write_text(head + rows + "3 0 1 2\n")
    data = read_shape(tmp_path / "a.ply", 500, torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        data.red, 100 * (data.pos[:, 0] + data.center[0, 0].float()), rtol=1e-5, atol=1e-4
    )
    assert set(data.part.tolist()) == {10, 11} and bool((data.part[data.red > 60] == 11).all())


@pytest.mark.parametrize("value", ["0", "nan"])
def test_normals_that_say_nothing_are_missing(tmp_path, monkeypatch, value):
    (tmp_path / "a.csv").write_text(
        "x,y,z,nx,ny,nz\n" + "".join(f"{i},{i * i},1,{value},0,0\n" for i in range(9))
    )
    assert "normal" not in read_shape(tmp_path / "a.csv", normals=False)
    monkeypatch.setitem(__import__("sys").modules, "open3d", None)
    with pytest.raises(ImportError, match=r"ccnn-pc\[open3d\]|data.features=\[pos\]"):
        read_shape(tmp_path / "a.csv")


def test_normals_that_some_points_lack(tmp_path):
    pytest.importorskip("open3d")
    grid = [(x, y) for x in range(5) for y in range(5)]
    rows = "".join(f"{x},{y},0,0,{3 if (x, y) != (2, 2) else 0},4\n" for x, y in grid)
    (tmp_path / "a.csv").write_text("x,y,z,nx,ny,nz\n" + rows.replace("2,2,0,0,0,4", "2,2,0,0,0,0"))
    data = read_shape(tmp_path / "a.csv")
    torch.testing.assert_close(data.normal[0], torch.tensor([0.0, 0.6, 0.8]))
    torch.testing.assert_close(data.normal[12].abs(), torch.tensor([0.0, 0, 1]))
    assert "normal" not in read_shape(tmp_path / "a.csv", normals=False)


def test_arrays_bring_theirs(tmp_path, rng):
    points = rng.normal(size=(4, 50, 3))
    arrays = {
        "points": points, "label": [0.0, 1.0, 0.0, 1.0], "classes": ["a", "b"],
        "intensity": points[..., 0], "colors": rng.integers(0, 256, (4, 50, 3)), "part": rng.integers(0, 3, (4, 50)),
    }  # fmt: skip
    np.savez(tmp_path / "f.npz", **arrays)
    np.savez(tmp_path / "i.npz", **{**arrays, "points": np.rint(points * 1000).astype(np.int16)})
    np.savez(tmp_path / "t.npz", **{**arrays, "points": points.swapaxes(1, 2)})
    for name in ("f", "i", "t"):
        for _ in range(2):
            data = CloudArrays(
                tmp_path / f"{name}.npz", transform=FeaturesFrom(["intensity", "red", "part"], keep=True)
            )
            assert data.labels.tolist() == [0, 1, 0, 1]
            for row in range(4):
                np.testing.assert_allclose(data[row].intensity, points[row, :, 0], rtol=1e-6)
                np.testing.assert_allclose(data[row].x[:, 1], arrays["colors"][row, :, 0])
                assert data[row].part.tolist() == arrays["part"][row].tolist()
                place = data[row].pos.double().numpy() * data.clouds.scale[row] + data.clouds.center[row]
                if name != "i":
                    np.testing.assert_allclose(place, points[row], atol=1e-3)
    assert "intensity" in open_dataset(tmp_path / "f.npz")[0]


def test_arrays_without_a_row_per_point_are_named(tmp_path, rng):
    np.savez(
        tmp_path / "a.npz", points=rng.normal(size=(2, 9, 3)), label=[0, 1], classes=["a", "b"], weight=[1, 2]
    )
    with pytest.warns(UserWarning, match=r"'weight' \[2\]"):
        CloudArrays(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"label": [0.5, 1.5]}, r"'label' must be whole numbers.*\(got 0\.5\)"),
        ({"label": [0.0, np.nan]}, r"'label' must be whole numbers.*\(got nan\)"),
        (
            {"label": ["a", "b"]},
            r"'label' must be whole numbers, the places of names in 'classes' \(got 'a'\)",
        ),
        ({"label": [0, -1]}, r"\[0, 2\)"),
        ({"label": [[0], [1]]}, "'label' must match"),
        ({"classes": "a"}, "'classes' must be a list"),
        ({"classes": ["a", "a"]}, "'classes' must be a list of different names"),
        ({"center": np.zeros((1, 3))}, r"'center' \[2, 3\]"),
        ({"scale": [1.0, 0.0]}, "'scale' finite and positive"),
        ({"name": ["a"]}, r"'name' must be \[2\]"),
        ({"normals": np.full((2, 9, 3), np.nan)}, "'normals' must be finite"),
        ({"normals": np.concatenate([np.zeros((1, 9, 3)), np.ones((1, 9, 3))])}, "all of cloud 0"),
        ({"normals": np.ones((2, 9, 3), np.int8)}, "both be floating"),
        ({"points": np.full((2, 9, 3), 1e39)}, "within ±1e38"),
    ],
)
def test_arrays_are_named_with_what_is_wrong(tmp_path, rng, change, match):
    arrays = {"points": rng.normal(size=(2, 9, 3)), "label": [0, 1], "classes": ["a", "b"]}
    np.savez(tmp_path / "bad.npz", **{**arrays, **change})
    with pytest.raises(ValueError, match=match) as error:
        CloudArrays(tmp_path / "bad.npz")
    assert "bad.npz" in str(error.value)


def test_normals_of_arrays_have_length_one_or_are_missing(tmp_path, rng):
    points = rng.normal(size=(2, 9, 3))
    np.savez(
        tmp_path / "a.npz",
        points=points,
        normals=5 * np.eye(3)[[[0] * 9] * 2],
        label=[0, 1],
        classes=["a", "b"],
    )
    assert CloudArrays(tmp_path / "a.npz")[0].normal.tolist() == [[1, 0, 0]] * 9
    np.savez(tmp_path / "b.npz", points=points, normals=0 * points, label=[0, 1], classes=["a", "b"])
    assert "normal" not in CloudArrays(tmp_path / "b.npz")[0]


def test_an_npy_in_place_of_an_npz(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"\x93NUMPY")
    with pytest.raises(ValueError, match=r"a\.npz' must be an npz archive"):
        CloudArrays(tmp_path / "a.npz")


@pytest.mark.parametrize("weight", ["", " 1.0"])
def test_colours_of_obj_corners(tmp_path, weight):
    corners = [(0, 0, 0), (1, 0, 0), (0, 1, 0)]
    (tmp_path / "a.obj").write_text(
        "".join(f"v {x} {y} {z}{weight} {x / 2} 0 {y}\n" for x, y, z in corners) + "f 1 2 3\n"
    )
    data = read_shape(tmp_path / "a.obj", 50, torch.Generator().manual_seed(0))
    pos = data.pos + data.center[0].float()
    torch.testing.assert_close(data.red, pos[:, 0] / 2, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(data.blue, pos[:, 1], rtol=1e-5, atol=1e-6)
