"""Clouds whose every point a model answers, written back in the format that they came in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from ccnn_pc.models import Model

#: Field that the number of each point's class goes into.
LABEL = "label"
#: Files that hold no points of their own: those that are answered are sampled.
_MESHES = (".off", ".obj", ".stl", ".glb", ".gltf")


def answers_points(network: Any) -> bool:
    """Whether a model answers for every point of clouds."""
    from ccnn_pc.datasets import CloudPreprocessing

    used = network.preprocessing
    clouds = used is None or isinstance(used, CloudPreprocessing)
    return clouds and bool(network.answers.every_sample)


def targets_of(files: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Where the clouds among files are written to: the file ``out``, or files of their names in a folder.

    Raises:
        ValueError: several files and one to write, one that cannot be written, two of one name.
        FileNotFoundError: the folder of the file to write is missing.
    """
    import numpy as np

    from ccnn_pc.cli.predict_scenes import is_file_name
    from ccnn_pc.datasets.scenes.files import check_fields

    one = is_file_name(out)
    if one and len(files) > 1:
        raise ValueError(f"'out' must be a folder for {len(files)} clouds (got the file '{out}')")
    found: dict[Path, Path] = {}
    for file in files:
        if file.suffix.lower() in _MESHES and not one:
            continue
        target = out if one else out / file.name
        if target in found.values():
            raise ValueError(f"'files' must have different names (got '{file}' twice in '{out}')")
        if one:
            check_fields(file, target, {LABEL: np.zeros(1, dtype=np.int64)})
        found[file] = target
    return found


def predict_points(network: Model, path: Path, seed: int = 0) -> tuple[Any, Any, Tensor]:
    """A file, what a model reads of it, and its answers for every point of the file, ``[n, K]``.

    Raises:
        ValueError: the file cannot be used; the message names it.
    """
    import torch

    from ccnn_pc.cli.read_file import cloud_preprocessing, read_cloud
    from ccnn_pc.datasets.common.seeding import seeded_generator
    from ccnn_pc.datasets.formats.image_file import SUFFIXES
    from ccnn_pc.training.predict_cloud import predict_cloud

    if not path.is_file():
        raise FileNotFoundError(f"'{path}' must be a file (there is none)")
    if path.suffix.lower() in SUFFIXES:
        raise ValueError(f"'{path}' must be a mesh or cloud for this model, which reads no images")
    cloud, generator = cloud_preprocessing(path, network.preprocessing), seeded_generator(seed)
    data = read_cloud(path, cloud, generator, whole=True)
    with torch.inference_mode():
        answers, first = predict_cloud(network, data, cloud, generator)
    return data, first, answers


def write_points(
    network: Model, source: Path, target: Path, data: Any, answers: Tensor, chances: bool
) -> None:
    """Write a cloud again with the class of each point as ``label``, the row of its name; or with its numbers.

    Args:
        network: the model.
        source: the file.
        target: the file to write.
        data: what was read of it.
        answers: for all its points.
        chances: whether probabilities are written, too.

    Raises:
        ValueError: points that are not those of the file: of a mesh, or without those that are not finite.
    """
    from ccnn_pc.cli.predict_scenes import beside_own
    from ccnn_pc.datasets.scenes.files import write_fields

    if int(data.dropped):
        raise ValueError(
            f"'{source}' must have finite coordinates to be written again, and no copies of a mark as 0, 0, 0 "
            f"({int(data.dropped)} points have not): take those points out"
        )
    columns = _columns(network, answers, chances)
    if LABEL not in columns:
        columns = beside_own(source, columns)
    write_fields(source, target, columns)


def _columns(network: Model, answers: Tensor, chances: bool) -> Mapping[str, np.ndarray]:
    from ccnn_pc.cli.answers import class_probabilities, output_names
    from ccnn_pc.datasets.scenes.files import probability_fields
    from ccnn_pc.models import TaskKind

    names = output_names(network, answers.shape[1])
    if network.answers.kind is TaskKind.REGRESSION:
        return {name: answers[:, place].float().numpy() for place, name in enumerate(names)}
    probabilities = class_probabilities(answers)
    found = {LABEL: probabilities.argmax(dim=1).numpy()}
    if chances:
        names = output_names(network, probabilities.shape[1])
        found |= probability_fields(probabilities.float().numpy(), names)
    return found
