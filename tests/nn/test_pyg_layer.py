"""Layers as users of PyG and torch use layers: calls, drawing anew, explainers, hooks, text, messages."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
from torch_geometric.explain import Explainer, GNNExplainer
from torch_geometric.explain.algorithm.utils import clear_masks, set_masks
from torch_geometric.nn import PointNetConv, Sequential, to_hetero

from ccnn_pc.domains import Grid, PointSet
from ccnn_pc.kernels import SIREN, GaussianWindow, Init, MAGNet, NoWindow
from ccnn_pc.nn import (
    Algorithm,
    BranchedConv,
    CCNNBlock,
    CKCNNBlock,
    CloudReference,
    ContinuousConv,
    DepthwiseConv,
    FlexNetBlock,
    GlobalLayerNorm,
    KernelConv,
    PooledHead,
    Quadrature,
    SampleHead,
    TapConv,
    kernel_penalty,
)
from ccnn_pc.nn.large_kernel import FeedForwardBlock, LargeKernelBlock, Stem, Transition
from ccnn_pc.published import (
    Anchor,
    Crop,
    QueryFeatureConv,
    ReleasedCKConv,
    ReleasedGridConv,
    ReleasedPointConv,
)

KERNEL = partial(MAGNet, hidden_channels=4, num_layers=2)


def conv3(in_channels: int = 3, out_channels: int = 4, **options: Any) -> ContinuousConv:
    torch.manual_seed(0)
    return ContinuousConv(in_channels, out_channels, dim=3, kernel=KERNEL, extent=2.0, **options)


def graph(n: int = 12, edges: int = 40) -> tuple[Tensor, Tensor, Tensor]:
    """Features, positions and edges in no order at all."""
    generator = torch.Generator().manual_seed(1)
    x, pos = torch.randn(n, 3, generator=generator), torch.rand(n, 3, generator=generator)
    pairs = torch.randperm(n * n, generator=generator)[:edges]
    return x, pos, torch.stack([pairs % n, pairs // n])


# drawing anew

CONV: Callable[..., Any] = partial(ContinuousConv, dim=2, kernel=KERNEL, extent=3.0)
MAKERS: dict[str, Callable[[], nn.Module]] = {
    "separable": lambda: ContinuousConv(3, 4, dim=3, kernel=KERNEL),
    "full": lambda: ContinuousConv(3, 4, dim=3, kernel=KERNEL, separable=False),
    "depthwise": lambda: DepthwiseConv(3, dim=1, extent=4.0, kernel=SIREN),
    "taps": lambda: TapConv(3, 4, 5, dim=1),
    "taps of a deviation": lambda: TapConv(3, 4, 5, dim=1, std=0.02),
    "branches": lambda: BranchedConv(CONV(3, 4), TapConv(3, 4, 3, dim=2)),
    "ccnn": lambda: CCNNBlock(3, 4, conv=CONV),
    "flexnet": lambda: FlexNetBlock(3, 4, conv=CONV, norm=GlobalLayerNorm),
    "ckcnn": lambda: CKCNNBlock(3, 4, conv=CONV, norm=nn.LayerNorm),
    "pooled head": lambda: PooledHead(3, 4),
    "sample head": lambda: SampleHead(3, 4),
    "stem": lambda: Stem(3, 4, dim=2, spacing=1.0),
    "transition": lambda: Transition(3, 4, dim=2, spacing=1.0),
    "large kernel": lambda: LargeKernelBlock(
        3,
        conv=lambda c: BranchedConv(
            DepthwiseConv(c, dim=2, kernel=KERNEL, extent=3.0), TapConv(c, c, 3, dim=2)
        ),
    ),
    "feed forward": lambda: FeedForwardBlock(3),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_drawing_anew_draws_what_construction_draws(make: Callable[[], Any]) -> None:
    torch.manual_seed(7)
    module = make()
    seeded = {k: v.clone() for k, v in module.state_dict().items()}
    torch.manual_seed(8)
    module.reset_parameters()
    drawn = module.state_dict()
    weights = [k for k, _ in module.named_parameters() if k.endswith("weight") and "norm" not in k]
    assert weights and all((drawn[k] != seeded[k]).any() for k in weights)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(3.0)
    torch.manual_seed(7)
    module.reset_parameters()
    assert all(torch.equal(v, seeded[k]) for k, v in module.state_dict().items())


def test_pygs_sequential_and_to_hetero_draw_anew() -> None:
    x, pos, edge_index = graph()
    net = Sequential("x, pos, edge_index", [(conv3(), "x, pos, edge_index -> x"), nn.ReLU(), nn.Linear(4, 2)])
    before = net(x, pos, edge_index)
    net.reset_parameters()
    assert before.shape == (12, 2) and not torch.allclose(net(x, pos, edge_index), before)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = conv3()

        def forward(self, x: Tensor, pos: Tensor, edge_index: Tensor) -> Tensor:
            return self.conv(x, pos, edge_index).relu()

    types = [("a", "to", "a"), ("a", "to", "b"), ("b", "back", "a")]
    hetero: Any = to_hetero(Net(), (["a", "b"], types))
    kernels = [conv.kernel.readout.weight for conv in hetero.conv.values()]
    assert all((kernels[0] != other).any() for other in kernels[1:])  # copies are drawn anew
    other = torch.randn(5, 3), torch.rand(5, 3)
    pairs = {
        types[0]: edge_index,
        types[1]: torch.tensor([[11, 2], [4, 0]]),
        types[2]: torch.tensor([[4], [0]]),
    }
    y = hetero({"a": x, "b": other[0]}, {"a": pos, "b": other[1]}, pairs)
    layers = hetero.conv
    found = layers["a__to__b"]((x, other[0]), (pos, other[1]), pairs[types[1]]).relu()
    torch.testing.assert_close(y["b"], found)


# calls


def test_the_call_of_pygs_point_layers() -> None:
    x, pos, edge_index = graph()
    conv, domain = conv3(), PointSet(pos, edge_index=edge_index)
    torch.testing.assert_close(conv(x, pos, edge_index), conv(x, domain))
    queries, wanted = torch.rand(5, 3), torch.tensor([[3, 0, 11, 3], [4, 0, 0, 2]])
    pairs = PointSet(pos, query_pos=queries, edge_index=wanted)
    y = conv((x, None), (pos, queries), wanted)
    torch.testing.assert_close(y, conv(x, pairs))
    torch.testing.assert_close(conv((x, torch.rand(5, 9)), (pos, queries), wanted), y)
    # as PyG's own layer: the same arguments, the same shapes, nothing where there is no edge
    peer = PointNetConv(nn.Linear(6, 4), add_self_loops=False)
    assert y.shape == peer((x, None), (pos, queries), wanted).shape == (5, 4)
    alone = conv3(bias=False)((x, None), (pos, queries), wanted)
    assert (alone[[1, 3]] == 0).all() and (alone[[0, 2, 4]] != 0).any(1).all()


def test_clouds_of_a_batch_count_apart() -> None:
    x, pos, _ = graph()
    batch = torch.tensor([0] * 4 + [1] * 8)
    conv = conv3(quadrature=Quadrature(reference_count=6.0))
    domain = PointSet(pos, batch).knn(3)
    torch.testing.assert_close(conv(x, pos, domain.edges(), batch=batch), conv(x, domain))


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_arrays_as_torchs_convolutions_take_them(dim: int) -> None:
    torch.manual_seed(0)
    size = (6, 5, 4)[:dim]
    conv = ContinuousConv(
        3, 4, dim=dim, kernel=KERNEL, extent=1.0, quadrature=Quadrature(spacing=0.5)
    ).double()
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    peer = getattr(nn, f"Conv{dim}d")(3, 4, 5, padding=2).double()
    y, grid = conv(x), Grid(size, conv.spacing.tolist(), batch_size=2)
    assert y.shape == peer(x).shape
    torch.testing.assert_close(y, grid.unflatten(conv(grid.flatten(x), grid)))
    taps = TapConv(3, 4, 5, dim=dim).double()
    with torch.no_grad():
        peer.weight.copy_(taps.weight.permute(-1, -2, *range(dim)))
        peer.bias.copy_(taps.bias)
    torch.testing.assert_close(taps(x), peer(x))


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (
            lambda x, pos, e: (x.numpy(), PointSet(pos).knn(3)),
            TypeError,
            "'x' must be a floating tensor.*from_numpy",
        ),
        (lambda x, pos, e: (x.numpy(),), TypeError, "'x' must be a floating tensor.*from_numpy"),
        (
            lambda x, pos, e: (x, pos.numpy(), e),
            TypeError,
            "'domain' must be a PointSet.*ndarray.*from_numpy",
        ),
        (
            lambda x, pos, e: (x.double(), PointSet(pos).knn(3)),
            TypeError,
            "'x' must be torch.float32.*torch.float64",
        ),
        (
            lambda x, pos, e: (x, Batch.from_data_list([Data(pos=pos)])),
            TypeError,
            "'domain' must be.*DataBatch.*knn",
        ),
        (lambda x, pos, e: (Data(x=x, pos=pos), PointSet(pos).knn(3)), TypeError, "'x' must be.*got Data"),
        (lambda x, pos, e: (x, pos), ValueError, "'edge_index' must be given beside positions"),
        (lambda x, pos, e: (x, PointSet(pos), e), TypeError, "'edge_index' and 'batch' must be None"),
        (lambda x, pos, e: (x, pos, e.float()), TypeError, "'edge_index' must be an integer tensor"),
        (
            lambda x, pos, e: (x,),
            ValueError,
            r"'x' must have shape \[B, 3, S, S, S\] where no 'domain' is given",
        ),
        (
            lambda x, pos, e: (x, pos, e.numpy()),
            TypeError,
            "'edge_index' must be an integer tensor.*ndarray.*from_numpy",
        ),
        (lambda x, pos, e: (x, pos, e.tolist()), TypeError, "'edge_index' must be an integer tensor.*list"),
        (lambda x, pos, e: (x.long(), pos, e), TypeError, r"torch.int64; x.float\(\) makes one"),
        (
            lambda x, pos, e: (x, pos, torch.eye(12).to_sparse()),
            TypeError,
            "'edge_index' must have shape.*sparse.*to_edge_index",
        ),
        (lambda x, pos, e: (x.view(1, 3, 12),), ValueError, r"'x' must have shape \[B, 3, S, S, S\]"),
        (lambda x, pos, e: (x[:, :2], pos, e), ValueError, r"'x' must have shape \[12, 3\]"),
    ],
)
def test_what_is_no_input_gets_a_message(arguments: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        conv3()(*arguments(*graph()))


RAGGED: Any = [[1, 2], [3]]


@pytest.mark.parametrize(
    ("option", "kind", "message"),
    [
        ({"kernel": "siren"}, TypeError, "'kernel' must be a class.*'siren'.*kernel_factory"),
        ({"kernel": SIREN(3, 3)}, TypeError, "'kernel' must be a class.*a SIREN"),
        (
            {"kernel": partial(GaussianWindow, width=0.1)},
            TypeError,
            "derived from AbstractKernel.*GaussianWindow",
        ),
        ({"window": None}, TypeError, "'window' must be a class.*window_factory"),
        ({"window": SIREN}, TypeError, "derived from AbstractWindow.*SIREN"),
        ({"quadrature": 0.5}, TypeError, "'quadrature' must be a Quadrature.*0.5"),
        ({"extent": "wide"}, TypeError, "'extent' must be a number.*'wide'"),
        ({"quadrature": Quadrature(spacing=RAGGED)}, TypeError, "'spacing' must be a number"),
    ],
)
def test_options_that_are_none_get_a_message(
    option: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        ContinuousConv(3, 3, dim=3, **option)


# explainers and hooks


@pytest.mark.parametrize("separable", [True, False])
def test_masks_of_explainers_land_on_the_edges_that_were_given(separable: bool) -> None:
    x, pos, edge_index = graph()
    conv = conv3(separable=separable)
    mask = torch.rand(40)
    set_masks(conv, mask, edge_index, apply_sigmoid=False)
    for edge in (0, 17, 39):
        without = torch.arange(40) != edge
        set_masks(conv, without.float(), edge_index, apply_sigmoid=False)
        found = [conv(x, pos, edge_index), conv(x, PointSet(pos, edge_index=edge_index))]
        clear_masks(conv)
        for y in found:
            torch.testing.assert_close(y, conv(x, pos, edge_index[:, without]))
    set_masks(conv, mask[:5], edge_index)
    with pytest.raises(ValueError, match="an entry for each of the 40 edges"):
        conv(x, pos, edge_index)
    clear_masks(conv)
    set_masks(conv, mask, edge_index)  # through a sigmoid
    y = conv(x, pos, edge_index)
    clear_masks(conv)
    domain = PointSet(pos, edge_index=edge_index)
    rest = conv(torch.zeros_like(x), domain)
    plain = sum(m * (conv(x, pos, edge_index[:, e : e + 1]) - rest) for e, m in enumerate(mask.sigmoid()))
    torch.testing.assert_close(y, plain + rest, rtol=1e-4, atol=1e-5)


def test_the_present_of_causal_layers_is_masked_too() -> None:
    torch.manual_seed(0)
    conv = ContinuousConv(2, 3, dim=1, extent=4.0, causal=True, quadrature=Quadrature(endpoint=0.5))
    pos, x = torch.arange(6.0)[:, None], torch.randn(6, 2)
    edge_index = torch.stack([torch.arange(36) % 6, torch.arange(36) // 6])
    without = edge_index[0] != edge_index[1]
    set_masks(conv, without.float(), edge_index, apply_sigmoid=False)
    y = conv(x, pos, edge_index)
    clear_masks(conv)
    torch.testing.assert_close(y, conv(x, pos, edge_index[:, without]))


def test_pygs_explainer_explains() -> None:
    x, pos, edge_index = graph()

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = conv3()

        def forward(self, x: Tensor, edge_index: Tensor, pos: Tensor) -> Tensor:
            return self.conv(x, pos, edge_index).sum(0, keepdim=True)

    config = {"mode": "regression", "task_level": "graph", "return_type": "raw"}
    explainer = Explainer(
        Net(), GNNExplainer(epochs=3), explanation_type="model", edge_mask_type="object", model_config=config
    )
    explanation = explainer(x, edge_index, pos=pos)
    assert explanation.edge_mask.shape == (40,) and bool((explanation.edge_mask > 0).any())


def test_hooks_hear_messages_on_the_given_edges() -> None:
    x, pos, edge_index = graph()
    conv, heard = conv3(), []
    silent = conv(x, pos, edge_index)
    hooks = [
        conv.register_propagate_forward_pre_hook(lambda _, inputs: heard.append(("before", inputs[0]))),
        conv.register_message_forward_hook(lambda _, inputs, out: heard.append(("message", out))),
        conv.register_aggregate_forward_hook(lambda _, inputs, out: heard.append(("aggregate", out))),
        conv.register_edge_update_forward_hook(lambda _, inputs, out: heard.append(("values", out))),
    ]
    torch.testing.assert_close(conv(x, pos, edge_index), silent)
    assert [name for name, _ in heard] == ["values", "before", "message", "aggregate"]
    assert torch.equal(heard[1][1], edge_index) and len(heard[2][1]) == 40
    with pytest.raises(ValueError, match="'algorithm' must be MESSAGES or AUTO while hooks"):
        conv(x, pos, edge_index, algorithm=Algorithm.FAST)
    for hook in hooks:
        hook.remove()
    conv(x, pos, edge_index, algorithm=Algorithm.FAST)
    assert len(heard) == 4
    doubling = conv.register_message_forward_hook(lambda _, inputs, out: 2 * out)
    louder = conv(x, pos, edge_index)
    doubling.remove()
    torch.testing.assert_close(louder, conv(2 * x, pos, edge_index))


def test_messages_have_no_side_effect() -> None:
    x, pos, edge_index = graph()
    conv = conv3()
    before = set(vars(conv))
    with kernel_penalty() as penalty:
        values = conv.edge_update(torch.zeros(4, 3), torch.ones(4, 1))
        message = conv.message(x[:4], values)
        assert not penalty.terms and message.shape == (4, 3)
        conv(x, pos, edge_index, algorithm=Algorithm.MESSAGES)
        assert len(penalty.terms) == 1
    assert set(vars(conv)) == before


# text

LAYERS: list[KernelConv | TapConv] = [
    ContinuousConv(6, 32, dim=3),
    ContinuousConv(6, 32, dim=3, kernel=partial(SIREN, hidden_channels=16, init=Init.CCNN), separable=False),
    ContinuousConv(2, 3, dim=2, window=partial(GaussianWindow, width=0.2), extent=(1.0, 0.1), bias=False),
    ContinuousConv(
        2,
        3,
        dim=1,
        window=NoWindow,
        causal=True,
        extent=3.0,
        quadrature=Quadrature(0.1, endpoint=0.5, threshold=0.0),
    ),
    ContinuousConv(2, 3, dim=3, quadrature=Quadrature(reference_count=40.0, fan=CloudReference(40, 9))),
    DepthwiseConv(4, dim=1, extent=5.0),
    KernelConv(4, 3, dim=1, separable=False),
    TapConv(3, 4, (5, 3), dim=2, spacing=0.1, bias=False, std=0.1),
    ReleasedGridConv(3, 4, dim=1, extent=160.0, causal=True, crop=Crop.CCNN, fft_above=50),
    ReleasedCKConv(
        3,
        4,
        dim=1,
        extent=9.0,
        causal=True,
        separable=False,
        anchor=Anchor.ENDS,
        blur=False,
        short_fft=False,
        quadrature=Quadrature(1.0),
    ),
    ReleasedPointConv(2, 5, dim=3),
    QueryFeatureConv(2, 2, dim=3, window=NoWindow),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_the_text_of_a_layer_builds_it_again(layer: Any) -> None:
    again = eval(str(layer))  # noqa: S307
    assert type(again) is type(layer) and str(again) == str(layer)
    shapes = {k: v.shape for k, v in layer.state_dict().items()}
    assert {k: v.shape for k, v in again.state_dict().items()} == shapes
    for name in ("extent", "spacing", "reference_count"):
        if hasattr(layer, name):
            assert torch.equal(getattr(again, name), getattr(layer, name))
    for name in (
        "causal",
        "separable",
        "endpoint",
        "threshold",
        "fan",
        "crop",
        "fft_above",
        "anchor",
        "blur",
        "short_fft",
    ):
        assert getattr(again, name, None) == getattr(layer, name, None)
    torch.manual_seed(0)
    again.reset_parameters()
    torch.manual_seed(0)
    layer.reset_parameters()
    assert all(torch.equal(v, layer.state_dict()[k]) for k, v in again.state_dict().items())


def test_the_text_follows_what_was_loaded() -> None:
    layer = ContinuousConv(2, 2, dim=1, extent=4.0)
    layer.load_state_dict(
        ContinuousConv(2, 2, dim=1, extent=0.3, quadrature=Quadrature(spacing=0.1)).state_dict()
    )
    assert str(layer) == "ContinuousConv(2, 2, dim=1, extent=0.3, quadrature=Quadrature(spacing=0.1))"


def test_sizes_of_constructors() -> None:
    import inspect

    for kind in (ContinuousConv, DepthwiseConv, TapConv, BranchedConv, CCNNBlock):
        assert len(inspect.signature(kind).parameters) <= 10


def test_the_source_is_looked_at_once_per_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """Message passing of PyG would parse it for every layer: ten times what the layer itself takes."""
    ContinuousConv(3, 3, dim=1)
    monkeypatch.setattr("inspect.getsource", lambda *given: pytest.fail("the source was looked at again"))
    assert ContinuousConv(3, 3, dim=1).propagate.__func__ is ContinuousConv.propagate
