"""What an installation contains: one top-level name, every configuration, the marker for types."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import ccnn_pc

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "ccnn_pc", "datasets", "configs")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel built offline from a copy of the sources, links kept as links."""
    pytest.importorskip("setuptools", reason="setuptools is in the `dev` extra")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in COPIED:
        if (ROOT / name).is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignore)
        elif (ROOT / name).exists():
            shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index", "-q"]
    built = subprocess.run([*command, "-w", str(folder), str(source)], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_one_top_level_name(wheel: zipfile.ZipFile) -> None:
    top = {name.split("/")[0] for name in wheel.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == {"ccnn_pc"}


def test_every_file_of_the_rooms_is_inside(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    expected = {f"configs/{p.relative_to(ROOT / 'configs')}" for p in (ROOT / "configs").rglob("*.yaml")}
    expected |= {f"datasets/{p.relative_to(ROOT / 'datasets')}" for p in (ROOT / "datasets").rglob("*.py")}
    for suffix in ("py", "json", "safetensors", "html", "css", "js"):
        expected |= {str(p.relative_to(ROOT / "ccnn_pc")) for p in (ROOT / "ccnn_pc").rglob(f"*.{suffix}")}
    assert "py.typed" in {name.removeprefix("ccnn_pc/") for name in names}
    assert not {name for name in expected if f"ccnn_pc/{name}" not in names}


def test_metadata(wheel: zipfile.ZipFile) -> None:
    (name,) = (n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    lines = wheel.read(name).decode().splitlines()
    assert "Name: ccnn-pc" in lines
    assert f"Version: {ccnn_pc.__version__}" in lines
    required = [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist")]
    base = {line.split(">=")[0] for line in required if "extra ==" not in line}
    assert base == {"torch", "torch-geometric", "numpy", "scipy", "safetensors"}
    extras = {line.removeprefix("Provides-Extra: ") for line in lines if line.startswith("Provides-Extra")}
    assert extras == {
        "train",
        "mesh",
        "open3d",
        "wandb",
        "estimators",
        "baselines",
        "scenes",
        "e57",
        "tables",
        "parquet",
        "hub",
        "export",
        "sweep",
        "docs",
        "explain",
        "sound",
        "volumes",
        "bench",
        "aeon",
        "accel",
        "dev",
        "all",
    }


def test_every_requirement_is_pinned() -> None:
    """constraints.txt names each direct requirement, so that two installations get the same versions."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    wanted = config["options"]["install_requires"].split("\n")
    for extra in config["options.extras_require"].values():
        wanted += extra.split("\n")
    names = {line.split(">=")[0].strip() for line in wanted if ">=" in line}
    lines = [
        line for name in ("", "_aeon") for line in (ROOT / f"constraints{name}.txt").read_text().splitlines()
    ]
    pinned = {line.split("==")[0] for line in lines if "==" in line}
    assert names - pinned - {"open3d"} == set()  # open3d stands in where there is no open3d-cpu
