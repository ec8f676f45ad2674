"""A linear read-out of features that are not trained: ridge regression in closed form."""

from __future__ import annotations

import contextlib
import functools
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress
from torch import Tensor
from torch.nn import functional

from ccnn_pc._checks import check_at_least, check_positive
from ccnn_pc.models.random_kernels import RandomKernels
from ccnn_pc.training.data import ClassificationData
from ccnn_pc.training.loader import ResumableLoader
from ccnn_pc.training.measuring import measure_training
from ccnn_pc.training.ridge import Ridge, best_ridge

#: Series that thresholds are drawn from.
_DRAWN = 256
#: Times what features take: what features and solution take together.
_SOLVING = 2.0


def solve_head(
    model: RandomKernels,
    data: ClassificationData,
    *,
    classes: int | None,
    passes: int = 3,
    batch_size: int = 64,
    minutes: float | None = None,
    progress: bool = False,
) -> Ridge:
    r"""Draw the thresholds of a network, and solve its head for the least squared error with a penalty.

    .. math:: \min_W \lVert Z W - Y \rVert^2 + \alpha \lVert W \rVert^2

    with features Z of mean 0 and deviation 1. Items are read several times, first as they are, then as the training
    transform of the data leaves them; the penalty is the one whose maps err least on items that they were not made of,
    however often these were read. So it is decided whether the later passes count, which features are read
    (:meth:`ccnn_pc.models.random_kernels.RandomKernels.choices`), and whether gaps are filled by straight lines or by
    what is expected (:meth:`ccnn_pc.models.random_kernels.RandomKernels.has_gaps`). Targets of classes are 1 and -1,
    and the logits get the scale at which the probabilities of left-out items are likeliest.

    Args:
        model: the network; in eval mode afterwards.
        data: of the training; without a part for validation, since none is needed.
        classes: how many; None: targets are numbers.
        passes: how often items are read (default 3).
        batch_size: items that are read at once.
        minutes: that it may take; passes behind the first that would take longer, with as much again for solving, are
            left out. None: as long as it takes.
        progress: whether a bar on stderr shows how far it is.

    Returns:
        What was solved.

    Raises:
        ValueError: fewer than two items, fewer than one pass, or no positive time.
    """
    began = time.monotonic()
    check_at_least("passes", passes, 1)
    seconds = math.inf if minutes is None else 60 * check_positive("minutes", minutes)
    data.prepare()
    items = data.train_set
    if len(items) < 2:
        raise ValueError(f"'data' must hold at least 2 items to solve a head (got {len(items)} sample)")
    model.trained_on = measure_training(model, data)
    plain = items.subset(range(len(items)), transform=data.eval_transform)
    model.eval()
    with torch.inference_mode():
        drawn = torch.randperm(len(plain), generator=torch.Generator().manual_seed(data.seed))[:_DRAWN]
        (batch,) = ResumableLoader(plain.subset(drawn), len(drawn), shuffle=False)
        read = model.reading.read(batch)
        ways = [False, True] if model.has_gaps(*read) else [False]
        found: list[tuple[float, bool, Ridge]] = []
        with _bar(passes * len(items) * len(ways), shown=progress) as moved:
            for expecting in ways:
                if expecting and 2 * (time.monotonic() - began) > seconds:
                    break
                model.draw(*read, expecting=expecting)
                z, targets = _passes(model, plain, items, passes, batch_size, began + seconds, moved)
                y = targets.double() if classes is None else _signs(targets, classes)
                groups = torch.arange(len(items)).repeat(len(z) // len(items))
                solved = best_ridge(z, y, groups, model.choices())
                y = y[: len(items)]
                found.append((float((solved.left_out[: len(items)] - y).square().mean()), expecting, solved))
        _, expecting, solved = min(found, key=lambda each: each[0])
        if expecting != bool(model.expecting):
            model.draw(*read, expecting=expecting)
    if classes is not None:
        scale = likeliest_scale(solved.left_out[: len(items)], y.argmax(dim=1))
        solved = solved._replace(weight=solved.weight * scale, bias=solved.bias * scale)
    with torch.no_grad():
        model.views.copy_(solved.weight.view(len(solved.weight), len(model.views), -1).any(dim=2).any(dim=0))
        model.head.weight.copy_(solved.weight)
        model.head.bias.copy_(solved.bias)
    return solved


def _passes(
    model: RandomKernels,
    plain: Any,
    items: Any,
    passes: int,
    batch_size: int,
    until: float,
    moved: Callable[[int], None],
) -> tuple[Tensor, Tensor]:
    """Features and targets of items as they are, then as they are in training, while there is time."""
    began, found, targets = time.monotonic(), [], []
    for number in range(passes):
        if number and (time.monotonic() - began) * (number + 1) / number * _SOLVING > until - began:
            break
        part = items if number else plain
        part.set_epoch(number)
        for features, target in _features(model, part, batch_size):
            found.append(features)
            targets.append(target)
            moved(len(target))
    return torch.cat(found), torch.cat(targets)


def _signs(targets: Tensor, classes: int) -> Tensor:
    """1 for the class of an item, -1 for the others."""
    return 2 * functional.one_hot(targets.view(-1), classes).double() - 1


@contextlib.contextmanager
def _bar(total: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """A bar with the time left; called with how many items were read."""
    with Progress(*Progress.get_default_columns(), console=Console(stderr=True), disable=not shown) as bar:
        task = bar.add_task("features", total=total)
        yield functools.partial(bar.advance, task)


def _features(model: RandomKernels, items: Any, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    for batch in ResumableLoader(items, batch_size, shuffle=False):
        batch = batch.to(model.thresholds.device)
        yield model.features(*model.reading.read(batch)).cpu(), batch.y.cpu()


def likeliest_scale(scores: Tensor, target: Tensor) -> float:
    """The factor of scores ``[n, K]`` with which their softmax gives classes ``[n]`` the largest likelihood.

    Each class is counted once more for all items together, so that n scores that are all right do not make for
    certainty (Platt, 1999).

    Example:
        >>> scores = torch.tensor([[1.0, -1.0]]).expand(100, 2)
        >>> round(likeliest_scale(scores, torch.arange(100) % 4 // 3), 2)  # (75 + 1) / (100 + 2)
        0.54
    """
    factors = torch.logspace(-2, 2, 401, dtype=torch.float64)
    count, classes = scores.shape
    smooth = classes / (count + classes)
    losses = [
        functional.cross_entropy(scores.double() * factor, target, label_smoothing=smooth)
        for factor in factors
    ]
    return float(factors[int(torch.stack(losses).argmin())])
