from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ccnn_pc.cli.answers import class_probabilities
from ccnn_pc.cli.app import main
from ccnn_pc.cli.predict import predict_files
from ccnn_pc.cli.read_file import read_input
from ccnn_pc.datasets import preprocessing_from_json, preprocessing_transform
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.models import create_model, save_pretrained

CLASSES = ["bed", "chair", "desk"]
PREPROCESSING = {"num_points": 64, "normalize": "box", "features": ["normal", "pos"], "num_neighbors": 8}
TETRAHEDRON = "OFF\n4 4 6\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.manual_seed(0)
    network = create_model("ccnn_4_16", dim=3, in_channels=6, out_channels=3)
    return str(
        save_pretrained(
            network, tmp_path_factory.mktemp("models") / "tiny", classes=CLASSES, preprocessing=PREPROCESSING
        )
    )


@pytest.fixture
def mesh(tmp_path: Path) -> str:
    path = tmp_path / "solid.off"
    path.write_text(TETRAHEDRON)
    return str(path)


def run(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    return int(stopped.value.code or 0)


def test_lost_points_are_counted(model: str, tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(80, 6))
    np.save(tmp_path / "whole.npy", points)
    points[[3, 5], 1] = np.nan, np.inf
    np.save(tmp_path / "holes.npy", points)
    with pytest.warns(
        DataWarning, match=r"holes.npy': 2 points are NaN or infinite, .* and are left out"
    ) as caught:
        rows = predict_files(model, [tmp_path / "whole.npy", tmp_path / "holes.npy"])
    assert len(caught) == 1 and not any("error" in row for row in rows)


def test_json_of_several_files(
    model: str, mesh: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.off"
    broken.write_text("OFF\n4 4")
    normals = torch.nn.functional.normalize(torch.randn(100, 3), dim=1)
    cloud = tmp_path / "cloud.npy"
    np.save(cloud, torch.cat([torch.rand(100, 3), normals], dim=1).numpy())
    files = [str(broken), mesh, str(cloud), str(tmp_path / "none.off")]
    assert run(["predict", model, *files, "--json", "--out", str(tmp_path / "pictures")]) == 0
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [row["file"] for row in rows] == files
    for row in (rows[0], rows[3]):
        assert set(row) == {"file", "error"} and Path(row["file"]).name in row["error"]
    for row in (rows[1], rows[2]):
        assert set(row) == {"file", "class", "probability", "probabilities", "read"}
        assert list(row["probabilities"]) == CLASSES
        assert sum(row["probabilities"].values()) == pytest.approx(1.0)
        assert row["probability"] == max(row["probabilities"].values()) == row["probabilities"][row["class"]]
    assert sorted(p.name for p in (tmp_path / "pictures").iterdir()) == ["cloud.png", "solid.png"]


def test_the_answer_is_the_models_own(model: str, mesh: str, capsys: pytest.CaptureFixture[str]) -> None:
    from ccnn_pc.models import from_pretrained

    assert run(["predict", model, mesh, "--json", "--no-picture", "--seed", "3"]) == 0
    (row,) = json.loads(capsys.readouterr().out.splitlines()[-1])
    with torch.no_grad():
        logits = from_pretrained(model)(
            read_input(Path(mesh), preprocessing_from_json(PREPROCESSING), seed=3)
        )
    assert list(row["probabilities"].values()) == pytest.approx(logits.softmax(dim=1)[0].tolist(), abs=1e-6)


def test_a_file_gets_the_same_answer_alone_and_among_others(
    model: str, mesh: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.off"
    other.write_text(TETRAHEDRON.replace("0 0 1\n", "0 0 5\n"))
    answers = []
    for files in ([mesh], [str(other), mesh]):
        run(["predict", model, *files, "--json", "--no-picture"])
        answers.append(json.loads(capsys.readouterr().out.splitlines()[-1])[-1])
    assert answers[0] == answers[1]


def test_table_for_people(model: str, mesh: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", model, mesh, "--no-picture"]) == 0
    out = capsys.readouterr().out
    assert "%" in out and any(name in out for name in CLASSES)


def test_same_names_in_two_folders_get_two_pictures(model: str, mesh: str, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "solid.off").write_text(TETRAHEDRON)
    run(["predict", model, mesh, str(tmp_path / "more" / "solid.off"), "--out", str(tmp_path / "pictures")])
    assert sorted(p.name for p in (tmp_path / "pictures").iterdir()) == ["solid.png", "solid_2.png"]


def test_all_files_bad_is_a_failure(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", model, str(tmp_path / "none.off"), "--json", "--no-picture"]) == 1
    (row,) = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert "none.off" in row["error"]


def test_unknown_model_and_unwritable_folder(
    model: str, mesh: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", "ccnn_tiny-modelnet11", mesh]) == 1
    assert "unknown pretrained model 'ccnn_tiny-modelnet11'" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert run(["predict", model, mesh, "--out", str(tmp_path / "file" / "pictures")]) == 1
    assert "'out' must be a folder that can be written" in capsys.readouterr().err


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", "--help"]) == 0
    out = capsys.readouterr().out
    assert "ccnn-pc predict ccnn_tiny-modelnet10 chair.off" in out and "--no-picture" in out


def test_probabilities() -> None:
    logits = torch.tensor([[0.0, 1.0, 3.0]])
    torch.testing.assert_close(class_probabilities(logits), logits.double().softmax(dim=1))
    one = class_probabilities(torch.tensor([[1.5]]))
    torch.testing.assert_close(one[0, 1], torch.sigmoid(torch.tensor(1.5, dtype=torch.float64)))
    assert float(one.sum()) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="not finite"):
        class_probabilities(torch.tensor([[float("nan"), 0.0]]))


def test_unknown_preprocessing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'preprocessing' must have no other keys than .* \(got blur\)"):
        preprocessing_transform({"num_points": 8, "blur": 1})
