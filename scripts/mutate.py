"""Seeded one-point mutations, and which of them the fast tests catch.

    python scripts/mutate.py --count 100 --seed 0 --out results/mutations.csv

Every mutant changes one operator, comparison, constant or ``not`` in a copy of the repository. One run of the fast
tests records which lines each of them runs; each mutant then meets the tests that run its line, those that mirror its
file first, up to the first that fails. They run in forks of a process that has imported torch, which saves most of the
time.
"""

from __future__ import annotations

import argparse
import ast
import csv
import importlib.util
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "ccnn_pc"
ROOMS = ("kernels", "ops", "domains", "nn", "models")
#: Tests of these rooms, of what is registered, and the examples in docstrings.
TESTS = [f"tests/{room}" for room in ("conformance", *ROOMS)] + [f"{PACKAGE}/{room}" for room in ROOMS]
PRELOADED = (
    "torch",
    "torch_geometric",
    "torch_geometric.nn",
    "scipy.spatial",
    "lightning",
    "torchmetrics",
    "hydra",
)
RECORD = "mutate.json"
HEADER = ["file", "line", "old", "new", "result", "killed by"]
#: So many tests are tried in a first, short run.
NEAREST = 40
OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult}
COMPARISONS = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq}
COMPARISONS |= {ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}
#: Functions whose result is for readers.
UNSEEN = {"__repr__", "extra_repr", "__str__"}


@dataclass(frozen=True)
class Mutant:
    """One change: columns ``start`` to ``end`` of a line become ``new``."""

    file: str
    line: int
    start: int
    end: int
    old: str
    new: str

    def applied(self, source: str) -> str:
        """The source with the change."""
        lines = source.splitlines(keepends=True)
        raw = lines[self.line - 1].encode()  # columns of ast count bytes
        lines[self.line - 1] = (raw[: self.start] + self.new.encode() + raw[self.end :]).decode()
        return "".join(lines)


def mutants(file: str, source: str) -> list[Mutant]:
    """All mutants of a file; not in docstrings, annotations, messages or ``__repr__``."""
    found = []
    for node in _code(ast.parse(source)):
        new = _changed(node)
        if new is None or not isinstance(node, ast.expr) or node.lineno != node.end_lineno:
            continue
        assert node.end_col_offset is not None
        old = ast.get_source_segment(source, node)
        if old is not None and old != new:
            found.append(Mutant(file, node.lineno, node.col_offset, node.end_col_offset, old, new))
    return found


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes that decide what is computed."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        if node.name in UNSEEN:
            return
        children: list[ast.AST] = [*node.body, *node.args.defaults, *(d for d in node.args.kw_defaults if d)]
    elif isinstance(node, ast.AnnAssign):
        children = [] if node.value is None else [node.value]
    elif (
        isinstance(node, (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom))
        or isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
    ):
        return
    else:
        children = list(ast.iter_child_nodes(node))
    yield node
    for child in children:
        yield from _code(child)


def _changed(node: ast.AST) -> str | None:
    """The node with its one change, as source; None where there is none to make."""
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return f"({ast.unparse(ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right))})"
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARISONS:
        other = ast.Compare(node.left, [COMPARISONS[type(node.ops[0])]()], node.comparators)
        return f"({ast.unparse(other)})"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return f"({ast.unparse(node.operand)})"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return f"({ast.unparse(node.operand)})"
    if isinstance(node, ast.BoolOp):
        other_op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        return f"({ast.unparse(ast.BoolOp(other_op, node.values))})"
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, bool):
        return repr(not value)
    if isinstance(value, int):
        return repr(value + 1)
    return repr(value * 1.5 or 1.0) if isinstance(value, float) else None


def sample(root: Path, rooms: tuple[str, ...], count: int, seed: int) -> list[Mutant]:
    """``count`` mutants, every mutant of every file of these rooms as likely as any other."""
    everything = []
    for room in rooms:
        for path in sorted((root / PACKAGE / room).rglob("*.py")):
            everything += mutants(path.relative_to(root).as_posix(), path.read_text())
    return random.Random(seed).sample(everything, min(count, len(everything)))


