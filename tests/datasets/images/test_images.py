"""MNIST, CIFAR, STL-10 from small files of every layout; views; whole batches; the real data."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.datasets.common.fetch import RemoteFile
from ccnn_pc.datasets.formats.idx import write_idx
from ccnn_pc.datasets.images.arrays import CIFAR10_SCALING, GREY_SCALING
from ccnn_pc.datasets.images.cifar import CIFAR10, CIFAR100
from ccnn_pc.datasets.images.download import FILES, download_images
from ccnn_pc.datasets.images.mnist import MNIST
from ccnn_pc.datasets.images.stl10 import STL10
from ccnn_pc.datasets.transforms.view import View, fixed_noise, fixed_permutation, luminance
from tests.datasets.formats.test_image_formats import write_tar

pytestmark = pytest.mark.filterwarnings("ignore:.*results are those of a part")


def write_mnist(root: Path, count: int = 20) -> np.ndarray:
    random = np.random.default_rng(1)
    images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    for part in ("train", "t10k"):
        (root / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(write_idx(images)))
        labels = (np.arange(count) % 10).astype(np.uint8)
        (root / f"{part}-labels.idx1-ubyte").write_bytes(write_idx(labels))
    return images


def test_mnist_views(tmp_path: Path) -> None:
    images = write_mnist(tmp_path)
    wanted = (torch.from_numpy(images).float() / 255 - 0.1307) / 0.3081
    image, sequence, permuted = (MNIST(tmp_path, view=view) for view in ("image", "sequence", "permuted"))
    assert image[3].x.shape == (1, 1, 28, 28) and image[3].y.tolist() == [3] and image.shape == (1, 28, 28)
    torch.testing.assert_close(image[3].x[0, 0], wanted[3])
    assert torch.equal(sequence[3].x, image[3].x.reshape(1, 1, 784)) and sequence.shape == (1, 784)
    np.random.seed(0)  # noqa: NPY002  (the released experiments draw it so)
    order = np.random.permutation(784)  # noqa: NPY002
    assert torch.equal(permuted[3].x, sequence[3].x[:, :, order])
    assert np.array_equal(fixed_permutation(784), order)
    other = MNIST(tmp_path, "test", "permuted", permutation_seed=5)
    assert not torch.equal(other[3].x, permuted[3].x)
    reversed_order = MNIST(tmp_path, "test", "permuted", permutation=range(783, -1, -1))
    assert torch.equal(reversed_order[3].x, sequence[3].x.flip(2))


def test_mnist_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"train-images-idx3-ubyte(?s:.*)s3(?s:.*)download_images"):
        MNIST(tmp_path)
    write_mnist(tmp_path)
    with pytest.raises(ValueError, match="'val'"):
        MNIST(tmp_path, "val")
    with pytest.raises(ValueError, match="'view' must be one of"):
        MNIST(tmp_path, view="video")
    with pytest.raises(ValueError, match="3 channels to become grey"):
        MNIST(tmp_path, view="grey")[0]
    with pytest.raises(ValueError, match="each of 0 to 2 once"):
        MNIST(tmp_path, view="permuted", permutation=[0, 2, 2])
    with pytest.raises(ValueError, match=r"as many pixels .* \(784; got 3\)"):
        MNIST(tmp_path, view="permuted", permutation=[0, 2, 1])[0]
    (tmp_path / "train-labels.idx1-ubyte").write_bytes(write_idx(np.zeros(3, np.uint8)))
    with pytest.raises(ValueError, match=r"train-labels.*' must hold one label for each of"):
        MNIST(tmp_path)
    (tmp_path / "train-labels.idx1-ubyte").write_bytes(write_idx(np.full(20, 10, np.uint8)))
    with pytest.raises(ValueError, match=r"train-labels.*' must hold labels in \[0, 10\) \(got 10 to 10\)"):
        MNIST(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(
        gzip.compress(write_idx(np.zeros((0, 28, 28), np.uint8)))
    )
    with pytest.raises(
        ValueError, match=r"t10k-images.*' must hold images of 28 x 28 pixels \(got \[0, 28, 28\]\)"
    ):
        MNIST(tmp_path, "test")
    (tmp_path / "train-labels.idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x14abc")
    with pytest.raises(ValueError, match="train-labels.*20 bytes"):
        MNIST(tmp_path)


def cifar_arrays(label_bytes: int, count: int = 6) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(2)
    images = random.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8)
    return images, random.integers(0, 10, (count, label_bytes), dtype=np.uint8)


def write_cifar(root: Path, form: str, label_bytes: int) -> tuple[np.ndarray, np.ndarray]:
    """One file per part, in one of the layouts people have."""
    images, labels = cifar_arrays(label_bytes)
    name = {1: "cifar-10", 2: "cifar-100"}[label_bytes]
    parts = ["data_batch_1", "data_batch_2", "test_batch"] if label_bytes == 1 else ["train", "test"]
    binary = np.hstack([labels, images.reshape(len(images), -1)]).tobytes()
    keys: Any = ["labels"] if label_bytes == 1 else ["coarse_labels", "fine_labels"]
    content = {b"data": images.reshape(len(images), -1)}
    content |= {key.encode(): labels[:, i].tolist() for i, key in enumerate(keys)}
    pickled = pickle.dumps(content, protocol=2)
    names = [f"{name}/{part}.bin" if form != "python" else f"{name}/{part}" for part in parts]
    data = pickled if form == "python" else binary
    if form == "plain":
        for path in names:
            (root / Path(path).name).write_bytes(data)
    else:
        ending = "python" if form == "python" else "binary"
        write_tar(root / f"{name}-{ending}.tar.gz", dict.fromkeys(names, data))
    return images, labels


@pytest.mark.parametrize("form", ["plain", "binary", "python"])
@pytest.mark.parametrize(("kind", "label_bytes"), [(CIFAR10, 1), (CIFAR100, 2)])
def test_cifar_layouts(tmp_path: Path, form: str, kind: Any, label_bytes: int) -> None:
    images, labels = write_cifar(tmp_path, form, label_bytes)
    data = kind(tmp_path, "test")
    assert np.array_equal(data.values, images) and data.labels.tolist() == labels[:, -1].tolist()
    assert (
        len(kind(tmp_path)) == (12 if label_bytes == 1 else 6)
        and data.num_classes == (10, 100)[label_bytes - 1]
    )


def test_cifar_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cifar-10-python\.tar\.gz(?s:.*)cs\.toronto\.edu"):
        CIFAR10(tmp_path)
    (tmp_path / "test_batch").write_bytes(
        pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1]})
    )
    with pytest.raises(ValueError, match=r"test_batch' must hold one label for each of 2 images \(got \[1\]"):
        CIFAR10(tmp_path, "test")
    for wrong in ([1, 10], [1, -1], [1, 0.5], [1, "1"], [1, True], [1, float("nan")], [1, 2**40]):
        (tmp_path / "test_batch").write_bytes(
            pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": wrong})
        )
        with pytest.raises(ValueError, match=r"test_batch' must hold labels in \[0, 10\)"):
            CIFAR10(tmp_path, "test")
    (tmp_path / "test_batch").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(ValueError, match="test_batch' must hold 'data'"):
        CIFAR10(tmp_path, "test")
    (tmp_path / "test_batch").write_bytes(pickle.dumps(Path("x")))
    with pytest.raises(ValueError, match="test_batch' cannot be read .*pathlib"):
        CIFAR10(tmp_path, "test")
    (tmp_path / "test_batch.bin").write_bytes(bytes([11]) + bytes(3072))
    with pytest.raises(ValueError, match=r"test_batch.*' must hold labels in \[0, 10\)"):
        CIFAR10(tmp_path, "test")


def test_cifar_views(tmp_path: Path) -> None:
    images, _ = write_cifar(tmp_path, "plain", 1)
    raw = torch.from_numpy(images).float() / 255
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in CIFAR10_SCALING)
    wanted = (raw - mean) / std
    got = {view: CIFAR10(tmp_path, "test", view).batch(range(6)).x for view in View}
    torch.testing.assert_close(got[View.IMAGE], wanted)
    torch.testing.assert_close(got[View.SEQUENCE], wanted.reshape(6, 3, 1024))
    torch.testing.assert_close(got[View.PERMUTED], wanted.reshape(6, 3, 1024)[:, :, fixed_permutation(1024)])
    padded = got[View.NOISE_PADDED]
    assert padded.shape == (6, 96, 1000)
    for channel, step in ((0, 0), (37, 5), (95, 31)):  # step: image row; channel: colour, then column
        torch.testing.assert_close(padded[:, channel, step], wanted[:, channel // 32, step, channel % 32])
    assert torch.equal(padded[:, :, 32:], fixed_noise(96, 968).expand(6, -1, -1))
    assert abs(float(padded[0, :, 32:].mean())) < 0.02 and abs(float(padded[0, :, 32:].std()) - 1) < 0.02
    grey = (luminance(raw) - 122.6 / 255) / (61 / 255)
    torch.testing.assert_close(got[View.GREY], grey)
    torch.testing.assert_close(got[View.GREY_SEQUENCE], grey.reshape(6, 1, 1024))
    for view, x in got.items():
        assert CIFAR10(tmp_path, "test", view).shape == tuple(x.shape[1:])
    plain = CIFAR10(tmp_path, "test", scaling=GREY_SCALING)
    torch.testing.assert_close(plain[0].x, (raw[:1] - 122.6 / 255) / (61 / 255))


def test_luminance_is_that_of_image_libraries(rng: np.random.Generator) -> None:
    pil = pytest.importorskip("PIL.Image")
    colours = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    wanted = np.asarray(pil.fromarray(colours).convert("L"))
    x = torch.from_numpy(colours).permute(2, 0, 1)[None].float() / 255
    assert np.array_equal((luminance(x)[0, 0] * 255).round().numpy().astype(np.uint8), wanted)


def test_stl10(tmp_path: Path, rng: np.random.Generator) -> None:
    with pytest.raises(FileNotFoundError, match=r"test_X\.bin(?s:.*)ai\.stanford\.edu"):
        STL10(tmp_path, "test")
    images = rng.integers(0, 256, (3, 3, 96, 96), dtype=np.uint8)
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    (folder / "test_X.bin").write_bytes(images.transpose(0, 1, 3, 2).tobytes())
    (folder / "test_y.bin").write_bytes(bytes([1, 10, 4]))
    data = STL10(tmp_path, "test")
    assert (
        np.array_equal(data.values, images)
        and data.labels.tolist() == [0, 9, 3]
        and data.classes[9] == "truck"
    )
    assert data[0].x.shape == (1, 3, 96, 96)
    (folder / "test_y.bin").write_bytes(bytes([1, 10]))
    with pytest.raises(ValueError, match=r"y\.bin' must hold one label for each of"):
        STL10(tmp_path, "test")


def test_download(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"content")
    good = RemoteFile(
        "a.bin", ("file:///nowhere", (tmp_path / "source").as_uri()), "9a0364b9e99bb480dd25e1f0284c8555"
    )
    assert (download_images(tmp_path / "data", "mnist", files=[good]) / "a.bin").read_bytes() == b"content"
    with pytest.raises(FileNotFoundError, match=r"its md5 is 9a03(?s:.*)no need to unpack(?s:.*)'stl10'"):
        download_images(tmp_path / "other", "stl10", files=[RemoteFile("b", good.mirrors, "0" * 32)])
    assert not list((tmp_path / "other").iterdir())
    with pytest.raises(ValueError, match="'name' must be one of mnist, cifar10, cifar100, stl10"):
        download_images(tmp_path, "imagenet")
    assert all(len(remote.md5) == 32 and remote.mirrors for files in FILES.values() for remote in files)


def test_shared_mnist(shared: Path) -> None:
    train, test = (MNIST(shared / "data", split, "sequence") for split in ("train", "test"))
    assert (len(train), len(test)) == (60_000, 10_000) and train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    x = torch.cat([train.batch(range(i, i + 10_000)).x for i in range(0, 60_000, 10_000)])
    assert abs(float(x.mean())) < 1e-3 and abs(float(x.std()) - 1) < 1e-3  # the published constants fit


def test_shared_cifar10(shared: Path) -> None:
    with pytest.warns(UserWarning, match=r"10,000 of the 50,000 train images"):
        train = CIFAR10(shared / "data", "train")
    test = CIFAR10(shared / "data", "test", "grey")
    assert (len(train), len(test)) == (10_000, 2_000) and train.classes[:2] == ["airplane", "automobile"]
    mean = train.batch(range(10_000)).x.mean(dim=(0, 2, 3))
    assert float(mean.abs().max()) < 0.02
    x = test.batch(range(2_000)).x
    assert abs(float(x.mean())) < 0.05 and abs(float(x.std()) - 1) < 0.05
