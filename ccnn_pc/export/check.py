"""Whether a file computes what its model does."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ccnn_pc._choices import choice
from ccnn_pc._optional import require
from ccnn_pc.domains.points.coverage import NeighborhoodWarning
from ccnn_pc.export.program import FileFormat, Program
from ccnn_pc.models.shift.outside import SamplingWarning

Run = Callable[[Mapping[str, Tensor]], Tensor]


def runner(path: Path, file_format: FileFormat | str) -> Run:
    """What runs a file: onnxruntime on a CPU, or PyTorch.

    Raises:
        ImportError: onnxruntime is missing.
    """
    if choice("format", file_format, FileFormat) is FileFormat.PT2:
        module: Any = torch.export.load(path).module()
        return lambda given: module(*given.values())
    ort = require("onnxruntime", extra="export", purpose="to run ONNX files")
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda given: torch.from_numpy(
        session.run(None, {name: value.numpy() for name, value in given.items()})[0]
    )


def deviation(
    program: Program, path: Path, file_format: FileFormat | str, sizes: int = 2, calls: int = 5
) -> float:
    """The largest difference of a file's answers to the model's, over the largest answer; NaN where either has one.

    The same input is read several times: threads that disturb each other do so in some calls only.

    Args:
        program: of the model, with inputs of other sizes than those that it was written with.
        path: the file.
        file_format: of it.
        sizes: how many inputs, each of other sizes.
        calls: how often each is read.
    """
    run, away = runner(path, file_format), []
    for seed in range(sizes):
        given = program.make(seed)
        with torch.no_grad(), warnings.catch_warnings():
            for kind in (
                NeighborhoodWarning,
                SamplingWarning,
            ):  # numbers drawn here are no data of the training
                warnings.simplefilter("ignore", kind)
            wanted, answers = program.reference(given), [run(given) for _ in range(calls)]
        for found in answers:
            if wanted.shape != found.shape:
                raise ValueError(
                    f"answers must have shape {list(wanted.shape)} (got {list(found.shape)} from '{path}')"
                )
            away.append((wanted - found).abs().max() / wanted.abs().max())
    return float(torch.stack(away).max())