class Record:
    """A pytest plugin: which lines of the rooms each passing test runs, and how long it takes.

    What runs while a fixture is set up counts for every test of the file, since fixtures are shared.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lines: dict[str, set[str]] = {}  # test (or file of tests) -> "file:line"
        self.seconds: dict[str, float] = {}
        self._hits: set[str] = set()
        self._names: dict[str, str | None] = {}
        self._left: dict[types.CodeType, set[int]] = {}

    def _name(self, path: str) -> str | None:
        if path not in self._names:
            start = f"{self.root / PACKAGE}{os.sep}"
            inner = path[len(start) :] if path.startswith(start) else ""
            self._names[path] = f"{PACKAGE}/{inner}" if inner.partition(os.sep)[0] in ROOMS else None
        return self._names[path]

    def _call(self, frame: types.FrameType, event: str, _: object) -> Callable[..., Any] | None:
        code = frame.f_code
        name = self._name(code.co_filename)
        if name is None:
            return None
        if code not in self._left:
            self._left[code] = {line for _, _, line in code.co_lines() if line is not None}
        left = self._left[code]
        if not left:
            return None

        def line(frame: types.FrameType, event: str, _: object) -> Callable[..., Any]:
            if event == "line" and frame.f_lineno in left:
                left.discard(frame.f_lineno)
                self._hits.add(f"{name}:{frame.f_lineno}")
            return line

        left.discard(code.co_firstlineno)
        self._hits.add(f"{name}:{code.co_firstlineno}")
        return line

    def _traced(self, key: str) -> Iterator[None]:
        self._hits, self._left = set(), {}
        sys.settrace(self._call)
        try:
            yield
        finally:
            sys.settrace(None)
            self.lines.setdefault(key, set()).update(self._hits)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        yield from self._traced(item.nodeid.partition("::")[0])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        yield from self._traced(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.seconds[report.nodeid] = report.duration

    def pytest_sessionfinish(self) -> None:
        kept = {
            key: sorted(lines) for key, lines in self.lines.items() if "::" not in key or key in self.seconds
        }
        (self.root / RECORD).write_text(json.dumps({"lines": kept, "seconds": self.seconds}))


class Only:
    """A pytest plugin: runs these tests, in this order, and says which failed."""

    def __init__(self, tests: list[str], out: int) -> None:
        self.order, self.out = {test: i for i, test in enumerate(tests)}, out

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted((i for i in items if i.nodeid in self.order), key=lambda i: self.order[i.nodeid])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            os.write(self.out, report.nodeid.encode()[:4000])

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            os.write(self.out, f"{report.nodeid} (collection)".encode())


def in_child(root: Path, arguments: list[str], plugin: object, limit: float) -> int | None:
    """The exit status of pytest in a fork of this process, which has imported what is large; None beyond the limit.

    The limit is of processor seconds, so that a busy machine does not matter; ten times as many may pass on the clock.
    """
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 70
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 1, int(limit) + 5))
            signal.alarm(int(10 * limit) + 1)
            with open(os.environ.get("MUTATE_LOG", os.devnull), "ab") as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
            os.chdir(root)
            os.environ |= {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
            elsewhere = [
                path for path in sys.path if Path(path or ".").resolve() not in (ROOT, ROOT / "scripts")
            ]
            sys.path[:] = [str(root), *elsewhere]
            for name in [name for name in sys.modules if name.partition(".")[0] in (PACKAGE, "tests")]:
                del sys.modules[name]
            for room in ROOMS:  # before pytest imports files for their examples, which must not run twice
                if (root / PACKAGE / room).exists():
                    importlib.import_module(f"{PACKAGE}.{room}")
            options = ["-q", "--no-header", "--tb=line", "--rootdir", str(root)]
            options += ["-p", "no:cacheprovider"]
            os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # most of the time that a small run takes
            if importlib.util.find_spec("pytest_timeout"):
                options += ["-p", "pytest_timeout", "--timeout=0"]
            status = int(pytest.main([*options, *arguments], plugins=[plugin]))
        finally:
            os._exit(status)
    _, code = os.waitpid(child, 0)
    return os.WEXITSTATUS(code) if os.WIFEXITED(code) else None


def covering(record: dict[str, Any], mutant: Mutant) -> list[str]:
    """The tests that run the changed line, those that mirror the file first, then by file and the fastest first.

    A line that no test is seen to run (at import, in the middle of an expression) counts as run by every test that runs
    anything in the file.
    """
    lines, seconds = record["lines"], record["seconds"]
    spot = f"{mutant.file}:{mutant.line}"

    def tests_where(runs: Callable[[str], bool]) -> list[str]:
        keys = {key for key, found in lines.items() if any(map(runs, found))}
        return [test for test in seconds if test in keys or test.partition("::")[0] in keys]

    found = tests_where(spot.__eq__) or tests_where(lambda line: line.startswith(f"{mutant.file}:"))
    sums: dict[str, float] = {}
    for test in found:
        file = test.partition("::")[0]
        sums[file] = sums.get(file, 0.0) + seconds[test]
    _, room, *inner = Path(mutant.file).parts
    folder = Path("tests", room, *inner[:-1])
    mirrors = {(folder / f"test_{inner[-1]}").as_posix() if inner else "", mutant.file}

    def order(test: str) -> tuple[Any, ...]:
        file = test.partition("::")[0]
        return file not in mirrors, not file.startswith(folder.as_posix()), sums[file], file, seconds[test]

    return sorted(found, key=order)


def killer(root: Path, mutant: Mutant, tests: list[str], limit: float) -> str:
    """The first test that fails under the mutant, ``timeout``, or nothing."""
    path = root / mutant.file
    source = path.read_text()
    stale = Path(importlib.util.cache_from_source(str(path)))
    stale.unlink(missing_ok=True)
    path.write_text(mutant.applied(source))
    out, into = os.pipe()
    try:
        files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
        status = in_child(root, ["-x", *files], Only(tests, into), limit)
        os.close(into)
        caught = os.read(out, 4096).decode()
    finally:
        os.close(out)
        path.write_text(source)
        stale.unlink(missing_ok=True)
    if status is None and not caught:
        return "timeout"
    return caught or ("" if status in (0, 5) else f"error {status}")


def copied(root: Path, folder: Path) -> Path:
    """The repository's tracked and new files in another folder, links as links."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listing.stdout.splitlines():
        if (root / name).exists():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target, follow_symlinks=False)
    return folder


