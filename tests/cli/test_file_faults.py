"""Sound and volumes that are otherwise than those of a training: one message with the cause, before any answer."""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.io import wavfile

from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.explained_input import explained_input
from ccnn_pc.cli.predict import predict_files
from ccnn_pc.cli.read_file import normals_of
from ccnn_pc.cli.transfer import transfer_model
from ccnn_pc.datasets import SoundFolder, VolumeFolder
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.models import create_model, from_pretrained, measure, save_pretrained

RATE = 4000
Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def same(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return samples


def recordings(
    folder: Path,
    count: int = 8,
    seed: int = 0,
    change: Change = same,
    seconds: float = 0.4,
    rate: int = RATE,
    bits: int = 16,
) -> Path:
    """Two tones that swell, one of them higher, with a little noise."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        time = np.arange(int(seconds * rng.uniform(0.9, 1) * rate)) / rate
        pitch = rng.uniform(200, 300) * (1 + number % 2)
        wave = np.sin(2 * np.pi * pitch * time) + 0.5 * np.sin(5 * np.pi * pitch * time)
        wave = 0.3 * wave * np.abs(np.sin(9 * time + rng.uniform(0, 3))) + 0.01 * rng.normal(size=len(time))
        path = folder / "ab"[number % 2] / f"{number} ö.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = np.rint(32767 * np.clip(change(wave, rng), -1, 1)).astype(np.int16)
        wavfile.write(
            path,
            rate,
            samples if bits == 16 else (np.rint(samples / 256) + 128).clip(0, 255).astype(np.uint8),
        )
    return folder


def volumes(
    folder: Path, count: int = 8, seed: int = 0, change: Change = same, shape: tuple[int, ...] = (10, 12, 16)
) -> Path:
    """Balls and shells."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij")
    radius = np.sqrt(sum(axis**2 for axis in axes))
    for number in range(count):
        values = np.exp(-(((radius - 0.4 * (number % 2)) / 0.25) ** 2)) + 0.02 * rng.normal(size=shape)
        path = folder / "ab"[number % 2] / f"{number}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, change(values.clip(0, 1).astype(np.float32), rng))
    return folder


def saved(folder: Path, known: Any) -> str:
    torch.manual_seed(0)
    channels, *shape = known.shape
    model: Any = create_model("ccnn_4_16", dim=len(shape), in_channels=channels, out_channels=2, shape=shape)
    model.trained_on = measure(model.reading, [known[row] for row in range(len(known))])
    return str(save_pretrained(model.eval(), folder, classes=["a", "b"], preprocessing=known.reading))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("files")
    patch = pytest.MonkeyPatch()
    patch.setenv("CCNN_PC_CACHE", str(folder / "cache"))
    sound = recordings(folder / "sound", 16)
    yield {
        "mel": saved(folder / "mel", SoundFolder(sound)),
        "raw": saved(folder / "raw", SoundFolder(sound, reading={"features": "raw"})),
        "volumes": saved(folder / "cubes", VolumeFolder(volumes(folder / "volumes", 16))),
    }
    patch.undo()


def said(*calls: Callable[[], Any]) -> list[list[str]]:
    """What each call warns of."""
    found = []
    for call in calls:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        found.append([str(each.message) for each in caught if issubclass(each.category, UserWarning)])
    return found


def asked(model: str, folder: Path) -> list[list[str]]:
    """Every way in: a data set, files, one file, samplings, an explanation."""
    first = sorted(folder.rglob("*.*"))[0]
    return said(
        lambda: evaluate_model(model, folder),
        lambda: predict_files(model, [folder]),
        lambda: predict_files(model, [first]),
        lambda: transfer_model(model, folder, "pixels", []),
        lambda: explained_input(from_pretrained(model), model, str(first), None, None, 0),
    )


