"""Damaged model folders and checkpoints: the model, or one line that names the file; nothing in them is executed."""

from __future__ import annotations

import io
import json
import pickle
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from ccnn_pc.models import create_model, from_pretrained, save_pretrained
from ccnn_pc.published.convert_ckconv import convert_ckconv
from tests.bad_inputs.damage import damages, right_or_clear

sys.path.insert(0, str(Path(__file__).parents[1]))
from ckconv_files import OMEGA_0, released_state, small_network, with_length  # type: ignore[import-not-found]  # noqa: E402

pytestmark = pytest.mark.slow

PREPROCESSING = {"num_points": 8, "features": ["pos"], "num_neighbors": 4}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    model = create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=2, num_points=8, num_neighbors=4)
    return save_pretrained(
        model, tmp_path_factory.mktemp("model"), classes=["a", "b"], preprocessing=PREPROCESSING
    )


def answers(folder: Path) -> list[float]:
    from torch_geometric.data import Data

    place = torch.linspace(-1, 1, 24).view(8, 3)
    with torch.no_grad():
        return from_pretrained(folder)(Data(x=place, pos=place))[0].tolist()  # type: ignore[no-any-return]


def copy(folder: Path, target: Path, **files: bytes) -> Path:
    target.mkdir(exist_ok=True)
    for name in ("config.json", "model.safetensors"):
        (target / name).write_bytes(files.get(name.split(".")[0], (folder / name).read_bytes()))
    return target


Change = Callable[[dict[str, Any]], Any]


def setting(*keys: str, to: Any) -> Change:
    def change(described: dict[str, Any]) -> None:
        for key in keys[:-1]:
            described = described[key]
        described[keys[-1]] = to

    return change


def without(*keys: str) -> Change:
    def change(described: dict[str, Any]) -> None:
        for key in keys[:-1]:
            described = described[key]
        del described[keys[-1]]

    return change


