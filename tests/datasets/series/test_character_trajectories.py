"""Character trajectories from every form of its files; published numbers on the real data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch

from ccnn_pc.datasets.formats.uea import read_uea
from ccnn_pc.datasets.series.character_trajectories import LETTERS, CharacterTrajectories
from ccnn_pc.datasets.series.data import SeriesData
from ccnn_pc.datasets.series.scaling import Normalization, series_scaling

pytestmark = pytest.mark.filterwarnings("ignore:.*results are those of a part")
COUNTS = [171, 141, 142, 157, 186, 138, 127, 174, 125, 130, 141, 131, 124, 119, 133, 131, 155, 125, 137, 171]
SERIES = [np.random.default_rng(i).normal(size=(4 + i % 5, 3)).astype(np.float32) for i in range(160)]
LABELS = np.arange(160) % 20


def text(values: np.ndarray, length: int = 0) -> list[str]:
    missing = ["?"] * max(length - len(values), 0)
    return [",".join([*(repr(float(v)) for v in channel), *missing]) for channel in values.T]


def write(root: Path, kind: str) -> None:
    halves = [("TRAIN", range(70)), ("TEST", range(70, 160))]
    if kind == "npz":
        lengths = [len(each) for each in SERIES]
        values = np.concatenate(SERIES)
        np.savez(
            root / "character_trajectories.npz",
            values=values,
            length=lengths,
            label=LABELS,
            classes=list(LETTERS),
        )
    elif kind == "mat":
        savemat = pytest.importorskip("scipy.io").savemat
        mixout, key = np.empty((1, 160), dtype=object), np.empty((1, 20), dtype=object)
        for i, each in enumerate(SERIES):
            mixout[0, i] = np.pad(each.astype(float), [(2, 3), (0, 0)]).T
        key[0, :] = list(LETTERS)
        savemat(
            root / "mixoutALL_shifted.mat",
            {"mixout": mixout, "consts": {"charlabels": LABELS + 1, "key": key}},
        )
    else:
        for part, rows in halves:
            if kind == "ts":
                body = [
                    "#made",
                    "@timeStamps false",
                    "@classLabel true " + " ".join(map(str, range(1, 21))),
                    "@data",
                ]
                body += [":".join([*text(SERIES[i]), str(LABELS[i] + 1)]) for i in rows]
            else:
                names = ",".join(map(str, range(1, 21)))
                body = ["@relation x", f"@attribute target {{{names}}}", "@data"]
                body += ["'" + "\\n".join(text(SERIES[i], 9)) + f"',{LABELS[i] + 1}" for i in rows]
            (root / f"CharacterTrajectories_{part}.{kind}").write_text("\n".join(body) + "\n")


@pytest.mark.parametrize("kind", ["ts", "arff", "mat", "npz"])
def test_forms_of_the_files(kind: str, tmp_path: Path) -> None:
    write(tmp_path, kind)
    data = CharacterTrajectories(tmp_path, None, normalize="none", length=9)
    assert data.labels.tolist() == LABELS.tolist() and data.classes == list(LETTERS) and data.shape == (3, 9)
    for i in (0, 7, 119):
        series = torch.from_numpy(SERIES[i]).T
        assert torch.equal(data[i].x[0, :, : series.shape[1]], series)
        assert torch.equal(data[i].x[0, :, series.shape[1] :], series[:, -1:].expand(3, 9 - series.shape[1]))
    irregular: Any = CharacterTrajectories(tmp_path, None, normalize="none", form="irregular", spacing=0.005)
    item = irregular[7]
    assert torch.equal(item.x, torch.from_numpy(SERIES[7])) and item.lattice.tolist() == [[0.005]]
    assert (
        item.times.tolist() == [0.005 * i for i in range(len(SERIES[7]))]
        and item.times.dtype == torch.float64
    )


def test_class_order(tmp_path: Path) -> None:
    global LABELS
    kept, LABELS = LABELS, (np.arange(160) + 3) % 20
    try:
        write(tmp_path, "ts")
    finally:
        LABELS = kept
    data = CharacterTrajectories(tmp_path, None, class_order="appearance")
    assert data.classes == list("deghlmnopqrsuvwyzabc") and data.labels.tolist() == kept.tolist()
    with pytest.raises(ValueError, match="'class_order'"):
        CharacterTrajectories(tmp_path, class_order="random")


def test_drops_are_one_stream_over_all_series(tmp_path: Path) -> None:
    write(tmp_path, "npz")
    data = CharacterTrajectories(tmp_path, None, length=10, drop=30)
    generator = torch.Generator().manual_seed(56789)
    gone = [torch.randperm(10, generator=generator)[:3] for _ in range(160)]
    for i in (0, 50, 119):
        mask = torch.ones(10)
        mask[gone[i]] = 0
        assert data[i].x.shape == (1, 4, 10) and torch.equal(data[i].x[0, 3], mask)
        assert bool((data[i].x[0, :3, gone[i]] == 0).all())
    irregular: Any = CharacterTrajectories(tmp_path, None, length=10, drop=30, form="irregular")
    for i in (0, 50, 119):  # the same samples, with their own stamps
        stamps = [t for t in range(len(SERIES[i])) if t not in gone[i].tolist()]
        assert irregular[i].times.tolist() == stamps and "mask" not in irregular[i]
        torch.testing.assert_close(irregular[i].x, data[i].x[0, :3, stamps].T)
    own = CharacterTrajectories(tmp_path, None, length=10, drop=30, drop_seed=None, seed=1)
    assert float(own[4].x[0, 3].sum()) == 7 and not torch.equal(own[4].x[0, 3], data[4].x[0, 3])
    assert torch.equal(own.subset([4])[0].x, own[4].x)


def test_statistics_come_from_the_training_part(tmp_path: Path) -> None:
    write(tmp_path, "npz")
    train = CharacterTrajectories(tmp_path, "train", form="irregular")
    x = torch.cat([item.x for item in train])
    torch.testing.assert_close(x.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(x.std(0), torch.ones(3), atol=1e-3, rtol=0)
    test: Any = CharacterTrajectories(tmp_path, "test")
    assert np.array_equal(test.scaling.mean, train.scaling.mean)  # type: ignore[union-attr]
    step = CharacterTrajectories(tmp_path, "train", normalize="step", length=9)
    x = step.batch(range(len(step))).x
    torch.testing.assert_close(x.mean((0, 1)), torch.zeros(9), atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match="'normalize' must be 'channel' or 'none'"):
        CharacterTrajectories(tmp_path, normalize="step", form="irregular")


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"CharacterTrajectories_TRAIN\.ts(?s:.*)archive\.ics\.uci"):
        CharacterTrajectories(tmp_path)
    write(tmp_path, "ts")
    path = tmp_path / "CharacterTrajectories_TRAIN.ts"
    whole = path.read_text()
    for cut in (40, 3, len(whole) - whole.index("@data")):
        path.write_text(whole[:-cut])
        with pytest.raises(
            ValueError, match=r"CharacterTrajectories_TRAIN\.ts' (is damaged|must have a line)"
        ):
            CharacterTrajectories(tmp_path)
    path.write_text(whole.replace("@timeStamps false", "@timeStamps true"))
    with pytest.raises(ValueError, match=r"line 5: a channel must be .time,value."):
        read_uea(path)
    path.unlink()
    write(tmp_path, "arff")
    path = tmp_path / "CharacterTrajectories_TEST.arff"
    path.write_text(path.read_text()[:-20])
    with pytest.raises(ValueError, match=r"TEST\.arff' is damaged or cut off in line 93"):
        CharacterTrajectories(tmp_path)
    for name, content in (
        ("mixoutALL_shifted.mat", b"MATLAB 5.0"),
        ("character_trajectories.npz", b"PK\3\4"),
    ):
        (tmp_path / "other").mkdir(exist_ok=True)
        (tmp_path / "other" / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}' is damaged"):
            CharacterTrajectories(tmp_path / "other" / name)


def test_a_batch_of_series_keeps_stamps_apart(tmp_path: Path) -> None:
    write(tmp_path, "npz")
    data: Any = CharacterTrajectories(tmp_path, "test", form="irregular")
    batch: Any = Batch.from_data_list([data[i] for i in range(3)])
    assert isinstance(batch[1], SeriesData) and torch.equal(batch[1].times, data[1].times)
    assert batch.batch.bincount().tolist() == [
        len(data[i].times) for i in range(3)
    ] and batch.lattice.shape == (3, 1)


@pytest.fixture(scope="module")
def real(shared: Path) -> CharacterTrajectories:
    return CharacterTrajectories(shared / "data", None, normalize="none")


def test_real_counts(real: CharacterTrajectories, shared: Path) -> None:
    assert len(real) == 2858 and np.bincount(real.labels).tolist() == COUNTS
    lengths = real.stored.lengths
    assert (lengths.min(), lengths.max(), lengths.sum()) == (60, 182, 342939)
    parts = {split: CharacterTrajectories(shared / "data", split) for split in ("train", "val", "test")}
    assert [len(part) for part in parts.values()] == [2000, 429, 429]
    assert parts["test"]._rows[:8].tolist() == [11, 14, 31, 35, 36, 38, 52, 54]


def test_real_published_preprocessing(real: CharacterTrajectories, shared: Path) -> None:
    """Padding, class order and statistics per time step equal those that the released checkpoints were run with."""
    golden = np.load(shared / "golden" / "5_ct_real_sr1.npz")
    rows = golden["input/index_in_train_then_xtest"].astype(int)
    x = real.batch(rows.tolist()).x.numpy()
    assert np.array_equal(x, golden["input/x_padded_raw"])
    assert np.array_equal(real.labels[rows], golden["output/label_index_in_class_order"])
    assert "".join(real.classes) == str(golden["config/class_order"])
    scaling = series_scaling((real._placed(row) for row in range(2858)), Normalization.STEP)
    assert scaling is not None
    made = np.stack([scaling.of(each) for each in x])
    np.testing.assert_allclose(made, golden["input/x_normalised"], atol=2e-6)
