"""From a table on the command line to a model, its scores, and answers for new rows."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from ccnn_pc.cli.app import main
from ccnn_pc.cli.compose import UsageError, compose_config, with_experiment
from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.follow import follow_data
from ccnn_pc.cli.predict import predict_files
from ccnn_pc.cli.train import run_experiment
from ccnn_pc.datasets import LongCSV, SeriesPreprocessing
from ccnn_pc.models import SamplingWarning, from_pretrained
from tests.long_tables import labels_of, observations, write, write_labels, write_table

ROWS = observations(60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, its labels, and two runs of two steps on them: of classes, and of one logit with counts."""
    place = tmp_path_factory.mktemp("tables")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CCNN_PC_CACHE", str(place / "cache"))
        write_table(place, ROWS)
        write_labels(place, ROWS)
        train(place, "name=classes")
        train(place, "name=chance", "task=binary", "data.counts=true", "model.dropout=0")
    return place


def train(place: Path, *more: str) -> dict[str, Any]:
    torch.manual_seed(0)
    return run_experiment(
        [
            "data=long_csv",
            f"data.root={place / 'table.csv'}",
            f"data.labels={place / 'labels.csv'}",
            f"runs={place / 'runs'}",
            "trainer.accelerator=cpu",
            "trainer.max_epochs=2",
            "data.batch_size=21",
            *more,
        ]
    )


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))


def result_of(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "runs" / name / "latest/result.json").read_text())
    return found


def test_data_alone_stand_for_an_experiment() -> None:
    assert with_experiment(["data=long_csv"])[0] == "experiment=long_csv_tiny"
    assert with_experiment(["seed=1", "data=folder"])[0] == "experiment=folder"
    assert with_experiment(["data=long_csv", "experiment=folder"]) == ["data=long_csv", "experiment=folder"]
    with pytest.raises(UsageError, match=r"'data=stl10' needs an experiment \(there is no stl10"):
        compose_config(["data=stl10"])
    assert compose_config(["data=long_csv"]).name == "long_csv_tiny"


def test_what_the_user_says_of_the_data_stays() -> None:
    config = compose_config(["data=long_csv", "data.spacing=0.5"])
    measured = {"in_channels": 3, "shape": [20], "spacing": 2.0, "table": {"variables": ["a"]}}
    follow_data(config, measured)
    assert (config.model.in_channels, list(config.model.shape), config.model.spacing) == (3, [20], 0.5)
    assert config.model.dim == 1 and config.data.preprocessing.table.variables == ["a"]


def test_a_model_is_as_long_and_wide_as_its_table(folder: Path) -> None:
    data = LongCSV(folder / "table.csv", labels=folder / "labels.csv")
    facts = data.measured()
    model = from_pretrained(folder / "runs/classes/latest/model")
    assert (model.in_channels, model.classes) == (2, ["calm", "wild"])
    assert (model.config["shape"], model.config["spacing"]) == (facts["shape"], facts["spacing"])
    assert model.preprocessing.table == data.description()
    assert from_pretrained(folder / "runs/chance/latest/model").in_channels == 4
    stored: Any = OmegaConf.load(folder / "runs/classes/latest/config.yaml")
    assert stored.data.in_channels == 2 and stored.data.spacing == facts["spacing"]


@pytest.mark.parametrize("name", ["classes", "chance"])
def test_evaluate_gives_the_scores_of_the_training(name: str, folder: Path) -> None:
    model, result = str(folder / "runs" / name / "latest/model"), result_of(folder, name)
    found = evaluate_model(
        model, folder / "table.csv", labels=folder / "labels.csv", split="test", batch_size=4
    )
    assert found["n"] == result["n_test"] == 9
    for score in ("accuracy", "mean_class_accuracy", "auc"):
        assert found[score] == pytest.approx(result[f"test_{score}"], abs=1e-6)
    assert evaluate_model(model, folder / "table.csv", labels=folder / "labels.csv")["n"] == 60


def test_the_area_is_that_of_all_pairs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """P(s₊ > s₋) + P(s₊ = s₋) / 2, counted pair by pair, from the answers of `predict`."""
    model = str(folder / "runs/chance/latest/model")
    answers = {
        row["id"]: row["probabilities"]["wild"] for row in predict_files(model, [folder / "table.csv"])
    }
    wild, calm = (
        [p for name, p in answers.items() if labels_of(ROWS)[name] == label] for label in ("wild", "calm")
    )
    pairs = [(p > q) + 0.5 * (p == q) for p in wild for q in calm]
    words = ["evaluate", model, "--data", str(folder / "table.csv"), "--labels", str(folder / "labels.csv")]
    for more in (["--json"], []):
        with pytest.raises(SystemExit):
            main([*words, *more])
        said = capsys.readouterr().out.splitlines()[-1]
        if more:
            assert json.loads(said)["auc"] == pytest.approx(sum(pairs) / len(pairs), abs=1e-6)
        else:
            assert f"AUC {sum(pairs) / len(pairs):.4f}" in said


