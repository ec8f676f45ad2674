"""Film reviews on a replica of their layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccnn_pc.datasets import Reviews

TEXTS = {"neg": ["bad bad film", "Üxxxxxxxxxxxxxxx"], "pos": ["a good film, a good one"]}


def write_reviews(folder: Path) -> Path:
    for split in ("train", "test"):
        for name, texts in TEXTS.items():
            place = folder / "aclImdb" / split / name
            place.mkdir(parents=True)
            for number, text in enumerate(texts):
                (place / f"{number}_7.txt").write_text(text, encoding="utf-8")
            (place / "._0_7.txt").write_bytes(b"\xff")
    return folder


def test_characters_are_numbered_by_their_frequency_and_rare_ones_unknown(tmp_path: Path) -> None:
    data = Reviews(write_reviews(tmp_path), length=20, encoded=False, cache=tmp_path / "c")
    assert data.vocabulary == ["<pad>", "<unk>", "<eos>", "x"] and data.classes == ["neg", "pos"]
    assert data.labels.tolist() == [0, 0, 1]
    assert data[0].x.flatten().tolist() == [0] * 7 + [1] * 12 + [2]
    assert data[1].x.flatten().tolist() == [0] * 3 + [1] + [3] * 15 + [2]


def test_a_given_vocabulary_and_channels(tmp_path: Path) -> None:
    data = Reviews(write_reviews(tmp_path), "test", length=6, vocabulary="abd", cache=tmp_path / "c")
    assert data.shape == (6, 6) and data[0].x.argmax(dim=1).tolist() == [[4, 3, 5, 1, 4, 2]]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="as aclImdb has"):
        Reviews(tmp_path)
    with pytest.raises(ValueError, match="no validation part of their own"):
        Reviews(write_reviews(tmp_path), "val")
    damaged = tmp_path / "aclImdb" / "train" / "pos" / "0_7.txt"
    damaged.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ValueError, match="0_7.txt' must be text in UTF-8"):
        Reviews(tmp_path, cache=tmp_path / "c")
