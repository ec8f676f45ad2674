"""The entry point: help without heavy imports, errors as one line, the two small commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ccnn_pc.cli.app import COMMANDS, describe, import_modules, main
from ccnn_pc.cli.doctor import explain_import_error, package_state, self_check
from ccnn_pc.kernels import registry
from ccnn_pc.models import create_model, list_models, save_pretrained

ROOT = Path(__file__).resolve().parents[2]


def run(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(words)
    captured = capsys.readouterr()
    code = end.value.code
    return (code if isinstance(code, int) else 0), captured.out, captured.err


def test_help_lists_every_command_and_loads_none() -> None:
    code = "import sys\nfrom ccnn_pc.cli.app import main\ntry: main(['--help'])\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    text, modules = done.stdout, set(done.stdout.split())
    assert all(name in text for name in COMMANDS)
    assert not modules & {"lightning", "hydra", "matplotlib", "trimesh", "ccnn_pc.cli.train", "ccnn_pc.nn"}


def test_missing_packages_name_their_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    code, _, err = run("--help", capsys=capsys)
    assert code == 1
    assert "'typer' is needed for the command line: pip install 'ccnn-pc[train]'" in err
    assert "ccnn-pc[mesh]" in describe(ModuleNotFoundError("No module named 'trimesh.x'", name="trimesh.x"))


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run("trian", capsys=capsys)
    assert code == 2 and "trian" in err


def test_models_prints_published_counts(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run("models", "ccnn_4_*", "--json", capsys=capsys)
    counts = {row["name"]: row["parameters"] for row in json.loads(out.splitlines()[-1])}
    assert code == 0
    published = {"ccnn_4_16": 6545, "ccnn_4_32": 14401, "ccnn_4_48": 26353, "ccnn_4_140": 207709}
    assert counts.items() >= published.items() and all(name.startswith("ccnn_4_") for name in counts)


def test_models_of_one_axis_are_counted_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    found = []
    for dim in (1, 3):
        words = ["models", "gru_*", "--dim", str(dim), "--in-channels", "2", "--json"]
        code, out, _ = run(*words, capsys=capsys)
        found.append(json.loads(out.splitlines()[-1]))
        assert code == 0 and [row["name"] for row in found[-1]] == ["gru_d", "gru_dt"]
    assert found[0] == found[1] and all(row["dim"] == 1 and row["parameters"] > 0 for row in found[0])


def test_models_of_every_name_are_counted_without_making_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Networks that are not made for three axes are counted with those they have."""
    monkeypatch.setattr("ccnn_pc.models.registry.build_model", None)
    code, out, _ = run("models", "--json", capsys=capsys)
    rows = {row["name"]: row for row in json.loads(out.splitlines()[-1])}
    assert code == 0 and set(list_models()) <= set(rows)
    assert all(row["parameters"] > 0 for row in rows.values())
    assert rows["smpconv_t"]["dim"] == 2 and rows["smpnet_tcn_6"]["dim"] == 3


def test_models_of_a_missing_package_are_listed_without_a_count(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ImportError("'torchcde' is needed")

    monkeypatch.setattr("ccnn_pc.models.registry.build_model", missing)
    monkeypatch.setattr("ccnn_pc.models.parameters._table", lambda: {"neural_cde": {}})  # not counted before
    assert "-: a package is missing" in run("models", "neural_*", capsys=capsys)[1]


def test_models_of_more_axes_than_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run("models", "ccnn_4_16", "--dim", "9", capsys=capsys)
    assert code == 1 and "'dim' must be 1 to 3 (got 9)" in err


def test_a_model_that_is_no_name() -> None:
    with pytest.raises(TypeError, match=r"'name' must be the name of a model \(got 3\)"):
        create_model(3, dim=3, in_channels=3, out_channels=2)  # type: ignore[arg-type]


def test_models_without_a_match_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run("models", "nothing*", capsys=capsys)
    assert code == 1 and "'pattern' must match a model's name (got 'nothing*')" in err


def test_doctor_names_the_system_library() -> None:
    error = ImportError("libGL.so.1: cannot open shared object file: No such file or directory")
    assert "apt-get install -y libgl1" in explain_import_error("open3d", error)
    assert "does not load: broken" in explain_import_error("h5py", ImportError("broken"))


def test_doctor_reports_missing_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "ccnn-pc[mesh]" in package_state("trimesh")["message"]
    assert "--no-build-isolation" in package_state("torch_cluster")["message"]


def test_self_check_passes() -> None:
    assert [check["message"] for check in self_check() if not check["ok"]] == []


def test_a_model_with_a_kernel_of_the_users_is_used_after_an_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file registers the kernel; a command that reads a saved model must have imported it."""
    (tmp_path / "ripples_of_a_test.py").write_text(
        "from ccnn_pc.kernels import SIREN, register_kernel\n\n\n"
        "@register_kernel('ripples')\nclass Ripples(SIREN):\n    pass\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "_KERNELS", dict(registry._KERNELS))
    assert import_modules(["x", "--import=ripples_of_a_test"]) == ["x"]
    model = create_model("ccnn_4_16", dim=1, in_channels=1, out_channels=2, shape=(9,), kernel="ripples")
    save_pretrained(model, "mine", classes=["a", "b"])
    monkeypatch.delitem(registry._KERNELS, "ripples")
    monkeypatch.delitem(sys.modules, "ripples_of_a_test")
    with pytest.raises(SystemExit) as stopped:
        main(["plot", "mine"])
    assert stopped.value.code == 1 and "--import MODULE" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        main(["plot", "mine", "--import", "ripples_of_a_test"])
    assert not stopped.value.code, capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        main(["--import", "no_such_module", "plot", "mine"])
    assert stopped.value.code == 1 and "'--import' must name modules" in capsys.readouterr().err


def test_counts_of_no_outputs_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run("models", "ccnn_4_16", "--out-channels", "0", capsys=capsys)
    assert code == 1 and "'out_channels' must be at least 1 (got 0)" in err
