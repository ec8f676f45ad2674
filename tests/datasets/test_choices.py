"""Strings in the place of enums: the choice of that name, or an error that lists the choices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets import (
    Axis,
    Frame,
    Normalize,
    Oscillations,
    Padding,
    PointCloudFolder,
    RandomCrop,
    RandomRotation,
    SeriesDataset,
    SeriesForm,
    Subset,
    ToView,
    View,
    VoxelForm,
    Voxelize,
)
from ccnn_pc.datasets.series.stored import join_series

CHOICES: list[tuple[Callable[[Any], Any], str, Any]] = [
    (lambda value: Voxelize(4, form=value).form, "form", VoxelForm.DENSE),
    (lambda value: Voxelize(4, subset=value).subset, "subset", Subset.FARTHEST),
    (lambda value: Normalize(value).frame, "frame", Frame.SPHERE),
    (lambda value: ToView(value).view, "view", View.SEQUENCE),
    (lambda value: RandomRotation(value).axis, "axis", Axis.X),
    (lambda value: RandomCrop(2, value).mode, "mode", Padding.SYMMETRIC),
    (lambda value: Oscillations("test", per_class=2, form=value).form, "form", SeriesForm.GRID),
]


@pytest.mark.parametrize(("made", "name", "member"), CHOICES)
def test_a_string_is_the_choice_of_that_name_or_an_error(
    made: Callable[[Any], Any], name: str, member: Any
) -> None:
    assert made(member) is member and made(member.value) is member
    known = ", ".join(repr(each.value) for each in type(member))
    for wrong in ("none of them", 3):
        with pytest.raises(ValueError) as caught:
            made(wrong)
        assert str(caught.value) == f"'{name}' must be one of {known} (got {wrong!r})"


def test_normalisation_split_and_sampling(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'normalize' must be one of 'channel', 'step', 'none' .got 'row'"):
        SeriesDataset(join_series([np.ones((3, 1))], [0], ["a"]), np.arange(1), np.arange(1), normalize="row")
    with pytest.raises(ValueError, match="'split' must be one of 'train', 'val', 'test' .got 'dev'"):
        Oscillations("dev")
    with pytest.raises(ValueError, match="'sampling' must be one of"):
        PointCloudFolder(tmp_path, sampling="even")
