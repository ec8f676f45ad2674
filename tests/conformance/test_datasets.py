"""What every registered data set must do; a new one is tested by being registered (with its ``sample``)."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.io import wavfile
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

from ccnn_pc.datasets import (
    KNN,
    CloudPreprocessing,
    FarthestPoints,
    GridData,
    GridDataset,
    ImagePreprocessing,
    Jitter,
    PointCloudData,
    RandomPoints,
    SeriesData,
    SeriesPreprocessing,
    Split,
    list_datasets,
    open_dataset,
    preprocessing_from_json,
)
from ccnn_pc.datasets.common.file_arrays import FileArrays
from ccnn_pc.datasets.images import contours
from ccnn_pc.datasets.registry import DatasetEntry, dataset_entry
from ccnn_pc.datasets.transforms.base import Compose, RandomTransform
from ccnn_pc.training.loader import ResumableLoader
from tests.datasets.clouds.test_shapenet_part import write_text as write_parts
from tests.datasets.images.test_pathfinder import write_pathfinder
from tests.datasets.series.test_list_ops import write_tables
from tests.datasets.series.test_reviews import write_reviews
from tests.datasets.series.test_sequence_tasks import TEXT
from tests.datasets.transforms.test_series_transforms import write_all
from tests.datasets.volumes.test_volume_file import write_binvox
from tests.grid_files import write_images
from tests.long_tables import labels_of, observations, write


def write_arrays(folder: Path) -> Path:
    random = np.random.default_rng(0)
    for part in ("train", "test"):
        points = random.integers(-32767, 32768, (8, 30, 3)).astype(np.int16)
        rest: dict[str, Any] = {"label": np.arange(8) % 2, "classes": np.array(["a", "b"])}
        np.savez(folder / f"{part}.npz", points=points, normals=(points // 258).astype(np.int8), **rest)
    return folder


def write_clouds(folder: Path) -> Path:
    random = np.random.default_rng(0)
    for part in ("train", "test"):
        for name in ("a", "b"):
            (folder / part / name).mkdir(parents=True)
            for number in range(3):
                points = random.normal(size=(20, 3))
                normals = points / np.linalg.norm(points, axis=1, keepdims=True)
                np.savetxt(folder / part / name / f"{number}.xyz", np.hstack([points, normals]))
    return folder


def write_text(folder: Path) -> Path:
    for part in ("train", "valid", "test"):
        (folder / f"ptb.{part}.txt").write_text(TEXT * 3)
    return folder


def write_long(folder: Path) -> Path:
    rows = observations()
    columns, labels = ("id", "time", "variable", "value", "label"), labels_of(rows)
    return write(folder / "long.csv", columns, [(*row, labels[row[0]]) for row in rows])


def write_archive(folder: Path) -> Path:
    for part, count in (("TRAIN", 8), ("TEST", 4)):
        rows = [
            f"{row}.5,{row % 3},?,{row}:{row},2,3,1:{'left' if row % 2 else 'right'}" for row in range(count)
        ]
        (folder / f"Small_{part}.ts").write_text("\n".join(["@classLabel true left right", "@data", *rows]))
    return folder


def write_volumes(folder: Path) -> Path:
    cells = np.random.default_rng(0).random((12, 5, 4, 6)).astype(np.float32)
    for number, values in enumerate(cells):
        path = folder / ("train" if number < 8 else "test") / "ab"[number % 2] / f"{number}.binvox"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_binvox(path, values > 0.5)
    return folder


def write_sound(folder: Path) -> Path:
    for number in range(12):
        path = folder / ("train" if number < 8 else "test") / "ab"[number % 2] / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = np.random.default_rng(number).integers(-9999, 9999, 400 + 40 * number).astype(np.int16)
        wavfile.write(path, 4000, samples)
    return folder


def one_of_all(name: str) -> Callable[[Path], Path]:
    def written(folder: Path) -> Path:
        write_all(folder)
        return folder / name

    return written


#: Small files of the data sets of the package; others bring a sample with their registration.
SAMPLES: dict[str, Callable[[Path], Path]] = {
    "modelnet": write_arrays,
    "cloud_arrays": lambda folder: write_arrays(folder) / "train.npz",
    "folder": write_clouds,
    "shapenet_part": write_parts,
    "list_ops": write_tables,
    "reviews": write_reviews,
    "pathfinder": partial(write_pathfinder, count=60),
    "character_text": write_text,
    "long_csv": write_long,
    "character_trajectories": one_of_all("characters"),
    "physionet2019": one_of_all("hospital"),
    "speech_commands": one_of_all("words"),
    "spoken_digits": one_of_all("digits"),
    "uea": write_archive,
    "volume_folder": write_volumes,
    "sound_folder": write_sound,
    "image_folder": lambda folder: write_images("imagenet32", folder),
    **{name: partial(write_images, name, count=20) for name in ("mnist", "cifar10", "cifar100", "stl10")},
}  # fmt: skip


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The registered data set, and the path of its sample (None: it is made on the spot)."""
    patch = pytest.MonkeyPatch()
    patch.setenv("CCNN_PC_CACHE", str(tmp_path_factory.mktemp("cache")))
    entry = dataset_entry(request.param)
    sample, path = entry.sample or SAMPLES.get(entry.name), None
    assert sample is not None, f"'{entry.name}' must be registered with a sample, so that these tests can run"
    if not isinstance(sample, Mapping):
        folder = tmp_path_factory.mktemp(entry.name)
        path = sample(folder) or folder
    yield entry, path
    patch.undo()


