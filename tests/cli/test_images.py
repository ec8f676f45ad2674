"""`evaluate` and `predict` with models of images and of their pixels as sequences: numbers by hand, clear errors."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.cli.app import main
from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.read_file import read_input
from ccnn_pc.datasets import MNIST, preprocessing_from_json
from ccnn_pc.datasets.formats.idx import write_idx
from ccnn_pc.models import create_model, from_pretrained, save_pretrained

Image = pytest.importorskip("PIL.Image")
pytestmark = pytest.mark.filterwarnings("ignore:.*results are those of a part")

DIGITS = [str(digit) for digit in range(10)]
VIEWS: dict[str, tuple[dict[str, Any], int, list[int]]] = {
    "image": ({"view": "image", "mean": [0.1307], "std": [0.3081]}, 1, [28, 28]),
    "sequence": ({"view": "sequence", "mean": [0.1307], "std": [0.3081]}, 1, [784]),
    "permuted": ({"view": "permuted", "mean": [0.1307], "std": [0.3081], "permutation_seed": 0}, 1, [784]),
    "colour": ({"view": "image", "mean": [0.5] * 3, "std": [0.25] * 3}, 3, [28, 28]),
    "grey": ({"view": "grey_sequence", "mean": [0.48], "std": [0.24]}, 1, [784]),
    "noise_padded": ({"view": "noise_padded", "mean": [0.5] * 3, "std": [0.25] * 3, "length": 50}, 84, [50]),
}


def save(folder: Path, view: str, classes: list[str] = DIGITS) -> str:
    """An untrained network for one view."""
    preprocessing, channels, shape = VIEWS[view]
    torch.manual_seed(0)
    network = create_model(
        "ccnn_4_16",
        dim=len(shape),
        in_channels=channels,
        out_channels=len(classes),
        shape=shape,
        omega_0=None,
    )
    return str(save_pretrained(network, folder / view, classes=classes, preprocessing=preprocessing))


@pytest.fixture
def digits(tmp_path: Path, rng: np.random.Generator) -> Path:
    """40 small random images in the official files of MNIST."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    for part in ("train", "t10k"):
        images = rng.integers(0, 256, (40, 28, 28), dtype=np.uint8)
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(write_idx(images)))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(write_idx((np.arange(40) % 10).astype(np.uint8)))
    return folder


def picture(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def run(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    return int(stopped.value.code or 0)


@pytest.mark.parametrize("view", ["image", "sequence", "permuted"])
def test_evaluate_by_hand(view: str, digits: Path, tmp_path: Path) -> None:
    model = save(tmp_path, view)
    found = evaluate_model(model, digits, batch_size=7)
    data = MNIST(digits, "test", view)
    with torch.no_grad():
        guess = from_pretrained(model)(data.batch(range(40))).argmax(1)
    assert found["n"] == 40 and found["accuracy"] == pytest.approx(
        float((guess.numpy() == data.labels).mean())
    )


@pytest.mark.parametrize("view", list(VIEWS))
def test_predict_gives_the_models_own_answer(
    view: str, tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of the training size is read as it is: pixels / 255, then the stored preprocessing."""
    model = save(tmp_path, view)
    channels = 1 if view in ("image", "sequence", "permuted") else 3
    pixels = rng.integers(0, 256, (28, 28, channels), dtype=np.uint8)
    file = picture(tmp_path / "digit.png", pixels[..., 0] if channels == 1 else pixels)
    assert run(["predict", model, str(file), "--json", "--out", str(tmp_path / "pictures")]) == 0
    (row,) = json.loads(capsys.readouterr().out.splitlines()[-1])
    from ccnn_pc.datasets import ToView

    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        logits = from_pretrained(model)(ToView(**VIEWS[view][0]).of(x))
    assert list(row["probabilities"].values()) == pytest.approx(logits.softmax(1)[0].tolist(), abs=1e-6)
    assert (tmp_path / "pictures" / "digit.png").stat().st_size > 1000


def test_other_sizes_become_the_middle_square_resized(tmp_path: Path) -> None:
    """White 56 x 56 pixels in the middle of 56 x 96: nothing but white is left, also for the picture."""
    pixels = np.zeros((56, 96), dtype=np.uint8)
    pixels[:, 20:76] = 255
    preprocessing, _, shape = VIEWS["sequence"]
    data = read_input(
        picture(tmp_path / "wide.png", pixels), preprocessing_from_json(preprocessing), shape=shape
    )
    assert data.x.shape == (1, 1, 784) and data.picture.shape == (1, 1, 28, 28)
    torch.testing.assert_close(data.x, torch.full((1, 1, 784), (1 - 0.1307) / 0.3081))


def test_a_folder_of_image_files_is_resized_and_read_in_grey(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    model = save(tmp_path, "image", classes=["a", "b"])
    for name in "ab":
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(3):
            picture(
                tmp_path / "photos" / name / f"{number}.png",
                rng.integers(0, 256, (40 + number, 60, 3), dtype=np.uint8),
            )
    assert evaluate_model(model, tmp_path / "photos")["n"] == 6


def test_wrong_files_are_named(
    digits: Path, tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    images = save(tmp_path, "image")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    mesh = tmp_path / "mesh.off"
    mesh.write_text("OFF\n4 4 6\n")
    files = [str(broken), str(mesh), str(tmp_path / "none.png")]
    assert run(["predict", images, *files, "--json", "--no-picture"]) == 1
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert "broken.png' cannot be read as an image" in rows[0]["error"]
    assert "mesh.off' must be an image (.png" in rows[1]["error"]
    assert "none.png' must be a file (there is none)" in rows[2]["error"]
    small = picture(tmp_path / "small.png", rng.integers(0, 256, (20, 20, 3), dtype=np.uint8))
    padded = save(tmp_path, "noise_padded")
    assert run(["predict", padded, str(small), "--json", "--no-picture"]) == 1
    (row,) = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert "small.png' must" in row["error"] or "84 channels" in row["error"]


def test_images_and_clouds_are_told_apart(
    digits: Path, tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    images = save(tmp_path, "image")
    cloud_model = create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=10)
    clouds = str(
        save_pretrained(
            cloud_model, tmp_path / "clouds", classes=DIGITS, preprocessing={"normalize": "box", "features": ["pos"]}
        )
    )  # fmt: skip
    file = picture(tmp_path / "digit.png", rng.integers(0, 256, (28, 28), dtype=np.uint8))
    assert run(["predict", clouds, str(file), "--no-picture"]) == 1
    assert "digit.png' must be a mesh or cloud" in capsys.readouterr().err
    assert run(["evaluate", clouds, "--data", str(digits)]) == 1
    assert "'data' must hold clouds or meshes for this model (got images" in capsys.readouterr().err
    assert run(["evaluate", images, "--data", "shapes"]) == 1
    assert "'data' must hold images for this model (got clouds" in capsys.readouterr().err


def test_images_of_another_size_are_refused_where_they_cannot_be_resized(
    digits: Path, tmp_path: Path
) -> None:
    network = create_model("ccnn_4_16", dim=1, in_channels=1, out_channels=10, shape=[1024])
    model = save_pretrained(network, tmp_path / "longer", classes=DIGITS, preprocessing=VIEWS["sequence"][0])
    with pytest.raises(ValueError, match=r"trained on, 1024 samples \(got 28 x 28 pixels"):
        evaluate_model(str(model), digits)
