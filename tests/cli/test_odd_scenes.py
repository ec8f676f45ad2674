"""Scans that are otherwise than those of training: one message with the cause, or none where they are alike."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.predict_scenes import Written, predict_scenes
from ccnn_pc.datasets import Scenes
from ccnn_pc.models import create_model, from_pretrained, measure, save_pretrained
from tests.scene_files import ORIGIN, points, write

Scan = dict[str, np.ndarray]


def scan(count: int = 1500, seed: int = 0) -> Scan:
    """Trees and a building on flat ground."""
    found = points(count, seed)
    found["pos"][:, 2] -= 0.1 * (found["pos"][:, 0] - ORIGIN[0])
    return found


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An untrained network that has seen three scans in metres: heights, and intensity around 160."""
    folder = tmp_path_factory.mktemp("scans")
    patch = pytest.MonkeyPatch()
    patch.setenv("CCNN_PC_CACHE", str(folder / "cache"))
    for seed in range(3):
        write(folder / "train" / f"{seed}.npz", scan(1500, seed))
    used = {"cell": 1.0, "tile": {"radius": 15.0}, "features": ("height", "intensity"), "num_neighbors": 8}
    known = Scenes(folder / "train", preprocessing={"kind": "scene", "version": 1, **used})
    torch.manual_seed(0)
    network: Any = create_model(
        "ccnn_4_16", dim=3, in_channels=2, out_channels=3, pool=None, norm="layer", extent=5.0, num_points=64
    )
    network.trained_on = measure(network.reading, [known[row] for row in range(len(known))])
    used_now = known.preprocessing
    names = used_now.wanted.names
    yield str(
        save_pretrained(network, folder / "model", classes=names, preprocessing=used_now, task="points")
    )
    patch.undo()


def moved(count: int = 1500, **change: Callable[[np.ndarray], np.ndarray]) -> Scan:
    """Another scan of the same kind, some of it changed; from its own origin, lest units make large numbers."""
    found = scan(count, 7)
    found["pos"] = found["pos"] - found["pos"].min(axis=0)
    return {**found, **{name: made(found[name]) for name, made in change.items()}}


def said(model: str, path: Path) -> list[list[str]]:
    """What ``evaluate`` and ``predict`` warn of."""
    found = []
    calls: list[Callable[[], Any]] = [
        lambda: evaluate_model(model, path),
        lambda: predict_scenes(
            from_pretrained(model), [path], Written(path.parent / "labelled.npz", picture=False)
        ),
    ]
    for call in calls:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        found.append([str(each.message) for each in caught])
    return found


ODD: dict[str, tuple[dict[str, Callable[[np.ndarray], np.ndarray]], str]] = {
    "y and z swapped": ({"pos": lambda pos: pos[:, [0, 2, 1]]}, r"along y and .* along z, .* axes swapped\? Exchange"),
    "z downwards": ({"pos": lambda pos: pos * [1, 1, -1]}, "look turned round along z"),
    "millimetres": ({"pos": lambda pos: 1000 * pos}, r"at most 1 points where .* are positions in another unit"),
    "no intensity": ({"intensity": lambda v: 0 * v}, r"holds 'intensity' 0 at every point \(in training 16\d"),
    "16 bits": ({"intensity": lambda v: 250 * v}, r"'intensity' around 4.* ± .* in another unit"),
    "shares": ({"intensity": lambda v: v / np.float32(255)}, r"'intensity' around 0\.6\d+ ± .* in another unit"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_scans_have_one_message(name: str, model: str, tmp_path: Path) -> None:
    change, text = ODD[name]
    count = 60 if name == "millimetres" else 1500  # each of which is a tile of its own
    for messages in said(model, write(tmp_path / "odd.npz", moved(count, **change))):
        messages = [each for each in messages if "most points see no other point" not in each]
        assert len(messages) == 1 and re.search(text, messages[0]), messages


def test_scans_like_those_of_training_have_none(model: str, tmp_path: Path) -> None:
    """Other scans, anywhere, thinner ones, and those that hold every point ten times."""
    repeated = {name: np.repeat(values, 10, axis=0) for name, values in scan(1500, 5).items()}
    for number, found in enumerate([scan(1500, 7), scan(700, 8), repeated, moved(pos=lambda pos: pos + 1e6)]):
        assert said(model, write(tmp_path / f"{number}.npz", found)) == [[], []]


def test_fields_are_judged_scan_by_scan_and_named_once(model: str, tmp_path: Path) -> None:
    for number in range(3):
        found = scan(800, number)
        write(
            tmp_path / "scans" / f"{number}.npz", found, intensity=found["intensity"] * (200 if number else 1)
        )
    with pytest.warns(
        UserWarning, match=r"2 of 3 files, the first '1.npz', hold 'intensity' around 3"
    ) as caught:
        evaluate_model(model, tmp_path / "scans")
    assert len(caught) == 1
    few = {name: values[:50] for name, values in scan(800, 1).items()}  # too few to say what is usual
    assert not any("intensity" in each for each in said(model, write(tmp_path / "few.npz", few))[0])
