"""From a file and a model's stored preprocessing to what the model reads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from ccnn_pc.datasets import GridData, LabelledDataset, PointCloudData

_MESH_POINTS = 4096  # what the shapes of the benchmark files are stored with


def reads_images(preprocessing: Mapping[str, Any]) -> bool:
    """Whether a model reads images (as they are, or as sequences of their pixels) and not clouds."""
    return preprocessing.get("view") is not None


def read_input(
    path: Path, preprocessing: Mapping[str, Any], seed: int = 0, *, shape: Sequence[int] | None = None
) -> PointCloudData | GridData:
    """Read a mesh, cloud or image file and turn it into a model's input, a function of the file and the seed.

    Args:
        path: the file.
        preprocessing: what is stored with the model.
        seed: which points are drawn from a mesh or a large cloud.
        shape: samples per axis in training, where the model reads grids: images of another size become the square in
            their middle, resized. What was read, in [0, 1], is kept in ``picture [1, C, H, W]``.

    Raises:
        FileNotFoundError: no such file.
        ImportError: a package for this format is missing.
        ValueError: the file cannot be used; the message names it.
    """
    from ccnn_pc.datasets import preprocessing_transform, read_shape
    from ccnn_pc.datasets.common.seeding import seeded_generator
    from ccnn_pc.datasets.formats.image_file import SUFFIXES

    if not path.is_file():
        raise FileNotFoundError(f"'{path}' must be a file (there is none)")
    if reads_images(preprocessing):
        return _read_image(path, preprocessing, shape)
    if path.suffix.lower() in SUFFIXES:
        raise ValueError(f"'{path}' must be a mesh or cloud for this model, which reads no images")
    generator = seeded_generator(seed)
    wanted = preprocessing.get("num_points") or 0
    normals = any(name.endswith("normal") for name in preprocessing.get("features") or ())
    data = read_shape(path, wanted if wanted > _MESH_POINTS else None, generator, normals=normals)
    prepared: PointCloudData = preprocessing_transform(preprocessing)(data, generator)
    return prepared


def _read_image(path: Path, preprocessing: Mapping[str, Any], shape: Sequence[int] | None) -> GridData:
    import torch

    from ccnn_pc.datasets import GridData, preprocessing_transform
    from ccnn_pc.datasets.formats.image_file import SUFFIXES, read_image

    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"'{path}' must be an image ({', '.join(SUFFIXES)}) for this model")
    size = image_size(preprocessing, shape)
    pixels = read_image(path.read_bytes(), str(path), size, is_grey(preprocessing))
    picture = torch.from_numpy(pixels.copy())[None].float().div_(255)
    data = GridData(x=picture, picture=picture)
    prepared: GridData = preprocessing_transform(preprocessing)(data)
    if shape is not None and list(prepared.x.shape[2:]) != list(shape):
        wanted = " x ".join(map(str, shape))
        raise ValueError(
            f"'{path}' must have the pixels that the model was trained on, {wanted} "
            f"(got {picture.shape[2]} x {picture.shape[3]})"
        )
    return prepared


def is_grey(preprocessing: Mapping[str, Any]) -> bool:
    """Whether images are read with one channel: that is so where one number normalises them and no view makes grey.

    Example:
        >>> is_grey({"view": "sequence", "mean": [0.13]}), is_grey({"view": "grey", "mean": [0.48]})
        (True, False)
    """
    mean = preprocessing.get("mean")
    return isinstance(mean, (list, tuple)) and len(mean) == 1 and "grey" not in str(preprocessing["view"])


def image_size(preprocessing: Mapping[str, Any], shape: Sequence[int] | None) -> int | None:
    """Side of the squares that a model was trained on; None where they are no squares, or not known.

    Example:
        >>> image_size({"view": "sequence"}, [784]), image_size({"view": "image"}, [96, 96])
        (28, 96)
    """
    if shape is None or preprocessing["view"] == "noise_padded":
        return None
    side = math.isqrt(math.prod(shape))
    return side if list(shape) in ([side * side], [side, side]) else None


def open_data(
    spec: str | Path,
    preprocessing: Mapping[str, Any],
    split: str | None = None,
    *,
    seed: int = 0,
    shape: Sequence[int] | None = None,
    labels: str | Path | None = None,
    classes: Sequence[str] = (),
) -> LabelledDataset[Any]:
    """Open a data set as a model reads it.

    Args:
        spec: name, file or folder; see :func:`ccnn_pc.datasets.open_dataset`.
        preprocessing: what is stored with the model.
        split: part to open.
        seed: which points are drawn.
        shape: samples per axis in training, where the model reads grids.
        labels: file of labels, for a model of tables; None: a column of the table.
        classes: of a model of tables.

    Raises:
        FileNotFoundError: no such data.
        ValueError: images for a model of clouds, clouds for a model of images, or images of another size; labels for
            another model than one of tables.
    """
    from ccnn_pc.datasets import GridDataset, LongCSV, ToView, open_dataset, preprocessing_transform

    table = preprocessing.get("table")
    if table is not None:
        prepare = preprocessing_transform(preprocessing)
        return LongCSV.as_trained(
            spec, table, split, labels=labels, classes=classes, transform=prepare, seed=seed
        )
    if labels is not None:
        raise ValueError(f"'labels' must be left out for this model, which reads no tables (got {labels})")
    if preprocessing.get("series") is not None:
        prepare = preprocessing_transform(preprocessing)
        return open_dataset(spec, split, transform=prepare, seed=seed, form=preprocessing["series"])
    images = reads_images(preprocessing)
    dataset = open_dataset(
        spec,
        split,
        transform=preprocessing_transform(preprocessing),
        seed=seed,
        normals=any(name.endswith("normal") for name in preprocessing.get("features") or ()),
        image_size=image_size(preprocessing, shape) if images else None,
        grey=images and is_grey(preprocessing),
    )
    if isinstance(dataset, GridDataset) != images:
        wanted, found = ("images", "clouds") if images else ("clouds or meshes", "images")
        raise ValueError(f"'data' must hold {wanted} for this model (got {found} at {spec})")
    if images and shape is not None:
        channels, height, width = dataset.shape  # type: ignore[attr-defined]
        view = ToView(**{key: value for key, value in preprocessing.items() if value is not None})
        if list(view.shape_of(channels, height, width)[1:]) != list(shape):
            raise ValueError(
                f"'data' must hold images of the size that the model was trained on, {' x '.join(map(str, shape))} "
                f"samples (got {height} x {width} pixels at {spec})"
            )
    return dataset


def normals_of(data: PointCloudData, preprocessing: Mapping[str, Any]) -> Tensor | None:
    """The normals (or their absolute values) that a model's input holds, for shading; None if it holds none."""
    features = list(preprocessing.get("features") or ())
    places = [i for i, name in enumerate(features) if name.endswith("normal")]
    if not places or data.x is None:
        return None
    from ccnn_pc.datasets.transforms.attach import FEATURE_CHANNELS

    first = sum(FEATURE_CHANNELS[name] for name in features[: places[0]])
    normals: Tensor = data.x[:, first : first + 3]
    return normals
