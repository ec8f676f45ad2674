"""The preprocessing that a model's ``config.json`` names, as transforms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ccnn_pc.datasets.transforms import KNN, Compose, FarthestPoints, FeaturesFrom, Normalize, RandomPoints
from ccnn_pc.datasets.transforms.base import Transform

_KEYS = ("num_points", "sampling", "normalize", "features", "num_neighbors")


def preprocessing_transform(preprocessing: Mapping[str, Any], augment: Sequence[Transform] = ()) -> Compose:
    """Points, then size, then augmentation, then features, then neighbours.

    Args:
        preprocessing: any of ``num_points`` (int), ``sampling`` ("random", the default, or "farthest"),
            ``normalize`` ("box" or "sphere"), ``features`` (list of attributes), ``num_neighbors`` (int);
            what is missing or None is not done.
        augment: transforms that move points; only for training.

    Raises:
        ValueError: an unknown key or value.

    Example:
        >>> preprocessing_transform({"num_points": 512, "features": ["normal", "pos"]})
        Compose([RandomPoints(512), FeaturesFrom(['normal', 'pos'])])
    """
    unknown = sorted(set(preprocessing) - set(_KEYS))
    if unknown:
        raise ValueError(
            f"'preprocessing' must have no other keys than {', '.join(_KEYS)} (got {', '.join(unknown)})"
        )
    sampling = preprocessing.get("sampling") or "random"
    if sampling not in ("random", "farthest"):
        raise ValueError(f"'sampling' must be 'random' or 'farthest' (got {sampling!r})")
    steps: list[Transform] = []
    if preprocessing.get("num_points") is not None:
        points = int(preprocessing["num_points"])
        steps.append(RandomPoints(points) if sampling == "random" else FarthestPoints(points))
    if preprocessing.get("normalize") is not None:
        steps.append(Normalize(preprocessing["normalize"]))
    steps += augment
    if preprocessing.get("features") is not None:
        steps.append(FeaturesFrom(list(preprocessing["features"])))
    if preprocessing.get("num_neighbors") is not None:
        steps.append(KNN(int(preprocessing["num_neighbors"])))
    return Compose(steps)
