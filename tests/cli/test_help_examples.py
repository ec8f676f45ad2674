"""Every command runs as its `--help` shows it, on small files under the names of the examples."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.cli.app import COMMANDS, build_app, main
from ccnn_pc.datasets import CloudPreprocessing
from ccnn_pc.models import create_model, from_pretrained, save_pretrained

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import ckconv_files  # type: ignore[import-not-found]  # noqa: E402
import long_tables  # type: ignore[import-not-found]  # noqa: E402
from grid_files import write_images  # type: ignore[import-not-found]  # noqa: E402

from tests.scans import scene_model, write_scan  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

OFF = "OFF\n5 6 0\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n0.5 0.5 1\n3 0 2 1\n3 0 3 2\n3 0 1 4\n3 1 2 4\n3 2 3 4\n3 3 0 4\n"
STL = "solid part\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\n"
STL += "facet normal 0 1 0\nouter loop\nvertex 0 0 0\nvertex 0 0 1\nvertex 1 0 0\nendloop\nendfacet\nendsolid part\n"
#: What makes an example a matter of seconds; given after its own words.
SMALL = {
    "fit": ["--steps", "3"],
    "train": [
        "trainer.max_epochs=1",
        "trainer.check_val_every_n_epoch=1",
        "threads=1",
        "trainer.accelerator=cpu",
        "data.batch_size=4",
    ],
}
CLOUDS = [
    "data.num_points=32",
    "data.num_neighbors=8",
    "data.eval_num_points=32",
    "data.eval_num_neighbors=8",
]


def examples() -> list[list[str]]:
    """All of them, as words: those of `train` first, for others use what they leave."""
    import typer

    found = []
    for command in COMMANDS:
        group: Any = typer.main.get_command(build_app(command))
        for line in (group.commands[command].help or "").splitlines():
            for part in line.removeprefix("Examples:").split("  |  "):
                if part.strip().startswith("ccnn-pc "):
                    found.append(shlex.split(part)[1:])
    return found


def clouds(path: Path, classes: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    normals = draw.normal(size=(20, 64, 3)).astype("f4")
    np.savez(
        path, points=draw.uniform(-1, 1, (20, 64, 3)).astype("f4"), label=np.arange(20) % len(classes),
        normals=normals / np.linalg.norm(normals, axis=2, keepdims=True), classes=np.array(classes),
    )  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that examples name."""
    from PIL import Image

    place = tmp_path_factory.mktemp("house")
    packaged = from_pretrained("ccnn_tiny-modelnet10")
    for name in ("modelnet10_tiny/latest/model", "my_experiment/model"):
        save_pretrained(packaged, place / "runs" / name)
    save_pretrained(packaged, place / "my_model")
    for folder in ("path/to/modelnet10", "data/modelnet10"):
        for part in ("train", "test"):
            clouds(place / folder / f"{part}.npz", packaged.classes)
    clouds(place / "path/to/test.npz", packaged.classes)
    for file in (
        "chair.off",
        "scans/a.off",
        "scans/b.off",
        "my_shapes/val/chair/a.off",
        "folder/chair/a.off",
        "shapes/a.off",
        *(f"my_shapes/train/{name}/{file}.off" for name in ("chair", "sofa") for file in "abcde"),
    ):
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        (place / file).write_text(OFF)
    (place / "part.stl").write_text(STL)
    np.savetxt(place / "cloud.xyz", np.random.default_rng(0).uniform(-1, 1, (600, 6)))
    (place / "photos").mkdir()
    for name in ("photo.png", "photos/a.jpg"):
        Image.fromarray(np.full((32, 32, 3), 100, np.uint8)).save(place / name)
    draw = np.random.default_rng(0)
    for name in ("bright", "dark"):
        (place / "my_folder" / name).mkdir(parents=True)
        for number in range(12):
            grey = draw.integers(0, 100, (16, 16)) + 150 * (name == "bright")
            Image.fromarray(grey.astype(np.uint8)).save(place / "my_folder" / name / f"{number}.png")
    clouds(place / "data/test.npz", packaged.classes)
    write_images("mnist", place / "path/to/mnist")
    write_images("cifar10", place / "path/to/cifar10")
    write_images("cifar10", place / "data/cifar10")
    found, named = long_tables.observations(), {"s07": "patient_7"}
    rows = [(named.get(row[0], row[0]), *row[1:]) for row in found]
    labels = [(named.get(item, item), label) for item, label in long_tables.labels_of(found).items()]
    long_tables.write_table(place, rows, "readings.csv")
    long_tables.write(place / "labels.csv", ("id", "label"), labels)
    long_tables.write_table(place, rows[:40], "new.csv")
    parts = create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=2, num_neighbors=8, pool=None)
    used = CloudPreprocessing(num_points=32, features=("pos",), normalize="box", num_neighbors=8)
    save_pretrained(
        parts, place / "runs/my_parts/model", classes=["leg", "seat"], preprocessing=used, task="points"
    )
    vertices = "".join(f"{a} {b} 0.5\n" for a in range(8) for b in range(8))
    head = "ply\nformat ascii 1.0\nelement vertex 64\n" + "".join(
        f"property float {axis}\n" for axis in "xyz"
    )
    (place / "chair.ply").write_text(f"{head}end_header\n{vertices}")
    for scan in ("scan.laz", "flights/a.laz", "flights/b.laz"):
        write_scan(place / scan)
    scene_model(place / "runs/my_scenes/latest/model")
    state = ckconv_files.with_length(ckconv_files.released_state(ckconv_files.small_network()), 12)
    ckconv_files.save(state, place, "CharTrajectories_srtr_1_drop_0_model_CKCNN_….pt")
    state = ckconv_files.released_state(ckconv_files.small_network(784))
    ckconv_files.save(state, place, "MNIST_perm_False_model_CKCNN_….pt")
    return place


