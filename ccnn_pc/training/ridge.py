"""Ridge regression in closed form, with a penalty, rows and features chosen by what is left out."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

#: Penalties that are tried, times the number of features over 10 000.
PENALTIES = torch.logspace(-2, 5, 15, dtype=torch.float64)
#: Of the largest value of a feature: smaller deviations are rounding, which a new item may have more of.
_CONSTANT = 1e-4
#: Rows whose groups are left out together.
_TOGETHER = 1024
#: Items by which rows and features are chosen.
_JUDGED = 1000


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


class _Solved(NamedTuple):
    """A map in the space of rows: ``z^T dual`` is the weight of standardised features z."""

    dual: Tensor
    mean: Tensor
    left_out: Tensor
    penalty: float


def best_ridge(
    features: Tensor, targets: Tensor, groups: Tensor, choices: Sequence[Tensor] | None = None
) -> Ridge:
    """The :func:`ridge` that errs least on items as they were read first, left out; weights of other features are 0.

    Args:
        features: ``[n, F]``; items as they were read first, then as they were read again.
        targets: ``[n, K]``.
        groups: number of the item of each row ``[n]``.
        choices: sets of features that are tried, boolean ``[F]`` each; None: all of them. They are compared on at
            most 1000 items.

    Example:
        >>> z = torch.randn(30, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        >>> first, all_of_them = torch.tensor([True, False, False, False]), torch.ones(4, dtype=torch.bool)
        >>> best_ridge(z, z[:, :1], torch.arange(30), [~first, first]).weight.round(decimals=3).tolist()
        [[1.0, 0.0, 0.0, 0.0]]
    """
    items = int(groups.max()) + 1
    sets = [torch.ones(features.shape[1], dtype=torch.bool)] if choices is None else list(choices)
    judged = groups % -(-items // _JUDGED) == 0
    first = int(judged[:items].sum())
    found = []
    for count in dict.fromkeys((items, len(features))):
        parts, rows = _Parts(features[:count], sets), judged[:count]
        y, of = targets[:count][rows], groups[:count][rows]
        for number in range(len(sets)):
            solved = _solve(parts.products(number, rows), y, of, parts.penalties(number))
            error = float((solved.left_out[:first] - y[:first]).square().mean())
            found.append((error, number, count, parts, solved))
    _, number, count, parts, solved = min(found, key=lambda each: each[0])
    if first < items:
        solved = _solve(parts.products(number), targets[:count], groups[:count], parts.penalties(number))
    return parts.map(number, solved)


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
    parts = _Parts(features, [torch.ones(features.shape[1], dtype=torch.bool)])
    return parts.map(0, _solve(parts.products(0), targets.double(), groups, parts.penalties(0)))


class _Parts:
    """Products of standardised rows, once for every part of the features that some sets hold and others do not."""

    def __init__(self, features: Tensor, sets: Sequence[Tensor]) -> None:
        self.features, self.sets = features, torch.stack(list(sets))
        self.members, part = self.sets.unique(
            dim=1, return_inverse=True
        )  # [sets, parts], part of each feature
        self.center, self.size = features.new_zeros(2, features.shape[1], dtype=torch.float64)
        self._products = []
        for number in range(self.members.shape[1]):
            z = features[:, part == number].double()
            center, size = z.mean(dim=0), z.std(dim=0, correction=0)
            size = torch.where(
                size > _CONSTANT * z.abs().amax(dim=0), size, math.inf
            )  # what never changes says nothing
            z = (z - center) / size
            self.center[part == number], self.size[part == number] = center, size
            self._products.append(z @ z.t() if self.members[:, number].any() else None)

    def penalties(self, number: int) -> list[float]:
        return (PENALTIES * max(int(self.sets[number].sum()) / 1e4, 1e-4)).tolist()  # type: ignore[no-any-return]

    def products(self, number: int, rows: Tensor | None = None) -> Tensor:
        """Of the features of a set; of some rows relative to their mean."""
        members = zip(self._products, self.members[number].tolist(), strict=True)
        found = functools.reduce(torch.add, [each for each, held in members if held and each is not None])
        if rows is None or bool(rows.all()):
            return found
        found = found[rows][:, rows]
        return found - found.mean(dim=0) - found.mean(dim=1, keepdim=True) + found.mean()

    def map(self, number: int, solved: _Solved) -> Ridge:
        """Weights of features as they are."""
        held = self.sets[number]
        weight = solved.dual.new_zeros(self.features.shape[1], solved.dual.shape[1])
        z = (self.features[:, held].double() - self.center[held]) / self.size[held]
        weight[held] = (z.t() @ solved.dual) / self.size[held, None]
        return Ridge(weight.t(), solved.mean - self.center @ weight, solved.left_out, solved.penalty)


def _solve(products: Tensor, targets: Tensor, groups: Tensor, penalties: Sequence[float]) -> _Solved:
    """The penalty with which rows are told best by the others."""
    y = targets.double()
    mean = y.mean(dim=0)
    spectrum, basis = torch.linalg.eigh(products)
    spectrum = spectrum.clamp(min=0)
    inside = basis.t() @ (y - mean)
    parts = _rows_of_groups(groups)
    best: tuple[float, float, Tensor] | None = None
    for penalty in penalties:
        shrunk = basis * (spectrum / (spectrum + penalty))
        residual = y - mean - shrunk @ inside
        left = torch.empty_like(residual)
        for rows in parts:
            own = shrunk[rows] @ basis[rows].mT + 1 / len(y)
            left[rows] = torch.linalg.solve(torch.eye(rows.shape[1], dtype=own.dtype) - own, residual[rows])
        squared = float(left.square().mean())
        if math.isfinite(squared) and (best is None or squared < best[0]):
            best = (squared, penalty, y - left)
    if best is None:
        raise ValueError(
            "'features' must differ between items, or have a penalty that lets them be told apart"
        )
    _, penalty, left_out = best
    return _Solved(basis @ (inside / (spectrum + penalty)[:, None]), mean, left_out, penalty)


def _rows_of_groups(groups: Tensor) -> list[Tensor]:
    """Rows of the groups, ``[groups, rows of each]``, those of one size together and of not too many at once."""
    sizes, order = groups.unique(return_counts=True)[1], groups.argsort(stable=True)
    of_groups = order.split(sizes.tolist())
    parts = []
    for size in sizes.unique().tolist():
        stacked = torch.stack([rows for rows in of_groups if len(rows) == size])
        parts += stacked.split(max(1, _TOGETHER // size))
    return parts
