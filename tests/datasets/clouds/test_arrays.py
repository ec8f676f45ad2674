"""The arrays form: decoding, caching, epochs, splits, workers."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from torch_geometric.loader import DataLoader

from ccnn_pc.datasets import (
    CloudArrays,
    Compose,
    Jitter,
    ModelNet,
    RandomPoints,
    open_dataset,
    stratified_split,
)
from ccnn_pc.datasets.clouds.arrays import read_arrays


def test_integers_are_decoded_exactly(arrays):
    data = CloudArrays(arrays / "test.npz")
    stored = np.load(arrays / "test.npz")
    item = data[3]
    np.testing.assert_allclose(item.pos.numpy(), stored["points"][3] / 32767, atol=1e-7)
    np.testing.assert_allclose(item.normal.numpy(), stored["normals"][3] / 127, atol=1e-7)
    assert item.pos.dtype == torch.float32 and item.y.tolist() == [1] and item.name == "test_3"
    assert data.classes == ["a", "b"] and data.num_classes == 2 and data.labels.tolist() == [0, 1] * 4


def test_the_second_time_comes_from_the_cache(arrays, own_cache):
    first = read_arrays(arrays / "test.npz")
    assert isinstance(first.points, np.memmap)
    (folder,) = own_cache.iterdir()
    before = (folder / "points.npy").stat().st_mtime_ns
    read_arrays(arrays / "test.npz")
    assert (folder / "points.npy").stat().st_mtime_ns == before
    np.savez(arrays / "test.npz", **{**np.load(arrays / "test.npz"), "label": np.zeros(8, np.uint8)})
    assert CloudArrays(arrays / "test.npz").labels.tolist() == [0] * 8  # another file: another cache


def test_a_damaged_cache_is_built_again(arrays, own_cache):
    CloudArrays(arrays / "test.npz")
    (folder,) = own_cache.iterdir()
    (folder / "points.npy").write_bytes(b"half a fil")
    with pytest.warns(UserWarning, match="damaged"):
        again = CloudArrays(arrays / "test.npz")
    assert again[0].pos.shape == (64, 3)
    assert not list(own_cache.glob(".tmp-*"))


@pytest.mark.parametrize("name", ["rest.npz", "points.npy", "normals.npy", "attribute_0.npy"])
@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\x93NUMPY"])
def test_a_cache_with_a_damaged_file_is_built_again(arrays, own_cache, name, content):
    np.savez(arrays / "test.npz", **np.load(arrays / "test.npz"), height=np.ones((8, 64)))
    CloudArrays(arrays / "test.npz")
    (folder,) = own_cache.iterdir()
    (folder / name).write_bytes(content)
    with pytest.warns(UserWarning, match="damaged"):
        assert CloudArrays(arrays / "test.npz")[0].height.tolist() == [1] * 64


def test_a_cache_whose_arrays_do_not_fit_together_is_built_again(arrays, own_cache):
    CloudArrays(arrays / "test.npz")
    (folder,) = own_cache.iterdir()
    np.save(folder / "points.npy", np.load(folder / "points.npy")[:-1])
    with pytest.warns(UserWarning, match="damaged .* 8 items of 512 rows are stored"):
        assert len(CloudArrays(arrays / "test.npz")[7].pos) == 64


def test_without_a_writable_cache_data_stay_in_memory(arrays, tmp_path):
    blocked = tmp_path / "a file"
    blocked.write_text("")
    with pytest.warns(UserWarning, match="CCNN_PC_CACHE"):
        data = CloudArrays(arrays / "test.npz", cache=blocked)
    assert data[0].pos.shape == (64, 3)


def test_floating_points_are_centred_and_scaled(tmp_path, rng):
    points = rng.normal(size=(2, 50, 3)) * 30 + 5e6
    np.savez(tmp_path / "f.npz", points=points, label=[0, 1], classes=["a", "b"])
    data = CloudArrays(tmp_path / "f.npz")
    clouds = data.clouds
    for row in range(2):
        restored = data[row].pos.double().numpy() * clouds.scale[row] + clouds.center[row]
        assert np.abs(restored - points[row]).max() <= clouds.scale[row] / 32767
        assert "normal" not in data[row]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"label": np.zeros(3, int)}, "must match"),
        ({"label": np.full(8, 2)}, r"\[0, 2\)"),
        ({"points": np.zeros((8, 64, 2), np.int16)}, r"\[n, P, 3\]"),
        ({"points": np.full((8, 64, 3), np.nan)}, "finite"),
        ({"points": np.zeros((8, 64, 3), np.uint8)}, "signed"),
    ],
)
def test_arrays_that_do_not_fit(arrays, change, match):
    np.savez(arrays / "bad.npz", **{**np.load(arrays / "test.npz"), **change})
    with pytest.raises(ValueError, match=match) as error:
        CloudArrays(arrays / "bad.npz")
    assert "bad.npz" in str(error.value)


def test_missing_and_truncated_files(arrays):
    with pytest.raises(FileNotFoundError, match="none.npz"):
        CloudArrays(arrays / "none.npz")
    half = arrays / "half.npz"
    half.write_bytes((arrays / "test.npz").read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"half\.npz.*copy it again"):
        CloudArrays(half)
    np.savez(arrays / "other.npz", a=1)
    with pytest.raises(ValueError, match="missing: points, label, classes"):
        CloudArrays(arrays / "other.npz")


def test_random_numbers_belong_to_seed_epoch_and_index(arrays):
    def draw(seed, epoch, index):
        data = CloudArrays(arrays / "train.npz", transform=RandomPoints(8), seed=seed)
        data.set_epoch(epoch)
        return data[index].pos

    assert torch.equal(draw(0, 4, 2), draw(0, 4, 2))
    assert not torch.equal(draw(0, 4, 2), draw(0, 5, 2))
    assert not torch.equal(draw(0, 4, 2), draw(1, 4, 2))


def test_pre_transform_is_drawn_once(arrays):
    data = CloudArrays(arrays / "train.npz", pre_transform=RandomPoints(8))
    first = data[1].pos
    data.set_epoch(7)
    assert torch.equal(first, data[1].pos)
    kept = data.in_memory()
    assert torch.equal(kept[1].pos, first) and kept.epoch == 7
    kept.transform = Jitter()
    kept[1]
    assert torch.equal(kept.load(1).pos, first)


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_change_nothing(arrays, workers):
    data = CloudArrays(arrays / "train.npz", transform=Compose([RandomPoints(8), Jitter()]))
    direct = []
    for epoch in range(2):
        data.set_epoch(epoch)
        direct.append(torch.cat([item.pos for item in data]))
    loader = DataLoader(data, batch_size=6, num_workers=workers, persistent_workers=workers > 0)
    for epoch in range(2):
        data.set_epoch(epoch)
        assert torch.equal(torch.cat([batch.pos for batch in loader]), direct[epoch])


def test_a_subset_keeps_the_random_numbers_and_its_own_epoch(arrays):
    data = CloudArrays(arrays / "train.npz", transform=RandomPoints(8))
    part = data.subset([5, 9])
    assert torch.equal(part[1].pos, data[9].pos) and part.labels.tolist() == [1, 1] and len(part) == 2
    data.set_epoch(3)
    assert part.epoch == 0
    assert data.subset([5], transform=None)[0].pos.shape == (64, 3)
    with pytest.raises(IndexError):
        part[2]


def test_pickling_maps_the_files_again(arrays):
    data = CloudArrays(arrays / "train.npz")
    blob = pickle.dumps(data)
    assert len(blob) < 5000 + data.clouds.offset.nbytes
    assert torch.equal(pickle.loads(blob)[4].pos, data[4].pos)


def test_splits_are_stratified_disjoint_and_seeded(arrays):
    labels = np.repeat([0, 1, 2, 3], [100, 30, 10, 1])
    rest, drawn = stratified_split(labels, 0.1, seed=3)
    assert sorted([*rest, *drawn]) == list(range(141))
    assert np.bincount(labels[drawn], minlength=4).tolist() == [10, 3, 1, 0]
    assert stratified_split(labels, 0.1, seed=3)[1].tolist() == drawn.tolist()
    assert stratified_split(labels, 0.1, seed=4)[1].tolist() != drawn.tolist()
    with pytest.raises(ValueError, match="fraction"):
        stratified_split(labels, 1.0)


def test_validation_comes_from_training_data(arrays):
    train = ModelNet(arrays, split="train", validation_fraction=0.2)
    val = ModelNet(arrays, split="val", validation_fraction=0.2)
    test = ModelNet(arrays, split="test")
    names = [{item.name for item in part} for part in (train, val, test)]
    assert [len(part) for part in names] == [16, 4, 8]
    assert not names[0] & names[1] and all(name.startswith("train") for name in names[0] | names[1])
    assert len(ModelNet(arrays)) == 20
    with pytest.raises(ValueError, match="validation_fraction"):
        ModelNet(arrays, split="val")
    with pytest.raises(ValueError, match="'split'"):
        ModelNet(arrays, split="dev")
    with pytest.raises(ValueError, match="2 classes"):
        ModelNet(arrays, name="40")


def test_open_dataset(arrays):
    assert len(open_dataset(arrays / "train.npz", "test")) == 20
    assert len(open_dataset(arrays)) == 8 and len(open_dataset(str(arrays), "train")) == 20
    with pytest.raises(ValueError, match="no validation part of its own"):
        open_dataset(arrays, "val")
    with pytest.raises(FileNotFoundError, match="shapes"):
        open_dataset("no_such_data")


def test_shared_modelnet10(shared):
    data = ModelNet(shared / "data" / "modelnet10", split="test")
    assert len(data) == 452 and np.bincount(data.labels).tolist() == [25, 50, 50, 43, 42, 50, 43, 49, 50, 50]
    table = data[int(np.flatnonzero(data.labels == 8)[0])]
    assert float(table.pos[:, 2].median()) > 0  # z is up: a table's points lie high
    assert float(table.normal.norm(dim=1).sub(1).abs().max()) < 0.01