def recorded(root: Path, targets: list[str]) -> dict[str, Any]:
    """The record of these files and folders of tests."""
    in_child(root, targets, Record(root), 3600.0)
    return json.loads((root / RECORD).read_text())


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rooms", nargs="*", default=list(ROOMS))
    parser.add_argument("--tests", nargs="*", default=TESTS, help="files and folders of tests")
    parser.add_argument("--record", type=Path, help="file of the record of a run before, or to be written")
    parser.add_argument("--only", nargs="*", default=[], help="only mutants of these places, FILE:LINE")
    parser.add_argument("--limit", type=float, default=200.0, help="processor seconds per mutant")
    parser.add_argument("--out", type=Path, help="table of all mutants, CSV")
    options = parser.parse_args(arguments)
    for name in PRELOADED:
        if importlib.util.find_spec(name):
            importlib.import_module(name)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = copied(ROOT, Path(folder).resolve())
        chosen = sample(root, tuple(options.rooms), options.count, options.seed)
        if options.record is not None and options.record.exists():
            record = json.loads(options.record.read_text())
        else:
            record = recorded(root, [t for t in options.tests if (root / t).exists()])
            if options.record is not None:
                options.record.write_text(json.dumps(record))
        for mutant in chosen:
            if options.only and f"{mutant.file}:{mutant.line}" not in options.only:
                continue
            start = time.perf_counter()
            tests = covering(record, mutant)
            caught = ""
            for part in (
                tests[:NEAREST],
                tests[NEAREST:],
            ):  # most fall to the nearest; collecting all takes longer
                caught = caught or (killer(root, mutant, part, options.limit) if part else "")
            result = caught if caught == "timeout" else "killed" if caught else "survived"
            rows.append([mutant.file, mutant.line, mutant.old, mutant.new, result, caught])
            print(
                f"{mutant.file}:{mutant.line}  {mutant.old}  ->  {mutant.new}  {result} {caught} "
                f"({len(tests)} tests, {time.perf_counter() - start:.0f} s)",
                flush=True,
            )
            if options.out is not None:
                with options.out.open("w", newline="") as file:
                    csv.writer(file, lineterminator="\n").writerows([HEADER, *rows])
    print(
        ", ".join(f"{sum(r[4] == kind for r in rows)} {kind}" for kind in ("killed", "survived", "timeout"))
    )


if __name__ == "__main__":
    main()
