"""From one file to one cloud: clean, sample, find normals."""

from __future__ import annotations

import enum
import os
from pathlib import Path

import numpy as np
import torch

from ccnn_pc._checks import check_at_least
from ccnn_pc._choices import choice
from ccnn_pc._optional import require
from ccnn_pc.datasets.clouds.data import PointCloudData
from ccnn_pc.datasets.formats import RawShape, read_raw
from ccnn_pc.ops.points.surface import sample_surface


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

    A mesh is sampled, with the normals of its faces. A cloud loses its points that are not finite and keeps a
    random ``num_points`` of the others; normals that it lacks are estimated (open3d). The centre of the
    bounding box is subtracted in float64, so that map coordinates keep their precision in float32.

    Args:
        path: off, obj, ply, stl, glb, pcd, xyz, txt, csv, pts, npy or npz.
        num_points: points of the result; None keeps all points of a cloud and draws 4096 from a mesh.
        generator: of the random numbers; None is PyTorch's default one.
        sampling: of meshes.
        normals: False leaves a cloud without normals as it is.

    Returns:
        ``pos [n, 3]`` float32 in the units of the file, ``normal [n, 3]``, ``center [1, 3]`` float64 (file
        coordinates are ``pos + center``), ``name`` (the file's), ``dropped`` (number of points that were not
        finite).

    Raises:
        FileNotFoundError: no such file.
        ImportError: a package for this format, or open3d for missing normals, is not installed.
        ValueError: the file cannot be used; the message names it and says what to do.
    """
    path, sampling = Path(path), choice("sampling", sampling, Sampling)
    points, normal, dropped = to_points(read_raw(path), str(path), num_points, generator, sampling, normals)
    center = (points.min(axis=0) + points.max(axis=0)) / 2
    data = PointCloudData(pos=torch.from_numpy((points - center).astype(np.float32)), name=path.name)
    if normal is not None:
        data.normal = torch.from_numpy(normal.astype(np.float32))
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
) -> tuple[np.ndarray, np.ndarray | None, int]:
    """Points, normals and the number of points dropped, float64, from what a reader returned.

    Raises:
        ImportError: open3d is needed and missing.
        ValueError: nothing usable is left; the message names the file.
    """
    if num_points is not None:
        check_at_least("num_points", num_points, 1)
    if raw.faces is not None:
        return *_sample(raw.vertices, raw.faces, name, num_points or 4096, generator, sampling), 0
    finite = np.isfinite(raw.vertices).all(axis=1)
    points, normal = raw.vertices[finite], None if raw.normals is None else raw.normals[finite]
    if len(points) == 0:
        raise ValueError(
            f"'{name}' holds no finite point ({len(finite)} are NaN or infinite): export it again"
        )
    if normal is None and normals:
        normal = estimate_normals(points)
    elif normal is not None:
        length = np.linalg.norm(normal, axis=1, keepdims=True)
        normal = np.nan_to_num(normal / np.where(length > 0, length, 1.0))
    if num_points is not None and len(points) > num_points:
        kept = torch.randperm(len(points), generator=generator)[:num_points].numpy()
        points, normal = points[kept], None if normal is None else normal[kept]
    return points, normal, int((~finite).sum())


def _sample(
    vertices: np.ndarray,
    faces: np.ndarray,
    name: str,
    num_points: int,
    generator: torch.Generator | None,
    sampling: Sampling,
) -> tuple[np.ndarray, np.ndarray]:
    if not np.isfinite(vertices).all(axis=1)[faces].all():
        raise ValueError(f"'{name}' must have faces with finite corners: export it again")
    vertices = np.nan_to_num(vertices, posinf=0.0, neginf=0.0)  # those left over belong to no face
    try:
        if sampling is Sampling.POISSON_DISK:
            return _poisson_disk(vertices, faces, num_points, generator)
        points, normal = sample_surface(
            torch.from_numpy(vertices), torch.from_numpy(faces), num_points, generator
        )
    except ValueError as error:
        raise ValueError(f"'{name}' cannot be sampled: {error}; repair or export the mesh again") from error
    return points.numpy(), normal.numpy()


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
    o3d = require("open3d", extra="open3d", purpose="to estimate the normals of a cloud that has none")
    if len(points) < 3:
        return np.tile([0.0, 0.0, 1.0], (len(points), 1))
    centered = points - (points.min(axis=0) + points.max(axis=0)) / 2
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(centered))
    cloud.estimate_normals(o3d.geometry.KDTreeSearchParamKNN(min(neighbors, len(points))))
    normals = np.asarray(cloud.normals).copy()
    inward = (normals * centered).sum(axis=1) < 0
    normals[inward] *= -1
    return normals
