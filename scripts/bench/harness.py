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
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ccnn_pc._files import write_rows_atomically
from scripts import RESULTS

#: A step of a contender: seconds of the forward pass, and of both passes.
Step = Callable[[], tuple[float, float]]
#: What a contender may fail with and the others go on; the table says why.
FAILURES = (ImportError, MemoryError, OSError, RuntimeError, TypeError, ValueError)


def status_kb(field: str) -> int:
    """A memory figure of this process (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])


def print_peak(step: Step, notes: Mapping[str, float]) -> None:
    """Run ``step`` and print the peak memory above what was held before, its times and ``notes``, as JSON."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is held now
    before = status_kb("VmRSS")
    forward, both = step()
    peak = (status_kb("VmHWM") - before) / 1024
    print(json.dumps({"peak_mb": peak, "forward_s": forward, "both_s": both, **notes}))


def interleaved(
    steps: Mapping[str, Step],
    rounds: int,
    *,
    limit: float = float("inf"),
    failed: dict[str, str] | None = None,
) -> dict[str, list[tuple[float, float]]]:
    """Times of all contenders, taking turns, after one turn each to warm up.

    Args:
        steps: of the contenders.
        rounds: how many turns each has.
        limit: seconds after which a contender has no further turns, once it had three.
        failed: where why a contender failed is written; it has no further turns. Without it the error is raised.
    """
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    for number in range(rounds + 1):
        for name, step in steps.items():
            if len(seconds[name]) >= 3 and sum(both for _, both in seconds[name]) > limit:
                continue
            if failed is not None and name in failed:
                continue
            try:
                figures = step()
            except FAILURES as error:
                if failed is None:
                    raise
                failed[name] = reason(error)
                continue
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


def reason(error: BaseException) -> str:
    """An error in a line.

    Example:
        >>> reason(ValueError("no such points"))
        'ValueError: no such points'
    """
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"[:200]


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
        small: whether there is a form of a few seconds, ``--small``, which leaves the table in ``results/`` alone.

    Attributes:
        parser: for further arguments.
        arguments: of the command, once :meth:`starts` has read them.
        notes: what a fresh process is to report beside its peak of memory.
    """

    def __init__(
        self, name: str, about: str | None, *, rounds: int = 5, threads: int = 2, small: bool = False
    ) -> None:
        self.module = f"scripts.bench.{name}"
        self.parser = argparse.ArgumentParser(
            description=about, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        results = RESULTS / f"bench_{name}.csv"
        self.parser.add_argument("--rounds", type=int, default=rounds, help="rounds of interleaved timing")
        self.parser.add_argument("--threads", type=int, default=threads)
        self.parser.add_argument("--out", type=Path, help=f"table (default: results/{results.name})")
        if small:
            self.parser.add_argument(
                "--small", action="store_true", help="a few points, one round: does it run?"
            )
        self.results = results
        self.parser.add_argument("--memory", help=argparse.SUPPRESS)
        self.parser.add_argument("--options", help=argparse.SUPPRESS)
        self.arguments = argparse.Namespace()
        self.rows: list[dict[str, Any]] = []
        self.common: dict[str, Any] = {}
        self.notes: dict[str, float] = {}

    def starts(self, make: Callable[[dict[str, Any], str], Step] | None, *packages: str) -> bool:
        """Read the arguments; False if this process was to measure one peak of memory, which it has.

        Args:
            make: the step of a contender, from options and name; None: memory is not measured.
            packages: whose versions the table holds.
        """
        self.arguments = self.parser.parse_args()
        torch.set_num_threads(self.arguments.threads)
        if make is not None and self.arguments.memory:
            print_peak(make(json.loads(self.arguments.options), self.arguments.memory), self.notes)
            return False
        small = getattr(self.arguments, "small", False)
        if small:
            self.arguments.rounds = 1
        if self.arguments.out is None:
            self.arguments.out = Path(tempfile.mkdtemp()) / self.results.name if small else self.results
        self.common = {
            "date": datetime.date.today().isoformat(),
            "machine": processor(),
            "threads": self.arguments.threads,
            **{name: version(name) for name in packages},
        }
        print(", ".join(f"{name} {value}" for name, value in self.common.items() if value))
        return True

    def fresh(self, options: Mapping[str, Any], name: str) -> dict[str, float]:
        """What :func:`print_peak` prints of a contender in a process of its own.

        Raises:
            RuntimeError: it ended before; with its last line.
        """
        command = [sys.executable, "-m", self.module, "--memory", name, "--options", json.dumps(options)]
        command += ["--threads", str(self.arguments.threads)]
        answer = subprocess.run(command, capture_output=True, text=True)
        if answer.returncode:
            raise RuntimeError((answer.stderr.splitlines() or [f"ended with {answer.returncode}"])[-1])
        found: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
        return found

    def peak(self, options: Mapping[str, Any], name: str) -> dict[str, float]:
        """Peak of memory of a contender, as a row has it."""
        return {"peak_mb": round(self.fresh(options, name)["peak_mb"], 1)}

    def figures(
        self, options: Mapping[str, Any], name: str, seconds: Sequence[tuple[float, float]], **others: Any
    ) -> dict[str, Any]:
        """Times, peak of memory and ``others`` of a contender."""
        return {**others, **milliseconds(seconds), **self.peak(options, name)}

    def add(self, case: str, row: Mapping[str, Any]) -> None:
        """Store and print a row."""
        self.rows.append({**self.common, **row})
        write_rows_atomically(self.arguments.out, self.rows)
        shown = {
            "forward_min_ms": "forward {:9.1f} ms",
            "both_min_ms": "both {:9.1f} ms",
            "min_ms": "{:9.2f} ms",
            "forward_x": "forward {:5.2f} x roofline",
            "both_x": "both {:5.2f} x roofline",
            "roofline_forward_ms": "roofline {:7.1f}",
            "roofline_both_ms": "and {:7.1f} ms",
            "peak_mb": "peak {:7.1f} MB",
            "knn_s": "k-NN {:6.2f} s",
            "max_error": "error {:.1e}",
            "gradient_error": "gradients {:.1e}",
            "parameters": "{:,} parameters",
            "items_per_s": "{:8.1f} a second",
            "epoch_s": "{:7.2f} s an epoch",
            "reason": "{}",
        }
        figures = "  ".join(form.format(row[key]) for key, form in shown.items() if row.get(key) is not None)
        print(f"{case:<46}{row['contender']:<34} {figures}", flush=True)

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
