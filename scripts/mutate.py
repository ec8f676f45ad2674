"""Seeded one-point mutations, and which of them the fast tests catch.

    python scripts/mutate.py --count 40 --seed 0 --out results/mutations.csv

Every mutant changes one operator, comparison, constant or ``not`` in a copy of the repository. Tests run in a cheap
order, up to the first that fails: those that mirror the file, conformance tests, those of rooms that use the file's.
"""

from __future__ import annotations

import argparse
import ast
import csv
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "ccnn_pc"
ROOMS = ("kernels", "ops", "domains", "nn", "models")
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


def targets_of(root: Path, file: str) -> list[str]:
    """Test files and folders for a changed file, cheap and near ones first."""
    _, room, *inner = Path(file).with_suffix("").parts
    folder = root / "tests" / room
    name, rooms = (
        inner[-1] if inner else "",
        [room, *ROOMS[ROOMS.index(room) + 1 :]] if room in ROOMS else [room],
    )
    order = [folder.joinpath(*inner[:-1], f"test_{name}.py"), folder.joinpath(*inner[:-1])]
    order += sorted((root / "tests").rglob("*conformance*"))
    order += [root / "tests" / other for other in rooms]
    targets: list[str] = []
    for path in order:
        relative = path.relative_to(root).as_posix()
        if path.exists() and relative not in targets:
            targets.append(relative)
    return targets


def killer(root: Path, mutant: Mutant, limit: float, near: int | None = None) -> str:
    """What catches the mutant: the first test that fails, ``timeout``, ``error``, or nothing.

    With ``near`` only so many of the targets are run.
    """
    path = root / mutant.file
    source = path.read_text()
    path.write_text(mutant.applied(source))
    environment = {
        **os.environ,
        "PYTHONPATH": str(root),
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    options = ["-q", "-x", "-p", "no:cacheprovider", "--no-header", "--tb=no", "--rootdir", str(root)]
    command = [sys.executable, "-m", "pytest", *options, *targets_of(root, mutant.file)[:near]]
    try:
        run = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return "timeout"
    finally:
        path.write_text(source)
    if run.returncode in (0, 5):
        return ""
    failed = [line.split()[1] for line in run.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0] if failed else "error"


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


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rooms", nargs="*", default=list(ROOMS))
    parser.add_argument(
        "--limit", type=float, default=600.0, help="seconds per mutant; more counts as caught"
    )
    parser.add_argument(
        "--near", type=int, help="only so many of a file's test files and folders, nearest first"
    )
    parser.add_argument("--out", type=Path, help="table of all mutants, CSV")
    options = parser.parse_args(arguments)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        root = copied(ROOT, Path(folder))
        for mutant in sample(root, tuple(options.rooms), options.count, options.seed):
            caught = killer(root, mutant, options.limit, options.near)
            rows.append([mutant.file, mutant.line, mutant.old, mutant.new, caught or "survived"])
            print(
                f"{mutant.file}:{mutant.line}  {mutant.old}  ->  {mutant.new}  {caught or 'SURVIVED'}",
                flush=True,
            )
            if options.out is not None:
                with options.out.open("w", newline="") as file:
                    csv.writer(file).writerows([["file", "line", "old", "new", "caught by"], *rows])
    print(f"{sum(row[-1] != 'survived' for row in rows)} of {len(rows)} caught")


if __name__ == "__main__":
    main()
