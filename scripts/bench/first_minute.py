"""How long does a stranger wait: for the installation, the import, the first commands; how large is what is installed?

A wheel is built of the committed sources; torch is installed into a fresh environment, then, timed, the wheel with what
it needs, then its extra ``train``, without pip's cache. In this environment commands run in turn. Exits with 1 if
something takes longer, or is larger, than `LIMITS` say. What pip fetches comes from wherever pip is set up to look.

    python -m scripts.bench.first_minute
    python -m scripts.bench.first_minute --torch torch --keep first   # torch as pip finds it; the environment stays
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts import ROOT
from scripts.bench.harness import Benchmark, version

#: What each may take, in seconds of the least time; and the wheel, in MB.
LIMITS = {
    "pip install ccnn-pc": 60.0,
    "import ccnn_pc": 0.3,
    "ccnn-pc --help": 1.0,
    "ccnn-pc models": 3.0,
    "wheel": 3.0,
}

#: A shape for `ccnn-pc predict`: a tetrahedron.
SHAPE = "OFF\n4 4 6\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 2 1\n3 0 1 3\n3 1 2 3\n3 0 3 2\n"


def seconds(command: Sequence[str | Path], cwd: Path) -> tuple[float, float]:
    """Seconds on the clock, and of processors, that a command takes with everything that it starts.

    Raises:
        RuntimeError: it failed; with its last line.
    """
    with tempfile.TemporaryFile("w+") as said:
        begin = time.perf_counter()
        process = subprocess.Popen([str(word) for word in command], cwd=cwd, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        passed = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(f"{command} ended with {process.returncode}: {said.read().splitlines()[-1:]}")
    return passed, used.ru_utime + used.ru_stime


def build_wheel(folder: Path) -> Path:
    """A wheel of what is committed."""
    source = folder / "source"
    source.mkdir()
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(source)], input=archive.stdout, check=True)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", str(folder), str(source)], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def megabytes(folder: Path) -> float:
    """Of all files below a folder, links not followed."""
    return sum(p.lstat().st_size for p in folder.rglob("*") if not p.is_dir()) / 1e6


def commands(scripts: Path, folder: Path) -> dict[str, list[str | Path]]:
    """What is timed in the environment, by the name of its row."""
    (folder / "shape.off").write_text(SHAPE)
    python, program = scripts / "python", scripts / "ccnn-pc"
    timed: dict[str, list[str | Path]] = {
        f"import {name}": [python, "-c", f"import {name}"] for name in ("ccnn_pc", "torch", "torch_geometric")
    }
    predict = ["predict", "ccnn_tiny-modelnet10", "shape.off"]
    words = {"--help": ["--help"], "models": ["models"], "doctor": ["doctor"], "predict FILE": predict}
    return timed | {f"ccnn-pc {name}": [program, *rest] for name, rest in words.items()}


def main() -> None:
    """Install, time, and hold both to the limits."""
    bench = Benchmark("first_minute", __doc__, threads=1)
    bench.parser.add_argument(
        "--torch",
        default=f"torch=={version('torch')}",
        help="what pip is asked for first (default: %(default)s)",
    )
    bench.parser.add_argument("--keep", type=Path, help="a new folder for the environment")
    bench.starts(None, "torch", "torch-geometric")
    os.environ["OMP_NUM_THREADS"] = str(bench.arguments.threads)
    os.environ.pop("PYTHONPATH", None)
    folder = (bench.arguments.keep or Path(tempfile.mkdtemp())).absolute()
    folder.mkdir(exist_ok=True)
    over: list[str] = []

    def add(name: str, figures: dict[str, Any], judged: float) -> None:
        limit = LIMITS.get(name)
        bench.add(name, {"contender": name, "limit": limit, **figures})
        if limit is not None and judged > limit:
            over.append(f"{name}: {judged:.2f}, at most {limit}")

    try:
        wheel = build_wheel(folder)
        size = round(wheel.stat().st_size / 1e6, 2)
        add("wheel", {"size_mb": size}, size)
        env = folder / "env"
        subprocess.run([sys.executable, "-m", "venv", str(env)], check=True)
        site = next(env.glob("lib/python*/site-packages"))
        install: list[str | Path] = [env / "bin" / "python", "-m", "pip", "install", "-q", "--no-cache-dir"]
        wanted = {"torch": bench.arguments.torch, "ccnn-pc": wheel, "ccnn-pc[train]": f"{wheel}[train]"}
        for name, what in wanted.items():
            before = megabytes(site)
            passed, used = seconds([*install, what], folder)
            figures = {"min_s": round(passed, 1), "median_s": round(passed, 1), "cpu_s": round(used, 1)}
            add(f"pip install {name}", {**figures, "size_mb": round(megabytes(site) - before)}, passed)
        timed = commands(env / "bin", folder)
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in timed}
        for number in range(bench.arguments.rounds + 1):
            for name, command in timed.items():
                figures_of_round = seconds(command, folder)
                found[name] += [figures_of_round] * (number > 0)  # files are in memory then
        for name, rounds in found.items():
            clock, processors = zip(*rounds, strict=True)
            figures = {
                "min_s": round(min(clock), 2),
                "median_s": round(statistics.median(clock), 2),
                "cpu_s": round(min(processors), 2),
            }
            add(name, figures, min(clock))
    finally:
        if bench.arguments.keep is None:
            shutil.rmtree(folder)
    bench.ends()
    if over:
        raise SystemExit("over its limit: " + "; ".join(over))


if __name__ == "__main__":
    main()
