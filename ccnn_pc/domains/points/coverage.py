"""Whether the nearest neighbours fill a layer's window: said once per run where they do not."""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor

from ccnn_pc.domains.points.edge_geometry import EdgeGeometry
from ccnn_pc.kernels.windows import AbstractWindow

#: Of its peak: below it a window counts as ended where neighbours end, and as seeing nothing.
CUT, NOTHING = 0.1, 0.01
_SAID: set[str] = set()


class NeighborhoodWarning(UserWarning):
    """Neighbours that do not fit the window of a layer: fewer than it reaches, or none within it."""


def warn_once(kind: str, text: str) -> None:
    """Warn, but once per run for each kind."""
    if kind not in _SAID:
        _SAID.add(kind)
        warnings.warn(text, NeighborhoodWarning, stacklevel=3)


def judge_coverage(
    edges: EdgeGeometry,
    k: int | None,
    in_cloud: Tensor,
    bipartite: bool,
    window: AbstractWindow,
    extent: Tensor,
) -> None:
    """Warn where most queries see nothing but themselves, or k neighbours end where the window does not.

    Args:
        edges: neighbours, those of a query sorted by distance.
        k: neighbours that were asked for; None: somebody else judges where they end.
        in_cloud: samples in the cloud of each query ``[m]``.
        bipartite: whether queries lie elsewhere than the samples.
        window: of the layer.
        extent: of the layer, position units ``[D]``.
    """
    if {"nothing", "cut"} <= _SAID or torch.compiler.is_compiling():
        return
    lists, distances = edges.lists, edges.distances()
    if not len(distances):
        return
    support = float(extent.norm())
    own = 0 if bipartite else 1  # a sample that queries comes first in its own list
    others = lists.length > own
    if "nothing" not in _SAID and bool(others.any()):
        nearest = distances[(lists.start + own)[others]]
        reach = min(float(window.reach(extent, NOTHING)), support)
        if float((nearest > reach).float().mean()) > 0.5:
            warn_once(
                "nothing",
                f"most points see no {'sample' if bipartite else 'other point'}: the nearest is "
                f"{float(nearest.median()):.3g} away, and the layer reaches {reach:.3g} (extent {_plain(extent)}, "
                "position units): give the layer a larger 'extent' or 'width', or bring positions to its scale "
                "(Normalize)",
            )
            return
    if k is None or "cut" in _SAID:
        return
    full = (lists.length >= k) & (lists.length < in_cloud)  # the others hold their whole cloud
    reach = min(float(window.reach(extent, CUT)), float(extent.max()))
    if not math.isfinite(reach) or not bool(full.any()):
        return
    furthest = distances[(lists.start + lists.length - 1)[full]]
    if float((furthest < reach).float().sum()) > 0.5 * len(lists.length):
        warn_once(
            "cut",
            f"k = {k} cuts the window: the furthest of {k} neighbours is {float(furthest.median()):.3g} away, and the "
            f"layer looks as far as {reach:.3g} (position units); its answers depend on how densely clouds are "
            "sampled: take a larger k, .radius(r) or a smaller 'width', and let k grow with the number of points "
            "(PointSet.covers tells where)",
        )


def _plain(extent: Tensor) -> str:
    values = sorted(set(extent.tolist()))
    return " x ".join(f"{value:.3g}" for value in values)
