"""From one file to one cloud: clean, sample, find normals."""

from __future__ import annotations

import enum
import os
import warnings
from pathlib import Path

import numpy as np
import torch

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice
from ccnn_pc._optional import require
from ccnn_pc.datasets.clouds.data import PointCloudData, as_attribute
from ccnn_pc.datasets.clouds.missing import is_measured
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.formats import RawShape, read_raw
from ccnn_pc.datasets.formats.columns import stored_type
from ccnn_pc.datasets.formats.rounded import check_resolved
from ccnn_pc.ops.points.surface import places_on_surface, points_at

_NORMALS = (
    "to estimate the normals of a cloud that has none (the way without it: normals=False in Python, "
    "data.features=[pos] on the command line)"
)


class Sampling(enum.Enum):
    """How points are drawn from a mesh: independently, uniform by area, or Poisson-disk (even, open3d)."""

    UNIFORM = "uniform"
    POISSON_DISK = "poisson_disk"


def read_shape(
    path: str | os.PathLike[str],
    num_points: int | None = 4096,
    generator: torch.Generator | None = None,
    *,
    sampling: Sampling | str = Sampling.UNIFORM,
    normals: bool = True,
) -> PointCloudData:
    """Read a mesh or a cloud as points with normals.

    A mesh is sampled, with the normals of its faces. A cloud loses its points that were not measured
    (:func:`~ccnn_pc.datasets.clouds.missing.is_measured`) and keeps a random ``num_points`` of the others; normals that
    it lacks are estimated (open3d), also those that are 0 or NaN.
    The centre of the bounding box is subtracted in float64, so that map coordinates keep their precision in float32.
    What else the file says of each point (colours, intensity, label, any other column) comes along under its name; on
    a mesh numbers are interpolated between the corners (not with POISSON_DISK, which leaves them out).

    Args:
        path: off, obj, ply, stl, glb, pcd, xyz, txt, csv, pts, npy or npz.
        num_points: points of the result; None keeps all points of a cloud and draws 4096 from a mesh.
        generator: of the random numbers; None is PyTorch's default one.
        sampling: of meshes.
        normals: False leaves a cloud that lacks normals, of all or some points, without them.

    Returns:
        ``pos [n, 3]`` float32 in the units of the file, ``normal [n, 3]``, ``center [1, 3]`` float64 (file
        coordinates are ``pos + center``), ``name`` (the file's), ``dropped`` (number of points that were not
        measured), and attributes ``[n]`` or ``[n, C]``, see :func:`~ccnn_pc.datasets.formats.columns.stored_type`
        (words as a list).

    Raises:
        FileNotFoundError: no such file.
        ImportError: a package for this format, or open3d for missing normals, is not installed.
        ValueError: the file cannot be used; the message names it and says what to do.
    """
    path, sampling = Path(path), choice("sampling", sampling, Sampling)
    cloud, dropped = to_points(read_raw(path), str(path), num_points, generator, sampling, normals)
    center = (cloud.vertices.min(axis=0) + cloud.vertices.max(axis=0)) / 2
    data = PointCloudData(pos=torch.from_numpy((cloud.vertices - center).astype(np.float32)), name=path.name)
    if cloud.normals is not None:
        data.normal = torch.from_numpy(cloud.normals.astype(np.float32))
    for name, values in cloud.attributes.items():
        data[name] = as_attribute(values)
    data.center = torch.from_numpy(center)[None]
    data.dropped = dropped
    return data


def to_points(
    raw: RawShape,
    name: str,
    num_points: int | None = 4096,
    generator: torch.Generator | None = None,
    sampling: Sampling = Sampling.UNIFORM,
    normals: bool = True,
) -> tuple[RawShape, int]:
    """A cloud, float64, of what a reader returned, and the number of points dropped.

    Raises:
        ImportError: open3d is needed and missing.
        ValueError: nothing usable is left; the message names the file.
    """
    if num_points is not None:
        check_at_least("num_points", num_points, 1)
    attributes = {key: stored_type(key, values) for key, values in raw.attributes.items()}
    if raw.faces is not None:
        mesh = RawShape(raw.vertices, raw.faces, None, attributes)
        return _sample(mesh, name, num_points or 4096, generator, sampling), 0
    measured = is_measured(raw.vertices)
    cloud = _rows(RawShape(raw.vertices, None, raw.normals, attributes), measured)
    points = cloud.vertices
    if len(points) == 0:
        raise ValueError(
            f"'{name}' holds no finite point ({len(measured)} are NaN or infinite): export it again"
        )
    try:
        check_resolved(points)
    except ValueError as error:
        raise ValueError(f"'{name}': {error}") from None
    cloud.normals = _unit_normals(points, cloud.normals, normals)
    if num_points is not None and len(points) > num_points:
        cloud = _rows(cloud, torch.randperm(len(points), generator=generator)[:num_points].numpy())
    return cloud, int((~measured).sum())


