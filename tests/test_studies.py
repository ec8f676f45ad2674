"""Studies: every setting composes, trainings are done once, tests are those of the trainings, rows are complete."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from ccnn_pc._files import read_rows
from ccnn_pc.cli.compose import compose_config
from ccnn_pc.cli.run_folder import OVERRIDES, stored_overrides
from ccnn_pc.models import from_pretrained
from ccnn_pc.nn.statistics import batch_norms
from scripts.studies import (
    chartraj,
    harness,
    images,
    long_range,
    physionet,
    rates,
    resolutions,
    speech,
    stress,
)
from tests.datasets.series.test_series_configs import fake_mfcc
from tests.grid_files import write_images

pytestmark = pytest.mark.filterwarnings("ignore:.*results are those of a part")
ROOT = Path(__file__).resolve().parents[1]
SHORT = [
    "data.batch_size=6",
    "trainer.accelerator=cpu",
    "trainer.max_epochs=1",
    "trainer.limit_train_batches=2",
]
SHORT += ["trainer.limit_val_batches=1"]


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def run(
    study: ModuleType,
    data: Path,
    place: Path,
    *only: str,
    seeds: str = "0",
    words: tuple[str, ...] = (),
) -> list[Any]:
    """Rows of the table after a short study."""
    results = place / "results" / "table.csv"
    command = [str(data), "--runs", str(place / "runs"), "--results", str(results), "--only", *only]
    command += ["--seeds", *seeds.split(), "--set", *SHORT, *words]
    settings = study.SETTINGS
    assert harness.main(settings, about="", results=results, arguments=command) == 0
    return read_rows(results)


@pytest.mark.parametrize(
    "study",
    [chartraj, rates, physionet, stress, speech, images, resolutions, long_range],
    ids=lambda study: study.__name__,
)
def test_every_setting_and_every_test_composes(study: ModuleType) -> None:
    settings = study.SETTINGS
    assert len({setting.name for setting in settings}) == len(settings)
    for setting in settings:
        c = compose_config([*setting.words, *(word for test in setting.tests for word in test.words)])
        assert not setting.name.endswith("_ckcnn") or c.callbacks.solved.monitor.startswith("val/")
        if study in (stress, speech, images, resolutions, long_range):
            continue
        stamps = c.data.form == "irregular"
        said = not stamps and (c.data.drop > 0 or c.data.observed is True)
        said_when = c.data.get("counts", False) + c.data.get("indicators", False)
        channels = {"chartraj": 3 + said, "physionet2019": 41 + 34 * said_when}
        assert c.model.in_channels == c.data.in_channels == channels[c.data.name.split("_")[0]]
        assert stamps or not any(test.weights for test in setting.tests)
        assert stamps or c.data.observed or not c.data.train_drop


@pytest.mark.slow
def test_a_study_of_characters(places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only = ("mixed", "gru_dt_mixed")
    rows = run(chartraj, places / "characters", tmp_path, *only, seeds="0 1")
    order = [("mixed", "0"), ("mixed", "1"), ("gru_dt_mixed", "0")]
    drops = [f"drop {p}" for p in (0, 30, 50, 70)]
    assert [(row["setting"], row["seed"], row["tested_on"]) for row in rows] == [
        (*run, test) for run in order for test in drops
    ]
    for row in rows:
        assert 0 <= float(row["test_accuracy"]) <= 1 and row["n_test"] == rows[0]["n_test"]
        assert float(row["seconds_per_epoch"]) > 0 and row["epochs"] == row["max_epochs"] == "1"
        assert row["machine"] and row["versions"]
        limited = row["setting"] == "gru_dt_mixed"
        assert row.get("limit_core_minutes") == ("30" if limited else None)
        assert row.get("weights") == (None if limited else "cell")

    def never(words: list[str]) -> None:
        raise AssertionError(f"trained again: {words}")

    monkeypatch.setattr(harness, "run_experiment", never)
    again = run(chartraj, places / "characters", tmp_path, "mixed", seeds="1")
    assert again == rows
    other = ("optim.lr=0.3",)
    with pytest.raises(ValueError, match=r"seed1 holds a run of other settings \(optim.lr=0.3\)"):
        run(chartraj, places / "characters", tmp_path, "mixed", seeds="1", words=other)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mixed", "stamps", "random_constant", "random_lines"])
def test_what_is_tested_later_is_what_the_training_tests(name: str, places: Path, tmp_path: Path) -> None:
    """The training's own test, done again as a further one, gives the same numbers; others are on other data."""
    rows = run(chartraj, places / "characters", tmp_path, name, seeds="3")
    setting = next(s for s in chartraj.SETTINGS if s.name == name)
    words = [*setting.words, f"data.root={places / 'characters'}", "seed=3", "threads=1", *SHORT]
    folder, own = tmp_path / "runs" / name / "seed3", harness.Test("own", ("data.test_drop=0",))
    found = harness.scores(folder, words, own)
    assert {key: float(rows[0][key]) for key in found} == pytest.approx(found, abs=1e-6)
    if name == "stamps":
        rates, drops = [f"rate 1/{n}" for n in (2, 4, 8)], [f"drop {p}" for p in (30, 50, 70)]
        assert [row["tested_on"] for row in rows] == ["drop 0", *rates, *drops] * 3
        assert [row.get("weights") for row in rows] == ["cell"] * 7 + ["constant"] * 7 + [None] * 7
        assert [row["interpolation"] for row in rows] == ["none"] * 14 + ["linear"] * 7
        assert (
            len({row["test_accuracy"] for row in rows[::7]}) == 1
        )  # regular samples weigh 1, lines are the samples
    else:
        weights = {"mixed": "cell", "random_constant": "constant", "random_lines": None}
        assert {row.get("weights") for row in rows} == {weights[name]}


