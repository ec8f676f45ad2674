"""The rooms of the library: who may import whom, what `import ccnn_pc` loads, that no two files import each other."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "ccnn_pc"

#: Room -> rooms it may import from (besides itself and the helper files beside the rooms).
ALLOWED: dict[str, set[str]] = {
    "native": set(),
    "kernels": set(),
    "ops": {"native"},
    "domains": {"native", "kernels", "ops"},
    "nn": {"kernels", "ops", "domains"},
    "datasets": {"ops", "domains"},
    "models": {"kernels", "ops", "domains", "nn"},
    "published": {"kernels", "ops", "domains", "nn", "models"},
    "peers": {"kernels", "ops", "domains", "nn", "models"},
    "studies": {"kernels", "ops", "domains", "nn", "models"},
    "export": {"kernels", "ops", "domains", "nn", "models"},
    "explain": {"kernels", "ops", "domains", "nn", "models"},
    "viz": {"kernels", "ops", "domains", "nn", "models", "datasets", "studies"},
    "training": {"kernels", "ops", "domains", "nn", "models", "datasets", "viz"},
    "estimators": {"kernels", "ops", "domains", "nn", "models", "datasets", "training"},
    "cli": {
        *("native", "kernels", "ops", "domains", "nn", "models", "published", "peers", "studies", "export"),
        "explain",
        *("datasets", "viz", "training"),
    },
}
#: Single arrows against that order, inside functions only: a model reads and writes what it was trained on.
EXCEPTIONS = {("models", "ccnn_pc.datasets.preprocessing")}
HELPERS = {
    *(
        "_autograd",
        "_checks",
        "_choices",
        "_edges",
        "_files",
        "_lazy",
        "_optional",
        "_precision",
        "_quiet",
        "_values",
    ),
    "__version__",
}

#: Packages of extras: below the rooms that are made of them, imported inside functions only.
EXTRAS = {
    *(
        "lightning",
        "pytorch_lightning",
        "torchmetrics",
        "hydra",
        "omegaconf",
        "typer",
        "rich",
        "matplotlib",
        "tensorboard",
    ),
    *(
        "trimesh",
        "h5py",
        "networkx",
        "PIL",
        "open3d",
        "pandas",
        "wandb",
        "laspy",
        "lazrs",
        "pye57",
        "soundfile",
        "nibabel",
        "torch_cluster",
        "torch_scatter",
    ),
    *("torchdiffeq", "torchcde", "torchsde", "sklearn", "polars", "optuna", "joblib", "submitit"),
    *("huggingface_hub", "onnx", "onnxscript", "onnxruntime", "captum"),
}
#: What takes its time to load, or is not there in the base install.
SLOW = EXTRAS | {"torch", "torch_geometric", "scipy", "ccnn_pc.datasets"}


def sources() -> Iterator[Path]:
    """Every Python file of the package, data sets included."""
    yield from sorted(p for p in PACKAGE.rglob("*.py") if (PACKAGE / "datasets") not in p.parents)
    yield from sorted((PACKAGE / "datasets").rglob("*.py"))


def room_of(path: Path) -> str | None:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else None


@functools.cache
def nodes(tree: ast.AST) -> list[ast.AST]:
    """Everything in a file, or a part of it: several laws look through all."""
    return list(ast.walk(tree))


def imports(tree: ast.AST, module: tuple[str, ...] = ()) -> Iterator[str]:
    """Full names of everything a file imports, anywhere; relative imports resolved."""
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(module[: len(module) - node.level]) if node.level else ""
            prefix = ".".join(part for part in (base, node.module) if part)
            yield from (f"{prefix}.{alias.name}" for alias in node.names)


def imports_at_load(tree: ast.Module) -> Iterator[str]:
    """What a file imports when it is imported: not inside functions, not under `if TYPE_CHECKING`."""
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from imports(node)
        pending.extend(ast.iter_child_nodes(node))


@functools.cache
def parsed(path: Path) -> tuple[ast.Module, tuple[str, ...]]:
    return ast.parse(path.read_text(encoding="utf-8")), (
        "ccnn_pc",
        *path.relative_to(PACKAGE).with_suffix("").parts,
    )


def test_arrows_between_rooms() -> None:
    wrong = []
    for path in sources():
        room = room_of(path)
        tree, module = parsed(path)
        for name in imports(tree, module):
            target = name.split(".")
            if target[0] != "ccnn_pc" or len(target) < 2 or room is None:
                continue
            if (room, ".".join(target[:3])) in EXCEPTIONS and name not in imports_at_load(tree):
                continue
            if target[1] not in ALLOWED[room] | {room} | HELPERS:
                wrong.append(f"{path.relative_to(ROOT)}: {name}")
    assert not wrong, "imports against the arrows:\n" + "\n".join(wrong)


def test_every_room_is_known() -> None:
    rooms = {p.name for p in PACKAGE.iterdir() if p.is_dir() and any(p.glob("*.py"))}
    assert rooms <= set(ALLOWED), f"rooms without a line in ALLOWED: {rooms - set(ALLOWED)}"


def test_data_sets_are_imported_through_the_package_only() -> None:
    """A top-level package called `datasets` would shadow another library."""
    files = [*sources(), *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "scripts").rglob("*.py"))]
    for path in files:
        inside, text = PACKAGE in path.parents, path.read_text(encoding="utf-8")
        if not inside and not re.search(
            r"^\s*(?:import|from)\b.*[\s,.]datasets\b", re.sub(r"\w\.datasets", "", text), re.M
        ):
            continue  # no line that imports says the word, but as a part of a package
        tree = parsed(path)[0] if inside else ast.parse(text)
        assert not [n for n in imports(tree) if n.split(".")[0] == "datasets"], path


def test_extras_are_imported_where_they_are_used() -> None:
    """Outside of cli/, training/ and estimators/ no extra is imported at load: the base install has all other rooms."""
    wrong = []
    for path in sources():
        if room_of(path) in ("cli", "training", "estimators"):
            continue
        found = {name.split(".")[0] for name in imports_at_load(parsed(path)[0])} & EXTRAS
        wrong += [f"{path.relative_to(ROOT)}: {name}" for name in sorted(found)]
    assert not wrong, "extras imported at load:\n" + "\n".join(wrong)


def test_warnings_of_data_are_for_users() -> None:
    """Those of a category of ours are one line on the command line; others show a line of some library's code."""
    plain = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in sorted((ROOT / "datasets").rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "warnings.warn" and len(call.args) < 2
    ]
    assert not plain, f"warnings without a category: {plain}"


