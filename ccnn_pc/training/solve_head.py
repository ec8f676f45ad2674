"""A linear read-out of features that are not trained: ridge regression in closed form."""

from __future__ import annotations

import contextlib
import functools
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

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

#: Penalties that are tried, times the number of features over 10 000.
PENALTIES = torch.logspace(-2, 5, 15, dtype=torch.float64)
#: Of the largest value of a feature: smaller deviations are rounding, which a new item may have more of.
_CONSTANT = 1e-4
#: Series that thresholds are drawn from.
_DRAWN = 256
#: Rows whose groups are left out together.
_TOGETHER = 1024
#: Times what features take: what features and solution take together.
_SOLVING = 2.0


class Ridge(NamedTuple):
    """A linear map ``z W + b`` and what it says of rows that it has not seen.

    Attributes:
        weight: ``[K, F]``.
        bias: ``[K]``.
        left_out: answers of each row by the map of all rows but those of its group, ``[n, K]``.
        penalty: the chosen one.
    """

    weight: Tensor
    bias: Tensor
    left_out: Tensor
    penalty: float


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
    however often these were read. So it is decided whether the later passes count, and whether features of thirds of a
    series are read. Targets of classes are 1 and -1, and the logits get the scale at which the probabilities of
    left-out items are likeliest.

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
    with torch.inference_mode(), _bar(passes * len(items), shown=progress) as moved:
        drawn = torch.randperm(len(plain), generator=torch.Generator().manual_seed(data.seed))[:_DRAWN]
        (batch,) = ResumableLoader(plain.subset(drawn), len(drawn), shuffle=False)
        model.draw(*model.reading.read(batch))
        found, targets = [], []
        for number in range(passes):
            if number and (time.monotonic() - began) * (number + 1) / number * _SOLVING > seconds:
                break
            part = items if number else plain
            part.set_epoch(number)
            for features, target in _features(model, part, batch_size):
                found.append(features)
                targets.append(target)
                moved(len(target))
    z, y = torch.cat(found), torch.cat(targets)
    groups = torch.arange(len(items)).repeat(len(z) // len(items))
    if classes is not None:
        y = 2 * functional.one_hot(y.view(-1), classes).double() - 1
    solved = _best(z, y.double(), groups, ~model.is_located())
    if classes is not None:
        scale = likeliest_scale(solved.left_out[: len(items)], y[: len(items)].argmax(dim=1))
        solved = solved._replace(weight=solved.weight * scale, bias=solved.bias * scale)
    with torch.no_grad():
        model.head.weight.copy_(solved.weight)
        model.head.bias.copy_(solved.bias)
    return solved


@contextlib.contextmanager
def _bar(total: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """A bar with the time left; called with how many items were read."""
    with Progress(*Progress.get_default_columns(), console=Console(stderr=True), disable=not shown) as bar:
        task = bar.add_task("features", total=total)
        yield functools.partial(bar.advance, task)


def _best(z: Tensor, y: Tensor, groups: Tensor, everywhere: Tensor) -> Ridge:
    """The map that errs least on items as they are, that it has not seen: of one pass or all, of some features or all.

    Weights of features that it does not read are 0.
    """
    items = int(groups.max()) + 1
    found: list[tuple[float, Ridge]] = []
    for rows in dict.fromkeys((items, len(z))):
        for which in (torch.ones_like(everywhere), everywhere):
            solved = ridge(z[:rows, which], y[:rows], groups[:rows])
            weight = solved.weight.new_zeros(len(solved.weight), len(which))
            weight[:, which] = solved.weight
            error = float((solved.left_out[:items] - y[:items]).square().mean())
            found.append((error, solved._replace(weight=weight)))
    return min(found, key=lambda each: each[0])[1]


def _features(model: RandomKernels, items: Any, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    for batch in ResumableLoader(items, batch_size, shuffle=False):
        batch = batch.to(model.thresholds.device)
        yield model.features(*model.reading.read(batch)).cpu(), batch.y.cpu()


def ridge(features: Tensor, targets: Tensor, groups: Tensor) -> Ridge:
    r"""Ridge regression whose penalty is chosen by leaving out one group of rows at a time, in closed form.

    .. math:: r_G = (I - H_{GG})^{-1} (Y - H Y)_G, \qquad H = K (K + \alpha I)^{-1} + \tfrac1n 11^\top

    with the products K of standardised rows.

    Args:
        features: ``[n, F]``.
        targets: ``[n, K]``.
        groups: number of the group of each row ``[n]``.

    Example:
        >>> z = torch.linspace(-1, 1, 20, dtype=torch.float64)[:, None]
        >>> solved = ridge(z, 3 * z + 1, torch.arange(20))
        >>> round(float(solved.weight), 2), round(float(solved.bias), 2)
        (3.0, 1.0)
    """
    z, y = features.double(), targets.double()
    center, size = z.mean(dim=0), z.std(dim=0, correction=0)
    size = torch.where(
        size > _CONSTANT * z.abs().amax(dim=0), size, math.inf
    )  # what never changes says nothing
    z = (z - center) / size
    mean = y.mean(dim=0)
    spectrum, basis = torch.linalg.eigh(z @ z.t())
    spectrum = spectrum.clamp(min=0)
    inside = basis.t() @ (y - mean)
    parts = _rows_of_groups(groups)
    best: tuple[float, float, Tensor] | None = None
    for penalty in (PENALTIES * max(z.shape[1] / 1e4, 1e-4)).tolist():
        shrunk = basis * (spectrum / (spectrum + penalty))
        residual = y - mean - shrunk @ inside
        left = torch.empty_like(residual)
        for rows in parts:
            own = shrunk[rows] @ basis[rows].mT + 1 / len(z)
            left[rows] = torch.linalg.solve(torch.eye(rows.shape[1], dtype=own.dtype) - own, residual[rows])
        squared = float(left.square().mean())
        if math.isfinite(squared) and (best is None or squared < best[0]):
            best = (squared, penalty, y - left)
    if best is None:
        raise ValueError(
            "'features' must differ between items, or have a penalty that lets them be told apart"
        )
    _, penalty, left_out = best
    weight = z.t() @ (basis @ (inside / (spectrum + penalty)[:, None]))
    weight = weight / size[:, None]
    return Ridge(weight.t(), mean - center @ weight, left_out, penalty)


def _rows_of_groups(groups: Tensor) -> list[Tensor]:
    """Rows of the groups, ``[groups, rows of each]``, those of one size together and of not too many at once."""
    sizes, order = groups.unique(return_counts=True)[1], groups.argsort(stable=True)
    of_groups = order.split(sizes.tolist())
    parts = []
    for size in sizes.unique().tolist():
        stacked = torch.stack([rows for rows in of_groups if len(rows) == size])
        parts += stacked.split(max(1, _TOGETHER // size))
    return parts


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
