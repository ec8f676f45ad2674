"""Numbers at every point of scenes: learned, judged, written back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import laspy
import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from ccnn_pc.cli.app import main
from ccnn_pc.cli.compose import UsageError, compose_config
from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.run_folder import resumed_config
from ccnn_pc.cli.train import run_experiment
from ccnn_pc.datasets import read_scene
from ccnn_pc.models import from_pretrained
from ccnn_pc.training.predict_scene import predict_scene
from tests.scene_files import ORIGIN

SMALL = (
    *("data.cell=2", "data.tile.radius=15", "data.tile.points=400", "data.num_neighbors=8", "trainer.max_epochs=1"),
    *("data.tiles_per_epoch=4", "model.name=ccnn_4_16", "trainer.accelerator=cpu", "threads=1"),
)  # fmt: skip


def hills(count: int = 2000, seed: int = 0, side: float = 60.0) -> dict[str, Any]:
    """Rolling ground, bushes on it, the height above the ground, and the ground's normal; some are not known."""
    random = np.random.default_rng(seed)
    x, y = random.uniform(0, side, (2, count))
    ground, slope = 2 * np.sin((x + 9 * seed) / 9), 2 / 9 * np.cos((x + 9 * seed) / 9)
    height = np.where(random.random(count) < 0.4, random.uniform(0.5, 6.0, count), 0.0)
    normal = np.stack([-slope, np.zeros(count), np.ones(count)], axis=1)
    normal *= (random.choice([-1.0, 1.0], count) / np.linalg.norm(normal, axis=1))[:, None]
    height[::50] = np.nan
    columns = dict(zip(("nx", "ny", "nz"), normal.T, strict=True))
    pos = np.column_stack([x, y, ground + np.nan_to_num(height)]) + ORIGIN
    return {"pos": pos, "height": height, **columns}


