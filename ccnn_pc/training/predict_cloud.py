"""A trained model on every point of a cloud, of however many points."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ccnn_pc.datasets.preprocessing import CloudPreprocessing
from ccnn_pc.datasets.transforms.base import take_points
from ccnn_pc.datasets.transforms.sampling import draw_rows

#: Points of the largest part of a distance matrix that are looked at together.
_ROWS = 4096
#: Name under which the rows of points go through transforms.
_ROW = "row_in_file"


def predict_cloud(
    model: nn.Module,
    data: Any,
    preprocessing: CloudPreprocessing,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Any]:
    """Answers for every point of a cloud, each from a draw that it is part of.

    A cloud of more points than the model was taught with is drawn from until no point is left, each time from those
    that are; the last draw is filled up with others. So each point is answered by the network itself, at the density
    of training; answers of nearest drawn points would be as coarse as the draws at the borders of parts. Points that
    draws leave out (even ones, of points that lie close together) have the answer of the nearest one, and where points
    become voxels, that of the nearest voxel.

    Args:
        model: ``model(data) -> answers [n, K]``.
        data: with ``pos`` and ``given``, where points lie in the file; one draw is enough where it has no more points.
        preprocessing: of the model.
        generator: of the draws.

    Returns:
        answers ``[n, K]``; what the model read of the first draw.
    """
    count, most = len(data.pos), preprocessing.num_points or len(data.pos)
    transform, data[_ROW] = preprocessing.transform(), torch.arange(len(data.pos))
    first = transform(data.clone(), generator)
    answers = model(first)
    if preprocessing.voxels is not None:
        return answers[_nearest(data.given, first.given)], first
    found = answers.new_empty(count, answers.shape[1])
    left = torch.ones(count, dtype=torch.bool)
    found[first[_ROW]] = answers
    left[first[_ROW]] = False
    for _ in range(-(-count // most) - 1):
        rows = left.nonzero()[:, 0]
        if len(rows) < most:
            others = (~left).nonzero()[:, 0]
            rows = torch.cat([rows, others[draw_rows(len(others), most - len(rows), generator)]])
        drawn = transform(take_points(data.clone(), rows), generator)
        new = left[drawn[_ROW]]
        found[drawn[_ROW][new]] = model(drawn)[new]
        left[drawn[_ROW]] = False
    if bool(left.any()):
        answered = ~left
        found[left] = found[answered][_nearest(data.given[left], data.given[answered])]
    return found, first


def _nearest(pos: Tensor, centres: Tensor) -> Tensor:
    """Row of the nearest centre of each position."""
    pieces = pos.double().split(_ROWS)
    return torch.cat([torch.cdist(piece, centres.double()).argmin(dim=1) for piece in pieces])
