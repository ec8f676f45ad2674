"""Cloud estimators: forms of X, files, errors."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch, Data

from ccnn_pc.cli.app import main
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.estimators import CloudClassifier, CloudRegressor
from ccnn_pc.estimators.read_clouds import MESH_POINTS, read_clouds


def shapes(items: int = 12, points: int = 80) -> tuple[list[np.ndarray], np.ndarray]:
    """Spheres and solid balls."""
    random = np.random.default_rng(0)
    clouds = [random.normal(size=(points, 3)) for _ in range(items)]
    kind = np.arange(items) % 2
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in clouds]
    return [u if k else u * random.random((points, 1)) for u, k in zip(unit, kind, strict=True)], kind == 1


X, Y = shapes()


@functools.cache
def fitted_once() -> CloudClassifier:
    return CloudClassifier(num_points=32, epochs=2, batch_size=4, random_state=0).fit(X, Y)


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(np.stack, id="array"),
        pytest.param(lambda x: [np.vstack([each, np.full((5, 3), np.nan)]) for each in x], id="padded"),
        pytest.param(lambda x: [Data(pos=torch.from_numpy(each)) for each in x], id="PyG"),
    ],
)
def test_all_forms_of_the_same_clouds_have_the_same_answer(form: Any) -> None:
    np.testing.assert_array_equal(fitted_once().predict_proba(form(X)), fitted_once().predict_proba(X))


@pytest.mark.parametrize("fill", [0.0, -5.0])
def test_other_padding_is_left_out(fill: float) -> None:
    sizes = [80, 60, 79, 40] * 3
    clouds = [each[:size] for each, size in zip(X, sizes, strict=True)]
    padded = np.stack([np.vstack([each, np.full((80 - len(each), 3), fill)]) for each in clouds])
    with pytest.warns(DataWarning, match=r"183 points in 9 of 12 clouds of 'X' .* the most, 40, in X\[3\]"):
        found = fitted_once().predict_proba(padded)
    np.testing.assert_array_equal(found, fitted_once().predict_proba(clouds))


def test_colours_in_front_are_refused() -> None:
    colours = np.random.default_rng(0).integers(0, 256, size=(80, 3))
    with pytest.raises(
        ValueError, match=r"'X\[0\]': its first three columns are whole numbers from 0 to 255"
    ):
        fitted_once().predict([np.hstack([colours, each]) for each in X])


def test_answers_do_not_depend_on_where_a_cloud_stands_and_how_large_it_is() -> None:
    moved = [4.0 * each + 8.0 for each in X]
    np.testing.assert_allclose(fitted_once().predict_proba(moved), fitted_once().predict_proba(X), atol=1e-3)
    np.testing.assert_allclose(
        fitted_once().predict_proba(X[::-1])[::-1], fitted_once().predict_proba(X), rtol=1e-4, atol=1e-7
    )


def test_objects_of_open3d() -> None:
    open3d = pytest.importorskip("open3d")
    clouds = [open3d.geometry.PointCloud(open3d.utility.Vector3dVector(each)) for each in X]
    np.testing.assert_array_equal(fitted_once().predict_proba(clouds), fitted_once().predict_proba(X))
    clouds[0].paint_uniform_color([1.0, 0.5, 0.0])
    clouds[0].estimate_normals()
    (read,) = read_clouds(clouds[:1])
    assert (
        read.names == ("unoriented_normal", "pos", "red", "green", "blue")
        and read.features["green"][0] == 0.5
    )


def test_meshes_of_trimesh() -> None:
    trimesh = pytest.importorskip("trimesh")
    (read,) = read_clouds([trimesh.creation.box(extents=(2, 4, 6))])
    on_face = np.isclose(np.abs(read.pos), [1, 2, 3])
    assert read.pos.shape == (MESH_POINTS, 3) and (on_face.sum(axis=1) == 1).all()
    assert read.normals is not None
    np.testing.assert_allclose(np.abs(read.normals), on_face, atol=1e-6)
    shares = on_face.mean(axis=0)  # of the areas 24 : 12 : 8
    np.testing.assert_allclose(shares, np.array([24, 12, 8]) / 44, atol=0.03)
    (points,) = read_clouds([trimesh.PointCloud(X[0])])
    np.testing.assert_array_equal(points.pos, X[0])


def test_save_load_and_the_command_line_say_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = fitted_once().save(tmp_path / "model")
    expected = fitted_once().predict_proba(X)
    again = CloudClassifier.load(folder)
    np.testing.assert_array_equal(again.predict_proba(X), expected)
    assert again.predict(X).dtype == bool
    np.savetxt(tmp_path / "cloud.xyz", X[0], fmt="%.17g")
    with pytest.raises(SystemExit) as left:
        main(["predict", str(folder), str(tmp_path / "cloud.xyz"), "--json", "--no-picture"])
    assert left.value.code == 0
    (said,) = json.loads(capsys.readouterr().out.splitlines()[-1])
    found = [said["probabilities"][name] for name in ("False", "True")]
    np.testing.assert_allclose(found, expected[0], atol=1e-3)  # points are stored with 16 bits here


def test_features_and_numbers() -> None:
    random = np.random.default_rng(0)
    clouds = [np.column_stack([each, random.random((len(each), 2))]) for each in X]
    y = np.arange(12.0)
    fitted = CloudRegressor(num_points=32, epochs=1, batch_size=4, random_state=0).fit(clouds, y)
    assert fitted.predict(clouds).shape == (12,) and fitted.features_ == ("pos", "feature_0", "feature_1")
    with pytest.raises(ValueError, match="'X' must have the features of fit, pos, feature_0, feature_1"):
        fitted.predict(X)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([np.zeros((4, 2))], r"'X\[0\]' must have shape \[n, 3 \+ c\]"),
        ([np.full((4, 3), np.nan)], r"'X\[0\]' must have points"),
        ([np.full((4, 3), np.inf)], r"'X\[0\]' must be finite"),
        ([np.zeros((4, 3)), np.zeros((4, 4))], "the same features in every cloud"),
        ([], "at least one cloud"),
    ],
)
def test_what_does_not_fit_is_named(x: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_clouds(x)


def test_columns_of_frames_are_places_by_name() -> None:
    pd = pytest.importorskip("pandas")
    frames = [pd.DataFrame(each, columns=["X", "Y", "Z"]) for each in X]
    for form in (frames, [each[["Z", "X", "Y"]] for each in frames]):
        np.testing.assert_array_equal(fitted_once().predict_proba(form), fitted_once().predict_proba(X))
    with pytest.raises(ValueError, match=r"'X\[0\]' must have the columns x, y, z \(got a, Y, Z"):
        fitted_once().predict([frames[0].rename(columns={"X": "a"})])


def test_batches_data_sets_and_ragged_arrays_are_lists() -> None:
    graphs = [Data(pos=torch.from_numpy(each).requires_grad_()) for each in X]
    ragged = np.empty(len(X), dtype=object)
    ragged[:] = list(X)
    methods = {"__getitem__": lambda _, i: graphs[i], "__len__": lambda _: len(graphs)}
    lazy = type("Lazy", (torch.utils.data.Dataset,), methods)
    for form in (Batch.from_data_list(graphs), lazy(), ragged):
        np.testing.assert_array_equal(fitted_once().predict_proba(form), fitted_once().predict_proba(X))


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([each.T for each in X], ValueError, r"a row per point \(got \[3, \d+\]\): cloud.T"),
        (Data(pos=torch.zeros(4, 3)), TypeError, r"list of clouds \(got Data\): \[X\]"),
        (["a.off"], TypeError, "read the files first"),
        (None, TypeError, "got NoneType"),
    ],
)
def test_what_is_no_list_of_clouds_is_named(x: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fitted_once().predict(x)