def write_hills(root: Path, **kept: Any) -> Path:
    for seed, name in enumerate(("train/a.npz", "train/b.npz", "val/c.npz", "test/d.npz")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        np.savez(root / name, **hills(seed=seed, **kept))
    return root


def train(root: Path, runs: Path, *more: str) -> dict[str, Any]:
    words = ["experiment=scenes", "task=points_regression", f"data.root={root}", f"runs={runs}"]
    return run_experiment([*words, *SMALL, *more])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    patch = pytest.MonkeyPatch()
    place = tmp_path_factory.mktemp("numbers")
    patch.setenv("CCNN_PC_CACHE", str(place / "cache"))
    root = write_hills(place / "scenes")
    yield root, place / "runs/scenes/latest/model", train(root, place / "runs", "data.targets=[height]")
    patch.undo()


def run(*words: Any) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return int(left.value.code or 0)


def test_evaluate_gives_errors_at_all_original_points_in_the_unit_of_files(
    trained: Any, tmp_path: Path
) -> None:
    root, folder, result = trained
    scores = evaluate_model(str(folder), root, out=tmp_path / "scores.csv")
    model = from_pretrained(folder)
    said = predict_scene(model, root / "test/d.npz", model.preprocessing).fields()["height"]
    truth = hills(seed=3)["height"]
    known = np.isfinite(truth)
    error = said[known].astype(float) - truth[known]
    wanted = {
        "mae": np.abs(error).mean(),
        "rmse": np.sqrt((error**2).mean()),
        "r2": 1 - (error**2).sum() / ((truth[known] - truth[known].mean()) ** 2).sum(),
        **{"n": known.sum(), "missing": (~known).sum()},
    }
    for name, value in wanted.items():
        assert scores[name] == pytest.approx(value, rel=1e-5), name
        assert scores["files"][0][name] == pytest.approx(value, rel=1e-5), name
    assert result["test_mae"] == pytest.approx(wanted["mae"], rel=1e-4) and result["n_test"] == known.sum()
    assert (tmp_path / "scores.csv").exists() and (tmp_path / "scores_d.png").exists()


def test_numbers_go_back_into_files(trained: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As extra dimensions and columns; those that a file has stay as they are."""
    _, folder, _ = trained
    given = hills(seed=5)
    las = laspy.create(point_format=6, file_version="1.4")
    las.header.scales = [1e-4] * 3
    las.header.offsets = ORIGIN
    las.x, las.y, las.z = given["pos"].T
    las.gps_time = np.arange(len(given["pos"]), dtype=float)
    las.write(tmp_path / "new.laz")
    las.add_extra_dim(laspy.ExtraBytesParams("height", "f4"))
    las["height"] = given["height"].astype("f4")
    las.write(tmp_path / "known.las")
    np.savetxt(tmp_path / "new.txt", given["pos"][:300], header="x y z", comments="", fmt="%.4f")
    vertices = np.rec.fromarrays(given["pos"][:300].T, dtype=[("x", "<f8"), ("y", "<f8"), ("z", "<f8")])
    head = "ply\nformat binary_little_endian 1.0\nelement vertex 300\n"
    head += "".join(f"property double {axis}\n" for axis in "xyz") + "end_header\n"
    (tmp_path / "new.ply").write_bytes(head.encode() + vertices.tobytes())
    files = [tmp_path / name for name in ("new.laz", "known.las", "new.txt", "new.ply")]
    assert run("predict", folder, *files, "--out", tmp_path / "out", "--json", "--no-picture") == 0
    rows = {Path(row["file"]).name: row for row in json.loads(capsys.readouterr().out.splitlines()[-1])}
    model = from_pretrained(folder)
    for file in files:
        name = "height_predicted" if file.name == "known.las" else "height"
        assert rows[file.name]["fields"] == [name]
        back = read_scene(tmp_path / "out" / file.name)
        said = predict_scene(model, file, model.preprocessing).fields()["height"]
        assert (
            np.array_equal(back.field(name).astype("f4"), said)
            and back.pos.tolist() == read_scene(file).pos.tolist()
        )
        assert ("scores" in rows[file.name]) == (file.name == "known.las")
    known = laspy.read(tmp_path / "out/known.las")
    assert np.array_equal(np.asarray(known["height"]), given["height"].astype("f4"), equal_nan=True)
    assert np.array_equal(known.gps_time, las.gps_time)
    assert rows["known.las"]["scores"]["mae"] > 0 and rows["known.las"]["scores"]["missing"] == 40
    assert run("predict", folder, files[0], "--out", tmp_path / "o.laz", "--probabilities") == 1
    assert "'probabilities' must be left out for a model of numbers" in capsys.readouterr().err


def test_numbers_for_people(trained: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, folder, _ = trained
    assert run("evaluate", folder, "--data", root) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[0].split() == ["scene", "points", "MAE", "RMSE", "R2"]
    assert "lack numbers and are left out" in said.err
    assert run("predict", folder, root / "test/d.npz", "--out", tmp_path / "d.npz") == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[0].split() == ["written", "points", "s", "means", "scores"]
    assert "height_predicted" in said.out and (tmp_path / "d.png").stat().st_size > 0


def test_normals_turn_with_their_tiles_and_have_no_sign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))
    root = write_hills(tmp_path / "scenes")
    words = ["data.targets=[nx,ny,nz]", "task.objective.error=normals", "data.features=[pos]"]
    result = train(root, tmp_path / "runs", *words)
    folder = tmp_path / "runs/scenes/latest/model"
    model = from_pretrained(folder)
    assert model.preprocessing.wanted.direction and model.classes == ["nx", "ny", "nz"]
    scores = evaluate_model(str(folder), root)
    assert scores["angle"] == pytest.approx(result["test_angle"], abs=1e-3) and scores["n"] == 2000
    said = predict_scene(model, root / "test/d.npz", model.preprocessing)
    normals = np.stack(list(said.fields().values()), axis=1)
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5) and (normals[:, 2] >= 0).all()
    truth = hills(seed=3)
    cosine = np.abs((normals * np.stack([truth[name] for name in ("nx", "ny", "nz")], axis=1)).sum(1))
    assert np.degrees(np.arccos(cosine.clip(max=1))).mean() == pytest.approx(scores["angle"], abs=1e-3)


def test_words_that_contradict() -> None:
    with pytest.raises(UsageError, match=r"'data.targets' must name fields, as \[height\]"):
        compose_config(["experiment=scenes", "task=points_regression"])
    with pytest.raises(UsageError, match="numbers need task=points_regression"):
        compose_config(["experiment=scenes", "data.targets=[height]"])
    words = ["experiment=scenes", "task=points_regression", "data.targets=[nx,ny,nz]"]
    scaled = [str(each._target_).endswith("RandomScale") for each in compose_config(words).augmentation]
    assert not any(scaled) and len(scaled) == 3
    turned = compose_config([*words, "task.objective.error=normals"])
    assert turned.data.preprocessing.target.direction and len(turned.augmentation) == 4


def test_runs_of_earlier_versions_go_on(tmp_path: Path) -> None:
    """Their configuration has the field and the table of classes side by side."""
    config = compose_config(["experiment=scenes", "data.label=class", "data.classes={names:{1:a,2:b}}"])
    stored: Any = OmegaConf.to_container(config, resolve=False)
    used = stored["data"]["preprocessing"]
    used["label"], used["classes"] = used["target"]["field"], used["target"]["table"]
    del used["target"], stored["data"]["targets"]
    OmegaConf.save(stored, tmp_path / "config.yaml")
    again = instantiate(resumed_config(tmp_path, []).data.preprocessing, _convert_="all")
    assert again == instantiate(config.data.preprocessing, _convert_="all") and again.wanted.names == (
        "a",
        "b",
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_heights_above_ground_are_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Far better than their mean, on ground that training has not seen."""
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))
    root = write_hills(tmp_path / "scenes", count=6000)
    words = [
        "data.targets=[height]",
        "data.features=[height,one]",
        "model.name=ccnn_unet_tiny",
        "data.cell=1",
    ]
    words += [
        "data.num_neighbors=16",
        "trainer.max_epochs=15",
        "data.tiles_per_epoch=40",
        "data.tile.points=2000",
    ]
    result = train(root, tmp_path / "runs", *words)
    scores = evaluate_model(str(tmp_path / "runs/scenes/latest/model"), root)
    assert scores["r2"] > 0.9 and scores["mae"] < 0.5, (scores["r2"], scores["mae"], result["core_minutes"])