def test_there_is_no_area_of_one_class(folder: Path, tmp_path: Path) -> None:
    rows = [row for row in ROWS if labels_of(ROWS)[row[0]] == "wild"]
    labelled = write(
        tmp_path / "wild.csv", ("id", "time", "variable", "value", "label"), [(*row, "wild") for row in rows]
    )
    model = str(folder / "runs/chance/latest/model")
    with pytest.raises(ValueError, match="must have at least two labels"):
        LongCSV(labelled, None)
    assert "auc" not in evaluate_model(model, labelled) and evaluate_model(model, labelled)["n"] == 30


def test_answers_for_new_rows(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = write_table(tmp_path, observations(7, seed=5)[::-1], "new.csv")
    broken = write(tmp_path / "broken.csv", ("id", "time", "variable", "value"), [("a", "noon", "temp", 1)])
    model, answers = str(folder / "runs/classes/latest/model"), tmp_path / "out" / "answers.csv"
    with pytest.raises(SystemExit) as left:
        main(["predict", model, str(broken), str(new), "--json", "--csv", str(answers)])
    assert left.value.code == 0
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert rows[0]["error"].startswith(f"'{broken}' line 2: 'time' must be a finite number")
    assert [row["id"] for row in rows[1:]] == [f"s{n:02d}" for n in range(7)]
    with open(answers, newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["id"] for row in table] == ["", *(row["id"] for row in rows[1:])]
    assert [row["class"] for row in table[1:]] == [row["class"] for row in rows[1:]]
    assert [float(row["p(wild)"]) for row in table[1:]] == [row["probabilities"]["wild"] for row in rows[1:]]
    # a series answers among others as it does alone
    alone = write_table(tmp_path, [row for row in observations(7, seed=5) if row[0] == "s03"], "alone.csv")
    (one,) = predict_files(model, [alone])
    assert one["probabilities"] == pytest.approx(rows[4]["probabilities"], abs=1e-5)
    with pytest.raises(SystemExit):
        main(["predict", model, str(new)])
    printed = capsys.readouterr().out
    assert "s06" in printed and "%" in printed and not (tmp_path / "plots").exists()


def test_that_all_of_a_table_is_read_is_said(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, table = str(folder / "runs/classes/latest/model"), write_table(tmp_path, ROWS, "same.csv")
    evaluate_model(model, table, labels=folder / "labels.csv", split="test")
    assert "is read; where" not in capsys.readouterr().err
    evaluate_model(model, table, labels=folder / "labels.csv")
    assert (
        "same.csv is read; where a model was trained on it, --split test leaves out"
        in capsys.readouterr().err
    )


def test_each_table_is_compared_with_the_training(folder: Path, tmp_path: Path) -> None:
    """A second table in another unit is named as well."""
    model, rows = str(folder / "runs/classes/latest/model"), observations(7, seed=5)
    tables = [
        write_table(tmp_path, [(n, t, what, factor * value) for n, t, what, value in rows], f"{factor}.csv")
        for factor in (100, 1000)
    ]
    with pytest.warns(SamplingWarning) as told:
        predict_files(model, tables)
    larger = [float(re.findall(r"is ([\d.e+]+) times larger", str(each.message))[0]) for each in told]
    assert len(larger) == 2 and larger[1] > 5 * larger[0]


def test_long_answers_are_cut_for_people(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write(
        tmp_path / "many.csv",
        ("id", "time", "variable", "value"),
        [(f"n{i}", 1, "temp", i) for i in range(130)],
    )
    with pytest.raises(SystemExit):
        main(["predict", str(folder / "runs/classes/latest/model"), str(table)])
    assert "and 30 more: --csv and --json write all" in capsys.readouterr().out


def test_labels_are_for_tables(tmp_path: Path) -> None:
    from ccnn_pc.cli.open_data import open_data

    with pytest.raises(ValueError, match=r"'labels' must be left out for this model, which reads no tables"):
        open_data("oscillations", SeriesPreprocessing(form="irregular"), labels="labels.csv")


def test_a_run_on_a_table_goes_on(folder: Path, tmp_path: Path) -> None:
    """With the sizes that its model was made with, even if the table has changed."""
    words = ("name=parts", f"runs={tmp_path}", "optim.schedule=null")
    first = train(folder, *words, "trainer.max_epochs=1")
    config = tmp_path / "parts/latest/model/config.json"
    stored = json.loads(config.read_text())["model"]
    faster = [(name, time / 2, variable, value) for name, time, variable, value in ROWS]
    again = train(folder, *words, "resume=last", f"data.root={write_table(tmp_path, faster)}")
    assert (first["epochs"], again["epochs"]) == (1, 2)
    assert json.loads(config.read_text())["model"] == stored