def test_configuration_objects_stay_in_cli() -> None:
    for path in sources():
        if room_of(path) != "cli":
            found = {name.split(".")[0] for name in imports(parsed(path)[0])} & {"hydra", "omegaconf"}
            assert not found, f"{path.relative_to(ROOT)} imports {found}"


def module_name(path: Path) -> str:
    """The dotted name of a file; a package's is that of its folder."""
    parts = ("ccnn_pc", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_no_two_files_import_each_other() -> None:
    """No cycle of any length, imports inside functions and under TYPE_CHECKING counted."""
    names = {module_name(path): path for path in sources()}
    arrows: dict[str, set[str]] = {}
    for name, path in names.items():
        found = set()
        for target in imports(*parsed(path)):
            while target and target not in names:
                target = target.rpartition(".")[0]
            if target and target != name and target != "ccnn_pc":
                found.add(target)
        arrows[name] = found
    cycles, done = [], set()

    def follow(name: str, trail: list[str]) -> None:
        if name in trail:
            cycles.append(" -> ".join([*trail[trail.index(name) :], name]))
        elif name not in done:
            for target in sorted(arrows[name]):
                follow(target, [*trail, name])
            done.add(name)

    for name in arrows:
        follow(name, [])
    assert not cycles, "files that import each other:\n" + "\n".join(cycles)


def arguments(node: ast.AST) -> list[str]:
    """Names that a function takes besides self, or a dataclass as its fields; none of other nodes."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        return [a.arg for a in named if a.arg not in ("self", "cls")]
    if isinstance(node, ast.ClassDef) and any("dataclass" in ast.dump(each) for each in node.decorator_list):
        return [ast.unparse(field.target) for field in node.body if isinstance(field, ast.AnnAssign)]
    return []


def is_triton_kernel(node: ast.AST) -> bool:
    """Whether a function runs on the device."""
    marks = getattr(node, "decorator_list", [])
    return any(ast.unparse(mark) == "triton.jit" for mark in marks)


def test_nothing_takes_more_than_ten_arguments() -> None:
    """But commands in cli/ (arguments are the options that users type) and kernels in Triton (addresses and sizes)."""
    long = [
        f"{path.relative_to(ROOT)}: {node.name} takes {len(arguments(node))}"  # type: ignore[attr-defined]
        for path in sources()
        if room_of(path) != "cli"
        for node in nodes(parsed(path)[0])
        if len(arguments(node)) > 10 and not is_triton_kernel(node)
    ]
    assert not long, "more than ten arguments:\n" + "\n".join(long)


def test_imports_stay_light() -> None:
    """No torch and nothing of an extra; no data sets."""
    code = "import sys\nfor name in sys.argv[1:]: __import__(name); print(*sys.modules)"
    # in one process: what is loaded only grows
    modules = ("ccnn_pc", "ccnn_pc.cli.app", "ccnn_pc.models", "ccnn_pc.datasets")
    shown = subprocess.run(
        [sys.executable, "-c", code, *modules], capture_output=True, text=True, check=True, cwd=ROOT
    )
    *lines, before, after = shown.stdout.splitlines()
    rooms = ("clouds", "common", "images", "scenes", "series", "sound", "tables", "transforms", "volumes")
    data = {"ccnn_pc.datasets", *(f"ccnn_pc.datasets.{room}" for room in rooms)}
    assert set(after.split()) - set(before.split()) == data
    for module, loaded in zip(modules, [*lines, before], strict=False):
        assert module in loaded.split() and SLOW & set(loaded.split()) == set(), module


@pytest.mark.parametrize("words", ["--help", "--version", "models", "train --help", "predict --help"])
def test_commands_that_compute_nothing_load_nothing_slow(words: str) -> None:
    """Packages by name, for seconds depend on the machine; ``scripts/bench/first_minute.py`` has them."""
    code = (
        "import contextlib, io, sys; from ccnn_pc.cli.app import main; text = io.StringIO()\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(text): main(sys.argv[1:])\n"
        "print(len(text.getvalue()), *sys.modules)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code, *words.split()], capture_output=True, text=True, check=True, cwd=ROOT
    )
    length, *loaded = shown.stdout.split()
    assert int(length) > 4 and (SLOW | {"numpy"}) - {"typer"} & set(loaded) == set()


def test_data_sets_load_at_first_use() -> None:
    """A file called like its function does not take its place."""
    for name in ("clouds.read_shape", "tables.write_long_csv", "open_dataset"):
        importlib.import_module(f"ccnn_pc.datasets.{name}")
        room, _, function = f"ccnn_pc.datasets.{name}".rpartition(".")
        assert inspect.isfunction(getattr(sys.modules[room], function))
    data: Any = importlib.import_module("ccnn_pc.datasets")
    assert data.ModelNet is data.clouds.ModelNet and {"ModelNet", "KNN", "open_dataset"} <= set(data.__all__)
    assert set(data.__all__) <= set(dir(data))
    with pytest.raises(AttributeError, match="module 'ccnn_pc.datasets' has no attribute 'nonesuch'"):
        _ = data.nonesuch
