"""Whole scenes from tiles: averages of overlapping answers, figures of all original points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ccnn_pc.datasets import Scenes, read_scene
from ccnn_pc.training.evaluation import scores_on
from ccnn_pc.training.objectives import PointClassification
from ccnn_pc.training.predict_scene import predict_scene
from ccnn_pc.training.scene_predictions import ScenePredictions, class_probabilities
from ccnn_pc.training.segmentation_scores import PointScores
from tests.scene_files import write_parts

READ = {
    "kind": "scene", "cell": 1.5, "tile": {"radius": 9.0, "points": 60}, "features": ["intensity", "one"],
}  # fmt: skip


class OfTheFeature(nn.Module):
    """Logits that are a function of a point's own features: every tile says the same of a point."""

    def forward(self, batch: Any) -> Tensor:
        return torch.stack([2 * batch.x[:, 0], -batch.x[:, 0], batch.x[:, 0].square() - 1], dim=1)


class OfTheTile(nn.Module):
    """Logits that depend on where in its tile a point lies."""

    def forward(self, batch: Any) -> Tensor:
        return torch.stack([batch.pos[:, 0], batch.pos[:, 1], torch.ones_like(batch.pos[:, 0])], dim=1)


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path_factory.getbasetemp() / "scenes-cache"))


@pytest.fixture
def every(tmp_path: Path) -> Scenes:
    return Scenes(write_parts(tmp_path), preprocessing=READ)


def kept_probabilities(scenes: Scenes, model: nn.Module) -> list[np.ndarray]:
    """Mean over tiles of the probabilities of each kept point of each scene, by a loop."""
    found = [np.zeros((len(each.scene), 3)) for each in scenes.scenes]
    seen = [np.zeros(len(each.scene)) for each in scenes.scenes]
    for item in scenes:
        number, rows = int(item.scene), item.kept.numpy()
        found[number][rows] += model(item).softmax(1).numpy()
        seen[number][rows] += 1
    assert all((each > 0).all() for each in seen) and max(each.max() for each in seen) > 1
    return [total / count[:, None] for total, count in zip(found, seen, strict=True)]


def confusion_of(scenes: Scenes, probabilities: list[np.ndarray]) -> np.ndarray:
    """Of all original points, from the files."""
    found = np.zeros((3, 3), dtype=int)
    for each, kept in zip(scenes.scenes, probabilities, strict=True):
        said = kept[each.scene.nearest].argmax(axis=1)
        true = read_scene(each.scene.source).labels("classification")
        for row, number in enumerate((2, 5, 6)):
            found[row] += np.bincount(said[true == number], minlength=3)
    return found


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
@pytest.mark.parametrize("model", [OfTheFeature(), OfTheTile()], ids=["feature", "tile"])
def test_scores_are_those_of_all_original_points(every: Scenes, model: nn.Module, batch_size: int) -> None:
    scores = scores_on(model, every, PointClassification(3), batch_size=batch_size)
    expected = confusion_of(every, kept_probabilities(every, model))
    assert isinstance(scores, PointScores) and scores.confusion().tolist() == expected.tolist()
    assert scores.count() == expected.sum() == sum(every.class_counts())
    results = scores.results()
    assert results["accuracy"] == pytest.approx(np.trace(expected) / expected.sum(), abs=1e-12)
    scores.reset()
    assert scores.confusion().sum() == 0


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_answers_that_all_tiles_share_are_the_answers_of_the_scene(every: Scenes) -> None:
    for each, mean in zip(every.scenes, kept_probabilities(every, OfTheFeature()), strict=True):
        rows = np.arange(len(each.scene))
        direct = OfTheFeature()(every.transform(each.item(rows, each.scene.pos[0])))  # type: ignore[misc]
        assert mean == pytest.approx(direct.softmax(1).numpy(), abs=1e-6)


def test_a_predicted_scene_has_an_answer_for_every_original_point(every: Scenes) -> None:
    model = OfTheTile()
    whole = kept_probabilities(every, model)
    for each, kept in zip(every.scenes, whole, strict=True):
        found = predict_scene(model, each.scene.source, every.preprocessing, batch_size=3)
        assert len(found) == len(each.scene.nearest)
        assert found.probabilities() == pytest.approx(kept[each.scene.nearest], abs=1e-6)
        assert found.numbers().tolist() == np.array([2, 5, 6])[kept[each.scene.nearest].argmax(1)].tolist()
        pieces = [found.probabilities(piece) for piece in found.pieces(400)]
        assert len(pieces) == 4 and np.concatenate(pieces).tobytes() == found.probabilities().tobytes()


def test_a_file_without_classes_is_predicted(every: Scenes, tmp_path: Path) -> None:
    source = every.scenes[0].scene.source
    with np.load(source) as arrays:
        np.savez(tmp_path / "new.npz", pos=arrays["pos"], intensity=arrays["intensity"])
    again = predict_scene(OfTheFeature(), tmp_path / "new.npz", every.preprocessing)
    known = predict_scene(OfTheFeature(), read_scene(source), every.preprocessing)
    assert again.probabilities().tobytes() == known.probabilities().tobytes()
    with pytest.raises(ValueError, match=r"new.npz'.*nothing.*intensity"):
        predict_scene(
            OfTheFeature(), tmp_path / "new.npz",
            type(every.preprocessing)(
                features=["nothing"], scales={"nothing": ((0, 1),)}, target=every.preprocessing.target
            ),
        )  # fmt: skip
    with pytest.raises(ValueError, match="must have classes and scales"):
        predict_scene(OfTheFeature(), source, type(every.preprocessing)(features=["intensity"]))


def test_one_logit_is_that_of_the_second_class() -> None:
    one = torch.tensor([[0.3], [-2.0]])
    two = torch.cat([torch.zeros_like(one), one], dim=1)
    assert class_probabilities(one).equal(two.softmax(1))


def test_a_second_pass_begins_anew(every: Scenes) -> None:
    found = ScenePredictions(3)
    item = every[0]
    for _ in range(2):
        found.add(item, OfTheTile()(item))
    twice = found.mean()
    found.reset()
    found.add(item, OfTheTile()(item))
    assert twice.equal(found.mean()) and found.confusion().sum() == item.counts.sum()
