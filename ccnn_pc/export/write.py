"""Programs to files."""

from __future__ import annotations

import contextlib
import inspect
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from ccnn_pc._choices import choice
from ccnn_pc._files import written_whole
from ccnn_pc._optional import require
from ccnn_pc._quiet import only_errors
from ccnn_pc.export.plain import decompositions, foreign_nodes, unsafe_sums
from ccnn_pc.export.program import FileFormat, Program

#: What ONNX files say they need; onnxruntime 1.16 and later have it.
OPSET = 18


def exported(program: Program) -> Any:
    """A program as PyTorch's graph of its own operators, :class:`torch.export.ExportedProgram`.

    Raises:
        TypeError: something in the network has no such operators.
    """
    shapes: Any = tuple(program.dynamic.values())
    parameters = inspect.signature(program.module.forward).parameters.values()
    variadic = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    with torch.no_grad(), _quietly(), _reason():
        graph = torch.export.export(
            program.module,
            tuple(program.inputs.values()),
            dynamic_shapes=(shapes,) if variadic else shapes,
            strict=True,  # lengths stay symbols
        ).run_decompositions(decompositions())
    if left := foreign_nodes(graph.graph):
        raise TypeError(f"'model' must be made of PyTorch's operators to be exported (got {', '.join(left)})")
    return graph


def write_program(program: Program, path: Path, file_format: FileFormat | str) -> Path:
    """Write a file that runs without this library.

    Args:
        program: what it computes.
        path: where to; replaced when all is written.
        file_format: ONNX or PT2.

    Raises:
        ImportError: onnx or onnxscript is missing.
        TypeError: something in the network cannot be written, and why.
        OSError: the place cannot be written.
    """
    kind = choice("format", file_format, FileFormat)
    graph = exported(program)
    with written_whole(path) as hidden:
        if kind is FileFormat.PT2:
            content = io.BytesIO()
            torch.export.save(graph, content)
            hidden.write_bytes(content.getvalue())
        else:
            _write_onnx(graph, program, hidden)
    return path


def _write_onnx(graph: Any, program: Program, path: Path) -> None:
    require("onnx", extra="export", purpose="to write ONNX files")
    require("onnxscript", extra="export", purpose="to write ONNX files")
    with torch.no_grad(), _quietly(), _reason():
        made = torch.onnx.export(
            graph,
            tuple(program.inputs.values()),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(program.inputs),
            output_names=[program.output],
        )
        if unsafe := unsafe_sums(made.model.graph.all_nodes()):  # type: ignore[union-attr]
            raise TypeError(
                "'model' must be made of sums that threads of onnxruntime add up without losses (got "
                f"{', '.join(unsafe)}): write it with --format pt2"
            )
        made.save(str(path), external_data=False)  # type: ignore[union-attr]


@contextlib.contextmanager
def _reason() -> Iterator[None]:
    """What PyTorch cannot write, in one line.

    Raises:
        TypeError: its first line.
    """
    from torch._dynamo.exc import TorchDynamoException
    from torch.onnx.errors import OnnxExporterError

    try:
        yield
    except (TorchDynamoException, OnnxExporterError) as error:
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise TypeError(f"'model' must be made of what PyTorch can export (got: {first.strip()})") from error


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without what PyTorch's exporters say of themselves."""
    silent = only_errors("torch.onnx", "onnxscript", "onnx_ir", "torch.export")
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), silent:
        warnings.simplefilter("ignore")
        yield
