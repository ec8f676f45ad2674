"""What a forward pass on CUDA waits for is what docs/performance.md says, and nothing else."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch

from ccnn_pc.models import measure
from ccnn_pc.native.library import SWITCH
from tests.conformance.test_models import data, make, without_missing_packages
from tests.devices.cases import DOMAINS, MODELS, cases, layer_for, samples
from tests.devices.simulated import SimulatedDevice, Wait

pytestmark = pytest.mark.filterwarnings("ignore::ccnn_pc.domains.points.coverage.NeighborhoodWarning")

#: What is waited for in every forward pass, as docs/performance.md says it -> functions that wait.
EVERY = {
    "in every layer, the edges of each query, copied once to plan chunks; the backward pass does so once more": [
        "native/triton/convolution.py:chunks",
        "ops/neighbors/lists.py:_is_table",
        "ops/neighbors/lists.py:chunks",
    ],
    "in every layer on arrays, extent, spacing and window as numbers, from which taps follow": [
        "domains/base.py:reach_as_numbers",
        "domains/grid/grid.py:convolve",
        "domains/grid/rendered.py:check_resolution",
        "domains/grid/rendered.py:taps_within",
        "nn/tap_conv.py:_spread",
        "published/ckconv.py:_fast",
        "published/ckconv.py:trained_length",
    ],
    "in every layer that runs on messages, and at the present of causal ones on series, the edges within reach": [
        "domains/base.py:coincident_pairs",
        "domains/points/point_set.py:edges",
        "domains/series/irregular_series.py:edges",
        "nn/conv.py:_messages",
        "ops/neighbors/k_nearest.py:to_edge_index",
    ],
}
SEARCH = [
    "ops/neighbors/dense.py:__init__",
    "ops/neighbors/dense.py:keys",
    "ops/neighbors/dense.py:knn_dense",
    "ops/neighbors/k_nearest.py:__post_init__",
    "ops/neighbors/search.py:pointers",
    "ops/neighbors/ties.py:tied_columns",
]
#: On new points and series only.
FIRST = {
    "in the first layer on new points, whether neighbours fill the window, until a warning was given, and whether "
    "they are a table": [
        "domains/points/coverage.py:judge_coverage",
        "domains/points/edge_geometry.py:_rels",
        "domains/points/point_set.py:judge_coverage",
    ],
    "in the first layer on new points of a lattice, their distinct offsets": [
        "ops/points/lattice_convolution.py:of",
    ],
    "in the first layer on new series, the channels that were observed together, and densities where weights are "
    "such": [
        *SEARCH,
        "_checks.py:check_batch",
        "_checks.py:check_positions",
        "ops/neighbors/radius_graph.py:_by_comparison",
        "ops/points/density.py:default_bandwidth",
        "ops/points/density.py:inverse_density_volume",
        "ops/points/density.py:kernel_density",
        "ops/series/weights.py:_observed",
        "ops/series/weights.py:series_volume",
    ],
}
#: Where a model gets data.
READING = {
    "where a domain is made of data, the checks of what they hold: in a forward pass only where the model gets data, "
    "no domain": [
        "_checks.py:check_batch",
        "_checks.py:check_positions",
        "domains/points/point_set.py:__init__",
        "domains/series/irregular_series.py:__init__",
        "domains/series/irregular_series.py:_check_resolution",
        "domains/series/irregular_series.py:_check_times",
        "models/reading.py:_array",
        "models/reading.py:_input_of_data",
        "models/reading.py:check_no_item_is_empty",
    ],
    "where series are read on straight lines, the longest of their pauses and how many times there are": [
        "domains/series/irregular_series.py:resampled",
        "domains/series/irregular_series.py:with_pauses_of",
        "domains/series/lattice.py:of",
        "ops/series/interpolation.py:_stamp_means",
        "ops/series/stamps.py:lattice_cells",
        "ops/series/stamps.py:regular_times",
        "ops/series/stamps.py:shortened_pauses",
    ],
    "where data come without neighbours, the search for them": SEARCH,
    "in peers, the longest of a batch": [
        "peers/dgcnn.py:forward_features",
        "peers/ode_rnn.py:evolved",
        "peers/padded.py:_grid",
        "peers/padded.py:pad_series",
        "peers/solvers.py:grid",
    ],
}

#: In eval mode, where a model knows what it was trained on.
COMPARED = {
    "in eval mode, the first batch, copied to the host and compared with what the model was trained on": [
        "models/shift/item_values.py:on_host",
    ],
}

#: Those of continuous kernels, which read data.
NETWORKS = [("ccnn_4_16", kind) for kind in ("cloud", "image", "sequence", "series")]
#: Through operators of torch calls, without Triton.
TORCH = [
    ("separable", "k-NN", "0"),
    ("full", "graph", "0"),
    ("separable", "voxels", "0"),
    ("full", "series", "0"),
]


def functions(*tables: dict[str, list[str]]) -> set[str]:
    return {function for table in tables for listed in table.values() for function in listed}


def check(waits: list[Wait], *tables: dict[str, list[str]]) -> None:
    unknown = sorted({wait for wait in waits if wait.function not in functions(*tables)})
    assert not unknown, (
        f"the host waits for the GPU in {'; '.join(map(str, unknown))}: compute it on the device, or once per domain; "
        "make constants with torch.full or ccnn_pc._values.placed; if it must be, list it here and in "
        "docs/performance.md"
    )


@functools.cache
def waits_of_layer(layer: str, domain: str, native: str = "1") -> tuple[list[Wait], ...]:
    """Of the first forward pass on a domain, of the second, and of the backward pass."""
    here = DOMAINS[domain]("cpu")
    turned = mock.patch.dict("os.environ", {SWITCH: native})
    with turned, mock.patch("ccnn_pc.domains.points.coverage._SAID", set()), SimulatedDevice() as device:
        module, there, x = layer_for(layer, here).to("cuda"), here.to("cuda"), samples(here).to("cuda")
        device.take()
        answer = module(x.requires_grad_(), there)
        first = device.take()
        module(x, there)
        second = device.take()
        answer.sum().backward()
        return first, second, device.take()


@functools.cache
def waits_of_model(name: str, kind: str) -> list[Wait]:
    torch.manual_seed(0)
    model, given = without_missing_packages(lambda: make(name, kind)), data(name, kind)
    turned = mock.patch.dict("os.environ", {SWITCH: "1"})
    with turned, mock.patch("ccnn_pc.domains.points.coverage._SAID", set()), SimulatedDevice() as device:
        model, there = model.to("cuda"), given.to("cuda")
        device.take()
        model(there)
        return device.take()


@functools.cache
def waits_of_comparison(name: str, kind: str) -> tuple[list[Wait], list[Wait]]:
    """Of a network in eval mode on its first batch, and on the next."""
    torch.manual_seed(0)
    model: Any = make(name, kind)
    given = data(name, kind)
    model.eval().trained_on = measure(model.reading, [given])
    turned = mock.patch.dict("os.environ", {SWITCH: "1"})
    with turned, mock.patch("ccnn_pc.domains.points.coverage._SAID", set()), SimulatedDevice() as device:
        model, there = model.to("cuda"), given.to("cuda")
        device.take()
        model(there)
        first = device.take()
        model(there)
        return first, device.take()


@pytest.mark.parametrize("case", [*((*case, "1") for case in cases()), *TORCH], ids=", ".join)
def test_layers(case: tuple[str, str, str]) -> None:
    first, second, backward = waits_of_layer(*case)
    check(first, EVERY, FIRST)
    check(second, EVERY)
    check(backward, EVERY)


@pytest.mark.parametrize(("name", "kind"), MODELS)
def test_models(name: str, kind: str) -> None:
    check(waits_of_model(name, kind), EVERY, FIRST, READING)


@pytest.mark.parametrize(("name", "kind"), NETWORKS)
def test_the_comparison_with_the_training(name: str, kind: str) -> None:
    first, second = waits_of_comparison(name, kind)
    check(first, EVERY, FIRST, READING, COMPARED)
    check(second, EVERY, FIRST, READING)


def test_what_is_listed_happens() -> None:
    every = [*((*case, "1") for case in cases()), *TORCH]
    found = {wait.function for case in every for part in waits_of_layer(*case) for wait in part}
    found |= {wait.function for model in MODELS for wait in waits_of_model(*model)}
    found |= {wait.function for model in NETWORKS for wait in waits_of_comparison(*model)[0]}
    listed = functions(EVERY, FIRST, READING, COMPARED)
    if importlib.util.find_spec("triton") is None:
        listed.remove("native/triton/convolution.py:chunks")
    assert found == listed, f"no longer waited for, or not listed: {sorted(found ^ listed)}"


def test_the_page_says_so(root: Path) -> None:
    page = (root / "docs" / "performance.md").read_text()
    after = page.split("What a forward pass on CUDA waits for:\n\n")[1].split("\n\n")[0]
    said = [line.removeprefix("- ").rstrip(";.") for line in after.splitlines()]
    assert said == [*EVERY, *FIRST, *READING, *COMPARED]