CHANGES: dict[str, Change] = {
    **{f"no_{key}": without(key) for key in ("format_version", "model", "classes", "preprocessing")},
    **{f"no_{key}": without("model", key) for key in ("name", "in_channels", "out_channels", "geometry")},
    "no_dim": without("model", "geometry", "dim"),
    **{
        f"{key}_{kind}": setting("model", key, to=value)
        for key in ("name", "in_channels", "out_channels")
        for kind, value in dict[str, Any]({
            "null": None, "list": [], "dict": {}, "str": "abc", "-1": -1, "0": 0, "true": True, "half": 3.5,
            "million": 10**6, "tera": 10**12, "huge": 10**20,
        }).items()
    },
    **{
        f"dim_{kind}": setting("model", "geometry", "dim", to=value)
        for kind, value in dict[str, Any]({
            "null": None, "list": [], "str": "abc", "-1": -1, "0": 0, "true": True, "half": 1.5, "4": 4,
            "huge": 10**9,
        }).items()
    },
    **{
        f"shape_{kind}": setting("model", "geometry", "shape", to=value)
        for kind, value in dict[str, Any]({
            "huge": [1000001] * 3, "one": [5], "str": ["a", "b", "c"], "0": [0, 0, 0], "-1": [-1, -1, -1],
            "text": "xyz", "dict": {}, "number": 3,
        }).items()
    },
    **{
        f"spacing_{kind}": setting("model", "geometry", "spacing", to=value)
        for kind, value in {"0": 0, "str": "x", "null": None, "nan": float("nan"), "inf": float("inf")}.items()
    },
    **{
        f"{key}_{kind}": setting("model", "geometry", key, to=value)
        for key in ("num_points", "num_neighbors")
        for kind, value in {"-5": -5, "0": 0, "str": "x", "tera": 10**12, "null": None}.items()
    },
    "geometry_list": setting("model", "geometry", to=[3]),
    "model_str": setting("model", to="ccnn_4_16"),
    "model_list": setting("model", to=[]),
    "options_null": setting("model", "options", to=None),
    "options_list": setting("model", "options", to=[1]),
    "options_unknown": setting("model", "options", to={"foo": 1}),
    "options_dim": setting("model", "options", to={"dim": 3}),
    "options_layer": setting("model", "options", to={"layer": "os.system"}),
    "options_block": setting("model", "options", to={"block": "os.system"}),
    "options_channels": setting("model", "options", to={"channels": 10**6}),
    "norm_bad": setting("model", "options", to={"norm": "foo"}),
    "pool_bad": setting("model", "options", to={"pool": "foo"}),
    "dropout_2": setting("model", "options", to={"dropout": 2}),
    "kernel_unknown": setting("model", "kernel", "name", to="foo"),
    "kernel_window": setting("model", "kernel", "name", to="gaussian"),
    "kernel_class": setting("model", "kernel", to={"_target_": "os.system", "name": "siren"}),
    "kernel_str": setting("model", "kernel", to=3),
    "hidden_huge": setting("model", "kernel", to={"name": "siren", "hidden_channels": 10**9}),
    "omega_1e308": setting("model", "kernel", to={"name": "siren", "omega_0": 1e308}),
    "window_bad": setting("model", "window", to={"name": "gaussian", "width": "wide"}),
    "width_0": setting("model", "window", to={"name": "gaussian", "width": 0.0}),
    "window_dict": setting("model", "window", to={}),
    "reading_unknown": setting("model", "reading", to={"foo": 1}),
    "reading_list": setting("model", "reading", to=[1]),
    "classes_str": setting("classes", to="ab"),
    "classes_many": setting("classes", to=["a", "b", "c"]),
    "classes_dup": setting("classes", to=["a", "a"]),
    "classes_null": setting("classes", to=None),
    "classes_numbers": setting("classes", to=[1, 2]),
    "preprocessing_list": setting("preprocessing", to=[]),
    "preprocessing_unknown": setting("preprocessing", to={"foo": 1}),
    "preprocessing_class": setting("preprocessing", to={"_target_": "os.system"}),
    "preprocessing_number": setting("preprocessing", to=3),
    "version_99": setting("format_version", to=99),
    "version_str": setting("format_version", to="2"),
    "version_true": setting("format_version", to=True),
    **{
        f"name_{name}": setting("model", "name", to=name)
        for name in ("smpnet_tcn_6", "pointnet2", "dgcnn", "ode_rnn", "neural_cde", "ccnn_4_32", "os.system")
    },
}  # fmt: skip
#: What may still be a network that answers.
POSSIBLE = ("dim_4",)


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_description(name: str, folder: Path, tmp_path: Path) -> None:
    described = json.loads((folder / "config.json").read_text())
    CHANGES[name](described)
    damaged = copy(folder, tmp_path, config=json.dumps(described).encode())
    right_or_clear(lambda: answers(damaged), str(tmp_path), must_fail=name not in POSSIBLE)


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_description(seed: int, folder: Path, tmp_path: Path) -> None:
    for name, content in damages((folder / "config.json").read_bytes(), seed, 2):
        damaged = copy(folder, tmp_path / name, config=content)
        right_or_clear(lambda damaged=damaged: answers(damaged), "config.json" if name else "")  # type: ignore[misc]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"3", b"[]", b'"x"', b"{}", b"\xff\xfe{\x00}\x00", b'{"a": "\xe9"}', b"[" * 100000,
     b'{"a":' * 100000, b"\x00" * 100, b"not json", b"{'format_version': 2}"],
)  # fmt: skip
def test_no_description(content: bytes, folder: Path, tmp_path: Path) -> None:
    right_or_clear(lambda: answers(copy(folder, tmp_path, config=content)), "config.json", must_fail=True)


def test_a_key_that_is_there_twice(folder: Path, tmp_path: Path) -> None:
    text = (folder / "config.json").read_text().replace('"classes"', '"model": {}, "classes"', 1)
    right_or_clear(
        lambda: answers(copy(folder, tmp_path, config=text.encode())), "config.json", must_fail=True
    )


