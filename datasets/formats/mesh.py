"""Mesh formats that trimesh reads: obj, stl, glb."""

from __future__ import annotations

import io

import numpy as np

from ccnn_pc._optional import require
from ccnn_pc.datasets.formats.raw import RawShape


def read_mesh(data: bytes, suffix: str) -> RawShape:
    """Read a mesh through trimesh; all parts of a scene become one mesh, in the scene's coordinates.

    Raises:
        ImportError: trimesh is missing.
        ValueError: trimesh cannot read it.
    """
    trimesh = require("trimesh", extra="mesh", purpose=f"to read .{suffix} files")
    try:
        scene = trimesh.load_scene(io.BytesIO(data), file_type=suffix, process=False)
        parts = scene.dump()
    except ImportError:
        raise
    except Exception as error:  # trimesh lets every kind of error through
        raise ValueError(f"trimesh cannot read it ({type(error).__name__}: {error})") from error
    vertices, faces, offset = [], [], 0
    for part in parts if isinstance(parts, (list, tuple, np.ndarray)) else [parts]:
        points = np.asarray(part.vertices, dtype=np.float64).reshape(-1, 3)
        vertices.append(points)
        faces.append(
            np.asarray(getattr(part, "faces", np.empty((0, 3))), dtype=np.int64).reshape(-1, 3) + offset
        )
        offset += len(points)
    if offset == 0:
        raise ValueError("it holds no vertices")
    return RawShape(np.vstack(vertices), np.vstack(faces))
