"""IDX, CIFAR, STL-10, restricted pickles, compressed files: round trips, and what is wrong with a wrong file."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import os
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ccnn_pc.datasets.formats.array_pickle import read_array_pickle
from ccnn_pc.datasets.formats.idx import read_idx, write_idx
from ccnn_pc.datasets.formats.image_records import read_cifar_binary, read_stl10_images, read_stl10_labels
from ccnn_pc.datasets.formats.packed import Store, read_packed


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("shape", [(5,), (0, 3), (2, 3, 4)])
def test_idx_round_trip(dtype: str, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    array = (100 * rng.normal(size=shape)).astype(dtype)
    again = read_idx(write_idx(array), dim=len(shape))
    assert again.dtype == array.dtype and again.dtype.isnative and np.array_equal(again, array)


def test_idx_bytes_are_those_of_the_format() -> None:
    assert write_idx(np.array([[1], [258]], np.int16)) == bytes(
        [0, 0, 11, 2, *(0, 0, 0, 2), *(0, 0, 0, 1), 0, 1, 1, 2]
    )


GOOD = write_idx(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "first bytes"),
        (b"\x1f\x8b\x08\x03" + GOOD[4:], "first bytes"),
        (b"\x00\x00\x07\x03" + GOOD[4:], "first bytes"),
        (GOOD[:9], "cut off in its header"),
        (GOOD[:-1], r"24 bytes of values for an array \[2, 3, 4\] \(got 23\)"),
        (GOOD + b"x", r"\(got 25\)"),
        (write_idx(np.zeros(3, np.uint8)), "array of 3 axes"),
    ],
)
def test_wrong_idx_files(data: bytes, match: str) -> None:
    with pytest.raises(ValueError, match=f"'labels.idx'.*{match}"):
        read_idx(data, "labels.idx", dim=3)


def test_packed_files(tmp_path: Path) -> None:
    for name, data in (("a", GOOD), ("b.gz", gzip.compress(GOOD)), ("c.xz", lzma.compress(GOOD))):
        (tmp_path / name).write_bytes(data)
        assert read_packed(tmp_path / name) == GOOD
        if name != "a":
            (tmp_path / name).write_bytes(data[: len(data) // 2])
            with pytest.raises(ValueError, match=f"{name}' is damaged or cut off"):
                read_packed(tmp_path / name)
    (tmp_path / "d.gz").write_bytes(b"not gzip at all")
    with pytest.raises(ValueError, match="damaged"):
        read_packed(tmp_path / "d.gz")
    with pytest.raises(FileNotFoundError, match="nothing"):
        read_packed(tmp_path / "nothing")


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_store_looks_in_folders_and_archives(tmp_path: Path) -> None:
    archive = write_tar(tmp_path / "all.tar.gz", {"inner/x.bin": b"x", "inner/y.bin": b"y", "z.bin": b"z"})
    store = Store(tmp_path, ["inner"], ["all.tar.gz"], ["x.bin", "y.bin"])
    assert store.read("x.bin") == (b"x", f"{archive}:inner/x.bin")
    assert store.read("z.bin") is None  # not one of the names
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "x.bin.gz").write_bytes(gzip.compress(b"folder first"))
    found = store.read("x.bin")
    assert found is not None and found[0] == b"folder first"
    assert Store(archive, names=["y.bin"]).read("y.bin") is not None
    archive.write_bytes(archive.read_bytes()[:60])
    with pytest.raises(ValueError, match=r"all\.tar\.gz' is damaged"):
        Store(tmp_path, archives=["all.tar.gz"], names=["y.bin"]).read("y.bin")


@pytest.mark.parametrize("label_bytes", [1, 2])
def test_cifar_records(label_bytes: int, rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (4, 3, 32, 32), dtype=np.uint8)
    labels = rng.integers(0, 9, (4, label_bytes), dtype=np.uint8)
    data = np.hstack([labels, images.reshape(4, -1)]).tobytes()
    read, found = read_cifar_binary(data, label_bytes=label_bytes)
    assert np.array_equal(read, images) and np.array_equal(found, labels)
    for wrong in (data[:-1], b""):
        with pytest.raises(ValueError, match=rf"'x\.bin' must be a whole .* {3072 + label_bytes} bytes"):
            read_cifar_binary(wrong, "x.bin", label_bytes)


def test_stl10_records_are_column_major(rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (2, 3, 96, 96), dtype=np.uint8)
    data = b"".join(images[i, c].tobytes(order="F") for i in range(2) for c in range(3))
    assert np.array_equal(read_stl10_images(data), images)
    with pytest.raises(ValueError, match="27648 bytes"):
        read_stl10_images(data[1:], "train_X.bin")
    for wrong in (b"\x00\x01", b"\x0b", b""):
        with pytest.raises(ValueError, match="labels from 1 to 10"):
            read_stl10_labels(wrong)


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("order", ["C", "F"])
def test_pickles_of_arrays(protocol: int, order: Any, rng: np.random.Generator) -> None:
    array = np.array(rng.integers(0, 256, (3, 5)), dtype=">i4", order=order)
    value = {b"data": array, "labels": [1, 2], "t": (b"", None, 1.5), b"empty": np.empty((0, 2), np.uint8)}
    read = read_array_pickle(pickle.dumps(value, protocol=protocol))
    assert list(read) == list(value) and read["labels"] == [1, 2] and read["t"] == (b"", None, 1.5)
    assert np.array_equal(read[b"data"], array) and read[b"data"].dtype.isnative
    assert read[b"empty"].shape == (0, 2)


def test_pickles_of_python_2() -> None:
    """As CIFAR's files are written: byte strings for names, types and content."""
    text = (
        b"\x80\x02}U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x02\x07\xfftbs."
    )
    assert read_array_pickle(text)[b"data"].tolist() == [7, 255]


