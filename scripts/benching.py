"""What the benchmarks share: honest peaks of memory, the machine's name, tables that survive an interruption."""

from __future__ import annotations

import csv
import gc
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any


def status_kb(field: str) -> int:
    """A memory figure of this process (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1])


def print_peak(step: Callable[[], tuple[float, float]]) -> None:
    """Run ``step`` and print the peak memory above what was held before, with the times it returns, as JSON."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is held now
    before = status_kb("VmRSS")
    forward, both = step()
    peak = (status_kb("VmHWM") - before) / 1024
    print(json.dumps({"peak_mb": peak, "forward_s": forward, "both_s": both}))


def memory(script: str, options: Mapping[str, Any], name: str, threads: int) -> dict[str, float]:
    """What :func:`print_peak` prints in a process of its own: ``script --memory NAME --options JSON``."""
    command = [sys.executable, script, "--memory", name, "--options", json.dumps(options)]
    command += ["--threads", str(threads)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(answer.splitlines()[-1])
    return found


def interleaved(
    steps: Mapping[str, Callable[[], tuple[float, float]]], rounds: int
) -> dict[str, list[tuple[float, float]]]:
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


def write(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """The table so far: an interrupted benchmark keeps what it measured."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)))
        writer.writeheader()
        writer.writerows(rows)
