"""CCNN's released layer and network for point clouds: golden vectors, and what the layer was meant to compute."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import Tensor

from ccnn_pc.domains import PointSet
from ccnn_pc.kernels import GaussianWindow, MAGNet
from ccnn_pc.models import CCNN, create_model
from ccnn_pc.nn import Algorithm, CCNNBlock, ContinuousConv
from ccnn_pc.published import QueryFeatureConv, ReleasedPointBlock, ReleasedPointConv
from tests.clouds import cloud, features, layer
from tests.released import Golden, Released, close, load_ccnn, load_conv

LAYER = "2_conv_cc_point_sepflex_legacy"


def clouds(released: Released) -> tuple[Tensor, PointSet]:
    """Features ``[n, C]`` and the points, joined to as many neighbours as in the released run."""
    pos, x = released.input("pos"), released.input("x")
    batch = torch.arange(len(pos)).repeat_interleave(pos.shape[1])
    return x.flatten(0, 1), PointSet(pos.flatten(0, 1), batch).knn(int(released.config("num_edges")))


def released_layer(kind: type[ContinuousConv], released: Released, **options: Any) -> ContinuousConv:
    kernel = functools.partial(MAGNet, hidden_channels=int(released.config("hidden")))
    channels = (int(released.config(f"{side}_channels")) for side in ("in", "out"))
    conv = kind(*channels, dim=3, kernel=kernel, **options).double()
    load_conv(conv, released)
    return conv


@torch.no_grad()
def mirrored(conv: ContinuousConv) -> ContinuousConv:
    """The same function of our offsets and kernel coordinates: K'(u) = K(-extent u), and no bias before the mixing."""
    reach = conv.extent
    assert isinstance(conv.kernel, MAGNet) and isinstance(conv.window, GaussianWindow)
    assert conv.bias is not None
    conv.kernel.gamma.mul_(reach)
    conv.kernel.mu.div_(-reach)
    conv.kernel.weight.mul_(-reach)
    conv.window.width.div_(reach[0])
    conv.window.min_width = 0.0
    conv.bias.zero_()
    return conv


@torch.no_grad()
def test_the_released_layer(golden: Golden) -> None:
    released = Released(golden, LAYER)
    x, points = clouds(released)
    conv = released_layer(ReleasedPointConv, released)
    expected = released.output("y_legacy")
    close(conv(x, points).view_as(expected), expected)
    edge_index = points.edges()  # each point's neighbours, nearest first
    r = -points.rel(edge_index)
    assert float(r.abs().max()) > 1.0  # a support would cut these
    close(r.view_as(released.output("rel_pos")), released.output("rel_pos"))
    kernel = (conv.kernel(r) * conv.window(r)).view_as(released.output("masked_kernel"))
    close(kernel, released.output("masked_kernel"))


@torch.no_grad()
@pytest.mark.parametrize("algorithm", [Algorithm.FAST, Algorithm.MESSAGES])
def test_what_it_was_meant_to_compute_is_our_layer(golden: Golden, algorithm: Algorithm) -> None:
    """With neighbours' features; and with the query's, one quirk of five. An extent of 2 reaches all of a cloud."""
    released = Released(golden, LAYER)
    x, points = clouds(released)
    for kind, output in ((ContinuousConv, "y_intended_not_official"), (QueryFeatureConv, "y_legacy")):
        conv = mirrored(released_layer(kind, released, extent=2.0))
        close(conv(x, points, algorithm=algorithm).view_as(released.output(output)), released.output(output))


def test_the_released_network(golden: Golden) -> None:
    released = Released(golden, "3_net_ccnn_pointcloud_legacy")
    x, points = clouds(released)
    quirks: dict[str, Any] = {"layer": ReleasedPointConv, "block": ReleasedPointBlock}
    model = create_model("ccnn_4_16", dim=3, in_channels=6, out_channels=40, **quirks).double()
    assert isinstance(model, CCNN)
    assert sum(p.numel() for p in model.parameters()) == int(released.config("n_parameters"))
    load_ccnn(model, released)
    expected = released.output("logits_legacy")
    with torch.no_grad():
        close(model(x, points), expected)
        theirs = torch.from_numpy(released.data["output_f32/logits_legacy"]).double()
        cost = float((theirs - expected).abs().max() / expected.abs().max())
        single = PointSet(points.pos.float(), points.batch, neighbors=points.neighbors)
        close(model.float()(x.float(), single).double(), expected, max(1e-5, 10 * cost))


def test_the_released_block_has_no_residual() -> None:
    points = cloud()
    x = features(points)
    conv = functools.partial(layer, dim=3)
    torch.manual_seed(0)
    ours, theirs = (
        CCNNBlock(3, 3, conv=conv).double().eval(),
        ReleasedPointBlock(3, 3, conv=conv).double().eval(),
    )
    theirs.load_state_dict(ours.state_dict())
    torch.testing.assert_close(theirs(x, points), 2 * (ours(x, points) - x))
    with pytest.raises(ValueError, match="'out_channels' must be 'in_channels'"):
        ReleasedPointBlock(3, 4, conv=conv)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"separable": False}, "'separable' must be True"),
        ({"dim": 1, "causal": True}, "'causal' must be False"),
        ({"extent": 2.0}, "'extent' must be 1"),
    ],
)
def test_there_is_no_other_released_layer(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ReleasedPointConv(2, 2, **{"dim": 3, **options})


def test_it_answers_at_the_samples_only() -> None:
    points = PointSet(torch.rand(5, 3), query_pos=torch.rand(2, 3)).knn(3)
    with pytest.raises(ValueError, match="'domain' must have its queries at the samples"):
        ReleasedPointConv(2, 2, dim=3)(torch.rand(5, 2), points)
