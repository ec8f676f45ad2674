"""From a file and a model's stored preprocessing to what the model reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from ccnn_pc.datasets import PointCloudData

_MESH_POINTS = 4096  # what the shapes of the benchmark files are stored with


def read_input(path: Path, preprocessing: Mapping[str, Any], seed: int = 0) -> PointCloudData:
    """Read a mesh or cloud and turn it into a model's input, a function of the file and the seed.

    Raises:
        FileNotFoundError: no such file.
        ImportError: a package for this format is missing.
        ValueError: the file cannot be used; the message names it.
    """
    from ccnn_pc.datasets import preprocessing_transform, read_shape
    from ccnn_pc.datasets.seeding import seeded_generator

    generator = seeded_generator(seed)
    wanted = preprocessing.get("num_points") or 0
    normals = any(name.endswith("normal") for name in preprocessing.get("features") or ())
    data = read_shape(path, wanted if wanted > _MESH_POINTS else None, generator, normals=normals)
    prepared: PointCloudData = preprocessing_transform(preprocessing)(data, generator)
    return prepared


def normals_of(data: PointCloudData, preprocessing: Mapping[str, Any]) -> Tensor | None:
    """The normals (or their absolute values) that a model's input holds, for shading; None if it holds none."""
    features = list(preprocessing.get("features") or ())
    places = [i for i, name in enumerate(features) if name.endswith("normal")]
    if not places or data.x is None:
        return None
    normals: Tensor = data.x[:, 3 * places[0] : 3 * places[0] + 3]
    return normals
