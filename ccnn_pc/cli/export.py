"""``ccnn-pc export``: a trained model as a file that runs without this library."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

#: Of the largest answer: how far a file may be from its model.
TOLERANCE = 1e-5


def export(
    model: Annotated[str, typer.Argument(help="A pretrained model's name, or the folder of a saved model.")],
    file_format: Annotated[
        str, typer.Option("--format", help="onnx (onnxruntime), or pt2 (PyTorch's exported program).")
    ] = "onnx",
    out: Annotated[Path | None, typer.Option(help="The file (default: NAME.onnx or NAME.pt2).")] = None,
    neighbors: Annotated[
        str, typer.Option(help="Of points: graph, searched in the file, or input, a table that is given.")
    ] = "graph",
    stamps: Annotated[
        bool,
        typer.Option("--stamps", help="Of series: values with their times, not at the spacing of training."),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Run the file on inputs of several sizes, beside the model.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON on the last line of stdout.")] = False,
) -> None:
    r"""Write a network with its weights to a file for onnxruntime or PyTorch, in Python and in C++.

    \b
    Examples:
      ccnn-pc export ccnn_tiny-modelnet10 --format onnx --check
      ccnn-pc export runs/my_scenes/latest/model --format onnx --neighbors input --out scenes.onnx
      ccnn-pc export runs/cifar10_tiny/latest/model --format pt2 --out cifar.pt2

    \b
    Inputs of the file, float32 and int64; batches, points and sizes may be any:
      images, volumes, sequences, series at the spacing of training   x [B, C, *S]
      points: sizes [B] points of each cloud, one after the other     x [n, C], pos [n, D], sizes [B]
      U-Nets: positions of every coarser cloud too                    x, pos_0, pos_1 ..., sizes_0, sizes_1 ...
      neighbours as an input: -1 where there are fewer                index [n, k] (U-Nets: a table for each step)
      series with --stamps                                            x [n, C], times [n], sizes [B]
    The output is what the model answers: logits, or numbers. What happens to data before (features, normalisation,
    thinning) is not in the file: docs/export.md shows it.
    --check compares file and model on inputs of two sizes; the status is 1 if they differ by more than 1e-5 of the
    largest answer. What cannot be written says why.
    """
    from ccnn_pc._choices import choice
    from ccnn_pc._files import check_writable_folder
    from ccnn_pc.export import FileFormat, deviation, program_of, write_program
    from ccnn_pc.models import from_pretrained

    kind = choice("format", file_format, FileFormat)
    target = Path(f"{Path(model).name}.{kind.value}") if out is None else out
    if target.suffix != f".{kind.value}":
        raise ValueError(f"'out' must end with .{kind.value} (got {target})")
    check_writable_folder("out", target.parent)
    _say("the network becomes a graph")
    program = program_of(from_pretrained(model), neighbors, stamps=stamps)
    _say(f"the graph becomes {target}")
    write_program(program, target, kind)
    sizes = {
        name: ["any" if axis in program.dynamic[name] else size for axis, size in enumerate(value.shape)]
        for name, value in program.inputs.items()
    }
    if check:
        _say("file and model answer inputs of two sizes")
    away = deviation(program, target, kind) if check else None
    if as_json:
        print(json.dumps({"out": str(target), "format": kind.value, "inputs": sizes, "deviation": away}))
    else:
        print(f"{target}: " + ", ".join(f"{name} {shape}".replace("'", "") for name, shape in sizes.items()))
        if away is not None:
            print(f"checked: differs from the model by at most {away:.1e} of the largest answer")
    if away is not None and not away <= TOLERANCE:
        raise typer.Exit(1)


def _say(step: str) -> None:
    """What is done now: graphs of large networks take minutes."""
    print(f"export: {step} ...", file=sys.stderr, flush=True)
