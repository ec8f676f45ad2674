"""Classes of data beside those of a model: names in another spelling, labels of other classes, what is not read."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from ccnn_pc.cli.classes import check_counts, exchanged, matching_classes, warn_of_exchanged
from ccnn_pc.cli.evaluate import evaluate_model
from ccnn_pc.cli.transfer import transfer_model
from ccnn_pc.datasets import ImageFolder, ImagePreprocessing
from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.common.class_names import counted_from, spelt_twice
from ccnn_pc.models import create_model, save_pretrained
from ccnn_pc.training.missing_classes import warn_of_missing_classes


@pytest.mark.parametrize(
    ("names", "known", "said"),
    [
        (
            ["chair", "night_stand"],
            ["Chair", "night stand"],
            "call 'chair' 'Chair', 'night_stand' 'night stand'",
        ),
        (["01_chair", "02_desk"], ["chair", "desk"], "call '01_chair' 'chair', '02_desk' 'desk'"),
        (["1.0", "2.0"], ["1", "2"], "call '1.0' '1', '2.0' '2'"),
        (["01", "02"], ["1", "2"], "call '01' '1'"),
        (["0", "1", "2"], ["1", "2", "3"], "are they counted from 0 where training counted from 1"),
        (["1", "2", "3"], ["0", "1", "2"], "are they counted from 1 where training counted from 0"),
        (["Chair", "chair"], ["Chair", "desk"], "call 'chair' 'Chair'"),
        (["bed", "chaire"], ["bed", "chair"], "call 'chaire' 'chair'"),
        (["bed", "lamp"], ["bed", "chair"], "call them as in training, or leave them out"),
        (["Bed", "lamp"], ["bed", "chair"], "call 'Bed' 'bed'; leave out what training had not"),
    ],
)
def test_unknown_classes_are_refused_with_what_may_be_meant(
    names: list[str], known: list[str], said: str
) -> None:
    with pytest.raises(ValueError, match="must have classes that the model knows") as error:
        matching_classes(names, known)
    assert said in str(error.value)


def test_names_that_are_alike() -> None:
    assert spelt_twice(["chair", "Chair", "night stand", "Night-Stand", "1", "1.0"]) == [
        ("chair", "Chair"),
        ("night stand", "Night-Stand"),
        ("1", "1.0"),
    ]
    assert not spelt_twice(["A", "a", "1_0", "10", "chair", "chairs", "n01440764", "n01440765"])
    assert counted_from(["1", "2"], ["a", "b"]) is None


def counts(rows: Sequence[Sequence[int]]) -> torch.Tensor:
    return torch.tensor(rows)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[0, 8, 0], [8, 0, 0], [0, 0, 8]], {0: 1, 1: 0}),
        ([[0, 0, 0], [8, 0, 0], [1, 15, 0]], {1: 0, 2: 1}),  # one class less, counted from another number
        ([[0, 9, 0], [0, 0, 9], [9, 0, 0]], {0: 1, 1: 2, 2: 0}),
        ([[9, 0, 0], [0, 0, 9], [0, 0, 9]], {}),  # a class that is taken for another
        ([[9, 0, 0], [9, 0, 0], [9, 0, 0]], {}),  # one answer for all
        ([[0, 9, 0], [0, 9, 0], [0, 0, 0]], {}),
        ([[0, 4], [4, 0]], {}),  # too few
        ([[3, 6], [6, 3]], {}),  # unsure
        ([[0, 9, 0, 0], [0, 0, 9, 0], [0, 0, 5, 4], [0, 0, 0, 9]], {}),
    ],
)
def test_labels_of_other_classes_are_seen_in_confusions(
    rows: list[list[int]], expected: dict[int, int]
) -> None:
    assert exchanged(counts(rows)) == expected


def test_networks_that_guess_are_not_taken_for_exchanged_labels() -> None:
    generator = torch.Generator().manual_seed(0)
    for classes in (2, 3, 10):
        for _ in range(200):
            label = torch.arange(classes).repeat(8)
            guess = torch.randint(classes, (len(label),), generator=generator)
            found = torch.zeros(classes, classes).index_put_(
                (label, guess), torch.tensor(1.0), accumulate=True
            )
            assert not exchanged(found)


def answering(*classes: str) -> Any:
    return SimpleNamespace(classes=list(classes), warned=set())


def test_exchanged_labels_have_one_message() -> None:
    with pytest.warns(
        DataWarning, match=r"8 of 8 'b' as 'a'.* are labels exchanged.* 100 % instead of 33.3 %"
    ):
        warn_of_exchanged(answering("a", "b", "c"), counts([[0, 8, 0], [8, 0, 0], [0, 0, 8]]))
    with pytest.warns(DataWarning, match=r"8 of 8 '1' as '0'.*count from another number"):
        warn_of_exchanged(answering(), counts([[0, 0, 0], [8, 0, 0], [0, 8, 0]]))
    turned = SimpleNamespace(classes=[], warned={"axes"})  # of which a message speaks already
    assert not warn_of_exchanged(turned, counts([[0, 8], [8, 0]]))


class Bright(nn.Module):
    """Answers how bright pictures are, in three steps."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        level = (x.mean(dim=(1, 2, 3)) * 3).long().clamp(0, 2)
        return nn.functional.one_hot(level, 3).float() * 10


