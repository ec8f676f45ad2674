"""Pictures with their channels in another order: a warning where means and labels agree, else none."""

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
from ccnn_pc.cli.predict import predict_files
from ccnn_pc.cli.transfer import transfer_model
from ccnn_pc.datasets import ImageFolder, collate
from ccnn_pc.models import create_model, measure, save_pretrained

SIDE = 8
Change = Callable[[np.ndarray], np.ndarray]


def pictures(folder: Path, count: int, seed: int, change: Change = lambda picture: picture) -> Path:
    """Brown ones; the left or the right half has more red, and there is something that means nothing in blue."""
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(seed)
    for number in range(count):
        picture = rng.normal(0, 0.03, (SIDE, SIDE, 3)) + [0.6, 0.45, 0.3] + rng.normal(0, 0.05)
        halves = (slice(None), slice(SIDE // 2) if number % 2 else slice(SIDE // 2, None))
        picture[halves[0], halves[1], 0] += 0.2
        picture[:, slice(SIDE // 2) if rng.random() < 0.5 else slice(SIDE // 2, None), 2] += 0.2
        path = folder / "lr"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.fromarray(np.rint(255 * change(picture).clip(0, 1)).astype(np.uint8)).save(path)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("colours")
    patch = pytest.MonkeyPatch()
    patch.setenv("CCNN_PC_CACHE", str(folder / "cache"))
    scaling: Any = ([0.6, 0.45, 0.3], [0.1, 0.05, 0.1])
    known: Any = ImageFolder(pictures(folder / "train", 48, 0), scaling=scaling)
    torch.manual_seed(0)
    network: Any = create_model("ccnn_4_16", dim=2, in_channels=3, out_channels=2, shape=[SIDE, SIDE])
    batch = collate([known[i] for i in range(len(known))])
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    for _ in range(40):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(batch), batch.y).backward()
        optimizer.step()
    network.trained_on = measure(network.reading, [known[i] for i in range(len(known))])
    used = {"view": "image", "mean": scaling[0], "std": scaling[1]}
    yield str(save_pretrained(network.eval(), folder / "m", classes=["l", "r"], preprocessing=used))
    patch.undo()


def said(model: str, folder: Path) -> list[list[str]]:
    found = []
    for call in (
        lambda: evaluate_model(model, folder),
        lambda: transfer_model(model, folder, "pixels", []),
        lambda: predict_files(model, [folder]),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        found.append([str(each.message) for each in caught if "mean colours" in str(each.message)])
    return found


@pytest.mark.parametrize("order", [(2, 1, 0), (1, 2, 0)])
def test_another_order_is_named(order: tuple[int, ...], model: str, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "turned", 32, 1, lambda picture: picture[..., list(order)])
    back = "".join("RGB"[order.index(place)] for place in range(3))
    *asked, alone = said(model, folder)
    assert alone == []  # of files without labels it cannot be known
    for (message,) in asked:
        found = re.search(rf"order {back} .* of 32 pictures (\d+) instead of (\d+)", message)
        assert found is not None and int(found[1]) >= 31 and int(found[2]) < 26


def test_the_same_order_has_none(model: str, tmp_path: Path) -> None:
    """Others like those of training; blue ones, which the network knows as they are; and a few."""
    assert evaluate_model(model, pictures(tmp_path / "same", 32, 1))["accuracy"] > 0.95
    assert said(model, tmp_path / "same") == [[], [], []]
    assert said(model, pictures(tmp_path / "blue", 32, 2, lambda p: p + [-0.3, 0.0, 0.3])) == [[], [], []]
    assert said(model, pictures(tmp_path / "few", 16, 3, lambda p: p[..., ::-1])) == [[], [], []]
