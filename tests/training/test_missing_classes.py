"""Classes that a part of the data lacks are named before anything is trained."""

from __future__ import annotations

import functools
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets import GridArrays, VolumeFolder
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.training.data import ClassificationData
from ccnn_pc.training.missing_classes import warn_of_missing_classes


def arrays(*labels: int) -> GridArrays:
    return GridArrays(np.zeros((len(labels), 1, 4), np.float32), np.array(labels), list("abcdefgh"))


def said(**parts: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_missing_classes(list("abcdefgh"), parts)
    return [str(each.message) for each in caught if issubclass(each.category, DataWarning)]


def test_each_part_is_looked_at() -> None:
    whole = arrays(*range(8))
    assert not said(train=whole, test=whole)
    assert not said(
        train=arrays(0, 1), val=arrays(1), test=arrays(0, 1)
    )  # classes that nothing has are no fault
    (text,) = said(train=arrays(0, 1), test=arrays(0, 1, 3))
    assert text.startswith("no item of the class 'd' is in the training part: it can never be answered")
    (text,) = said(train=whole, val=whole, test=arrays(6, 7))
    assert text.startswith("no item of 6 classes, 'a', 'b', 'c', 'd', 'e', … is in the test part")
    (text,) = said(train=arrays(0), val=arrays(0, 1))
    assert "'b' is in the training part" in text


def test_a_training_says_it_before_it_begins() -> None:
    parts = {"train": arrays(0, 1, 0, 1), "test": arrays(0, 0)}
    data = ClassificationData(
        *(functools.partial(lambda part: part, parts[name]) for name in ("train", "test"))
    )
    with pytest.warns(DataWarning, match="no item of the class 'b' is in the test part"):
        data.check()


def test_too_few_items_for_a_part(tmp_path: Path) -> None:
    """The remedy is more files, not a fraction that is there already."""
    for name in "ab":
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "x.npy", np.zeros((2, 2, 2)))
    options: dict[str, Any] = {"test_fraction": 0.2, "val_fraction": 0.2, "cache": tmp_path / "cache"}
    with pytest.raises(
        ValueError, match="must have more items: of 2 in 2 classes none is left for the part 'test'"
    ):
        VolumeFolder(tmp_path, "test", **options)