def opened(place: tuple[DatasetEntry, Path | None], split: Split | None = Split.TRAIN, **options: Any) -> Any:
    entry, path = place
    sample = entry.sample if isinstance(entry.sample, Mapping) else {}
    if path is None:
        return entry.make(split=split or Split.TEST, **sample, **options)
    return open_dataset(path, split, **options)


def same(first: Any, second: Any) -> bool:
    """Whether two items hold the same, bit by bit."""
    keys = list(first.keys())
    return keys == list(second.keys()) and all(
        torch.equal(first[key], second[key])
        if isinstance(first[key], torch.Tensor)
        else first[key] == second[key]
        for key in keys
    )


def random_transform(item: Data) -> Compose:
    """Something that draws, for each kind of item."""
    return Compose([Jitter(0.1)]) if isinstance(item, PointCloudData) else Compose([Noise()])


class Noise(RandomTransform):
    def forward(self, data: Any, generator: torch.Generator | None = None) -> Any:
        data.x = data.x + torch.rand(data.x.shape, generator=generator)
        return data


EVERY = pytest.mark.parametrize("place", list_datasets(), indirect=True)
pytestmark = pytest.mark.filterwarnings("ignore:.*of a part", "ignore:.*no test speaker")


@EVERY
def test_its_path_or_name_opens_it(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    entry, path = place
    monkeypatch.setattr(
        contours, "COUNTS", dict.fromkeys(Split, 12)
    )  # drawing 20,000 of them takes half a minute
    assert (path is not None) == entry.needs_files
    data = open_dataset(entry.name if path is None else path)
    assert type(data) is entry.make and len(data) > 0


@pytest.mark.parametrize("name", list_datasets())
def test_mistyped_keywords_are_reported_before_files_are_read(name: str) -> None:
    entry = dataset_entry(name)
    with pytest.raises(
        TypeError, match=r"'transfrom' must be an argument of \w+; did you mean 'transform'\?"
    ):
        entry.make(*(["no_such_folder"] if entry.needs_files else []), transfrom=None)


@EVERY
def test_lengths_labels_and_classes(place: Any) -> None:
    data = opened(place)
    assert len(data) == len(data.labels) > 0 and data.num_classes == len(data.classes) > 0
    assert data.labels.dtype == np.int64 and 0 <= data.labels.min() <= data.labels.max() < data.num_classes
    assert len(set(data.classes)) == data.num_classes and all(isinstance(name, str) for name in data.classes)
    assert str(len(data)) in repr(data) and same(data[-1], data[len(data) - 1])
    for wrong in (len(data), -len(data) - 1):
        with pytest.raises(IndexError, match="'index' must be in"):
            data[wrong]


@EVERY
def test_items(place: Any) -> None:
    data = opened(place)
    item, whole = data[0], data[len(data) - 1]
    assert isinstance(item, (PointCloudData, GridData, SeriesData)) and type(item) is type(whole)
    if isinstance(item, PointCloudData):
        assert item.pos.dtype == torch.float32 and item.pos.shape[1] == 3
    elif isinstance(item, SeriesData):
        assert item.x.dtype == torch.float32 and len(item.times) == len(item.x)
        assert bool((item.times.diff() >= 0).all())
    else:
        assert item.x.dtype == torch.float32 and len(item.x) == 1 and item.x.shape[1:] == whole.x.shape[1:]
        assert tuple(item.x.shape[1:]) == data.shape
    if not hasattr(data, "targets"):
        label = item.category if "category" in item else item.y  # points of shapes with parts have their own
        assert item.y.dtype == label.dtype == torch.int64 and label.tolist() == [data.labels[0]]


@EVERY
def test_splits_are_data_of_one_kind(place: Any) -> None:
    entry, _ = place
    parts = [
        opened(place, Split.TRAIN),
        opened(place, Split.TEST if entry.name != "image_folder" else Split.VAL),
    ]
    assert parts[0].classes == parts[1].classes and type(parts[0]) is type(parts[1])
    if not entry.own_validation and entry.needs_files:
        with pytest.raises(ValueError, match="'split' must be train or test"):
            opened(place, Split.VAL)


@EVERY
def test_random_numbers_belong_to_seed_epoch_and_item(place: Any) -> None:
    draw = random_transform(opened(place)[0])
    data, again, other = (opened(place, transform=draw, seed=seed) for seed in (3, 3, 4))
    first, last = data[0], len(data) - 1
    assert same(data[last], again[last]) and same(first, again[0]) and not same(first, other[0])
    data.set_epoch(1)
    assert data.epoch == 1 and not same(data[0], first)
    data.set_epoch(0)
    assert same(data[0], first)
    once = opened(place, pre_transform=draw, seed=3)
    kept = once[0]
    once.set_epoch(5)
    assert same(once[0], kept) and same(once.in_memory()[0], kept)


@EVERY
def test_a_subset_keeps_items_and_random_numbers(place: Any) -> None:
    data = opened(place, transform=random_transform(opened(place)[0]))
    part = data.subset([len(data) - 1, 0])
    assert len(part) == 2 and same(part[1], data[0]) and part.labels.tolist() == data.labels[[-1, 0]].tolist()
    part.set_epoch(2)
    assert data.epoch == 0 and type(part) is type(data) and part.classes == data.classes
    assert same(data.subset([0], transform=None)[0], opened(place)[0])


@EVERY
def test_batches_of_pyg_hold_the_items(place: Any) -> None:
    data = opened(place).subset(range(3))
    (batch,) = DataLoader(data, batch_size=3)
    assert batch.num_graphs == 3 and all(same(a, b) for a, b in zip(batch.to_data_list(), data, strict=True))
    (ours,) = ResumableLoader(data, 3, shuffle=False)
    assert torch.equal(
        ours.x if ours.x is not None else ours.pos, batch.x if batch.x is not None else batch.pos
    )
    assert torch.equal(ours.y, batch.y)
    if isinstance(data, GridDataset) and data.batches_at_once:
        assert torch.equal(data.batch([2, 0]).x, batch.x[[2, 0]])


@EVERY
def test_copies_and_worker_processes_give_the_same_items(place: Any) -> None:
    data = opened(place, transform=random_transform(opened(place)[0])).subset(range(2))
    data.set_epoch(1)
    for again in (pickle.loads(pickle.dumps(data)), copy.deepcopy(data)):
        assert all(same(a, b) for a, b in zip(again, data, strict=True))


@pytest.mark.parametrize("place", ["shapes", "modelnet", "mnist", "oscillations", "long_csv"], indirect=True)
def test_the_number_of_workers_changes_nothing(place: Any) -> None:
    data = opened(place, transform=random_transform(opened(place)[0])).subset(range(4))
    alone, helped = (list(DataLoader(data, batch_size=2, num_workers=workers)) for workers in (0, 2))
    for first, second in zip(alone, helped, strict=True):
        assert all(same(a, b) for a, b in zip(first.to_data_list(), second.to_data_list(), strict=True))


@EVERY
def test_transforms_run_in_their_order(place: Any) -> None:
    seen: list[str] = []

    def note(name: str) -> Callable[[Any], Any]:
        def noting(item: Any) -> Any:
            seen.append(name)
            return item

        return noting

    data = opened(place, transform=Compose([note("second"), note("third")]), pre_transform=note("first"))
    assert isinstance(data[0], Data) and seen == ["first", "second", "third"]
    if isinstance(data[0], PointCloudData):
        with pytest.raises(ValueError, match="'transforms' must change points before neighbours are taken"):
            Compose([KNN(3), RandomPoints(5)])
        with pytest.raises(ValueError, match="'data' must not have neighbours yet"):
            FarthestPoints(5)(KNN(3)(data[0]))


@EVERY
def test_preprocessing_survives_its_json(place: Any) -> None:
    data = opened(place)
    if isinstance(data[0], PointCloudData):
        used: Any = CloudPreprocessing(16, normalize="box", features=("normal", "pos"), num_neighbors=4)
    elif isinstance(data, FileArrays):
        used = data.reading
        assert preprocessing_from_json(used.to_json()) == used
        return
    elif data[0].x.dim() == 4:
        used = ImagePreprocessing("sequence", mean=0.5, std=0.25)
    else:
        used = SeriesPreprocessing(every=2, drop=30, form="irregular")
    again = preprocessing_from_json(used.to_json())
    assert again is not None and again == used
    first, second = (opened(place, transform=each.transform(), seed=1)[1] for each in (used, again))
    assert same(first, second) and not same(first, data[1])
