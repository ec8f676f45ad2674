"""Training items from which nothing can be learned are named before the training, and good ones are not."""

from __future__ import annotations

import functools
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import Data

from ccnn_pc.cli.compose import compose_config
from ccnn_pc.cli.follow import follow_data
from ccnn_pc.cli.words import UsageError
from ccnn_pc.datasets import LongCSV
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.models import create_model, measure
from ccnn_pc.training.data import ClassificationData
from ccnn_pc.training.hollow import warn_of_hollow_items, warn_of_odd_targets


def said(items: list[Any], **sizes: Any) -> list[str]:
    model: Any = create_model("ccnn_4_16", out_channels=2, **sizes)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_hollow_items(measure(model.reading, items))
    return [str(each.message) for each in caught if issubclass(each.category, DataWarning)]


def test_arrays() -> None:
    sizes: dict[str, Any] = {"dim": 2, "in_channels": 2, "shape": [8, 8]}
    pictures = [torch.rand(1, 2, 8, 8) for _ in range(8)]
    assert not said(pictures, **sizes)
    assert not said([torch.zeros(1, 2, 8, 8), *pictures], **sizes)  # one empty picture may be a class
    half = [torch.cat([x[:, :1], 0 * x[:, :1]], dim=1) for x in pictures]
    assert not said(half, **sizes)  # a channel that says nothing
    (text,) = said([torch.full((1, 2, 8, 8), float(n)) for n in range(8)], **sizes)
    assert text.startswith("most items of the training are constant in all channels")
    (text,) = said([*pictures, *(255 * x for x in pictures)], **sizes)
    assert "are units mixed?" in text


def test_channels_that_say_what_was_observed_have_no_units() -> None:
    """How far stamps are from observed ones is 0 nearly everywhere in some items, and varies in others."""
    series: dict[str, Any] = {"dim": 1, "in_channels": 2, "shape": [20], "spacing": 1.0}
    model: Any = create_model("ccnn_4_16", out_channels=2, **series)
    far = torch.eye(20)[0]
    items = [
        Data(times=torch.arange(20.0).double(), x=torch.stack([size * far, torch.rand(20)], dim=1))
        for size in (0.001, 0.5) * 8
    ]
    with pytest.warns(DataWarning, match="are units mixed"):
        warn_of_hollow_items(measure(model.reading, items))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_hollow_items(measure(model.reading, items), derived=1)


def test_clouds_and_series() -> None:
    clouds: dict[str, Any] = {"dim": 3, "in_channels": 1}
    points = [Data(pos=torch.rand(30, 3), x=torch.ones(30, 1)) for _ in range(6)]
    assert not said(points, **clouds)  # features may be ones where positions tell
    (text,) = said([Data(pos=torch.ones(30, 3), x=torch.ones(30, 1)) for _ in range(6)], **clouds)
    assert text.startswith("most items of the training lie at one place")
    series: dict[str, Any] = {"dim": 1, "in_channels": 1, "shape": [20], "spacing": 1.0}
    events = [Data(times=torch.rand(20).double().sort().values * 20, x=torch.ones(20, 1)) for _ in range(6)]
    assert not said(events, **series)  # nor do events differ in anything but their stamps
    even = [Data(times=torch.arange(20.0).double(), x=torch.full((20, 1), float(n))) for n in range(6)]
    (text,) = said(even, **series)
    assert text.startswith("most items of the training are constant")
    (text,) = said([Data(times=torch.zeros(1).double(), x=torch.ones(1, 1)) for _ in range(6)], **series)
    assert text.startswith("most items of the training hold one sample")


def test_arrays_of_one_sample_are_refused_by_the_name_of_the_data() -> None:
    config = compose_config(["experiment=sound"])
    with pytest.raises(UsageError, match=r"'data.root' must hold arrays of two samples at least .*got 1\)"):
        follow_data(config, {"in_channels": 40, "shape": [1], "spacing": 1.0, "preprocessing": {}})


def test_odd_targets_are_named_in_the_units_of_the_table(tmp_path: Path) -> None:
    def training(wrong: float) -> ClassificationData:
        rows = [
            f"{i},{t},heat,{i % 7 + t},{wrong if i % 10 == 5 else i + 20}"
            for i in range(40)
            for t in range(4)
        ]
        (tmp_path / "t.csv").write_text("\n".join(["id,time,variable,value,age", *rows]))
        data = functools.partial(LongCSV, tmp_path / "t.csv", targets=["age"], cache=tmp_path / "cache")
        return ClassificationData(data, data)

    with pytest.warns(
        DataWarning, match=r"target 'age' is -999 in \d of \d\d targets, and lies between 2\d and 5\d in all"
    ):
        warn_of_odd_targets(training(-999))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_odd_targets(training(25))
