"""What a model must remember of the data of its training, to be judged on the same parts of them again."""

from __future__ import annotations

import dataclasses
import enum
import functools
from collections.abc import Mapping, Sequence
from typing import Any

from ccnn_pc.datasets.registry import dataset_entry, list_datasets
from ccnn_pc.models.shift.trained_on import Spread
from ccnn_pc.training.data import ClassificationData

#: Means and deviations that are stored with a model: of channels, and of not too many steps.
MOST_SCALES = 1024
#: Options that say where data lie and what is done to items: the one is given anew, the other is the preprocessing.
_ELSEWHERE = ("root", "path", "cache", "labels", "transform", "pre_transform", "seed", "split", "scaling")


def describe_data(data: ClassificationData) -> dict[str, Any]:
    """Data set, options of each part, and how validation was drawn, as plain JSON.

    Returns:
        ``dataset``: its registered name, or None; ``parts``: for train, val and test the ``split`` that was opened and
        the ``options``; ``validation``: ``fraction``, ``last``, ``on_test``, and whether a part of its ``own`` was
        there; ``seed``; of series also ``scaling``, which all others are read with, and, of arrays, ``lengths``: the
        ``spread`` of their samples (:class:`ccnn_pc.models.shift.trained_on.Spread`) and the share that was ``cut``.
    """
    opened = {"train": data.open_train, "val": data.open_val, "test": data.open_test}
    kind = _unwrapped(data.open_train)[0]
    names = [name for name in list_datasets() if dataset_entry(name).make is kind]
    own = data.val_set is not None and data.rows_of_training is None and not data.validation.on_test
    return {
        "dataset": names[0] if names else None,
        "parts": {part: _part(part, make) for part, make in opened.items() if make is not None},
        "validation": {**dataclasses.asdict(data.validation), "own": own},
        "seed": data.seed,
        **_of_series(data.train_set),
    }


def _of_series(items: Any) -> dict[str, Any]:
    """How series are normalised, and how long they are."""
    series = items.parts[0] if hasattr(items, "parts") else items
    if not hasattr(series, "scaling_of_training"):
        return {}
    scaling = series.scaling_of_training()
    few = all(each is None or len(each[0]) <= MOST_SCALES for each in scaling.values())
    found: dict[str, Any] = {"scaling": scaling} if few else {}
    if (most := series.cut_at) is not None:
        lengths = series.item_lengths
        found["lengths"] = {
            "spread": list(Spread.of(lengths.tolist())),
            "cut": float((lengths > most).mean()),
        }
    return found


def _part(part: str, make: Any) -> dict[str, Any]:
    words = _unwrapped(make)[1]
    split = words.get("split", part)
    options = {key: value for key, value in words.items() if key not in _ELSEWHERE and _is_plain(value)}
    return {"split": split.value if isinstance(split, enum.Enum) else split, "options": options}


def _unwrapped(make: Any) -> tuple[Any, dict[str, Any]]:
    """What a ``functools.partial`` calls, and its keywords."""
    words: dict[str, Any] = {}
    while isinstance(make, functools.partial):
        words, make = {**make.keywords, **words}, make.func
    return make, words


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(each) for key, each in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return all(_is_plain(each) for each in value)
    return value is None or isinstance(value, (bool, int, float, str))