@pytest.mark.slow
def test_an_interrupted_training_goes_on(
    places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = harness.run_experiment

    def interrupted(words: list[str]) -> Any:
        once([*words, "trainer.max_epochs=1"])
        folder = Path(words[-1].split("=", 1)[1])
        (folder / "result.json").unlink()
        typed = folder / OVERRIDES  # what a training that is stopped after an epoch has there
        typed.write_text(typed.read_text().replace("trainer.max_epochs=1", "trainer.max_epochs=2"))
        raise harness.TrainingInterrupted(15)

    monkeypatch.setattr(harness, "run_experiment", interrupted)
    place = ["--runs", str(tmp_path / "runs"), "--results", str(tmp_path / "table.csv"), "--only", "drop0"]
    words = [str(places / "characters"), *place, "--seeds", "0", "--set", *SHORT, "trainer.max_epochs=2"]
    command: dict[str, Any] = {"about": "", "results": tmp_path / "table.csv", "arguments": words}
    assert harness.main(chartraj.SETTINGS, **command) == 128 + 15
    assert read_rows(tmp_path / "table.csv") == []
    monkeypatch.setattr(harness, "run_experiment", once)
    assert harness.main(chartraj.SETTINGS, **command) == 0
    epochs = [row["epochs"] for row in read_rows(tmp_path / "table.csv")]
    assert epochs == ["2"] * 7  # its own test, three rates, and sums over samples at these
    assert any(word.startswith("resume=") for word in stored_overrides(tmp_path / "runs" / "drop0" / "seed0"))


@pytest.mark.slow
def test_a_study_of_patients(places: Path, tmp_path: Path) -> None:
    rows = run(physionet, places / "hospital", tmp_path, "tiny", "gru_d_no_counts")
    assert [(row["setting"], row["tested_on"]) for row in rows] == [
        ("tiny", "test"),
        ("gru_d_no_counts", "test"),
    ]
    assert all(0 <= float(row["test_auc"]) <= 1 for row in rows) and rows[0]["model"] == "ccnn_tiny_grid"
    assert int(rows[0]["parameters"]) > int(rows[1]["parameters"])


@pytest.mark.parametrize(("threshold", "epochs"), [("-1", "1"), ("2", "3")])
def test_a_stress_task_ends_once_it_is_solved(threshold: str, epochs: str, tmp_path: Path) -> None:
    words = [
        "--runs",
        str(tmp_path / "runs"),
        "--results",
        str(tmp_path / "table.csv"),
        "--only",
        "copy_memory_100_ckcnn",
    ]
    words += [
        "--set",
        "trainer.limit_train_batches=1",
        "trainer.limit_val_batches=1",
        "trainer.limit_test_batches=1",
    ]
    words += [
        "trainer.max_epochs=3",
        f"callbacks.solved.stopping_threshold={threshold}",
        "trainer.accelerator=cpu",
    ]
    settings, results = stress.SETTINGS, tmp_path / "table.csv"
    assert harness.main(settings, about="", results=results, data=False, arguments=words) == 0
    (row,) = read_rows(tmp_path / "table.csv")
    assert (row["setting"], row["epochs"], row["tested_on"]) == ("copy_memory_100_ckcnn", epochs, "test")
    assert float(row["test_accuracy"]) < 1 and row["limit_core_minutes"] == "30"


@pytest.mark.slow
@pytest.mark.timeout(1800)  # adding at 1000 takes seven core minutes
@pytest.mark.parametrize("length", [100, 200, 1000])
@pytest.mark.parametrize("task", ["copy_memory", "adding"])
def test_stress_tasks_are_solved(task: str, length: int, tmp_path: Path) -> None:
    """All ten symbols of a thousand sequences, and a squared error of at most 1e-4."""
    results = tmp_path / "table.csv"
    words = [
        "--runs",
        str(tmp_path / "runs"),
        "--only",
        f"{task}_{length}",
        "--set",
        "trainer.accelerator=cpu",
    ]
    settings = stress.SETTINGS
    assert harness.main(settings, about="", results=results, data=False, arguments=words) == 0
    (row,) = read_rows(results)
    assert row["n_test"] == "1000"
    assert float(row["test_accuracy"]) == 1.0 if task == "copy_memory" else float(row["test_mse"]) <= 1e-4


def test_a_study_of_images_tests_other_samplings(tmp_path: Path) -> None:
    """Other samplings are other tests; all pixels are the training's own."""
    root = write_images("cifar10", tmp_path / "data")
    rows = run(images, root, tmp_path, "cifar10")
    assert [row["tested_on"] for row in rows] == ["pixels", "pixels:2", *images.OTHERS]
    assert len({row["n_test"] for row in rows}) == 1
    words = ["experiment=cifar10_tiny", f"data.root={root}", "seed=0", *SHORT]
    again = harness.Test("again", sampling="pixels")
    found = harness.scores(tmp_path / "runs/cifar10/seed0", words, again)
    assert {key: float(rows[0][key]) for key in found} == pytest.approx(found, abs=1e-6)


def test_a_study_of_digits(places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_mfcc(monkeypatch)
    rows = run(speech, places / "digits", tmp_path, "mfcc")
    assert [(row["setting"], row["tested_on"]) for row in rows] == [("mfcc", "rate 1"), ("mfcc", "rate 1/2")]


@pytest.mark.slow
def test_fine_tuning_begins_with_the_network_of_the_same_seed(tmp_path: Path) -> None:
    """A rate of nearly nothing leaves what it began with; asked at 32 x 32 both give the same answers."""
    root = write_images("cifar10", tmp_path / "data")
    rows = run(resolutions, root, tmp_path, "magnet", "magnet_tuned", words=("optim.lr=1e-12",))
    found = [(row["setting"], row["tested_on"]) for row in rows]
    assert found == [("magnet", "16 x 16"), ("magnet", "32 x 32"), ("magnet_tuned", "32 x 32")]
    trained, tuned = (
        from_pretrained(tmp_path / f"runs/{name}/seed0/model") for name in ("magnet", "magnet_tuned")
    )
    for (name, before), after in zip(trained.named_parameters(), tuned.parameters(), strict=True):
        torch.testing.assert_close(after, before, atol=1e-6, rtol=0, msg=name)
    x = torch.rand(4, 3, 32, 32)
    for norm in (*batch_norms(trained), *batch_norms(tuned)):
        norm.track_running_stats, norm.running_mean, norm.running_var = False, None, None
    torch.testing.assert_close(tuned(x), trained(x, spacing=1.0), atol=1e-4, rtol=1e-4)
