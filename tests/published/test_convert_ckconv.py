"""Released CKConv files become folders of this library that give the same answers."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
import torch

from ccnn_pc.models import from_pretrained
from ccnn_pc.published import convert_ckconv
from ccnn_pc.published.convert_ckconv import read_ckconv
from tests.ckconv_files import OMEGA_0, released_state, save, small_network, with_length
from tests.released import Golden, Released, close

#: Exact ω₀ of the released files by the two decimals in their names; three decimals are published of the last five.
EXACT = {
    "21.45": 21.44961185481323,
    "17.24": 17.243982444546685,
    "4.24": 4.237433943113986,
    "12.59": 12.589391905289371,
    "9.78": 9.779406396796968,
    "31.09": 31.09195739463897,
    "30.9": 30.90257553169801,
    "11.46": 11.46,
    "39.45": 39.451,
    "35.66": 35.655,
    "31.7": 31.701,
    "23.29": 23.293,
}
#: Parameters, by the start of the names (CKConv Tables 1 to 4).
COUNTS = {
    "CharTrajectories_srtr_._drop_0": 100_696,
    "CharTrajectories_srtr_._drop_30_.*_11.46": 100_696,
    "CharTrajectories_srtr_._drop_[37]0_.*_(17|4)": 101_746,
    "MNIST": 98_286,
    "PhysioNet": 175_707,
    "SpeechCommands_mfcc_False_srtr_._drop_0": 98_286,
    "SpeechCommands_mfcc_False_srtr_._drop_[357]0": 99_336,
    "SpeechCommands_mfcc_True": 118_236,
}
#: File of each golden one, and what float32 costs the released code there, as a part of the largest value.
GOLDEN = {
    "ct_sr1": ("CharTrajectories_srtr_1_drop_0", 6.3e-6),
    "ct_drop30": ("CharTrajectories_srtr_1_drop_30_*17.24", 4.3e-6),
    "ct_drop70": ("CharTrajectories_srtr_1_drop_70", 4.4e-7),
    "mnist_c30": ("MNIST_perm_False", 1.1e-5),
    "physionet": ("PhysioNet", 6.5e-6),
    "sc_mfcc": ("SpeechCommands_mfcc_True", 9.4e-6),
}


def length_of(path: Path) -> int | None:
    """What has to be said of older files."""
    if read_ckconv(path).length is not None:
        return None
    lengths = {"Char": 182, "MNIST": 784, "Speech": 16000}
    return next(length for start, length in lengths.items() if path.name.startswith(start))


def test_every_released_file_converts(shared: Path, tmp_path: Path) -> None:
    files = sorted((shared / "checkpoints").glob("*.pt"))
    assert len(files) == 17
    for number, path in enumerate(files):
        omega_0 = EXACT[re.findall(r"kernomega0_([\d.]+)_", path.name)[0]]
        convert_ckconv(path, tmp_path / str(number), omega_0=omega_0, length=length_of(path))
        model = from_pretrained(tmp_path / str(number))
        (count,) = {count for start, count in COUNTS.items() if re.match(start, path.name)}
        assert sum(p.numel() for p in model.parameters()) == count, path.name
        assert max(read_ckconv(path).kernel_errors(model), default=0.0) < 1e-4, path.name


@pytest.mark.parametrize("name", GOLDEN)
def test_converted_networks_give_the_released_logits(
    shared: Path, golden: Golden, tmp_path: Path, name: str
) -> None:
    """In float64 to 1e-9; in float32 at ten times what float32 costs the released code, at most."""
    released, (start, cost) = Released(golden, f"4_ckpt_{name}"), GOLDEN[name]
    (path,) = (shared / "checkpoints").glob(f"{start}*.pt")
    omega_0 = float(released.config("omega_0"))
    convert_ckconv(path, tmp_path / "model", omega_0=omega_0, length=length_of(path))
    single, double = from_pretrained(tmp_path / "model"), from_pretrained(tmp_path / "model").double()
    for key in [k.removeprefix("input/") for k in released.data if k.startswith("input/")]:
        x, expected = released.input(key), released.output(f"logits_{key}")
        with torch.no_grad():
            close(double(x).view_as(expected), expected)
            close(single(x.float()).double().view_as(expected), expected, max(1e-5, 10 * cost))


def test_a_round_trip_without_shared_files(tmp_path: Path) -> None:
    model = small_network()
    path = save(with_length(released_state(model), 12), tmp_path)
    convert_ckconv(path, tmp_path / "a" / "b", omega_0=OMEGA_0, classes=["x", "y", "z"])
    loaded = from_pretrained(tmp_path / "a" / "b")
    assert loaded.classes == ["x", "y", "z"] and not loaded.training
    assert sorted(os.listdir(tmp_path)) == ["a", "file.pt"]
    assert sorted(os.listdir(tmp_path / "a" / "b")) == ["config.json", "model.safetensors"]
    for length in (12, 24, 6, 7):
        x = torch.randn(2, 2, length, dtype=torch.float64)
        with torch.no_grad():
            close(loaded.double()(x), model.double()(x), 1e-12)


def test_the_folder_names_the_released_options(tmp_path: Path) -> None:
    convert_ckconv(
        save(released_state(small_network()), tmp_path), tmp_path / "m", omega_0=OMEGA_0, length=13
    )
    config = tmp_path / "m" / "config.json"
    description = json.loads(config.read_text())
    options = description["model"]["options"]
    assert (options["anchor"], options["blur"], options["short_fft"]) == ("oldest", True, True)
    x = torch.randn(2, 2, 13)
    released = from_pretrained(tmp_path / "m")(x)
    options["short_fft"] = False
    config.write_text(json.dumps(description))
    assert (from_pretrained(tmp_path / "m")(x) - released).abs().max() > 1e-3


def test_as_many_channels_inside_as_outside_need_no_shortcut(tmp_path: Path) -> None:
    model = small_network(in_channels=3)
    path = save(released_state(model), tmp_path)
    found = convert_ckconv(path, tmp_path / "m", omega_0=OMEGA_0, length=12)
    x = torch.randn(2, 3, 12)
    assert torch.equal(found(x), model(x))