@pytest.mark.parametrize("seed", range(40))
def test_damaged_weights(seed: int, folder: Path, tmp_path: Path) -> None:
    """Flipped bits of a number are other numbers, which nobody can see; all else is refused."""
    whole = (folder / "model.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", whole[:8])
    for name, content in damages(whole[: 8 + size], seed, 2):
        damaged = copy(folder, tmp_path / name, model=content + whole[8 + size :])
        right_or_clear(lambda damaged=damaged: answers(damaged), "model.safetensors")  # type: ignore[misc]
    for name, content in damages(whole, seed + 1000, 1):
        damaged = copy(folder, tmp_path / name, model=content)
        right_or_clear(lambda damaged=damaged: answers(damaged), "model.safetensors")  # type: ignore[misc]


WEIGHTS: dict[str, Callable[[dict[str, torch.Tensor]], Any]] = {
    "missing": lambda state: state.popitem(),
    "extra": lambda state: state.update(foreign=torch.zeros(2)),
    "nan": lambda state: next(iter(state.values())).fill_(torch.nan),
    "inf": lambda state: next(iter(state.values())).fill_(torch.inf),
    "int": lambda state: state.update({next(iter(state)): next(iter(state.values())).long()}),
    "bool": lambda state: state.update({next(iter(state)): next(iter(state.values())).bool()}),
    "complex": lambda state: state.update(
        {next(iter(state)): next(iter(state.values())).to(torch.complex64)}
    ),
    "shape": lambda state: state.update({next(iter(state)): torch.zeros(7, 7)}),
    "empty": lambda state: state.clear(),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_foreign_weights(name: str, folder: Path, tmp_path: Path) -> None:
    state = load((folder / "model.safetensors").read_bytes())
    WEIGHTS[name](state)
    damaged = copy(folder, tmp_path, model=save(state))
    right_or_clear(lambda: answers(damaged), "model.safetensors", must_fail=True)


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, b"\xff" * 64, struct.pack("<Q", 2**62) + b"{}"])
def test_no_weights(content: bytes, folder: Path, tmp_path: Path) -> None:
    right_or_clear(
        lambda: answers(copy(folder, tmp_path, model=content)), "model.safetensors", must_fail=True
    )


def test_weights_that_are_a_pickle_are_not_opened(folder: Path, tmp_path: Path) -> None:
    damaged = copy(folder, tmp_path, model=harmful(tmp_path / "touched"))
    right_or_clear(lambda: answers(damaged), "model.safetensors", must_fail=True)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("given", [None, 3, ["a"], 1.5, "no_such_model", "no/such/folder", ""])
def test_what_is_no_folder(given: Any) -> None:
    right_or_clear(
        lambda: from_pretrained(given).dim, "name" if not isinstance(given, str) else given, must_fail=True
    )


def harmful(touched: Path) -> bytes:
    """A pickle that would touch a file."""

    class Touch:
        def __reduce__(self) -> Any:
            return Path.touch, (touched,)

    return pickle.dumps({"state_dict": Touch()})


def saved(state: Any) -> bytes:
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


def released() -> dict[str, torch.Tensor]:
    return with_length(released_state(small_network()), 12)  # type: ignore[no-any-return]


def changed(key: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda state: state.update({key: value})


BIAS = "backbone.0.cconv1.bias"
RELEASED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "missing": lambda state: state.pop(BIAS),
    "extra": changed("foreign", torch.zeros(1)),
    "nan": changed(BIAS, torch.full((3,), torch.nan)),
    "text": changed(BIAS, "abc"),
    "int": changed(BIAS, torch.zeros(3, dtype=torch.long)),
    "meta": changed(BIAS, torch.zeros(3, device="meta")),
    "sparse": changed(BIAS, torch.zeros(3).to_sparse()),
    "huge_stride": changed(BIAS, torch.zeros(1).expand(10**12)),
    "empty": changed(BIAS, torch.zeros(0)),
    "scalar": changed(BIAS, torch.zeros(())),
    "length_1e12": lambda state: state.update(
        {key: torch.tensor([10**12]) for key in state if key.endswith("train_length")}
    ),
    "length_-1": lambda state: state.update(
        {key: torch.tensor([-1]) for key in state if key.endswith("train_length")}
    ),
    "lengths_differ": changed("backbone.0.cconv1.train_length", torch.tensor([13])),
    "keys_numbers": changed(3, torch.zeros(1)),  # type: ignore[arg-type]
    "list": lambda state: state.clear(),
}


