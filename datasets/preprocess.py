"""The preprocessing that a model's ``config.json`` names, as transforms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ccnn_pc.datasets.transforms import (
    KNN,
    AsSeries,
    Compose,
    DropSamples,
    EveryNth,
    FarthestPoints,
    FeaturesFrom,
    Normalize,
    RandomPoints,
    RandomStamps,
    Subset,
    ToView,
    VoxelForm,
    Voxelize,
)
from ccnn_pc.datasets.transforms.base import Transform

_POINTS = ("num_points", "sampling", "normalize", "features", "voxels", "num_voxels", "form", "num_neighbors")
_IMAGES = ("view", "mean", "std", "permutation_seed", "length", "noise_seed")
_SERIES = ("every", "drop", "observed", "series", "table")


def preprocessing_transform(preprocessing: Mapping[str, Any], augment: Sequence[Transform] = ()) -> Compose:
    """Points, then size, then augmentation, then features, then voxels, then neighbours; or images, or series.

    Before voxels the size is set again after an augmentation, so that they hold the whole shape.

    Args:
        preprocessing: for clouds any of ``num_points`` (int), ``sampling`` ("random", the default, or
            "farthest": which points are kept, or which voxels, whose points are then random), ``normalize``
            ("box" or "sphere"), ``features`` (list of attributes), ``voxels`` (cells per axis) with
            ``num_voxels`` (int; None: all) and ``form`` ("lattice", the default, or "dense"),
            ``num_neighbors`` (int); for images ``view`` with any of ``mean``, ``std``,
            ``permutation_seed``, ``length``, ``noise_seed`` (see :class:`ToView`);
            for series any of ``every`` (step of :class:`EveryNth`), ``drop`` (per cent, :class:`DropSamples`),
            ``observed`` (True: grids say what was observed also where nothing is dropped) and ``series`` ("grid",
            the default, or "irregular": :class:`AsSeries`); ``table`` is what :class:`LongCSV` did itself. What is
            missing or None is not done.
        augment: transforms that move points, or change images in [0, 1]; only for training.

    Raises:
        ValueError: an unknown key or value, or keys that exclude each other.

    Example:
        >>> preprocessing_transform({"num_points": 512, "features": ["normal", "pos"]})
        Compose([RandomPoints(512), FeaturesFrom(['normal', 'pos'])])
        >>> preprocessing_transform({"normalize": "box", "voxels": 40, "num_voxels": 512, "form": "dense"})
        Compose([Normalize(Frame.BOX), Voxelize(40, 512, dense)])
    """
    known: tuple[str, ...] = _POINTS if preprocessing.get("view") is None else _IMAGES
    if any(preprocessing.get(key) is not None for key in _SERIES):
        known = _SERIES
    unknown = sorted(key for key in preprocessing if key not in known)
    if unknown:
        raise ValueError(
            f"'preprocessing' must have no other keys than {', '.join(known)} (got {', '.join(unknown)})"
        )
    if known is _IMAGES:
        given = {key: value for key, value in preprocessing.items() if value is not None}
        return Compose([*augment, ToView(**given)])
    if known is _SERIES:
        form = preprocessing.get("series") or "grid"
        if form not in ("grid", "irregular"):
            raise ValueError(f"'series' must be 'grid' or 'irregular' (got {form!r})")
        every, drop = preprocessing.get("every") or 1, preprocessing.get("drop") or 0
        observed, stamps = preprocessing.get("observed"), form == "irregular"
        return series_transform(every, drop, irregular=stamps, observed=observed, augment=augment) or Compose(
            []
        )
    sampling, choices = preprocessing.get("sampling") or Subset.RANDOM, [member.value for member in Subset]
    if not isinstance(sampling, Subset) and sampling not in choices:
        raise ValueError(f"'sampling' must be one of {choices} (got {sampling!r})")
    subset, voxels = Subset(sampling), preprocessing.get("voxels")
    steps: list[Transform] = []
    if preprocessing.get("num_points") is not None:
        points = int(preprocessing["num_points"])
        spread = subset is Subset.FARTHEST and voxels is None
        steps.append(FarthestPoints(points) if spread else RandomPoints(points))
    if preprocessing.get("normalize") is not None:
        steps.append(Normalize(preprocessing["normalize"]))
    steps += augment
    if augment and voxels is not None and preprocessing.get("normalize") is not None:
        steps.append(Normalize(preprocessing["normalize"]))  # a stretched shape would stick out of the voxels
    if preprocessing.get("features") is not None:
        steps.append(FeaturesFrom(list(preprocessing["features"])))
    if voxels is not None:
        form = preprocessing.get("form") or VoxelForm.LATTICE
        voxelize = Voxelize(int(voxels), preprocessing.get("num_voxels"), form, subset)
        steps.append(voxelize)
        if voxelize.form is VoxelForm.DENSE and preprocessing.get("num_neighbors") is not None:
            raise ValueError("'num_neighbors' must be None for dense voxels, which have no neighbour table")
    elif preprocessing.get("num_voxels") is not None or preprocessing.get("form") is not None:
        raise ValueError("'voxels' must be given with 'num_voxels' or 'form' (got None)")
    if preprocessing.get("num_neighbors") is not None:
        steps.append(KNN(int(preprocessing["num_neighbors"])))
    return Compose(steps)


def augmentation_transform(augment: Sequence[Transform]) -> Compose | None:
    """``augment`` one after the other; None where there is nothing to do, so that whole batches can be made at once.

    Example:
        >>> augmentation_transform([]) is None
        True
    """
    return Compose(augment) if augment else None


def series_transform(
    every: int = 1,
    drop: float | Sequence[float] = 0.0,
    *,
    irregular: bool = False,
    observed: bool | None = None,
    random_times: bool = False,
    augment: Sequence[Transform] = (),
) -> Compose | None:
    """Every n-th sample of a series, some of them left out, with stamps if wanted; None where nothing is to do.

    Args:
        every: step of :class:`EveryNth` (default 1: all).
        drop: per cent of :class:`DropSamples`, or the smallest and the largest.
        irregular: series with stamps instead of arrays.
        observed: whether a channel of grids is added that says what was observed: True, also where nothing is dropped;
            False, never, for grids that have one already; None (default), where ``drop`` is not 0.
        random_times: series at random times between their samples (:class:`RandomStamps`), so many per cent fewer.
        augment: what comes first; only for training.

    Example:
        >>> series_transform(2, 30), series_transform()
        (Compose([EveryNth(2, 1.0), DropSamples(30.0, irregular=False)]), None)
    """
    steps: list[Transform] = list(augment)
    if every != 1:
        steps.append(EveryNth(every))
    if irregular:
        steps.append(AsSeries())
    if random_times:
        steps.append(RandomStamps(drop))
    elif drop or (observed and not irregular):
        steps.append(DropSamples(drop, irregular=irregular, channel=observed is not False))
    return Compose(steps) if steps else None
