"""The pages that commands leave: the same numbers as the scores, the right pictures, never at the cost of a result."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ccnn_pc.cli.report_evaluation
import ccnn_pc.cli.report_run
from ccnn_pc.cli.app import main
from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.gathered import Gathered, all_told
from ccnn_pc.cli.item_cards import _farthest, _surest_right
from ccnn_pc.datasets.common.grid_data import GridData, collate
from ccnn_pc.models import create_model, save_pretrained
from ccnn_pc.models.task import Task
from tests.pages import clouds_of, read_page

PREPROCESSING = {"num_points": 20, "normalize": "box", "features": ["normal", "pos"], "num_neighbors": 5}
NAMES = ["<b>a</b>", "b", "c"]


@pytest.fixture
def trial(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """An untrained network, and 30 random clouds whose classes have names that are markup."""
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ccnn_pc.cli.report.REPORTS", Path("reports"))
    torch.manual_seed(0)
    network = create_model("ccnn_4_16", dim=3, in_channels=6, out_channels=3)
    model = save_pretrained(network, tmp_path / "model", classes=NAMES, preprocessing=PREPROCESSING)
    normals = rng.normal(size=(30, 40, 3))
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    points, label = rng.uniform(-1, 1, (30, 40, 3)), rng.integers(0, 3, 30)
    np.savez(tmp_path / "clouds.npz", points=points, normals=normals, label=label, classes=np.array(NAMES))
    return str(model), "clouds.npz"


def test_an_evaluation_leaves_a_page(trial: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Its confusions, its mistakes and its head are those of the scores."""
    model, data = trial
    main_done = pytest.raises(
        SystemExit, main, ["evaluate", "model", "--data", data, "--seed", "3", "--json"]
    )
    said = capsys.readouterr()
    result = json.loads(said.out.splitlines()[-1])
    assert main_done.value.code == 0 and said.err.splitlines()[-1] == "report: reports/model_on_clouds.html"
    page = read_page(Path("reports/model_on_clouds.html"))
    assert f"accuracy {100 * result['accuracy']:.2f} %" in page.text
    counts = {(cell["data-true"], cell["data-said"]): cell["title"] for cell in page.all_of("td", "some")}
    hits = sum(
        int(title.split(": ")[1].split(",")[0]) for (true, said), title in counts.items() if true == said
    )
    assert hits == round(30 * result["accuracy"])
    wrong, right = (page.all_of("figure", kind) for kind in ("wrong", "right"))
    assert 0 < len(wrong) <= 12 and len(right) == sum(true == said for true, said in counts)
    assert all((card["data-true"], card["data-said"]) in counts for card in wrong + right)
    assert all(card["data-true"] != card["data-said"] for card in wrong)
    assert [told["count"] for told in clouds_of(page)][: len(wrong + right)] == [20] * len(wrong + right)
    assert "ccnn-pc evaluate model --data clouds.npz --seed 3" in page.text and "Calibration" in page.text
    first = evaluate_model(model, data, seed=3)
    assert first == {**result, "model": model}  # the page changes no number