def pictures(root: Path, names: Sequence[str], count: int = 8) -> Path:
    """Pictures of three brightnesses, by class."""
    for number, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for place in range(count * bool(name)):
            level = np.full((6, 6, 3), 40 + 85 * number, np.uint8)
            level[place % 6, 0] += 5
            Image.fromarray(level).save(root / name / f"{place}.png")
    return root


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    made = create_model("ccnn_4_16", dim=2, in_channels=3, out_channels=3, shape=[6, 6])
    monkeypatch.setattr(
        type(made), "forward", lambda self, x, *rest, **more: Bright()(x if torch.is_tensor(x) else x.x)
    )
    return str(
        save_pretrained(
            made.eval(), tmp_path / "model", classes=["0", "1", "2"], preprocessing=ImagePreprocessing()
        )
    )


def said(call: Callable[[], object]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(each.message) for each in caught if issubclass(each.category, DataWarning)]


def test_evaluate_and_transfer_name_labels_that_count_from_another_number(model: str, tmp_path: Path) -> None:
    right = pictures(tmp_path / "right", ["0", "1", "2"])
    assert said(lambda: evaluate_model(model, right)) == []
    other = pictures(tmp_path / "other", ["1", "2"])  # what training called 0 and 1
    for call in (lambda: evaluate_model(model, other), lambda: transfer_model(model, other, "pixels", [])):
        (message,) = said(call)
        assert "8 of 8 '1' as '0', 8 of 8 '2' as '1': do the labels count from another number" in message


def test_what_is_not_read_is_said(model: str, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "some", ["0", "1", "2"])
    shutil.rmtree(folder / "2")
    (folder / "2" / "inner").mkdir(parents=True)
    for name in ("0/a.heic", "0/b.HEIC", "1/c.gif", "1/notes.txt", "1/Thumbs.db", "0/labels.json"):
        (folder / name).write_bytes(b"x")
    formats, empty = said(lambda: evaluate_model(model, folder))
    assert "2 files .heic (save as .jpg), 1 file .gif" in formats and "are left out" in formats
    assert "no file that can be read in '2'" in empty


def test_models_without_names_of_classes_want_as_many(tmp_path: Path) -> None:
    check_counts(["a", "b"], 2)
    with pytest.raises(ValueError, match="must have the 3 classes of the training.*got 2: a, b"):
        check_counts(["a", "b"], 3)


def test_one_class_in_two_spellings_has_one_message(tmp_path: Path) -> None:
    root = tmp_path / "both"
    pictures(root / "train", ["Chair", "desk"])
    pictures(root / "test", ["chair", "desk"])
    parts = {name: ImageFolder(root, name) for name in ("train", "test")}
    with pytest.warns(DataWarning) as caught:
        warn_of_missing_classes(parts["train"].classes, parts)
    (message,) = [str(each.message) for each in caught]
    assert "the classes 'Chair' and 'chair' differ in their spelling alone" in message
