"""What the benchmarks share: honest peaks of memory, the machine's name, tables that survive an interruption."""

from __future__ import annotations

import argparse
import datetime
import gc
import importlib.metadata
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ccnn_pc._files import write_rows_atomically
from scripts import RESULTS

#: A step of a contender: seconds of the forward pass, and of both passes.
Step = Callable[[], tuple[float, float]]


def status_kb(field: str) -> int:
    """A memory figure of this process (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])


def print_peak(step: Step) -> None:
    """Run ``step`` and print the peak memory above what was held before, with the times it returns, as JSON."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is held now
    before = status_kb("VmRSS")
    forward, both = step()
    peak = (status_kb("VmHWM") - before) / 1024
    print(json.dumps({"peak_mb": peak, "forward_s": forward, "both_s": both}))


def interleaved(steps: Mapping[str, Step], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Times of all contenders, taking turns, after one turn each to warm up."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    for number in range(rounds + 1):
        for name, step in steps.items():
            figures = step()
            if number:
                seconds[name].append(figures)
                print(
                    f"  round {number}/{rounds} {name}: {1e3 * figures[1]:.1f} ms",
                    file=sys.stderr,
                    flush=True,
                )
    return seconds


def milliseconds(samples: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Least and median times of a contender, from what :func:`interleaved` returns of it."""
    columns = zip(("forward", "both"), zip(*samples, strict=True), strict=True)
    return {
        f"{name}_{kind}_ms": round(1e3 * of(seconds), 3)
        for name, seconds in columns
        for kind, of in (("min", min), ("median", statistics.median))
    }


def timed(forward: Callable[[], Any], backward: Callable[[Any], None]) -> tuple[float, float]:
    """Seconds of the forward pass, and of both passes."""
    begin = time.perf_counter()
    y = forward()
    middle = time.perf_counter()
    backward(y)
    return middle - begin, time.perf_counter() - begin


def processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


class Benchmark:
    """The command line of a benchmark, and the table that it fills: an interrupted one keeps what it measured.

    Args:
        name: of its module here; the table is ``results/bench_NAME.csv``.
        about: what it says of itself.
        rounds: of interleaved timing by default.
        threads: by default.

    Attributes:
        parser: for further arguments.
        arguments: of the command, once :meth:`starts` has read them.
    """

    def __init__(self, name: str, about: str | None, *, rounds: int = 5, threads: int = 2) -> None:
        self.module = f"scripts.bench.{name}"
        self.parser = argparse.ArgumentParser(
            description=about, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        results = RESULTS / f"bench_{name}.csv"
        self.parser.add_argument("--rounds", type=int, default=rounds, help="rounds of interleaved timing")
        self.parser.add_argument("--threads", type=int, default=threads)
        self.parser.add_argument("--out", type=Path, default=results)
        self.parser.add_argument("--memory", help=argparse.SUPPRESS)
        self.parser.add_argument("--options", help=argparse.SUPPRESS)
        self.arguments = argparse.Namespace()
        self.rows: list[dict[str, Any]] = []
        self.common: dict[str, Any] = {}

    def starts(self, make: Callable[[dict[str, Any], str], Step] | None, *packages: str) -> bool:
        """Read the arguments; False if this process was to measure one peak of memory, which it has.

        Args:
            make: the step of a contender, from options and name; None: memory is not measured.
            packages: whose versions the table holds.
        """
        self.arguments = self.parser.parse_args()
        torch.set_num_threads(self.arguments.threads)
        if make is not None and self.arguments.memory:
            print_peak(make(json.loads(self.arguments.options), self.arguments.memory))
            return False
        self.common = {
            "date": datetime.date.today().isoformat(),
            "machine": processor(),
            "threads": self.arguments.threads,
            **{name: version(name) for name in packages},
        }
        print(", ".join(f"{name} {value}" for name, value in self.common.items() if value))
        return True

    def fresh(self, options: Mapping[str, Any], name: str) -> dict[str, float]:
        """What :func:`print_peak` prints of a contender in a process of its own."""
        command = [sys.executable, "-m", self.module, "--memory", name, "--options", json.dumps(options)]
        command += ["--threads", str(self.arguments.threads)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found: dict[str, float] = json.loads(answer.splitlines()[-1])
        return found

    def figures(
        self, options: Mapping[str, Any], name: str, seconds: Sequence[tuple[float, float]], **others: Any
    ) -> dict[str, Any]:
        """Times, peak of memory and ``others`` of a contender."""
        peak = round(self.fresh(options, name)["peak_mb"], 1)
        return {**others, **milliseconds(seconds), "peak_mb": peak}

    def add(self, case: str, row: Mapping[str, Any]) -> None:
        """Store and print a row."""
        self.rows.append({**self.common, **row})
        write_rows_atomically(self.arguments.out, self.rows)
        shown = {
            "forward_min_ms": "forward {:9.1f} ms",
            "both_min_ms": "both {:9.1f} ms",
            "min_ms": "{:9.2f} ms",
            "peak_mb": "peak {:7.1f} MB",
            "max_error": "error {:.1e}",
            "parameters": "{:,} parameters",
        }
        figures = "  ".join(form.format(row[key]) for key, form in shown.items() if key in row)
        print(f"{case:<34}{row['contender']:<34} {figures}", flush=True)

    def ends(self) -> None:
        """Say where the table is."""
        print(f"written: {self.arguments.out}")


def version(package: str) -> str:
    """Of an installed package; "" where it is not.

    Example:
        >>> version("no-such-package")
        ''
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
