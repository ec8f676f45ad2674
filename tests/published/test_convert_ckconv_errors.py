"""What cannot be converted: clear errors before anything is written; folders are whole or absent."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ccnn_pc._files import written_whole
from ccnn_pc.published import convert_ckconv
from tests.ckconv_files import OMEGA_0, released_state, save, small_network, with_length


@pytest.mark.parametrize("omega_0", [-7.0, 0.0, float("nan"), float("inf"), 1000.1])
def test_omega_0_out_of_range(tmp_path: Path, omega_0: float) -> None:
    path = save(released_state(small_network()), tmp_path)
    with pytest.raises(ValueError, match=r"'omega_0' must be in \(0, 1000\]; the papers' are 2 to 70"):
        convert_ckconv(path, tmp_path / "m", omega_0=omega_0, length=12)
    assert os.listdir(tmp_path) == ["file.pt"]


def test_omega_0_of_another_file(tmp_path: Path) -> None:
    """The name of a released file tells, and the kernels in it."""
    model = small_network()
    named = save(released_state(model), tmp_path, "MNIST_kernomega0_7.0_bs_64.pt")
    with pytest.raises(ValueError, match=r"'omega_0' must round to 7.0, as the file's name says .got 7.1"):
        convert_ckconv(named, tmp_path / "m", omega_0=7.1, length=12)
    state = released_state(model)
    for block, number in ((0, 1), (1, 2)):
        conv: Any = model.get_submodule(f"blocks.{block}.conv{number}")
        state[f"backbone.{block}.cconv{number}.conv_kernel"] = conv.taps(12)[0].permute(2, 1, 0).detach()
    path = save(state, tmp_path)
    with pytest.raises(ValueError, match=r"'omega_0' must be that of training: the kernels .* off by \d+ %"):
        convert_ckconv(path, tmp_path / "m", omega_0=9.0)
    assert not (tmp_path / "m").exists()
    convert_ckconv(path, tmp_path / "m", omega_0=OMEGA_0)


def test_lengths(tmp_path: Path) -> None:
    state = released_state(small_network())
    old, new = save(state, tmp_path, "old.pt"), save(with_length(state, 12), tmp_path, "new.pt")
    with pytest.raises(
        ValueError, match=r"'length' must say how many .*old.pt' does not .sequential MNIST: 784"
    ):
        convert_ckconv(old, tmp_path / "m", omega_0=OMEGA_0)
    with pytest.raises(ValueError, match="'length' must be at least 2"):
        convert_ckconv(old, tmp_path / "m", omega_0=OMEGA_0, length=1)
    with pytest.raises(ValueError, match=r"'length' must be 12, as .*new.pt' says .got 13"):
        convert_ckconv(new, tmp_path / "m", omega_0=OMEGA_0, length=13)
    assert not (tmp_path / "m").exists()


def without(*ends: str) -> Callable[[dict[str, Tensor]], Any]:
    return lambda state: {key: value for key, value in state.items() if not key.endswith(ends)}


KEY = "backbone.1.cconv2.Kernel.kernel_net.4.weight_v"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("finallyr.bias"), r"must be a CKConv checkpoint \(it lacks finallyr.bias\)"),
        (without("shortcut.0.bias"), r"it lacks backbone.0.shortcut.0.bias\)"),
        (
            without(""),
            r"it lacks backbone.0.cconv1.bias, backbone.0.cconv1.Kernel.kernel_net.0.bias, .* more",
        ),
        (lambda s: {"model": s}, r"it lacks backbone.0.cconv1.bias, .* and 20 more\)"),
        (lambda s: list(s.values()), r"must hold parameters by name \(got list\)"),
        (lambda s: s | {"backbone.0.cconv1.Kernel.kernel_net.1.weight": s[KEY]}, r"sine kernels \(got also"),
        (lambda s: s | {KEY: s[KEY][:, :2]}, rf"must have {KEY} of shape \[4, 4, 1\] \(got \[4, 2, 1\]\)"),
        (lambda s: s | {KEY: s[KEY] * torch.nan}, f"must hold finite numbers alone .{KEY}"),
        (lambda s: s | {KEY: 3.0}, f"must hold finite numbers alone .{KEY}"),
        (lambda s: s | {KEY: s[KEY].int()}, f"a floating type .{KEY} is torch.int32"),
        (lambda s: s | {"backbone.0.cconv1.bias": torch.zeros(5)}, r"a multiple of 5 values, .* \(got 6\)"),
        (lambda s: with_length(s, 12) | {"backbone.0.cconv1.train_length": torch.tensor([9])}, r"\[9, 12\]"),
        (lambda s: s | {"backbone.0.cconv1.train_length": torch.tensor(9)}, r"train_length of 1 axes"),
        (lambda s: s | {"backbone.0.cconv1.conv_kernel": torch.zeros(3, 3, 12)}, r"shape \[3, 2, 12\]"),
    ],
)
def test_files_that_are_no_ckconv(
    tmp_path: Path, change: Callable[[dict[str, Tensor]], Any], message: str
) -> None:
    path = save(change(released_state(small_network())), tmp_path)
    with pytest.raises(ValueError, match=message):
        convert_ckconv(path, tmp_path / "m", omega_0=OMEGA_0, length=12)
    assert os.listdir(tmp_path) == ["file.pt"]


class Code:
    """What a file with code in it would hold."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("made_by_a_file",)


