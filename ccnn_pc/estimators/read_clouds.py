"""Clouds as people have them: arrays, PyG data, clouds and meshes of Open3D and trimesh."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from ccnn_pc.datasets.clouds.missing import which_measured
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.formats.columns_in_front import check_positions_first
from ccnn_pc.datasets.formats.rounded import check_resolved
from ccnn_pc.estimators.containers import numbers, unpacked

#: Points that are drawn on a mesh.
MESH_POINTS = 4096


@dataclasses.dataclass(frozen=True)
class Cloud:
    """One cloud.

    Attributes:
        pos: ``[n, 3]`` float64.
        normals: ``[n, 3]``, of length 1; None: none.
        features: what else is known of every point, float32 ``[n]``, by name.
    """

    pos: np.ndarray
    normals: np.ndarray | None
    features: dict[str, np.ndarray]

    @property
    def names(self) -> tuple[str, ...]:
        """Features as :class:`~ccnn_pc.datasets.CloudPreprocessing` calls them, places among them."""
        return (*(() if self.normals is None else ("unoriented_normal",)), "pos", *self.features)

    def rows(self, which: np.ndarray) -> Cloud:
        """Some of its points."""
        features = {name: values[which] for name, values in self.features.items()}
        return Cloud(self.pos[which], None if self.normals is None else self.normals[which], features)


def read_clouds(data: Any) -> list[Cloud]:
    """Clouds of any of these forms.

    Args:
        data: a list of arrays ``[n, 3 + c]``, or an array ``[N, n, 3 + c]``, rows of NaN being padding; of DataFrames
            with the columns x, y, z (in any order; others are features); of PyG ``Data`` with pos and, where present,
            normal and x, their batches and data sets; of Open3D point clouds or triangle meshes; of trimesh clouds or
            meshes. Of meshes 4096 points are drawn, always the same. Other padding than NaN, and copies of a mark, are
        left out with a warning (:func:`~ccnn_pc.datasets.clouds.missing.which_measured`).

    Raises:
        TypeError: something else.
        ValueError: a matrix, clouds without points, with points in columns or colours in front of x y z, numbers that
            are not finite, features that only some clouds have.

    Example:
        >>> [cloud.names for cloud in read_clouds([np.zeros((4, 5))])]
        [('pos', 'feature_0', 'feature_1')]
    """
    data = unpacked(data, "clouds")
    if not isinstance(data, (list, tuple)):
        if len(data.shape) != 3:
            raise ValueError(
                f"'X' must be a list of clouds, or an array [N, n, 3 + c] (got an array of shape {list(data.shape)}): "
                "a row of a matrix is no cloud"
            )
        data = list(numbers(data, "X"))
    if not len(data):
        raise ValueError("'X' must hold at least one cloud (got none)")
    _check_rows(data)
    found = [_checked(_read(each, row), row) for row, each in enumerate(data)]
    for row, cloud in enumerate(found):
        if cloud.names != found[0].names:
            raise ValueError(
                f"'X' must have the same features in every cloud (got {', '.join(found[0].names)} in cloud 0, "
                f"{', '.join(cloud.names)} in cloud {row})"
            )
    found = _measured(found)
    for row, cloud in enumerate(found):
        try:
            check_resolved(cloud.pos)
        except ValueError as error:
            raise ValueError(f"'X[{row}]': {error}") from None
    return found


def _measured(clouds: list[Cloud]) -> list[Cloud]:
    """The clouds without points that fill them up; a warning counts these."""
    kept = which_measured([each.pos for each in clouds])
    lost = [len(each) - int(each.sum()) for each in kept]
    if not any(lost):
        return clouds
    row = int(np.argmax(lost))
    warnings.warn(
        f"{sum(lost)} points in {np.count_nonzero(lost)} of {len(clouds)} clouds of 'X' are copies of a mark "
        f"(0, 0, 0), or one point again and again at the end, and are left out; the most, {lost[row]}, in X[{row}]",
        DataWarning,
        stacklevel=4,
    )
    return [each.rows(which) for each, which in zip(clouds, kept, strict=True)]


def _read(each: Any, row: int) -> Cloud:
    kind = type(each).__module__.split(".")[0]
    if kind == "open3d":
        return _of_open3d(each, row)
    if kind == "trimesh":
        return _of_trimesh(each, row)
    if hasattr(each, "pos") and hasattr(each, "keys"):
        x = each.get("x") if hasattr(each, "get") else None
        normal = each.get("normal") if hasattr(each, "get") else None
        return Cloud(
            _numbers(each.pos, row),
            None if normal is None else _numbers(normal, row),
            {} if x is None else _named(_numbers(x, row)),
        )
    if hasattr(each, "columns"):
        return _of_frame(each, row)
    values = _numbers(each, row)
    if values.ndim != 2 or values.shape[1] < 3:
        raise ValueError(f"'X[{row}]' must have shape [n, 3 + c] (got {list(values.shape)})")
    values = values[~np.isnan(values).all(axis=1)]
    try:
        check_positions_first(list(values.T))
    except ValueError as error:
        raise ValueError(f"'X[{row}]': {error}") from None
    return Cloud(values[:, :3], None, _named(values[:, 3:]))


def _check_rows(data: Sequence[Any]) -> None:
    """Points must be rows: few rows of many entries are coordinates, each of all points.

    Raises:
        ValueError: clouds that all have the same few rows, and more than four times as many columns.
    """
    shapes = [np.shape(each) if isinstance(each, (np.ndarray, Tensor)) else () for each in data]
    lying = all(len(shape) == 2 and 3 <= shape[0] < 10 and shape[1] > 4 * shape[0] for shape in shapes)
    if lying and len({shape[0] for shape in shapes}) == 1:
        raise ValueError(
            f"'X' must hold clouds [n, 3 + c], a row per point (got {list(shapes[0])}): cloud.T has points as "
            "rows; clouds of so few points with so many features can be PyG Data(pos=..., x=...)"
        )


def _of_frame(each: Any, row: int) -> Cloud:
    """A DataFrame: places by name, all other columns are features."""
    columns = {str(name).lower(): name for name in each.columns}
    if not {"x", "y", "z"} <= set(columns):
        raise ValueError(
            f"'X[{row}]' must have the columns x, y, z (got {', '.join(map(str, each.columns))}): to_numpy() takes "
            "them in their order"
        )
    values = {name: _numbers(each[given].to_numpy(), row) for name, given in columns.items()}
    pos = np.column_stack([values.pop(axis) for axis in "xyz"])
    return Cloud(pos, None, _named(np.column_stack(list(values.values()))) if values else {})


def _numbers(values: Any, row: int) -> np.ndarray:
    return numbers(values, f"X[{row}]").astype(np.float64)


def _named(columns: np.ndarray) -> dict[str, np.ndarray]:
    columns = columns[:, None] if columns.ndim == 1 else columns
    return {f"feature_{number}": column for number, column in enumerate(columns.T)}


def _of_open3d(each: Any, row: int) -> Cloud:
    if hasattr(each, "triangles"):
        return _sampled(np.asarray(each.vertices), np.asarray(each.triangles), row)
    if not hasattr(each, "points"):
        raise TypeError(
            f"'X[{row}]' must be a PointCloud or a TriangleMesh of Open3D (got {type(each).__name__})"
        )
    colours = np.asarray(each.colors) if each.has_colors() else None
    return Cloud(
        np.asarray(each.points, dtype=np.float64),
        np.asarray(each.normals, dtype=np.float64) if each.has_normals() else None,
        {} if colours is None else dict(zip(("red", "green", "blue"), colours.T, strict=True)),
    )


def _of_trimesh(each: Any, row: int) -> Cloud:
    if hasattr(each, "faces"):
        return _sampled(np.asarray(each.vertices), np.asarray(each.faces), row)
    if not hasattr(each, "vertices"):
        raise TypeError(
            f"'X[{row}]' must be a PointCloud or a Trimesh of trimesh (got {type(each).__name__})"
        )
    return Cloud(np.asarray(each.vertices, dtype=np.float64), None, {})


def _sampled(vertices: np.ndarray, faces: np.ndarray, row: int) -> Cloud:
    """Points on a mesh, evenly by area, with the normals of their faces."""
    corners = vertices.astype(np.float64)[faces] if len(faces) else np.zeros((0, 3, 3))
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(across, axis=1)
    if not area.sum() > 0:
        raise ValueError(f"'X[{row}]' must be a mesh with faces that have an area (got none)")
    random = np.random.default_rng(0)
    chosen = random.choice(len(area), MESH_POINTS, p=area / area.sum())
    first, second = np.sort(random.random((2, MESH_POINTS)), axis=0)
    share = np.stack([first, second - first, 1 - second], axis=1)
    pos = np.einsum("nk,nkd->nd", share, corners[chosen])
    return Cloud(pos, across[chosen] / area[chosen, None], {})


def _checked(cloud: Cloud, row: int) -> Cloud:
    if cloud.pos.ndim != 2 or cloud.pos.shape[1] != 3 or not len(cloud.pos):
        raise ValueError(f"'X[{row}]' must have points [n, 3], at least one (got {list(cloud.pos.shape)})")
    parts: Sequence[np.ndarray] = (
        cloud.pos,
        *(() if cloud.normals is None else (cloud.normals,)),
        *cloud.features.values(),
    )
    if any(len(part) != len(cloud.pos) for part in parts):
        raise ValueError(f"'X[{row}]' must have a row of features for each of its {len(cloud.pos)} points")
    if not all(np.isfinite(part).all() for part in parts):
        raise ValueError(f"'X[{row}]' must be finite (got NaN or infinity in a row that is not all NaN)")
    normals = cloud.normals
    if normals is not None:
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        normals = np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)
    features = {name: values.astype(np.float32) for name, values in cloud.features.items()}
    return Cloud(cloud.pos, normals, features)
