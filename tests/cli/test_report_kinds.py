"""Pages of evaluations of scenes, of parts, of numbers and of stamps: their pictures say what was scored."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.gathered import Gathered
from ccnn_pc.cli.item_cards import error_in_words, in_units, item_sections
from ccnn_pc.datasets import PointCloudData
from ccnn_pc.datasets.common.grid_data import GridData, collate
from ccnn_pc.datasets.scenes.targets import NumberTarget
from ccnn_pc.models import create_model, save_pretrained
from ccnn_pc.models.task import Task
from tests.pages import Reader, clouds_of, read_page
from tests.scans import scene_model, write_scan


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))


def test_scenes_are_shown_whole(tmp_path: Path) -> None:
    """Of each file its kept points with answer, truth and errors; the worst first."""
    for seed in range(2):
        write_scan(tmp_path / "scans" / f"{seed}.laz", seed=seed)
    result = evaluate_model(scene_model(tmp_path / "m"), tmp_path / "scans", html=tmp_path / "page.html")
    page = read_page(tmp_path / "page.html")
    scenes = [told for told in clouds_of(page) if any(view["name"] == "errors" for view in told["views"])]
    rows = sorted(result["files"], key=lambda row: row["accuracy"])
    assert len(scenes) == 2 and page.text.index(Path(rows[0]["file"]).name) < page.text.index(
        Path(rows[1]["file"]).name
    )
    for told in scenes:
        said, truth, errors = (view["rows"] for view in told["views"])
        assert ((said != truth) == (errors == 1))[errors < 2].all() and len(said) > 50
    assert (
        f"accuracy {100 * result['accuracy']:.2f} %" in page.text
        and f"mean IoU {100 * result['mean_iou']:.2f} %" in page.text
    )


def test_numbers(tmp_path: Path, rng: np.random.Generator) -> None:
    for name in ("1.5", "2", "-3"):
        (tmp_path / "shapes" / name).mkdir(parents=True)
        for number in range(4):
            np.save(tmp_path / "shapes" / name / f"{number}.npy", rng.normal(size=(30, 3)))
    torch.manual_seed(1)
    network = create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=1, num_neighbors=5)
    cloud = {"num_points": 20, "features": ["pos"], "num_neighbors": 5}
    model = save_pretrained(
        network, tmp_path / "m", classes=["value"], preprocessing=cloud, task="regression"
    )
    result = evaluate_model(str(model), tmp_path / "shapes", html=tmp_path / "page.html")
    page = read_page(tmp_path / "page.html")
    assert f"value: root mean square error {result['rmse']:.3g}" in page.text
    assert f"RMSE {result['rmse']:.4g}" in page.text and "Confusions" not in page.text
    assert "Farthest off" in page.text and page.text.count("off by") == 8
    dots = page.all_of("circle")
    assert len(dots) == 12 and len({dot["cx"] for dot in dots}) == 3  # three true values


def model_of(outputs: int, task: Task, **options: Any) -> Any:
    torch.manual_seed(0)
    model: Any = create_model("ccnn_4_16", out_channels=outputs, **options)
    model.task, model.classes = task, [f"class {i}" for i in range(outputs)]
    return model.eval()


class Items(list[Any]):
    def set_epoch(self, epoch: int) -> None:
        pass


def pages_of(model: Any, items: list[Any]) -> tuple[Gathered, Reader]:
    gathered = Gathered(model.answers)
    for pair in (items[:2], items[2:]):
        batch = collate(pair)
        with torch.no_grad():
            gathered(batch, model(batch), batch.y)
    (section,) = item_sections(model, gathered, Items(items))
    return gathered, Reader("".join(str(card.drawing) for card in section.cards))


def test_points_and_their_numbers() -> None:
    """The share of wrong points of each cloud, whatever batch it was in; numbers with their errors."""
    items = [PointCloudData(pos=torch.rand(n, 3), y=torch.randint(3, (n,))) for n in (20, 30, 25, 40)]
    items[1].y[:10] = -100
    model = model_of(3, Task("points"), dim=3, in_channels=3, pool=None, norm="layer")
    gathered, page = pages_of(model, items)
    for item, off in zip(items, gathered.off, strict=True):
        with torch.no_grad():
            said = model(item).argmax(dim=1)
        known = item.y >= 0
        assert off == pytest.approx(float((said != item.y)[known].double().mean()))
    counts = [told["count"] for told in clouds_of(page)]
    order = sorted(range(4), key=lambda i: -gathered.off[i])
    assert sorted(counts) == [20, 25, 30, 40] and gathered.off[order[0]] >= gathered.off[order[-1]]
    assert gathered.calibration.count == 105
    numbers = model_of(2, Task("regression", error="squared"), dim=3, in_channels=3, pool=None, norm="layer")
    items = [PointCloudData(pos=torch.rand(n, 3), y=torch.randn(n, 2)) for n in (20, 30, 25, 40)]
    items[0].y[3] = torch.nan
    gathered, page = pages_of(numbers, items)
    with torch.no_grad():
        error = (numbers(items[0]) - items[0].y).square().mean(dim=1)
    assert gathered.off[0] == pytest.approx(float(error[~error.isnan()].mean()) ** 0.5, rel=1e-5)
    names = [view["name"] for view in clouds_of(page)[0]["views"]]
    assert names == [f"{part} class {i}" for i in (0, 1) for part in ("answer", "true", "error")]
    assert gathered.numbers is not None and gathered.numbers[0].shape == (114, 2)


def test_stamps_of_sequences() -> None:
    """Two strips below a sequence, the answers over the truth."""
    items = [GridData(x=torch.randn(1, 2, 12), y=torch.randint(3, (1, 12))) for _ in range(4)]
    model = model_of(3, Task("steps"), dim=1, in_channels=2, shape=[12], pool=None)
    gathered, page = pages_of(model, items)
    with torch.no_grad():
        wrong = [float((model(item)[0].argmax(dim=0) != item.y[0]).double().mean()) for item in items]
    assert gathered.off == pytest.approx(wrong)
    titles = {words.split(":")[0] for words in page.words if ": class " in words}
    assert titles == {"answer", "truth"}


def test_numbers_of_scenes_are_in_the_units_of_the_files() -> None:
    """A network answers scaled ones; what is drawn, and how far off it is, has the unit of the scores."""
    target = NumberTarget(("height",), scales=((10.0, 2.0),))
    model: Any = SimpleNamespace(
        preprocessing=SimpleNamespace(wanted=target), answers=Task("regression", error="squared")
    )
    assert in_units(model, np.array([[1.0], [-1.0]])).tolist() == [[12.0], [8.0]]
    assert error_in_words(model, 0.5) == "off by 1"
    plain: Any = SimpleNamespace(preprocessing=None, answers=model.answers)
    assert (
        in_units(plain, np.array([[1.0]])).tolist() == [[1.0]] and error_in_words(plain, 0.5) == "off by 0.5"
    )