def test_nothing_in_a_file_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = save({"weight": Code()}, tmp_path)
    with pytest.raises(ValueError, match=r"file.pt' must hold tensors and plain values alone"):
        convert_ckconv(path, tmp_path / "m", omega_0=OMEGA_0)
    assert os.listdir(tmp_path) == ["file.pt"]


def test_damaged_files(tmp_path: Path) -> None:
    path = save(released_state(small_network()), tmp_path)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:-1], whole[:40], b"", b"no checkpoint at all\n"):
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match=r"file.pt' (is damaged or cut off|must hold tensors and plain values alone)"
        ):
            convert_ckconv(path, tmp_path / "m", omega_0=OMEGA_0, length=12)
    for missing in (tmp_path / "none.pt", tmp_path):
        with pytest.raises(FileNotFoundError, match="'file' must be a released checkpoint"):
            convert_ckconv(missing, tmp_path / "m", omega_0=OMEGA_0, length=12)
    assert os.listdir(tmp_path) == ["file.pt"]


def test_the_folder_must_be_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(released_state(small_network()), tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for taken in ("full", "file.pt", "link"):
        with pytest.raises(ValueError, match="'out' must be a folder that does not exist yet"):
            convert_ckconv(path, tmp_path / taken, omega_0=OMEGA_0, length=12)
    with pytest.raises(ValueError, match=r"'out' must be in a folder that can be written .*is no folder"):
        convert_ckconv(path, path / "m", omega_0=OMEGA_0, length=12)
    monkeypatch.setattr("ccnn_pc._files.os.access", lambda *_: False)
    with pytest.raises(
        ValueError, match=r"'out' must be in a folder that can be written .*cannot be written"
    ):
        convert_ckconv(path, tmp_path / "m", omega_0=OMEGA_0, length=12)
    assert sorted(os.listdir(tmp_path)) == ["file.pt", "full", "link"] and not os.listdir(tmp_path / "full")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder(tmp_path: Path) -> None:
    path = save(released_state(small_network()), tmp_path)
    (tmp_path / "closed").mkdir(mode=0o500)
    for out in ("closed/m", "closed/deep/m"):
        with pytest.raises(ValueError, match=r"'out' must be in a folder that can be written .*closed"):
            convert_ckconv(path, tmp_path / out, omega_0=OMEGA_0, length=12)


def test_a_failed_save_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(released_state(small_network()), tmp_path)

    def broken(*arguments: object) -> None:
        Path(str(arguments[1])).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("ccnn_pc.models.hub.save_file", broken)
    with pytest.raises(OSError, match="disk full"):
        convert_ckconv(path, tmp_path / "a" / "m", omega_0=OMEGA_0, length=12)
    assert os.listdir(tmp_path) == ["file.pt"]


def test_a_folder_that_came_meanwhile_stays(tmp_path: Path) -> None:
    with pytest.raises(OSError), written_whole(tmp_path / "m", folder=True) as folder:
        (folder / "new").write_text("")
        (tmp_path / "m").mkdir()
        (tmp_path / "m" / "old").write_text("")
    assert os.listdir(tmp_path) == ["m"] and os.listdir(tmp_path / "m") == ["old"]


@pytest.mark.parametrize("classes", [["a", "b"], ["a", "b", "b"], "abc"])
def test_classes_must_fit(tmp_path: Path, classes: Any) -> None:
    path = save(released_state(small_network()), tmp_path)
    with pytest.raises(ValueError, match="'classes' must be 3 different names"):
        convert_ckconv(path, tmp_path / "m", omega_0=OMEGA_0, length=12, classes=classes)
    assert os.listdir(tmp_path) == ["file.pt"]
