"""What was done to the data that a model was trained on: six frozen dataclasses, stored with the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ccnn_pc.datasets.preprocessing.base import Preprocessing
from ccnn_pc.datasets.preprocessing.clouds import CloudPreprocessing
from ccnn_pc.datasets.preprocessing.images import ImagePreprocessing
from ccnn_pc.datasets.preprocessing.scenes import ScenePreprocessing
from ccnn_pc.datasets.preprocessing.series import SeriesPreprocessing, series_transform
from ccnn_pc.datasets.preprocessing.sound import SoundPreprocessing
from ccnn_pc.datasets.preprocessing.volumes import VolumePreprocessing
from ccnn_pc.datasets.transforms.base import Compose, Transform

__all__ = [
    "CloudPreprocessing",
    "ImagePreprocessing",
    "Preprocessing",
    "ScenePreprocessing",
    "SeriesPreprocessing",
    "SoundPreprocessing",
    "VolumePreprocessing",
    "augmentation_transform",
    "preprocessing_from_json",
    "preprocessing_transform",
    "series_transform",
]

_KINDS: tuple[type[Preprocessing], ...] = (
    CloudPreprocessing,
    ImagePreprocessing,
    ScenePreprocessing,
    SeriesPreprocessing,
    SoundPreprocessing,
    VolumePreprocessing,
)


def preprocessing_from_json(described: Preprocessing | Mapping[str, Any] | None) -> Preprocessing | None:
    """What :meth:`Preprocessing.to_json` wrote, also as a mapping without ``kind``, as earlier versions did.

    Without ``kind`` it is of images where there is a ``view``, of series where there is one of ``every``, ``drop``,
    ``observed``, ``series``, ``table``, else of clouds. An empty mapping gives None, an object itself.

    Raises:
        TypeError: something else.
        ValueError: an unknown kind, version or key, or a value that is refused.

    Example:
        >>> preprocessing_from_json({"view": "sequence", "mean": [0.13], "std": [0.31]}).kind
        'image'
        >>> made = CloudPreprocessing(num_points=512, features=("pos",))
        >>> preprocessing_from_json(made.to_json()) == made
        True
    """
    if isinstance(described, Preprocessing):
        return described
    if not described:
        return None
    if not isinstance(described, Mapping):
        raise TypeError(
            f"'preprocessing' must be a preprocessing or a mapping that describes one (got {described!r})"
        )
    kind = described.get("kind")
    if kind is None:
        series = ("every", "drop", "observed", "series", "table")
        is_series = any(described.get(key) is not None for key in series)
        kind = "series" if is_series else "cloud" if described.get("view") is None else "image"
    for each in _KINDS:
        if each.kind == kind:
            return each.from_json(described)
    known = ", ".join(repr(each.kind) for each in _KINDS)
    raise ValueError(f"'kind' of a preprocessing must be one of {known} (got {kind!r})")


def preprocessing_transform(
    preprocessing: Preprocessing | Mapping[str, Any] | None, augment: Sequence[Transform] = ()
) -> Compose:
    """The transform of a model's preprocessing, or of a mapping that describes one; None: nothing is done.

    Args:
        preprocessing: see :func:`preprocessing_from_json`.
        augment: transforms that move points, or change images in [0, 1]; only for training.

    Raises:
        ValueError: an unknown key or value, or keys that exclude each other.

    Example:
        >>> preprocessing_transform({"num_points": 512, "features": ["normal", "pos"]})
        Compose([RandomPoints(512), FeaturesFrom(['normal', 'pos'])])
    """
    found = preprocessing_from_json(preprocessing)
    return Compose(augment) if found is None else found.transform(augment)


def augmentation_transform(augment: Sequence[Transform]) -> Compose | None:
    """``augment`` one after the other; None where there is nothing to do, so that whole batches can be made at once.

    Example:
        >>> augmentation_transform([]) is None
        True
    """
    return Compose(augment) if augment else None