SOUND: dict[str, tuple[dict[str, Any], str]] = {
    "silent": ({"change": lambda wave, rng: 0 * wave}, "silence, or one value"),
    "constant": ({"change": lambda wave, rng: 0 * wave + 0.2}, "silence, or one value"),
    "short": ({"seconds": 0.05}, "there is next to nothing to answer from"),
    "clipped": ({"change": lambda wave, rng: np.clip(5 * wave, -0.4, 0.4)}, "clipped; record again"),
    "noisy": ({"change": lambda wave, rng: wave + 0.2 * rng.normal(size=len(wave))}, "is there noise?"),
    "quiet": ({"change": lambda wave, rng: wave / 100}, "dB, quieter than all of training"),
    "coarse": ({"bits": 8}, "8 bits per sample where training had at least 16"),
    "slow": ({"rate": RATE // 4}, "1000 samples per second where training had at least 4000"),
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [*(("mel", name) for name in SOUND), ("raw", "clipped"), ("raw", "noisy")],
)
def test_recordings_that_are_otherwise_have_one_message(
    kind: str, name: str, models: dict[str, str], tmp_path: Path
) -> None:
    options, text = SOUND[name]
    folder = recordings(tmp_path / "asked", 4, 1, **options)
    for messages in asked(models[kind], folder):
        assert len(messages) == 1, messages
        with pytest.warns(UserWarning, match=text):
            warnings.warn(messages[0], UserWarning, stacklevel=1)
        assert "0 ö.wav" in messages[0]


@pytest.mark.parametrize("kind", ["mel", "raw"])
def test_long_recordings_are_named_where_they_are_cut(
    kind: str, models: dict[str, str], tmp_path: Path
) -> None:
    """``evaluate`` and ``predict`` read all of them (see test_windows), other commands their beginning."""
    *whole, sampled, explained = asked(models[kind], recordings(tmp_path / "asked", 4, 1, seconds=3.0))
    assert whole == [[], [], []]
    for (message,) in (sampled, explained):
        assert re.search(r"'0 ö.wav',? lasts? 2\.\d+ s, and the first 0\.\d+ s are read", message)


VOLUMES: dict[str, tuple[dict[str, Any], str]] = {
    "inverted": ({"change": lambda cells, rng: 1 - cells}, "looks inverted"),
    "bytes": ({"change": lambda cells, rng: (255 * cells).astype(np.uint8)}, "times larger than in training"),
    "turned": (
        {"change": lambda cells, rng: cells.transpose(2, 1, 0)},
        r"numpy\.transpose\(x, \(2, 1, 0\)\)",
    ),
    "stretched": ({"shape": (12, 12, 13)}, "other proportions: volumes are stretched"),
    "coarse": ({"shape": (2, 2, 2)}, "8 times larger, they hold little"),
    "empty": ({"change": lambda cells, rng: 0 * cells}, "is constant"),
    "noisy": (
        {"change": lambda cells, rng: cells + rng.normal(size=cells.shape)},
        "steps from sample to sample",
    ),
}


@pytest.mark.parametrize("name", VOLUMES)
def test_volumes_that_are_otherwise_have_one_message(
    name: str, models: dict[str, str], tmp_path: Path
) -> None:
    options, text = VOLUMES[name]
    folder = volumes(tmp_path / "asked", 4, 1, **options)
    *commands, explained = asked(models["volumes"], folder)
    for messages in commands:
        assert len(messages) == 1, messages
        with pytest.warns(UserWarning, match=text):
            warnings.warn(messages[0], UserWarning, stacklevel=1)
    assert len(explained) == (
        name in ("turned", "stretched", "coarse")
    )  # values are compared when it is asked


def test_volumes_with_headers(models: dict[str, str], tmp_path: Path) -> None:
    """Of a training that knows millimetres and directions; files in folders are found whatever their name ends in."""
    nibabel: Any = pytest.importorskip("nibabel")

    def convert(name: str, affine: Any = None, **more: Any) -> Path:
        folder = volumes(tmp_path / name, 8, 7, **more)
        for path in folder.rglob("*.npy"):
            image = nibabel.Nifti1Image(np.load(path), affine)
            if affine is None:
                image.header.set_sform(None, 0)
                image.header.set_qform(None, 0)
                image = nibabel.Nifti1Image(np.load(path), None, image.header)
            nibabel.save(image, path.with_suffix(".nii.gz"))
            path.unlink()
        return folder

    model = saved(tmp_path / "model", VolumeFolder(convert("training", np.eye(4))))
    assert len(predict_files(model, [tmp_path / "training"])) == 8
    plain, finer = (
        convert("plain", np.eye(4)),
        convert("finer", np.diag([0.5, 0.5, 0.5, 1]), shape=(20, 24, 32)),
    )
    bare, micron = convert("bare"), convert("micron", np.diag([1e-3, 1e-3, 1e-3, 1]))
    halved = volumes(tmp_path / "halved", 4, 1, change=lambda cells, rng: cells[:, :, :8])
    for folder, text in (
        (plain, None),
        (finer, None),
        (volumes(tmp_path / "arrays", 4, 1), None),
        (bare, "not say which way the axes point, as all files of training do"),
        (micron, "0.01 x 0.012 x 0.016 mm, and in training 10 x 12 x 16"),
        (
            halved,
            "sides of 10 x 12 x 8, and those of training, 10 x 12 x 16, have other proportions: volumes are",
        ),
    ):
        first = min(folder.rglob("0.*"))
        for messages in said(partial(evaluate_model, model, folder), partial(predict_files, model, [first])):
            assert len(messages) == (text is not None) and (text or "") in "".join(messages)


@pytest.mark.parametrize("kind", ["mel", "raw", "volumes"])
def test_good_files_have_none(kind: str, models: dict[str, str], tmp_path: Path) -> None:
    """Other ones of the same kind, alone and together; finer volumes and faster recordings are read as in training."""
    make: Any = volumes if kind == "volumes" else recordings
    finer: dict[str, Any] = {"shape": (20, 24, 32)} if kind == "volumes" else {"rate": 2 * RATE}
    assert not any(asked(models[kind], make(tmp_path / "same", 8, 5)))
    assert not any(asked(models[kind], make(tmp_path / "finer", 4, 6, **finer)))


@pytest.mark.parametrize(
    ("kind", "to"),
    [
        ("mel", ["pixels:1.5", "scattered:0.5", "uneven:0.3"]),
        ("raw", ["pixels:2"]),
        ("volumes", ["pixels:2", "scattered:0.05"]),
    ],
)
def test_other_samplings_of_files(kind: str, to: list[str], models: dict[str, str], tmp_path: Path) -> None:
    """What lies behind the end of a recording stays nothing, whatever is read between samples."""
    folder = (volumes if kind == "volumes" else recordings)(tmp_path / "asked", 4, 2)
    result = transfer_model(models[kind], folder, "pixels", to)
    assert result["results"]["pixels"]["accuracy"] == evaluate_model(models[kind], folder)["accuracy"]
    assert list(result["results"]) == ["pixels", *to]
    assert all(row["n"] == 4 for row in result["results"].values())
    with pytest.raises(ValueError, match="must be one of pixels, scattered, jittered, uneven"):
        transfer_model(models[kind], folder, "pixels", ["drop:50"])


def test_one_damaged_file_among_good_ones(models: dict[str, str], tmp_path: Path) -> None:
    folder = recordings(tmp_path / "asked", 8, 3)
    silent = recordings(tmp_path / "silent", 1, 3, SOUND["silent"][0]["change"]) / "a" / "0 ö.wav"
    shutil.copy(silent, folder / "b" / "silent.WAV")
    (folder / "a" / "empty.wav").write_bytes(b"")
    ((broken, quiet),) = said(lambda: evaluate_model(models["mel"], folder))
    assert "1 of 9 files" not in broken and "1 of 10 files" in broken and "empty.wav" in broken
    assert "1 of 9 files, the first 'silent.WAV', hold silence" in quiet
    cubes = volumes(tmp_path / "cubes", 4, 3)
    np.save(cubes / "a" / "two.npy", np.zeros((2, 10, 12, 16), np.float32))
    ((message,),) = said(lambda: evaluate_model(models["volumes"], cubes))
    assert "two.npy' must have 1 channels, as the files of the training had (got 2)" in message


def test_a_training_says_that_recordings_are_cut(tmp_path: Path) -> None:
    """Where nobody said how much is read, and never for a model that knows."""
    folder = recordings(tmp_path / "long", 4, seconds=16.0, rate=1000)
    with pytest.warns(
        DataWarning, match=r"4 of 4 recordings .* last up to 1[456][.\d]* s, and the first 10 s of each"
    ):
        known = SoundFolder(folder, cache=tmp_path / "cache")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SoundFolder(folder, cache=tmp_path / "cache", reading=known.reading)
        SoundFolder(folder, cache=tmp_path / "cache", reading={"seconds": 1.0})


def test_sound_has_no_normals(models: dict[str, str]) -> None:
    """Its features are one word, not a list: pages of runs looked for normals among its letters."""
    model = from_pretrained(models["mel"])
    assert normals_of(None, model.preprocessing) is None  # type: ignore[arg-type]


def test_models_without_facts_are_not_compared(models: dict[str, str], tmp_path: Path) -> None:
    """Those that were saved before: their files are read as before, and nothing is measured on what is asked."""
    import dataclasses

    model: Any = from_pretrained(models["mel"])
    old = dataclasses.replace(model.preprocessing, files=None)
    place = str(save_pretrained(model, tmp_path / "old", classes=["a", "b"], preprocessing=old))
    folder = recordings(tmp_path / "asked", 4, 1, seconds=3.0)
    assert said(lambda: evaluate_model(place, folder), lambda: predict_files(place, [folder])) == [[], []]