class _Call:
    """Pickles to a call."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("value", "match"),
    [
        (_Call(os.system, "touch hacked"), r"(posix|nt)\.system"),
        (_Call(eval, "1"), r"builtin(s|__)\.eval"),
        ({b"data": np.array([{}], dtype=object)}, "'O8'"),
        (np.zeros(2, dtype=[("a", "u1")]), "'V1'"),
        (np.datetime64("2020"), "multiarray.scalar"),
        (_Call(bytes, b"abc"), r"bytes\(\)"),
        ({1, 2}, "set"),
    ],
)
def test_other_pickles_are_refused(
    value: Any, match: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=f"'data_batch_1' cannot be read .*{match}"):
        read_array_pickle(pickle.dumps(value, protocol=2), "data_batch_1")
    assert not list(tmp_path.iterdir())


def test_damaged_pickles() -> None:
    good = pickle.dumps({b"data": np.arange(50, dtype=np.uint8)}, protocol=2)
    for end in range(0, len(good), 7):
        with pytest.raises(ValueError, match="'cut' cannot be read"):
            read_array_pickle(good[:end], "cut")
    for place in range(len(good)):  # every byte changed: read as something else, or refused
        changed = good[:place] + bytes([good[place] ^ 0x55]) + good[place + 1 :]
        try:
            read_array_pickle(changed, "changed")
        except ValueError as error:
            assert "'changed' cannot be read" in str(error)


def test_shared_files(shared: Path) -> None:
    """MNIST's own checksums, and the layout of the CIFAR-10 subset."""
    folder = shared / "data"
    sums = {"train-images-idx3-ubyte.gz": "6bbc9ace898e44ae57da46a324031adb"}
    sums["t10k-labels-idx1-ubyte.gz"] = "27ae3e4e09519cfbb04c329615203637"
    for name, md5 in sums.items():
        data = read_packed(folder / "mnist" / name)
        assert hashlib.md5(data).hexdigest() == md5 and write_idx(read_idx(data)) == data
    images, labels = read_cifar_binary(read_packed(folder / "cifar10" / "test_batch.bin.xz"))
    assert images.shape == (2000, 3, 32, 32) and np.bincount(labels[:, 0]).tolist() == [200] * 10
