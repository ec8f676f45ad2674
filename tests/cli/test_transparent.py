"""Pictures that are transparent: read as on white, and named where those of a training were not."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.predict import predict_files
from ccnn_pc.datasets import ImageFolder, ImagePreprocessing
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.models import create_model, save_pretrained


def pictures(root: Path, clear: Callable[[int], bool], beneath: int = 0) -> Path:
    """Noise on white, of two classes; those that are clear have any colour beneath."""
    rng = np.random.default_rng(0)
    for number in range(8):
        path = root / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        colours = np.full((8, 8, 4), 255, np.uint8)
        colours[2:6, 2:6, :3] = rng.integers(0, 200, (4, 4, 3))
        if clear(number):
            around = np.ones((8, 8), bool)
            around[2:6, 2:6] = False
            colours[around] = (beneath, beneath, beneath, 0)
        Image.fromarray(colours if clear(number) else colours[..., :3]).save(path)
    return root


def saved(folder: Path, transparent: float | None) -> str:
    torch.manual_seed(0)
    model = create_model("ccnn_4_16", dim=2, in_channels=3, out_channels=2, shape=[8, 8])
    used = ImagePreprocessing(mean=[0.9] * 3, std=[0.2] * 3, transparent=transparent)
    return str(
        save_pretrained(model.eval(), folder / f"model_{transparent}", classes=["a", "b"], preprocessing=used)
    )


def asked(model: str, root: Path) -> tuple[list[str], list[dict[str, float]]]:
    """What is said by every way in, once for each; and the answers."""
    calls = [
        lambda: evaluate_model(model, root),
        lambda: predict_files(model, [root]),
        lambda: predict_files(model, [sorted(root.rglob("*.png"))[0]]),
    ]
    messages = []
    for call in calls:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = call()
            messages.append(
                "\n".join(str(each.message) for each in caught if "transparent" in str(each.message))
            )
            assert isinstance(found, dict) or all("error" not in row for row in found)
    return messages, [row["probabilities"] for row in predict_files(model, [root])]


def test_transparent_pictures_are_as_on_white_and_named(tmp_path: Path) -> None:
    opaque = pictures(tmp_path / "opaque", lambda number: False)
    model = saved(tmp_path, 0.0)
    messages, plain = asked(model, opaque)
    assert messages == ["", "", ""]
    for beneath in (0, 130):
        clear = pictures(tmp_path / f"clear_{beneath}", lambda number: True, beneath)
        messages, answers = asked(model, clear)
        assert answers == plain
        assert all("no picture of training was: what is clear is read as white" in each for each in messages)
        assert "8 of 8 pictures" in messages[0] and "\n" not in "".join(messages)
    assert all("it is not known" in each for each in asked(saved(tmp_path / "new", None), clear)[0])
    assert asked(saved(tmp_path / "some", 0.25), clear)[0] == ["", "", ""]


def test_a_training_says_how_many_of_its_pictures_are_transparent(tmp_path: Path) -> None:
    for name, least, share in (("none", 9, 0.0), ("all", 0, 1.0)):
        data = ImageFolder(pictures(tmp_path / name, least.__le__), scaling="measured")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert data.measured()["preprocessing"]["transparent"] == share
    some = ImageFolder(pictures(tmp_path / "some", lambda number: number < 2), scaling="measured")
    with pytest.warns(DataWarning, match="2 of 8 pictures of training are transparent"):
        assert some.measured()["preprocessing"]["transparent"] == 0.25
