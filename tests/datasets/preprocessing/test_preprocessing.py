"""What a model was trained on: written as JSON, read again, also as earlier versions wrote it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from ccnn_pc.datasets import (
    CloudPreprocessing,
    ImagePreprocessing,
    Jitter,
    Preprocessing,
    SeriesPreprocessing,
    preprocessing_from_json,
    preprocessing_transform,
)
from ccnn_pc.datasets.samplings import Sampling
from ccnn_pc.models import create_model, from_pretrained, save_pretrained

EACH = [
    CloudPreprocessing(),
    CloudPreprocessing(64, "farthest", "sphere", ["normal", "pos"], num_neighbors=8),
    CloudPreprocessing(4096, normalize="box", features=["pos"], voxels=40, num_voxels=512, form="dense"),
    ImagePreprocessing("sequence", [0.13], [0.31]),
    ImagePreprocessing("noise_padded", mean=0.5, length=99, noise_seed=3),
    SeriesPreprocessing(2, [0, 70], True, "irregular"),
    SeriesPreprocessing(table={"variables": ["a"], "mean": [1.5], "columns": {"id": "patient"}}),
]
#: What earlier versions stored, with the object that it means.
EARLIER: list[tuple[dict[str, Any], Preprocessing]] = [
    ({"num_points": 64, "sampling": "farthest", "normalize": "sphere", "features": ["normal", "pos"],
      "num_neighbors": 8}, EACH[1]),
    ({"view": "sequence", "mean": [0.13], "std": [0.31]}, EACH[3]),
    ({"every": 2, "drop": [0, 70], "observed": True, "series": "irregular"}, EACH[5]),
    ({"every": 1, "drop": 0, "observed": None, "series": "grid"}, SeriesPreprocessing()),
    ({"num_points": None, "features": ["pos"]}, CloudPreprocessing(features=("pos",))),
]  # fmt: skip


@pytest.mark.parametrize("made", EACH)
def test_the_way_to_json_and_back(made: Preprocessing) -> None:
    described = json.loads(json.dumps(made.to_json()))
    again = preprocessing_from_json(described)
    assert again == made and type(again) is type(made) and again.to_json() == described
    assert repr(again.transform()) == repr(made.transform())
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.kind = "other"  # type: ignore[misc]


@pytest.mark.parametrize(("described", "meant"), EARLIER)
def test_what_earlier_versions_stored_is_read(described: dict[str, Any], meant: Preprocessing) -> None:
    assert preprocessing_from_json(described) == meant


def test_nothing_is_none() -> None:
    assert preprocessing_from_json({}) is None and preprocessing_from_json(None) is None
    assert preprocessing_transform(None).transforms == []


@pytest.mark.parametrize(
    ("described", "message"),
    [
        ({"kind": "cloud", "colour": 1}, r"no other keys than num_points, .* \(got colour\)"),
        ({"view": "image", "voxels": 3}, r"no other keys than view, mean, .* \(got voxels\)"),
        ({"every": 2, "num_points": 5}, r"no other keys than every, .* \(got num_points\)"),
        ({"kind": "graph"}, "'kind' of a preprocessing must be one of 'cloud', 'image', 'scene', 'series'"),
        ({"kind": "cloud", "version": 7}, "of kind 'cloud' and version 1"),
        ({"sampling": "first"}, "'sampling' must be one of 'random', 'farthest'"),
        ({"normalize": "cube"}, "'normalize' must be one of 'box', 'sphere'"),
        ({"num_points": 0}, "'num_points' must be at least 1"),
        ({"view": "vertical"}, "'view' must be one of 'image'"),
        ({"every": 0}, "'every' must be at least 1"),
    ],
)
def test_what_is_refused(described: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        preprocessing_from_json(described)


def test_augmentation_goes_where_it_belongs() -> None:
    cloud = CloudPreprocessing(8, normalize="box", features=("pos",), voxels=4)
    names = [type(step).__name__ for step in cloud.transform([Jitter()]).transforms]
    assert names == ["RandomPoints", "Normalize", "Jitter", "Normalize", "FeaturesFrom", "Voxelize"]
    assert [type(s).__name__ for s in ImagePreprocessing().transform([Jitter()]).transforms] == [
        "Jitter",
        "ToView",
    ]


def test_a_model_keeps_it(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=2)
    assert model.preprocessing is None
    assert from_pretrained(save_pretrained(model, tmp_path / "bare")).preprocessing is None
    saved = from_pretrained(save_pretrained(model, tmp_path / "first", preprocessing=EACH[1]))
    assert saved.preprocessing == EACH[1]
    assert from_pretrained(save_pretrained(saved, tmp_path / "second")).preprocessing == EACH[1]
    with pytest.raises(ValueError, match=r"\(got blur\)"):
        save_pretrained(model, tmp_path / "third", preprocessing={"blur": 1})
    assert not (tmp_path / "third").exists()


def test_a_sampling_changes_what_it_names_and_keeps_the_rest() -> None:
    trained = CloudPreprocessing(256, normalize="box", features=("pos",), num_neighbors=16)
    steps = Sampling.parse("points:1024").transform(trained).transforms
    assert repr(steps) == "[RandomPoints(1024), Normalize(Frame.BOX), FeaturesFrom(['pos']), KNN(64 of 1024)]"
    with pytest.raises(ValueError, match="the sampling must be one of pixels, scattered"):
        Sampling.parse("points").transform(ImagePreprocessing())
