"""From a file and a model's stored preprocessing to what the model reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from ccnn_pc.datasets import Compose, PointCloudData

_KNOWN = ("num_points", "normalize", "features", "num_neighbors")
_MESH_POINTS = 4096  # what the shapes of the benchmark files are stored with


def input_transform(preprocessing: Mapping[str, Any]) -> Compose:
    """The transform that a model's ``preprocessing`` describes, as in evaluation: no augmentation.

    Keys, all optional: ``num_points`` (random points kept), ``normalize`` (``"box"`` or ``"sphere"``),
    ``features`` (what ``x`` is made of), ``num_neighbors`` (k of the neighbour table).

    Raises:
        ValueError: another key, or a value that its transform refuses.

    Example:
        >>> input_transform({"num_points": 512, "normalize": "box", "features": ["normal", "pos"]})
        Compose([RandomPoints(512), Normalize(Frame.BOX), FeaturesFrom(['normal', 'pos'])])
    """
    from ccnn_pc.datasets import KNN, Compose, FeaturesFrom, Normalize, RandomPoints

    unknown = sorted(set(preprocessing) - set(_KNOWN))
    if unknown:
        raise ValueError(
            f"'preprocessing' must have no keys but {', '.join(_KNOWN)} (got {', '.join(unknown)})"
        )
    steps: list[Any] = []
    if preprocessing.get("num_points"):
        steps.append(RandomPoints(preprocessing["num_points"]))
    if preprocessing.get("normalize"):
        steps.append(Normalize(preprocessing["normalize"]))
    if preprocessing.get("features"):
        steps.append(FeaturesFrom(preprocessing["features"]))
    if preprocessing.get("num_neighbors"):
        steps.append(KNN(preprocessing["num_neighbors"]))
    return Compose(steps)


def read_input(path: Path, preprocessing: Mapping[str, Any], seed: int = 0) -> PointCloudData:
    """Read a mesh or cloud and turn it into a model's input, a function of the file and the seed.

    Raises:
        FileNotFoundError: no such file.
        ImportError: a package for this format is missing.
        ValueError: the file cannot be used; the message names it.
    """
    from ccnn_pc.datasets import read_shape
    from ccnn_pc.datasets.seeding import seeded_generator

    generator = seeded_generator(seed)
    wanted = preprocessing.get("num_points") or 0
    normals = "normal" in (preprocessing.get("features") or ())
    data = read_shape(path, wanted if wanted > _MESH_POINTS else None, generator, normals=normals)
    prepared: PointCloudData = input_transform(preprocessing)(data, generator)
    return prepared


def normals_of(data: PointCloudData, preprocessing: Mapping[str, Any]) -> Tensor | None:
    """The normals that a model's input holds, for shading; None if it holds none."""
    features = list(preprocessing.get("features") or ())
    if "normal" not in features or data.x is None:
        return None
    column = 3 * features.index("normal")
    normals: Tensor = data.x[:, column : column + 3]
    return normals
