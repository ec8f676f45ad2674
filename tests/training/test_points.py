"""A class, or numbers, for every point: losses and scores against what their formulas say."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch

from ccnn_pc.datasets.clouds import PointCloudData
from ccnn_pc.models import Task
from ccnn_pc.training.evaluation import objective_of, scores_on
from ccnn_pc.training.objectives import PointClassification, PointRegression, lovasz_softmax
from ccnn_pc.training.objectives.class_weights import weights_of_classes
from ccnn_pc.training.segmentation_scores import PointScores, class_iou, mean_iou, shape_iou, two_class_errors

UNKNOWN = -100


def jaccard_loss(wrong: frozenset[int], truth: frozenset[int]) -> float:
    """1 - IoU of a class whose points are ``truth`` when those in ``wrong`` are mistaken."""
    return len(wrong) / len(wrong | truth)


def lovasz_extension(errors: list[float], truth: frozenset[int]) -> float:
    """Of the Jaccard loss, as the integral over thresholds of the loss of the points whose error is above them."""
    steps = sorted({0.0, *errors})
    return sum(
        (high - low) * jaccard_loss(frozenset(i for i, error in enumerate(errors) if error > low), truth)
        for low, high in itertools.pairwise(steps)
    )


@pytest.mark.parametrize("points", [1, 2, 5, 9])
def test_lovasz_softmax_is_the_extension_of_the_jaccard_loss(points: int) -> None:
    chances = torch.randn(points, 4, dtype=torch.double).mul(2).softmax(1)
    target = torch.randint(0, 3, (points,))
    expected = []
    for c in target.unique().tolist():
        truth = frozenset((target == c).nonzero()[:, 0].tolist())
        errors = [float(1 - p[c] if int(y) == c else p[c]) for p, y in zip(chances, target, strict=True)]
        expected.append(lovasz_extension(errors, truth))
    assert float(lovasz_softmax(chances, target)) == pytest.approx(sum(expected) / len(expected), abs=1e-12)


def test_lovasz_softmax_of_sure_answers_is_one_minus_the_intersection_over_union() -> None:
    target, said = torch.randint(0, 3, (40,)), torch.randint(0, 3, (40,))
    target[:3] = said[:3] = torch.arange(3)
    confusion = torch.bincount(3 * target + said, minlength=9).view(3, 3)
    sure = nn.functional.one_hot(said, 3).double()
    assert float(lovasz_softmax(sure, target)) == pytest.approx(1 - float(mean_iou(confusion)), abs=1e-12)


def test_lovasz_softmax_has_the_gradient_of_its_values() -> None:
    logits = torch.randn(7, 3, dtype=torch.double, requires_grad=True)
    target = torch.tensor([0, 1, 2, 0, 0, 1, 1])
    assert torch.autograd.gradcheck(lambda a: lovasz_softmax(a.softmax(1), target), (logits,))


def test_training_loss_is_its_formula() -> None:
    answers, target = torch.randn(30, 4), torch.randint(0, 4, (30,))
    target[::4] = UNKNOWN
    weights, smooth = [1.0, 0.5, 3.0, 2.0], 0.2
    objective = PointClassification(4, class_weights=weights, label_smoothing=smooth, lovasz=0.7)
    logs = answers.log_softmax(1).double()
    known = [i for i in range(30) if target[i] != UNKNOWN]
    total = sum(weights[int(target[i])] for i in known)
    expected = sum(
        -(1 - smooth) * weights[int(target[i])] * float(logs[i, target[i]])
        - smooth / 4 * sum(w * float(logs[i, c]) for c, w in enumerate(weights))
        for i in known
    )
    lovasz = float(lovasz_softmax(answers[known].softmax(1), target[known]))
    assert float(objective.training_loss(answers, target)) == pytest.approx(
        expected / total + 0.7 * lovasz, rel=1e-5
    )
    plain = -sum(float(logs[i, target[i]]) for i in known) / len(known)
    assert float(objective.loss(answers, target)) == pytest.approx(plain, rel=1e-5)


def test_class_weights_from_counts() -> None:
    counts = [100, 0, 25]
    inverse, root = (weights_of_classes(rule, 3, counts) for rule in ("inverse", "inverse_sqrt"))
    assert inverse[1] == root[1] == 0
    assert float(inverse[2] / inverse[0]) == pytest.approx(4) and float(root[2] / root[0]) == pytest.approx(2)
    for found in (inverse, root, weights_of_classes([1, 2, 3], 3, counts)):
        assert float((found * torch.tensor(counts)).sum() / 125) == pytest.approx(1)
    objective = PointClassification(3, class_weights="inverse", class_counts=counts)
    assert "weights" not in objective.state_dict()  # a run goes on with the data at hand
    for wrong, message in (
        ({"class_weights": "inverse"}, "'class_counts' must hold the number of points"),
        (
            {"class_weights": "inverse", "class_counts": [1, 2]},
            "'class_counts' must hold the number of points",
        ),
        ({"class_weights": "rare", "class_counts": counts}, "'class_weights' must be one of 'inverse'"),
        ({"class_weights": [1.0, 2.0]}, "'class_weights' must hold a number"),
        ({"class_weights": [1.0, -2.0, 1.0]}, "'class_weights' must hold a number"),
        ({"ignored": 2}, "'ignored' must be no class"),
        ({"positive": 2}, "'positive' must be 0 or 1"),
    ):
        with pytest.raises(ValueError, match=message):
            PointClassification(3, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 3.0]])
def test_a_batch_without_any_class_counts_nothing(weights: Any) -> None:
    objective = PointClassification(3, class_weights=weights, lovasz=1.0, label_smoothing=0.1)
    answers = torch.randn(5, 3, requires_grad=True)
    nothing = torch.full((5,), UNKNOWN)
    loss = objective.training_loss(answers, nothing)
    loss.backward()
    assert float(loss.detach()) == 0 and answers.grad is not None and not answers.grad.any()
    scores = objective.scores(training=False)
    scores.add(objective.loss(answers, nothing), answers, nothing)
    assert scores.count() == 0 and scores.results()["loss"] == 0.0 == scores.results()["mean_iou"]


def test_scores_of_uneven_batches_are_those_of_all_points() -> None:
    answers, target = (
        torch.randn(90, 4),
        torch.randint(0, 3, (90,)),
    )  # class 3 has no points, but is predicted
    target[torch.rand(90) < 0.3] = UNKNOWN
    objective = PointClassification(4)
    scores = objective.scores(training=False)
    for rows in torch.arange(90).split([50, 1, 39]):
        scores.add(objective.loss(answers[rows], target[rows]), answers[rows], target[rows])
    known = target != UNKNOWN
    said, true = answers.argmax(1)[known], target[known]
    iou = [
        int(((said == c) & (true == c)).sum()) / max(int(((said == c) | (true == c)).sum()), 1)
        for c in range(4)
    ]
    found = scores.results()
    assert found["mean_iou"] == pytest.approx(sum(iou) / 4) and iou[3] == 0
    assert scores.of_classes()["iou"].tolist() == pytest.approx(iou)
    assert found["accuracy"] == pytest.approx(float((said == true).double().mean()))
    found_shares = [float((said[true == c] == c).double().mean()) for c in range(3)]
    assert found["mean_class_accuracy"] == pytest.approx(sum(found_shares) / 3)
    expected = float(nn.functional.cross_entropy(answers[known], true))
    assert found["loss"] == pytest.approx(expected, rel=1e-5) and scores.count() == int(known.sum())


def test_mean_iou_is_of_classes_that_occur() -> None:
    confusion = torch.zeros(5, 5, dtype=torch.long)
    confusion[0, 0], confusion[1, 2] = 6, 2  # class 1 is taken for class 2; 3 and 4 are nowhere
    assert class_iou(confusion).isnan().tolist() == [False, False, False, True, True]
    assert float(mean_iou(confusion)) == pytest.approx(1 / 3)


@pytest.mark.parametrize("positive", [0, 1])
def test_errors_of_ground_filtering(positive: int) -> None:
    """The cross table of Sithole and Vosselman: a and d right, b ground taken for object, c object taken for ground."""
    a, b, c, d = 700, 50, 20, 230
    ground_first = torch.tensor([[a, b], [c, d]])
    confusion = ground_first if positive == 0 else ground_first.flip(0, 1)
    found = two_class_errors(confusion, positive)
    n = a + b + c + d
    chance = ((a + b) * (a + c) + (c + d) * (b + d)) / n**2
    right = (a + d) / n
    assert found == pytest.approx(
        {
            "type_1_error": b / (a + b),
            "type_2_error": c / (c + d),
            "total_error": (b + c) / n,
            "kappa": (right - chance) / (1 - chance),
        }
    )


def test_errors_without_points_are_left_out() -> None:
    assert two_class_errors(torch.zeros(2, 2)) == {}
    assert two_class_errors(torch.tensor([[0, 0], [0, 9]])) == {"type_1_error": 0.0, "total_error": 0.0}
    assert "total_error" not in PointScores(3).results()


def parts_batch() -> Any:
    """Two lamps (parts 0, 1) and a mug (parts 1, 2) of different sizes."""
    truths = [[0, 0, 0, 1], [0, 0, UNKNOWN], [1, 2, 2, 2, 2]]
    return Batch.from_data_list(
        [
            PointCloudData(
                pos=torch.zeros(len(truth), 3),
                y=torch.tensor(truth),
                category=torch.tensor([category]),
                category_parts=torch.tensor([[[True, True, False], [False, True, True]][category]]),
            )
            for truth, category in zip(truths, (0, 0, 1), strict=True)
        ]
    )


def test_intersection_over_union_shape_by_shape() -> None:
    batch, objective = parts_batch(), PointClassification(3)
    said = torch.tensor([0, 0, 1, 1, 0, 0, 1, 2, 2, 2, 2, 0])
    answers = nn.functional.one_hot(said, 3).double() * 4
    answers[-1, 2] = 3.0  # 0 is no part of a mug: of its parts 2 is the likeliest
    scores = objective.scores(training=False)
    scores.add_batch(batch, objective.loss(answers, batch.y), answers, batch.y)
    lamp = ((2 / 3 + 1 / 2) / 2, 1.0)  # part 1 is absent in truth and, among known points, in prediction
    mug = (0 / 1 + 4 / 5) / 2
    found = scores.results()
    assert found["instance_iou"] == pytest.approx((*lamp, mug)[0] / 3 + lamp[1] / 3 + mug / 3)
    assert found["category_iou"] == pytest.approx((sum(lamp) / 2 + mug) / 2)
    scores.reset()
    assert "instance_iou" not in scores.results()
    assert set(found) == {*scores.names} - {"kappa"}
    assert "instance_iou" not in objective.scores(training=True).names
    batch.category_parts[2] = torch.tensor([True, True, False])
    with pytest.raises(
        ValueError, match=r"'category_parts' must hold every class .*\(shape 2 .* has class 2\)"
    ):
        scores.add_batch(batch, torch.tensor(0.0), answers, batch.y)


def test_shape_iou_alone_equals_shape_iou_in_a_batch() -> None:
    sizes = torch.tensor([3, 8, 1, 20])
    shape = torch.arange(4).repeat_interleave(sizes)
    said, true = torch.randint(0, 5, (32,)), torch.randint(0, 5, (32,))
    parts = torch.rand(4, 5) < 0.6
    parts[:, 0] = True
    together = shape_iou(said, true, shape, parts)
    for i in range(4):
        own = shape == i
        alone = []
        for c in parts[i].nonzero()[:, 0].tolist():
            either = int(((said[own] == c) | (true[own] == c)).sum())
            both = int(((said[own] == c) & (true[own] == c)).sum())
            alone.append(both / either if either else 1.0)
        assert float(together[i]) == pytest.approx(sum(alone) / len(alone))


class _Items(list[Any]):
    """Items as a data set has them."""

    def set_epoch(self, epoch: int) -> None:
        """They are always the same."""


class _Said(nn.Module):
    """What it was given, whatever it is asked."""

    def __init__(self, answers: Tensor) -> None:
        super().__init__()
        self.answers = answers

    def forward(self, batch: Any) -> Tensor:
        return self.answers


def test_a_stored_task_finds_its_scores() -> None:
    """Also where the model has its classes in another order than the data."""
    batch, order = parts_batch(), torch.tensor([2, 0, 1])
    stored = PointClassification(3, positive=0).task
    again = Task.of(stored.to_json())
    assert again == stored and again.every_sample
    answers = nn.functional.one_hot(order[batch.y.clamp(min=0)], 3).float()
    data = _Items(batch.get_example(i) for i in range(3))
    found = scores_on(_Said(answers), data, objective_of(again, 3), to_model=order).results()
    assert found["mean_iou"] == found["instance_iou"] == found["category_iou"] == 1.0
    normals = Task.of(PointRegression(3, error="normals").task.to_json())
    assert normals.every_sample and isinstance(objective_of(normals, 3), PointRegression)
    assert Task.of({"kind": "steps", "last": None, "ignored": -100, "bits": False}).positive == 1
    with pytest.raises(ValueError, match="'task' must be one of 'classification', 'steps', 'points'"):
        Task("parts")


@pytest.mark.parametrize(
    ("answers", "target", "message"),
    [
        ((5, 2), torch.zeros(5).long(), r"logits \[5, 3\] \(got \[5, 2\]\): give it pool=None"),
        ((2, 3), torch.zeros(5).long(), "each of the 2 answers"),
        ((5, 3), torch.zeros(1).long(), "data with one class per item have task=classification"),
        ((5, 3), torch.zeros(5), "'y' must be a class per point"),
        ((5, 3), torch.zeros(5, 2).long(), "'y' must be a class per point"),
    ],
)
def test_answers_that_are_not_per_point_are_refused(
    answers: tuple[int, ...], target: Tensor, message: str
) -> None:
    for measure in (PointClassification(3).loss, PointClassification(3).training_loss):
        with pytest.raises(ValueError, match=message):
            measure(torch.randn(answers), target)


def test_errors_of_numbers_leave_out_unknown_targets() -> None:
    answers, target = torch.randn(9, 2), torch.randn(9, 2) * 3
    target[4, 1] = torch.nan
    kept = [0, 1, 2, 3, 5, 6, 7, 8]
    error = (answers - target)[kept].abs()
    delta = 1.5
    huber = torch.where(error < delta, 0.5 * error**2, delta * (error - delta / 2))
    expected = {"squared": error.square(), "absolute": error, "huber": huber}
    for name, each in expected.items():
        objective = PointRegression(2, error=name, delta=delta)
        scores = objective.scores(training=False)
        for rows in (slice(0, 3), slice(3, 9)):
            scores.add(objective.loss(answers[rows], target[rows]), answers[rows], target[rows])
        assert scores.count() == 8
        assert scores.results() == pytest.approx(
            {"loss": float(each.mean()), "mse": float(error.square().mean()), "mae": float(error.mean())},
            rel=1e-5,
        )
    nothing = torch.full((3, 2), torch.nan)
    answers = torch.randn(3, 2, requires_grad=True)
    loss = PointRegression(2).training_loss(answers, nothing)
    loss.backward()
    assert float(loss.detach()) == 0 and answers.grad is not None and not answers.grad.any()


def test_normals_are_directions_without_sign_or_length() -> None:
    angle = torch.tensor([0.0, 5.0, 20.0, 60.0, 90.0, 135.0, 180.0], dtype=torch.double)
    radians = torch.deg2rad(angle)
    target = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.double).repeat(8, 1)
    answers = torch.stack([radians.sin(), 0 * radians, radians.cos()], 1) * torch.rand(7, 1).add(0.1)
    answers = torch.cat([answers, torch.ones(1, 3)])
    target[-1] = 0  # no normal is known
    objective = PointRegression(3, error="normals")
    scores = objective.scores(training=False)
    scores.add(objective.loss(answers, target), answers, target)
    meant = torch.minimum(angle, 180 - angle)
    assert scores.results() == pytest.approx(
        {
            "loss": float(torch.deg2rad(meant).sin().square().mean()),
            "angle": float(meant.mean()),
            "within_10": 3 / 7,
            "within_30": 4 / 7,
        },
        abs=1e-6,
    )
    flat = torch.zeros(2, 3, requires_grad=True)  # an answer without direction moves nothing to NaN
    objective.loss(flat, torch.eye(3)[:2]).backward()
    assert flat.grad is not None and flat.grad.isfinite().all()
    for wrong, error in (({"error": "cosine"}, "'error' must be one of"), ({"delta": 0.0}, "'delta'")):
        with pytest.raises(ValueError, match=error):
            PointRegression(3, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'num_classes' must be at least 2 for normals"):
        PointRegression(1, error="normals")
    with pytest.raises(ValueError, match=r"'y' must be numbers, float \[n, 3\]"):
        objective.loss(torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.long))
    with pytest.raises(ValueError, match=r"with \[n, 3\], in the shape of the targets"):
        objective.loss(torch.zeros(2, 3), torch.zeros(1, 3))


def test_scores_of_points_survive_a_checkpoint() -> None:
    pairs: list[tuple[Any, Tensor, Tensor]] = [
        (PointClassification(3), torch.randn(6, 3), torch.randint(0, 3, (6,))),
        (PointRegression(2), torch.randn(6, 2), torch.randn(6, 2)),
        (PointRegression(2, error="normals"), torch.randn(6, 2), torch.randn(6, 2)),
    ]
    for objective, answers, target in pairs:
        first, second = (objective.scores(training=True) for _ in range(2))
        first.add(objective.loss(answers[:4], target[:4]), answers[:4], target[:4])
        second.load_state_dict(first.state_dict())
        for scores in (first, second):
            scores.add(objective.loss(answers[4:], target[4:]), answers[4:], target[4:])
        assert first.results() == second.results() and second.count() == 6
        assert set(first.results()) == set(first.names) and math.isfinite(sum(first.results().values()))
