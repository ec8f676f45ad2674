"""`ccnn-pc doctor`: what is installed, what is missing, how to get it, and whether the numbers are right."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import time
from typing import Any

import typer

#: Import name -> (distributions that bring it, extra of ccnn-pc; None for base dependencies).
PACKAGES: dict[str, tuple[tuple[str, ...], str | None]] = {
    "torch": (("torch",), None),
    "torch_geometric": (("torch-geometric",), None),
    "numpy": (("numpy",), None),
    "scipy": (("scipy",), None),
    "safetensors": (("safetensors",), None),
    "lightning": (("lightning",), "train"),
    "hydra": (("hydra-core",), "train"),
    "matplotlib": (("matplotlib",), "train"),
    "tensorboard": (("tensorboard",), "train"),
    "trimesh": (("trimesh",), "mesh"),
    "h5py": (("h5py",), "mesh"),
    "pandas": (("pandas",), "tables"),
    "open3d": (("open3d-cpu", "open3d"), "open3d"),
    "wandb": (("wandb",), "wandb"),
    "torchdiffeq": (("torchdiffeq",), "baselines"),
    "torchcde": (("torchcde",), "baselines"),
    "torch_cluster": (("torch-cluster",), "accel"),
    "torch_scatter": (("torch-scatter",), "accel"),
}

#: Compiled packages whose presence on disk says little: they are imported.
IMPORTED = ("trimesh", "h5py", "open3d", "torch_cluster", "torch_scatter")

#: Shared library -> Debian/Ubuntu package.
SYSTEM_LIBRARIES = {
    "libusb-1.0": "libusb-1.0-0",
    "libGL": "libgl1",
    "libgomp": "libgomp1",
    "libX11": "libx11-6",
    "libEGL": "libegl1",
}


def doctor(
    as_json: bool = typer.Option(False, "--json", help="Print the findings as JSON on the last line."),
) -> None:
    """Show versions, backends and device, say what is missing, and check a small convolution.

    Examples:  ccnn-pc doctor  |  ccnn-pc doctor --json
    """
    packages = {name: package_state(name) for name in PACKAGES}
    machine, checks = machine_state(), self_check()
    if as_json:
        print(json.dumps({"machine": machine, "packages": packages, "checks": checks}))
    else:
        for key, value in machine.items():
            print(f"{key:<16} {value}")
        print()
        for name, state in packages.items():
            print(f"{name:<16} {state['version'] or '-':<12} {state['message']}".rstrip())
        print()
        for check in checks:
            print(f"{'ok' if check['ok'] else 'FAILED':<7} {check['name']}: {check['message']}")
    if not all(check["ok"] for check in checks):
        raise typer.Exit(1)


def package_state(name: str) -> dict[str, Any]:
    """Version of a package, whether it works, and what to do if it does not.

    Example:
        >>> package_state("scipy")["ok"]
        True
    """
    distributions, extra = PACKAGES[name]
    if importlib.util.find_spec(name) is None:
        install = f"pip install 'ccnn-pc[{extra}]'" if extra else "pip install ccnn-pc"
        if extra == "accel":
            install = "optional, compiles 10 minutes: pip install --no-build-isolation 'ccnn-pc[accel]'"
        return {"version": None, "ok": False, "message": f"not installed: {install}"}
    version = next((v for v in map(_version, distributions) if v), "?")
    if name in IMPORTED:
        try:
            importlib.import_module(name)
        except (ImportError, OSError) as error:
            return {"version": version, "ok": False, "message": explain_import_error(name, error)}
    return {"version": version, "ok": True, "message": ""}


def explain_import_error(name: str, error: Exception) -> str:
    """What to do about an installed package that does not load.

    Example:
        >>> explain_import_error("open3d", ImportError("libusb-1.0.so.0: cannot open shared object file"))
        'does not load, libusb-1.0.so.0 is missing: apt-get install -y libusb-1.0-0 (Debian, Ubuntu)'
    """
    found = re.search(r"(lib[\w.+-]+?)\.so[.\d]*", str(error))
    if found is None:
        return f"does not load: {error}"
    package = SYSTEM_LIBRARIES.get(found.group(1))
    if package is None:
        return f"does not load, {found.group(0)} is missing or does not fit: {error}"
    return f"does not load, {found.group(0)} is missing: apt-get install -y {package} (Debian, Ubuntu)"


def machine_state() -> dict[str, str]:
    """Python, system, device and threads, in words."""
    import torch

    from ccnn_pc import __version__, native

    state, on_cuda = native.state(), native.triton.state()
    path = "in C++" if state.runs else "of torch calls, slower"
    device = "cpu"
    if torch.cuda.is_available():
        device = f"cuda ({torch.cuda.get_device_name()}, {torch.cuda.device_count()} device(s))"
    elif torch.backends.mps.is_available():
        device = "mps found; this library is tested on cpu and cuda"
    return {
        "ccnn-pc": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": device,
        "threads": f"{torch.get_num_threads()} of {os.cpu_count()} cores",
        "operators": f"{path} ({state.reason})",
        "operators on cuda": f"{'in Triton' if on_cuda.runs else 'of torch calls, slower'} ({on_cuda.reason})",
    }


def self_check() -> list[dict[str, Any]]:
    """Two facts that break when an installation is wrong: equal paths, and a published parameter count."""
    results: list[dict[str, Any]] = []
    for name, check in (
        ("fused convolution equals message passing", _paths),
        ("parameters of ccnn_4_16", _count),
    ):
        started = time.perf_counter()
        try:
            ok, message = check()
        except Exception as error:  # a broken installation can fail in any way; it is reported
            ok, message = False, f"{type(error).__name__}: {error}"
        seconds = time.perf_counter() - started
        results.append({"name": name, "ok": ok, "message": f"{message} ({seconds:.1f} s)"})
    return results


def _paths() -> tuple[bool, str]:
    import torch

    from ccnn_pc.domains import PointSet
    from ccnn_pc.nn import ContinuousConv
    from ccnn_pc.nn.conv import Algorithm

    with torch.random.fork_rng():
        torch.manual_seed(0)
        cloud = PointSet(torch.rand(64, 3, dtype=torch.float64)).knn(32)
        layer = ContinuousConv(4, 8, dim=3, extent=0.4).double()  # what 32 neighbours cover
        x = torch.randn(64, 4, dtype=torch.float64)
    with torch.no_grad():
        definition = layer(x, cloud, algorithm=Algorithm.MESSAGES)
        fused = layer(x, cloud, algorithm=Algorithm.FAST)
    error = float((fused - definition).abs().max() / definition.abs().max())
    return error < 1e-9, f"relative difference {error:.1e}, at most 1e-9"


def _count() -> tuple[bool, str]:
    from ccnn_pc.models import create_model

    model = create_model("ccnn_4_16", dim=3, in_channels=6, out_channels=40)
    count = sum(p.numel() for p in model.parameters())
    return count == 6545, f"{count}, published 6545"


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
