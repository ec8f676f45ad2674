"""Data and reference numbers of ``ckconv_checkpoints.py``, prepared as the released code prepares them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from ccnn_pc.datasets import MNIST, CharacterTrajectories, PhysioNet2019
from ccnn_pc.datasets.series.physionet2019 import HOURS, STATICS, VARIABLES
from ccnn_pc.datasets.series.scaling import EPSILON, Normalization, series_scaling

#: Checkpoint, test rate, options, normalisation.
Key = tuple[str, str, str, str]


def character_trajectories(root: Path, normalize: str, drop: float = 0.0) -> tuple[Tensor, Tensor]:
    """All series ``[2858, 3 or 4, 182]`` and their classes; mean and deviation are those of all of them."""
    data = CharacterTrajectories(root, split=None, normalize="none", drop=drop)
    x = data.raw(np.arange(len(data))).squeeze(1).numpy()
    values, seen = x[:, :3], x[:, 3:]
    known = np.broadcast_to(seen > 0 if drop else True, values.shape)
    scaling = series_scaling(np.where(known, values, np.float32("nan")), Normalization(normalize))
    assert scaling is not None
    scaled = np.where(known, (values - scaling.mean) / (scaling.std + np.float32(EPSILON)), np.float32(0))
    return torch.from_numpy(np.concatenate([scaled, seen], axis=1)), torch.from_numpy(data.stored.label)


def patients(root: Path, normalize: str, drop: float = 0.0) -> tuple[Tensor, Tensor]:
    """All patients there are ``[n, 75, 72]`` and their labels; mean and deviation are those of all of them."""
    data = PhysioNet2019(root, split=None, normalize="none")
    x = data.raw(np.arange(len(data))).numpy().reshape(len(data), -1, HOURS)
    last = len(VARIABLES)
    counts, values, static = x[:, :last], x[:, last : 2 * last], x[:, 2 * last : 2 * last + len(STATICS)]
    known = np.diff(counts, axis=2, prepend=np.float32(0)) > 0
    for part, seen in ((values, known), (static, np.ones_like(static, dtype=bool))):
        scaling = series_scaling(np.where(seen, part, np.float32("nan")), Normalization(normalize))
        assert scaling is not None
        part[:] = np.where(seen, (part - scaling.mean) / (scaling.std + np.float32(EPSILON)), np.float32(0))
    return torch.from_numpy(x), torch.from_numpy(data.stored.label)


def digits(root: Path, normalize: str, drop: float = 0.0) -> tuple[Tensor, Tensor]:
    """The 10,000 test digits as sequences ``[10000, 1, 784]`` and their classes."""
    data = MNIST(root / "mnist", "test", view="sequence")
    items = [data[row] for row in range(len(data))]
    return torch.cat([item.x for item in items]), torch.cat([item.y for item in items])


def roc_auc(score: Tensor, label: Tensor) -> float:
    """Area under the ROC curve; ties count half."""
    positive = label.numpy().astype(bool)
    ranks, n = rankdata(score.numpy()), int(positive.sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(positive) - n)))


def references(folder: Path) -> dict[Key, dict[str, float]]:
    """What the released code scored, per row of the table: accuracy, and where it differs auc and n."""
    found: dict[Key, float] = {}
    ct = json.loads((folder / "ct_checkpoint_results.json").read_text())
    accuracy = ct["accuracy"]
    for rate, value in accuracy["sr1_checkpoint_at_rates"].items():
        found["ct_sr1", rate.split()[0], "released", "step"] = value
    for name in ("sr1", "drop30", "drop70"):
        for how, value in accuracy[name].items():
            if how in ("normalisation per channel, statistics over all 2858", "normalisation per channel"):
                found[f"ct_{name}", "1/1", "released", "channel"] = value
            elif how == "normalisation per time step, statistics over all 2858":
                found[f"ct_{name}", "1/1", "released", "step"] = value
    for name, rates in ct["extra_other_rate_checkpoints"]["results"].items():
        for rate, values in rates.items():
            found[name, rate, "released", "step"] = values["as coded"]
            if "with correct inverse FFT length" in values:
                found[name, rate, "short_fft=false", "step"] = values["with correct inverse FFT length"]
    for name, value in ct["extra_positions_end_at_1"]["results"].items():
        checkpoint, rate = name.split(" at ")
        found[checkpoint, rate, "anchor=ends", "step"] = value
    image = json.loads((folder / "extra_image_checkpoint_results.json").read_text())
    digits_ = image["mnist_c30_not_permuted"]
    found["mnist", "1/1", "released", "image"] = digits_["accuracy"]
    table = {key: {"accuracy": round(value, 6), "n": ct["data"]["n"]} for key, value in found.items()}
    table["mnist", "1/1", "released", "image"]["n"] = digits_["n"]
    hospital = ct["physionet_checkpoint_setB"]
    table["physionet", "1/1", "released", "channel"] = {
        "accuracy": hospital["accuracy_at_logit_0"],
        "auc": round(hospital["auc_all_setB"], 6),
        "n": hospital["n"],
    }
    return table
