"""From a file and a model's stored preprocessing to what the model reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from ccnn_pc.datasets import GridData, ImagePreprocessing, LabelledDataset, PointCloudData, Preprocessing

_MESH_POINTS = 4096  # what the shapes of the benchmark files are stored with


def read_input(
    path: Path, preprocessing: Preprocessing | None, seed: int = 0, *, shape: Sequence[int] | None = None
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
    from ccnn_pc.datasets import CloudPreprocessing, ImagePreprocessing, read_shape
    from ccnn_pc.datasets.common.seeding import seeded_generator
    from ccnn_pc.datasets.formats.image_file import SUFFIXES

    if not path.is_file():
        raise FileNotFoundError(f"'{path}' must be a file (there is none)")
    if isinstance(preprocessing, ImagePreprocessing):
        return _read_image(path, preprocessing, shape)
    if path.suffix.lower() in SUFFIXES:
        raise ValueError(f"'{path}' must be a mesh or cloud for this model, which reads no images")
    cloud = preprocessing or CloudPreprocessing()
    if not isinstance(cloud, CloudPreprocessing):
        raise ValueError(f"'{path}' must be a table or a data set for this model, which reads series")
    generator = seeded_generator(seed)
    wanted = cloud.num_points or 0
    data = read_shape(path, wanted if wanted > _MESH_POINTS else None, generator, normals=cloud.needs_normals)
    prepared: PointCloudData = cloud.transform()(data, generator)
    return prepared


def _read_image(path: Path, preprocessing: ImagePreprocessing, shape: Sequence[int] | None) -> GridData:
    import torch

    from ccnn_pc.datasets import GridData
    from ccnn_pc.datasets.formats.image_file import SUFFIXES, read_image

    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"'{path}' must be an image ({', '.join(SUFFIXES)}) for this model")
    pixels = read_image(path.read_bytes(), str(path), preprocessing.side(shape), preprocessing.reads_grey)
    picture = torch.from_numpy(pixels.copy())[None].float().div_(255)
    data = GridData(x=picture, picture=picture)
    prepared: GridData = preprocessing.transform()(data)
    if shape is not None and list(prepared.x.shape[2:]) != list(shape):
        wanted = " x ".join(map(str, shape))
        raise ValueError(
            f"'{path}' must have the pixels that the model was trained on, {wanted} "
            f"(got {picture.shape[2]} x {picture.shape[3]})"
        )
    return prepared


def open_data(
    spec: str | Path,
    preprocessing: Preprocessing | None,
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
    from ccnn_pc.datasets import (
        CloudPreprocessing,
        GridDataset,
        ImagePreprocessing,
        LongCSV,
        SeriesPreprocessing,
        open_dataset,
    )

    used = preprocessing or CloudPreprocessing()
    options: dict[str, Any] = {"transform": used.transform(), "seed": seed}
    if isinstance(used, SeriesPreprocessing) and used.table is not None:
        return LongCSV.as_trained(spec, used.table, split, labels=labels, classes=classes, **options)
    if labels is not None:
        raise ValueError(f"'labels' must be left out for this model, which reads no tables (got {labels})")
    if isinstance(used, SeriesPreprocessing):
        return open_dataset(spec, split, form=used.form, **options)
    images = isinstance(used, ImagePreprocessing)
    if isinstance(used, ImagePreprocessing):
        options |= {"image_size": used.side(shape), "grey": used.reads_grey}
    elif isinstance(used, CloudPreprocessing):
        options["normals"] = used.needs_normals
    dataset = open_dataset(spec, split, **options)
    if isinstance(dataset, GridDataset) != images:
        wanted, found = ("images", "clouds") if images else ("clouds or meshes", "images")
        raise ValueError(f"'data' must hold {wanted} for this model (got {found} at {spec})")
    if isinstance(used, ImagePreprocessing) and shape is not None:
        channels, height, width = dataset.shape  # type: ignore[attr-defined]
        if list(used.to_view().shape_of(channels, height, width)[1:]) != list(shape):
            raise ValueError(
                f"'data' must hold images of the size that the model was trained on, {' x '.join(map(str, shape))} "
                f"samples (got {height} x {width} pixels at {spec})"
            )
    return dataset


def normals_of(data: PointCloudData, preprocessing: Preprocessing | None) -> Tensor | None:
    """The normals (or their absolute values) that a model's input holds, for shading; None if it holds none."""
    from ccnn_pc.datasets.transforms.attach import FEATURE_CHANNELS

    features = list(getattr(preprocessing, "features", None) or ())
    places = [i for i, name in enumerate(features) if name.endswith("normal")]
    if not places or data.x is None:
        return None
    first = sum(FEATURE_CHANNELS[name] for name in features[: places[0]])
    normals: Tensor = data.x[:, first : first + 3]
    return normals
