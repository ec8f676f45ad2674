"""Published sizes: exact parameter counts, gradients for every parameter, names and options (laws 5 and 8)."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import global_max_pool

from ccnn_pc.domains import PointSet
from ccnn_pc.kernels import SIREN, Init, MAGNet
from ccnn_pc.kernels.scaling import unscaled
from ccnn_pc.models import CCNN, create_model, list_models
from ccnn_pc.nn import ContinuousConv

#: name, dim, in, out, parameters of CCNN (arXiv:2301.10540) Tables 1 to 4 and Fig. 8
COUNTS = [
    ("ccnn_4_16", 3, 6, 40, 6_545),
    ("ccnn_4_32", 3, 6, 40, 14_401),
    ("ccnn_4_48", 3, 6, 40, 26_353),
    ("ccnn_4_140", 3, 6, 40, 207_709),
    ("ccnn_6_380", 3, 6, 40, 2_017_503),
    ("ccnn_4_140", 1, 1, 10, 198_769),
    ("ccnn_6_380", 1, 1, 10, 1_993_091),
    ("ccnn_4_140", 1, 3, 10, 199_117),
    ("ccnn_4_140", 1, 20, 10, 202_075),
    ("ccnn_4_140", 2, 3, 10, 201_042),
    ("ccnn_6_380", 2, 3, 10, 1_999_366),
    ("ccnn_4_140", 2, 3, 100, 213_732),
    ("ccnn_tiny_grid", 1, 1, 10, 20_673),
]
CLOUD_MODELS = ["ccnn_4_16", "ccnn_4_32", "ccnn_4_48", "ccnn_4_140", "ccnn_tiny", "ccnn_tiny_grid"]
CLOUD_MODELS += ["ccnn_small", "ccnn_tiny_query_features", "ccnn_small_query_features"]


@pytest.mark.parametrize(("name", "dim", "inputs", "outputs", "count"), COUNTS)
@unscaled()
def test_parameter_counts_are_exact(name: str, dim: int, inputs: int, outputs: int, count: int) -> None:
    model = create_model(name, dim=dim, in_channels=inputs, out_channels=outputs)
    assert sum(p.numel() for p in model.parameters()) == count


def test_every_ccnn_is_listed() -> None:
    blocks = {f"ccnn_{size}_{block}" for size in ("4_140", "6_380") for block in ("s4", "flex")}
    unets = {f"ccnn_unet_{size}" for size in ("tiny", "small", "base")}
    assert set(CLOUD_MODELS) | {"ccnn_6_380"} | blocks | unets == set(list_models("ccnn_*"))


def batch(channels: int = 6) -> Batch:
    torch.manual_seed(1)
    return Batch.from_data_list(
        [Data(x=torch.randn(n, channels), pos=torch.rand(n, 3) * 2 - 1) for n in (30, 20)]
    )


@pytest.mark.parametrize("name", CLOUD_MODELS)
def test_every_parameter_gets_a_gradient(name: str) -> None:
    model = create_model(name, dim=3, in_channels=6, out_channels=5, num_neighbors=8)
    for parent in list(model.modules()):
        for child, module in list(parent.named_children()):
            if isinstance(module, nn.BatchNorm1d):
                setattr(parent, child, Identity())
    logits = model(batch())
    assert logits.shape == (2, 5)
    nn.functional.cross_entropy(logits, torch.tensor([1, 3])).backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert torch.isfinite(parameter.grad).all(), parameter_name
        assert parameter.grad.abs().max() > 0, parameter_name


class Identity(nn.Module):
    def forward(self, x: torch.Tensor, domain: object) -> torch.Tensor:
        return x


@pytest.mark.parametrize("name", CLOUD_MODELS)
def test_save_and_load_before_and_after_training_gives_the_same_output(name: str) -> None:
    def make(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return create_model(name, dim=3, in_channels=6, out_channels=5, num_neighbors=8)

    model, data = make(0), batch()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    for _ in range(2):
        model.train()
        fresh = make(1)
        fresh.load_state_dict(model.state_dict())
        with torch.no_grad():
            assert torch.equal(fresh.eval()(data), model.eval()(data))
        model.train()
        model(data).square().sum().backward()
        optimizer.step()


def test_a_published_initialisation_draws_the_published_variance() -> None:
    """CCNN: A_out uniform of variance 1/H, divided by the square root of the number of neighbours."""
    torch.manual_seed(0)
    model = create_model(
        "ccnn_4_140", dim=3, in_channels=6, out_channels=40, init="ccnn", width=0.075, omega_0=500.0
    )
    conv = model.convolutions()[2]
    assert isinstance(conv.kernel, MAGNet) and conv.kernel.init is Init.CCNN
    assert float(conv.kernel.readout.weight.std()) == pytest.approx((32 * conv.fan) ** -0.5, rel=0.05)
    assert conv.kernel.bias.abs().max() == 0


def test_extents_follow_the_training_grid() -> None:
    sequence = create_model("ccnn_4_140", dim=1, in_channels=1, out_channels=10, shape=(100,), spacing=0.5)
    image = create_model("ccnn_4_140", dim=2, in_channels=1, out_channels=10, shape=(20, 30))
    assert isinstance(sequence, CCNN) and isinstance(image, CCNN)
    assert isinstance(sequence.stem, ContinuousConv) and isinstance(image.stem, ContinuousConv)
    assert sequence.stem.extent.tolist() == [49.5] and sequence.stem.causal
    assert image.stem.extent.tolist() == [10.0, 15.0] and not image.stem.causal


def test_unknown_names_and_options() -> None:
    with pytest.raises(ValueError, match=r"unknown model 'ccnn_4_15'; did you mean 'ccnn_4_1"):
        create_model("ccnn_4_15", dim=3, in_channels=6, out_channels=40)
    with pytest.raises(
        ValueError, match=r"'pool' must be one of 'mean', 'max', 'mean\+max', 'last' \(got 'median'\)"
    ):
        create_model("ccnn_4_16", dim=3, in_channels=6, out_channels=40, pool="median")
    with pytest.raises(TypeError, match="the name freezes them"):
        create_model("ccnn_4_16", dim=3, in_channels=6, out_channels=40, channels=20)
    with pytest.raises(TypeError, match="omega"):
        create_model("ccnn_4_16", dim=3, in_channels=6, out_channels=40, omega=1.0)
    with pytest.raises(ValueError, match=r"'shape' must have 2 entries"):
        create_model("ccnn_4_16", dim=2, in_channels=6, out_channels=40, shape=(3,))
    with pytest.raises(ValueError, match="'omega_0'"):
        create_model("ccnn_4_16", dim=3, in_channels=6, out_channels=40, omega_0=0.0)


def test_the_door_says_what_does_not_fit() -> None:
    model = create_model("ccnn_4_16", dim=3, in_channels=6, out_channels=5, num_neighbors=4)
    pos, x = torch.rand(9, 3), torch.rand(9, 6)
    with pytest.raises(TypeError, match="'domain' must say where"):
        model(x)
    with pytest.raises(TypeError, match="PyG Data"):
        model([1, 2])
    with pytest.raises(ValueError, match=r"'data.x' must have 6 channels"):
        model(Data(x=x[:, :5], pos=pos))
    with pytest.raises(ValueError, match=r"there is no data.x"):
        model(Data(pos=pos))
    with pytest.raises(ValueError, match=r"'data.pos' must have shape \[n, 3\]"):
        model(Data(x=x, pos=pos[:, :2]))
    with pytest.raises(ValueError, match="row 2 is"):
        bad = pos.clone()
        bad[2, 1] = float("nan")
        model(Data(x=x, pos=bad))


def test_convolutions_are_found_from_input_to_output() -> None:
    model = create_model("ccnn_4_16", dim=3, in_channels=6, out_channels=5)
    assert len(model.convolutions()) == 5
    assert isinstance(model, CCNN) and model.convolutions()[0] is model.stem
    assert all(isinstance(conv, ContinuousConv) for conv in model.convolutions())


def test_words_of_a_kernel_go_to_the_kernel_that_is_given() -> None:
    cloud = {"dim": 3, "in_channels": 6, "out_channels": 5}
    model = create_model("ccnn_4_16", **cloud, kernel=partial(SIREN, hidden_channels=4), omega_0=2.0)  # type: ignore[arg-type]
    assert model.config["kernel"].keywords == {"hidden_channels": 4, "omega_0": 2.0}
    assert create_model("ccnn_4_16", **cloud, kernel="siren").convolutions()[0].kernel.hidden_channels == 32  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'omega_0' must be given once: by 'kernel' or beside it"):
        create_model("ccnn_4_16", **cloud, kernel=partial(SIREN, omega_0=1.0), omega_0=2.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'spread' must be an option of the kernel SIREN: hidden_channels"):
        create_model("ccnn_4_16", **cloud, kernel=SIREN, spread=0.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'width' must be an option of 'ccnn_4_16': kernel, window, dim"):
        create_model("ccnn_4_16", **cloud, window="none", width=0.5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="unknown kernel 'sirne'; did you mean 'siren'"):
        create_model("ccnn_4_16", **cloud, kernel="sirne")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="'kernel' must be None for 'ckcnn_released'"):
        create_model("ckcnn_released", dim=1, in_channels=1, out_channels=2, kernel=SIREN)


def test_neighbours_of_another_cloud_are_refused() -> None:
    """What PyG's loader makes of a table of neighbours that it does not know to be one: the first cloud's, for all."""
    model = create_model("ccnn_4_16", dim=3, in_channels=6, out_channels=5).eval()
    items = batch().to_data_list()
    for item in items:
        item.neighbor_table = PointSet(item.pos).knn(4).neighbors.index  # type: ignore[union-attr]
    right = Batch.from_data_list(items)
    alone = torch.cat([model(item) for item in items])
    with pytest.raises(ValueError, match="cloud"):
        model(right)
    for item in items:
        item.neighbor_index = item.neighbor_table.t()
        del item.neighbor_table
    torch.testing.assert_close(model(Batch.from_data_list(items)), alone)


@pytest.mark.parametrize(
    ("option", "kind", "message"),
    [
        ({"dropout": 2}, ValueError, r"'dropout' must be in \[0, 1\) \(got 2\)"),
        ({"dropout": "much"}, TypeError, "'dropout' must be a number.*'much'"),
        ({"dropout_in": 1.0}, ValueError, "'dropout_in' must be in"),
        ({"width": 0}, ValueError, "'width' must be positive"),
        ({"pool": "last"}, ValueError, "'pool' must not be 'last'.*dim=3"),
        ({"kernel": SIREN(3, 6)}, TypeError, "'kernel' must be a class.*a SIREN"),
    ],
)
def test_options_out_of_range_are_named_as_they_were_given(
    option: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        create_model("ccnn_4_16", dim=3, in_channels=6, out_channels=5, **option)


def test_arrays_of_numpy_get_a_message() -> None:
    model = create_model("ccnn_4_16", dim=1, in_channels=1, out_channels=5, shape=(9,))
    with pytest.raises(TypeError, match="'data' must be PyG Data, a tensor.*ndarray; torch.from_numpy"):
        model(torch.rand(2, 1, 9).numpy())  # type: ignore[arg-type]


def test_pools_of_pyg_are_words_too() -> None:
    sizes: dict[str, Any] = {"dim": 3, "in_channels": 6, "out_channels": 5, "num_neighbors": 4}
    ours = create_model("ccnn_4_16", **sizes, pool="max").eval()
    theirs = create_model("ccnn_4_16", **sizes, pool=global_max_pool).eval()
    theirs.load_state_dict(ours.state_dict())
    torch.testing.assert_close(theirs(batch()), ours(batch()))


@pytest.mark.parametrize("name", ["ccnn_unet_tiny", "pointnet2_segmentation"])
def test_networks_with_an_answer_per_point_take_no_pool(name: str) -> None:
    """task=points says pool=None to every model."""
    words: dict[str, Any] = {"dim": 3, "in_channels": 1, "out_channels": 2}
    model: Any = create_model(name, pool=None, **words)
    assert model.pool is None
    with pytest.raises(ValueError, match="'pool' must be None"):
        create_model(name, pool="mean", **words)