#: Examples whose models must come out of a training that is no matter of seconds.
TRAINED = (
    "runs/cifar10_tiny", "runs/smnist_tiny", "runs/my_series", "runs/my_images", "runs/my_experiment/latest",
    "init_from=runs/folder",
)  # fmt: skip


def test_every_command_shows_examples() -> None:
    assert {words[0] for words in examples()} == set(COMMANDS)


@pytest.mark.parametrize("words", examples(), ids=" ".join)
def test_an_example_runs(
    words: list[str], house: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(house)
    monkeypatch.setenv("CCNN_PC_CACHE", str(house / "cache"))
    torch.set_num_threads(1)
    if any(word.startswith(TRAINED) for word in words):
        _train_first(words, house)
    if "conf" in words:  # what `init` has written
        (house / "elsewhere").mkdir()
        monkeypatch.chdir(house / "elsewhere")
        with pytest.raises(SystemExit):
            main(["init", "my_project"])
        monkeypatch.chdir(house / "elsewhere" / "my_project")
    small = SMALL.get(words[0], [])
    if any(word.startswith("sweep.trials=") for word in words):
        small = [*small, "sweep.trials=2"]
    if words[0] == "train" and any("modelnet10" in w or "shapes" in w for w in words):
        small = [*small, *CLOUDS]
        if any("shapes_quickstart" in word for word in words):
            small += ["+data.module.train.per_class=4", "+data.module.test.per_class=1"]
    files = [str(path.relative_to(house)) for word in words for path in house.glob(word) if "*" in word]
    words = [part for word in words for part in (files if "*" in word and "photos" in word else [word])]
    with pytest.raises(SystemExit) as left:
        main([*words, *small])
    assert left.value.code in (0, None), capsys.readouterr().err
    for made in ("ct", "smnist"):
        shutil.rmtree(house / made, ignore_errors=True)


def _train_first(words: list[str], house: Path) -> None:
    """Train what an example uses, for one epoch."""
    name = next(word for word in words if word.startswith(TRAINED)).split("/")[1]
    if (house / "runs" / name / "latest" / "result.json").exists():
        return
    shutil.rmtree(house / "runs" / name, ignore_errors=True)
    data = {
        "cifar10_tiny": ["experiment=cifar10_tiny", "data.root=path/to/cifar10"],
        "smnist_tiny": ["experiment=smnist_tiny", "data.root=path/to/mnist"],
        "my_series": ["data=long_csv", "name=my_series", "data.root=readings.csv", "data.labels=labels.csv"],
        "my_images": ["data.root=my_folder", "name=my_images"],
        "my_experiment": ["experiment=modelnet10_tiny", "name=my_experiment", *CLOUDS],
        "folder": ["experiment=folder", "data.root=my_shapes", *CLOUDS],
    }[name]
    if name in ("cifar10_tiny", "smnist_tiny"):
        data.append("model.name=ccnn_4_16")
    with pytest.raises(SystemExit) as left:
        main(["train", *data, *SMALL["train"]])
    assert left.value.code in (0, None), f"the training of {name} ended with status {left.value.code}"