def converted(content: bytes, place: Path) -> list[float]:
    (place / "file.pt").write_bytes(content)
    model = convert_ckconv(place / "file.pt", place / "out", omega_0=OMEGA_0)
    with torch.no_grad():
        return model(torch.linspace(-1, 1, 24).view(1, 2, 12))[0].tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", RELEASED)
def test_a_changed_released_checkpoint(name: str, tmp_path: Path) -> None:
    state = released()
    RELEASED[name](state)
    right_or_clear(lambda: converted(saved(state), tmp_path), "file.pt", must_fail=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("seed", range(30))
def test_a_damaged_released_checkpoint(seed: int, tmp_path: Path) -> None:
    for name, content in damages(saved(released()), seed, 2):
        (tmp_path / name).mkdir()
        right_or_clear(lambda name=name, content=content: converted(content, tmp_path / name), "file.pt")  # type: ignore[misc]


def test_a_released_checkpoint_with_more_than_tensors_is_not_executed(tmp_path: Path) -> None:
    right_or_clear(lambda: converted(harmful(tmp_path / "touched"), tmp_path), "file.pt", must_fail=True)
    assert not (tmp_path / "touched").exists()


def checkpoint() -> tuple[torch.nn.Module, dict[str, Any]]:
    """A task, and what Lightning stores of its training."""
    torch.manual_seed(0)
    task = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    stored = {
        "state_dict": {name: value.clone() for name, value in task.state_dict().items()},
        "loops": {}, "callbacks": {}, "optimizer_states": [], "lr_schedulers": [], "epoch": 1, "global_step": 6,
        "pytorch-lightning_version": "2.5.0",
    }  # fmt: skip
    return task, stored


CHECKPOINTS: dict[str, Change] = {
    **{f"no_{part}": without(part) for part in checkpoint()[1]},
    **{f"{part}_null": setting(part, to=None) for part in checkpoint()[1]},
    "missing": without("state_dict", "0.bias"),
    "extra": setting("state_dict", "foreign", to=torch.zeros(1)),
    "nan": setting("state_dict", "0.bias", to=torch.full((2,), torch.nan)),
    "shape": setting("state_dict", "0.bias", to=torch.zeros(3)),
    "int": setting("state_dict", "0.bias", to=torch.zeros(2, dtype=torch.long)),
    "text": setting("state_dict", "0.bias", to="abc"),
    "all": lambda stored: stored.clear(),
}


def read(content: bytes, folder: Path) -> int:
    from ccnn_pc.training.resume import read_checkpoint

    (folder / "last.ckpt").write_bytes(content)
    return int(read_checkpoint(folder / "last.ckpt", checkpoint()[0])["epoch"])


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_changed_checkpoint(name: str, tmp_path: Path) -> None:
    stored = checkpoint()[1]
    CHECKPOINTS[name](stored)
    right_or_clear(lambda: read(saved(stored), tmp_path), "last.ckpt", must_fail=True)


@pytest.mark.parametrize("seed", range(30))
def test_a_damaged_checkpoint(seed: int, tmp_path: Path) -> None:
    for _, content in damages(saved(checkpoint()[1]), seed, 2):
        right_or_clear(lambda content=content: read(content, tmp_path), "last.ckpt")  # type: ignore[misc]


@pytest.mark.parametrize("state", [[], 3, "abc", {}, {"state_dict": 1}])
def test_no_checkpoint(state: Any, tmp_path: Path) -> None:
    right_or_clear(lambda: read(saved(state), tmp_path), "last.ckpt", must_fail=True)


def test_a_checkpoint_with_more_than_tensors_is_not_executed(tmp_path: Path) -> None:
    right_or_clear(lambda: read(harmful(tmp_path / "touched"), tmp_path), "last.ckpt", must_fail=True)
    assert not (tmp_path / "touched").exists()


def test_a_full_disk_leaves_the_old_model(folder: Path, tmp_path: Path) -> None:
    import resource
    import signal

    place = copy(folder, tmp_path / "model")
    before = {path.name: path.read_bytes() for path in place.iterdir()}

    def write() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        save_pretrained(from_pretrained(place), place)

    right_or_clear(write, str(place), must_fail=True)
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before