def _rows(cloud: RawShape, rows: np.ndarray) -> RawShape:
    attributes = {name: values[rows] for name, values in cloud.attributes.items()}
    return RawShape(
        cloud.vertices[rows], None, None if cloud.normals is None else cloud.normals[rows], attributes
    )


def _unit_normals(points: np.ndarray, normals: np.ndarray | None, wanted: bool) -> np.ndarray | None:
    """Normals of length 1; estimated, where ``wanted``, of points whose normals are missing, 0 or NaN, else None."""
    if normals is None:
        return estimate_normals(points) if wanted else None
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    known = np.isfinite(length) & (length > 0)
    if known.all():
        return normals / length
    if not wanted:
        return None
    return np.where(known, normals / np.where(known, length, 1.0), estimate_normals(points))


def _sample(
    mesh: RawShape, name: str, num_points: int, generator: torch.Generator | None, sampling: Sampling
) -> RawShape:
    vertices, faces = mesh.vertices, mesh.faces
    assert faces is not None
    if not np.isfinite(vertices).all(axis=1)[faces].all():
        raise ValueError(f"'{name}' must have faces with finite corners: export it again")
    vertices = np.nan_to_num(vertices, posinf=0.0, neginf=0.0)  # those left over belong to no face
    try:
        if sampling is Sampling.POISSON_DISK:
            points, normals = _poisson_disk(vertices, faces, num_points, generator)
            if mesh.attributes:
                names = ", ".join(mesh.attributes)
                warnings.warn(
                    f"Poisson-disk sampling leaves out what '{name}' says of corners: {names}",
                    DataWarning,
                    stacklevel=2,
                )
            return RawShape(points, None, normals)
        corners, triangles = torch.from_numpy(vertices), torch.from_numpy(faces)
        chosen, weights = places_on_surface(corners, triangles, num_points, generator)
    except ValueError as error:
        raise ValueError(f"'{name}' cannot be sampled: {error}; repair or export the mesh again") from error
    positions, directions = points_at(corners, triangles, chosen, weights)
    attributes = {
        key: _on_faces(values, faces[chosen.numpy()], weights.numpy())
        for key, values in mesh.attributes.items()
    }
    return RawShape(positions.numpy(), None, directions.numpy(), attributes)


def _on_faces(values: np.ndarray, corners: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Values of points on triangles ``corners [n, 3]``: means of numbers, else those of the nearest corner."""
    if values.dtype.kind != "f":
        return values[corners[np.arange(len(corners)), weights.argmax(axis=1)]]
    return np.einsum("nc,nc...->n...", weights, values[corners].astype(np.float64)).astype(values.dtype)


def _poisson_disk(
    vertices: np.ndarray, faces: np.ndarray, num_points: int, generator: torch.Generator | None
) -> tuple[np.ndarray, np.ndarray]:
    """Yuksel, "Sample Elimination for Generating Poisson Disk Sample Sets", 2015, as open3d does it."""
    o3d = require("open3d", extra="open3d", purpose="for Poisson-disk sampling")
    center = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    mesh = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(vertices - center), o3d.utility.Vector3iVector(faces.astype(np.int32))
    )
    if not mesh.get_surface_area() > 0:
        raise ValueError("its surface area is 0")
    o3d.utility.random.seed(int(torch.randint(2**31 - 1, (1,), generator=generator)))
    mesh.compute_triangle_normals()
    cloud = mesh.sample_points_poisson_disk(num_points, use_triangle_normal=True)
    return np.asarray(cloud.points) + center, np.asarray(cloud.normals)


def estimate_normals(points: np.ndarray, neighbors: int = 30) -> np.ndarray:
    """Unit normals ``[n, 3]`` of a cloud: the direction in which each point's neighbours vary least.

    Hoppe et al., "Surface Reconstruction from Unorganized Points", 1992. They point away from the centre of
    the cloud; like those of CAD models, treat their sign as meaningless.

    Raises:
        ImportError: open3d is missing.
    """
    o3d = require("open3d", extra="open3d", purpose=_NORMALS)
    if len(points) < 3:
        return np.tile([0.0, 0.0, 1.0], (len(points), 1))
    centered = points - (points.min(axis=0) + points.max(axis=0)) / 2
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(centered))
    cloud.estimate_normals(o3d.geometry.KDTreeSearchParamKNN(min(neighbors, len(points))))
    normals = np.asarray(cloud.normals).copy()
    inward = (normals * centered).sum(axis=1) < 0
    normals[inward] *= -1
    return normals