def test_where_the_page_of_an_evaluation_lies(
    trial: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    model, data = trial
    for words, place in (
        (["--out", "answers.csv"], "answers_report.html"),
        (["--html", "own/page.html"], "own/page.html"),
        (["--html", "own/page.html"], "own/page.html"),  # again
    ):
        pytest.raises(SystemExit, main, ["evaluate", model, "--data", data, *words])
        assert capsys.readouterr().err.splitlines()[-1] == f"report: {place}" and Path(place).exists()
    before = set(Path().rglob("*.html"))
    pytest.raises(SystemExit, main, ["evaluate", model, "--data", data, "--no-html"])
    assert set(Path().rglob("*.html")) == before and "report:" not in capsys.readouterr().err
    Path("mine.html").write_text("mine")
    pytest.raises(SystemExit, main, ["evaluate", model, "--data", data, "--html", "mine.html"])
    assert "'html' must be a new file or a page of ccnn-pc" in capsys.readouterr().err
    assert Path("mine.html").read_text() == "mine"


def test_a_page_that_fails_costs_nothing(
    trial: tuple[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **options: Any) -> Any:
        raise RuntimeError("no ink")

    plain = evaluate_model(*trial)
    with monkeypatch.context() as here:
        here.setattr(ccnn_pc.cli.report_evaluation, "judged_sections", broken)
        assert evaluate_model(*trial, html=Path("page.html")) == plain
    assert capsys.readouterr().err.splitlines()[-1] == "warning: no report (RuntimeError: no ink)"
    assert not Path("page.html").exists()
    monkeypatch.setattr(Gathered, "_add_classes", broken)
    assert evaluate_model(*trial, html=Path("page.html")) == plain
    assert "no report (ValueError: RuntimeError: no ink)" in capsys.readouterr().err


def test_a_page_whose_items_are_not_those_of_the_scores_is_not_written(
    trial: tuple[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = Gathered._add_classes
    monkeypatch.setattr(Gathered, "_add_classes", lambda self, said, true: taken(self, said.flip(1), true))
    evaluate_model(*trial, html=Path("page.html"))
    assert "no report (ValueError: the items of the page have accuracy" in capsys.readouterr().err
    assert not Path("page.html").exists()


def test_the_surest_mistakes_come_first() -> None:
    gathered = Gathered(Task("classification"))
    sure = torch.tensor([0.6, 0.9, 0.8, 0.7, 0.95])
    said, truth = torch.tensor([0, 1, 0, 1, 0]), torch.tensor([1, 0, 1, 1, 0])
    logits = torch.stack([torch.where(said == k, sure, 1 - sure) for k in (0, 1)], dim=1).log()
    data = collate([GridData(x=torch.zeros(1, 1, 4)) for _ in range(5)])
    all_told(gathered)(data, logits, truth)
    assert gathered.sure == pytest.approx(sure.tolist(), abs=1e-6)
    assert _farthest(gathered, 2) == [1, 2] and _farthest(gathered, 9) == [1, 2, 0]
    assert _surest_right(gathered) == [4, 3]
    assert gathered.calibration.count == 5 and gathered.calibration.hits.sum() == 2


def test_samples_that_do_not_count_are_not_mistakes() -> None:
    """Of steps only the last ones that have a target; of points those whose class is known."""
    gathered = Gathered(Task("steps", last=3))
    logits = torch.zeros(1, 2, 5)
    logits[:, 1] = 4.0
    truth = torch.tensor([[0, 0, 1, -100, 0]])
    gathered(collate([GridData(x=torch.zeros(1, 1, 5))]), logits, truth)
    assert gathered.off == [0.5] and gathered.calibration.count == 2
    assert gathered.sure == [pytest.approx(float(torch.tensor(4.0).sigmoid()))]


def test_a_run_leaves_a_page(
    words: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.raises(SystemExit, main, ["train", *words(f"run_dir={tmp_path / 'run'}", "seed=5"), "--json"])
    said = capsys.readouterr()
    result = json.loads(said.out.splitlines()[-1])
    out = tmp_path / "run" / "report.html"
    assert said.err.splitlines()[-1] == f"report: {out}"
    page = read_page(out)
    assert f"accuracy {100 * result['test_accuracy']:.2f} %" in page.text
    counts = sum(int(cell["title"].split(": ")[1].split(",")[0]) for cell in page.all_of("td", "some"))
    assert counts == result["n_test"] == 24
    for part in (
        "Curves",
        "Surest mistakes",
        "Calibration",
        "Kernels and windows",
        "per_class=4",
        "num_neighbors: 6",
    ):
        assert part in page.text
    assert "run_dir=" not in page.text.split("configuration")[0]
    drawn = [
        json.loads(chart["data-lines"]) for chart in page.all_of("div", "chart") if "data-lines" in chart
    ]
    losses = next(each for each in drawn if each["lines"][0]["name"] == "training")["lines"]
    rows = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert [len(line["x"]) for line in losses] == [3, 3] and len(rows) >= 4


def test_a_run_without_a_page_or_with_one_that_fails(
    words: Callable[..., list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = ["trainer.max_epochs=1", "report=false"]
    pytest.raises(SystemExit, main, ["train", *words(f"run_dir={tmp_path / 'a'}", *one)])
    assert not (tmp_path / "a" / "report.html").exists() and "report:" not in capsys.readouterr().err

    def broken(*args: Any, **options: Any) -> Any:
        raise RuntimeError("no ink")

    monkeypatch.setattr(ccnn_pc.cli.report_run, "judged_sections", broken)
    done = pytest.raises(SystemExit, main, ["train", *words(f"run_dir={tmp_path / 'b'}", one[0])])
    said = capsys.readouterr().err
    assert done.value.code == 0 and said.count("warning: no report (RuntimeError: no ink)") == 1
    assert (tmp_path / "b" / "result.json").exists() and "report:" not in said


def test_a_run_that_is_interrupted_leaves_its_curves(
    words: Callable[..., list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tests.cli.conftest import stop_at

    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "training"))
    run = words(f"run_dir={tmp_path / 'run'}", *stop_at(6, tmp_path / "marker", signal.SIGINT))
    done = pytest.raises(SystemExit, main, ["train", *run])
    assert done.value.code == 128 + signal.SIGINT
    page = read_page(tmp_path / "run" / "report.html")
    assert (
        "stopped by SIGINT: no test yet" in page.text
        and "Curves" in page.text
        and f"resume={tmp_path / 'run'}" in page.text
    )
    assert "Confusions" not in page.text
