"""Half precision: every registered network answers under autocast and as a whole, within what the type allows."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from ccnn_pc.models import Model, create_model, list_models
from ccnn_pc.models.names import only_dim

BOUND = {torch.bfloat16: 3e-2, torch.float16: 5e-3}
#: Networks of more than a hundred thousand parameters, those that take seconds, larger ones of a family whose smallest
#: is tried.
LARGE = {
    "ccnn_4_32",
    "ccnn_4_48",
    "ccnn_small",
    "ccnn_small_query_features",
    "ccnn_unet_base",
    "ccnn_unet_small",
    "ckcnn_2_25",
    "ckcnn_2_30",
    "smpconv_b",
    "smpconv_t",
    "smpnet_resnet_7",
    "ckcnn_2_128",
    "ckcnn_2_100",
    "dgcnn",
    "pointnet2",
    "neural_cde",
}
LARGE |= {name for sizes in ("ccnn_6_380*", "ccnn_4_140*", "flex*") for name in list_models(sizes)}
#: The only kinds of data of networks that do not read all.
ONLY: dict[str, tuple[str, ...]] = dict.fromkeys(("smpconv_b", "smpconv_t", "smpnet_resnet_7"), ("image",))
ONLY |= {"dgcnn": ("clouds",), "pointnet2": ("clouds",), "pointnet2_segmentation": ("clouds",)}
ONLY |= dict.fromkeys(("s4d", "transformer"), ("sequences", "image"))
ONLY |= {"ckcnn_released": ("sequences",)}
ONLY |= {"smpnet_tcn_6": ("sequences", "image"), "ode_rnn": ("series",), "neural_cde": ("series",)}
#: kind: axes, channels, shape in training
KINDS: dict[str, tuple[int, int, tuple[int, ...] | None]] = {
    "clouds": (3, 6, None),
    "series": (1, 2, (24,)),
    "stamps": (1, 2, (24,)),
    "sequences": (1, 2, (24,)),
    "image": (2, 2, (8, 7)),
    "voxels": (3, 2, (4, 5, 4)),
}


def data_of(kind: str, g: torch.Generator) -> Data | Tensor:
    """Two small samples."""
    _, channels, shape = KINDS[kind]
    if kind not in ("clouds", "series", "stamps"):
        assert shape is not None
        return torch.randn(2, channels, *shape, generator=g)
    items = []
    for n in (36, 33):
        # on a lattice untrained networks answer large numbers: beyond 65504, where float16 ends, unless x is small
        data = Data(x=torch.randn(n, channels, generator=g) * (0.1 if kind == "stamps" else 1.0))
        if kind == "clouds":
            data.pos = torch.rand(n, 3, generator=g) * 2 - 1
        elif kind == "series":
            data.times = torch.rand(n, generator=g).mul(24).sort().values
        else:
            data.times, data.lattice = torch.randperm(48, generator=g)[:n].sort().values.float(), 1.0
        items.append(data)
    return Batch.from_data_list(items)


def cases() -> list[Any]:
    """Every network with every kind of data; in the fast suite the small ones, the smallest with all kinds."""
    found = []
    for name in list_models():
        for kind, (dim, _, _) in KINDS.items():
            if only_dim(name) not in (None, dim) or kind not in ONLY.get(name, KINDS):
                continue
            fast = name not in LARGE and (name == "ccnn_4_16" or kind in ("clouds", "series", "image"))
            found.append(pytest.param(name, kind, marks=() if fast else pytest.mark.slow))
    return found


def answer(model: Model, data: Data | Tensor, autocast: torch.dtype | None = None) -> tuple[Tensor, Tensor]:
    """Answers, and the gradients of all parameters side by side."""
    model.zero_grad()
    with torch.autocast("cpu", autocast, enabled=autocast is not None):
        y = model(data)
    y.float().mul(torch.randn(y.shape, generator=torch.Generator().manual_seed(5))).sum().backward()
    return y.detach(), torch.cat([p.grad.flatten().float() for p in model.parameters() if p.grad is not None])


@pytest.mark.parametrize(("name", "kind"), cases())
def test_half_precision(name: str, kind: str) -> None:
    dim, channels, shape = KINDS[kind]
    model = create_model(name, dim=dim, in_channels=channels, out_channels=4, shape=shape).eval()
    data = data_of(kind, torch.Generator().manual_seed(1))
    exact, gradient = answer(model, data)
    # with ReLU, or neighbours by features, gradients jump with the rounding of data
    smooth = name.startswith("ccnn") and not name.endswith("_flex")
    depth = len(getattr(model, "blocks", ()))  # every block's ReLUs jump
    for half, bound in BOUND.items():
        found = [answer(model, data, half)]
        with torch.no_grad(), torch.autocast("cpu", half):
            found.append((model(data), gradient))
        coarse = data.to(half) if isinstance(data, Tensor) else data.clone()
        if not isinstance(coarse, Tensor):
            coarse.x = coarse.x.to(half)
        whole = answer(copy.deepcopy(model).to(half), coarse)
        assert whole[0].dtype is half
        for y, slope in (*found, whole):
            assert (y.float() - exact).norm() <= bound * exact.norm()
            factor = 2.0 if smooth else (8.0 if half is torch.bfloat16 else 20.0) * max(1.0, depth / 5)
            assert (slope - gradient).norm() <= factor * bound * gradient.norm()


@pytest.mark.parametrize("kind", ["clouds", "series", "image"])
def test_training_in_half_precision(kind: str) -> None:
    """With batch statistics, under autocast: finite gradients for every parameter, and the loss falls."""
    dim, channels, shape = KINDS[kind]
    model = create_model("ccnn_4_16", dim=dim, in_channels=channels, out_channels=4, shape=shape)
    data, target = data_of(kind, torch.Generator().manual_seed(1)), torch.tensor([1, 3])
    optimizer, losses = torch.optim.AdamW(model.parameters(), lr=1e-2), []
    for _ in range(5):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss = torch.nn.functional.cross_entropy(model(data), target)
        loss.backward()
        assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in model.parameters())
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]
