"""Files of every kind of data run in onnxruntime or PyTorch alone and answer as their models, at other sizes too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ccnn_pc.export import Program, check, deviation, program_of, write_program
from ccnn_pc.models import create_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
SIZES: dict[str, Any] = {"in_channels": 2, "num_classes": 3}
#: Kind of data -> a network, and what its file is made of.
KINDS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "cloud": ("ccnn_4_16", {"dim": 3, "num_neighbors": 6, "pool": "mean+max"}, {"num_points": 60}),
    "cloud, table": ("ccnn_4_16", {"dim": 3, "num_neighbors": 6}, {"num_points": 60, "neighbors": "input"}),
    "tile": ("ccnn_unet_tiny", {"dim": 3, "num_neighbors": 6, "point_spacing": 0.2}, {"num_points": 60}),
    "tile, table": (
        "ccnn_unet_tiny",
        {"dim": 3, "num_neighbors": 6, "point_spacing": 0.2},
        {"num_points": 60, "neighbors": "input"},
    ),
    "sequence": ("ckcnn_2_10", {"dim": 1, "shape": (20,)}, {}),
    "stamps": (
        "ccnn_4_16",
        {"dim": 1, "shape": (20,), "series_interpolation": "none"},
        {"stamps": True, "num_points": 30},
    ),
    "image": ("ccnn_4_16", {"dim": 2, "shape": (8, 8)}, {}),
    "image, small layers": ("smpnet_resnet_7", {"dim": 2, "shape": (8, 8)}, {}),
    "volume": ("ccnn_4_16", {"dim": 3, "shape": (6, 5, 4), "pool": None}, {}),
}


@pytest.mark.parametrize("file_format", ["onnx", "pt2"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_answers_as_its_model(kind: str, file_format: str, tmp_path: Path) -> None:
    if file_format == "onnx":
        pytest.importorskip("onnxscript")
        pytest.importorskip("onnxruntime")
    name, words, options = KINDS[kind]
    torch.manual_seed(0)
    program = program_of(create_model(name, **SIZES, **words), **options)
    path = write_program(program, tmp_path / f"model.{file_format}", file_format)
    assert deviation(program, path, file_format) < 1e-5


ALONE = {
    "onnx": """
import sys, numpy, onnxruntime
given = dict(numpy.load(sys.argv[2]))
answers = onnxruntime.InferenceSession(sys.argv[1]).run(None, given)[0]
""",
    "pt2": """
import sys, numpy, torch
given = [torch.from_numpy(each) for each in numpy.load(sys.argv[2]).values()]
answers = torch.export.load(sys.argv[1]).module()(*given).detach().numpy()
""",
}


@pytest.mark.parametrize("file_format", ["onnx", "pt2"])
def test_a_file_needs_nothing_of_this_library(file_format: str, tmp_path: Path) -> None:
    if file_format == "onnx":
        pytest.importorskip("onnxscript")
        pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    program = program_of(create_model("ccnn_4_16", dim=3, num_neighbors=6, **SIZES), num_points=40)
    path = write_program(program, tmp_path / f"model.{file_format}", file_format)
    given = program.make(1)
    np.savez(tmp_path / "given.npz", **{name: value.numpy() for name, value in given.items()})  # type: ignore[arg-type]
    code = ALONE[file_format] + "assert 'ccnn_pc' not in sys.modules\nnumpy.save(sys.argv[3], answers)\n"
    words = [sys.executable, "-I", "-c", code, path.name, "given.npz", "answers.npy"]
    subprocess.run(words, cwd=tmp_path, check=True)
    with torch.no_grad():
        wanted = program.reference(given).numpy()
    assert np.abs(np.load(tmp_path / "answers.npy") - wanted).max() < 1e-5 * np.abs(wanted).max()


#: Large enough for threads of onnxruntime to share the work out.
REPEATED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, tuple[int, ...]]]] = {
    "sequence": ({"dim": 1, "shape": (20,)}, {}, {"x": (4, 2, 8000)}),
    "image": ({"dim": 2, "shape": (6, 6)}, {}, {"x": (4, 2, 80, 80)}),
    "volume": ({"dim": 3, "shape": (4, 4, 4)}, {}, {"x": (4, 2, 20, 20, 20)}),
    "cloud": ({"dim": 3, "num_neighbors": 6, "pool": "mean+max"}, {"num_points": 500}, {}),
}


@pytest.mark.parametrize("kind", REPEATED)
def test_a_file_answers_alike_every_time(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    ort = pytest.importorskip("onnxruntime")
    words, options, shapes = REPEATED[kind]
    torch.manual_seed(0)
    program = program_of(create_model("ccnn_4_16", **SIZES, **words), **options)
    path = write_program(program, tmp_path / "model.onnx", "onnx")
    given = {name: value.numpy() for name, value in program.make(0).items()}
    given |= {name: torch.randn(shape).numpy() for name, shape in shapes.items()}
    threads = ort.SessionOptions()
    threads.intra_op_num_threads = 4
    session = ort.InferenceSession(str(path), threads, providers=["CPUExecutionProvider"])
    first, *others = [session.run(None, given)[0] for _ in range(10)]
    assert all(np.array_equal(first, other) for other in others)
    with torch.no_grad():
        wanted = program.reference({name: torch.from_numpy(value) for name, value in given.items()}).numpy()
    assert np.abs(first - wanted).max() < 1e-5 * np.abs(wanted).max()


class _RowSums(torch.nn.Module):
    def forward(self, x: Tensor, row: Tensor) -> Tensor:
        return x.new_zeros(2, 3).index_add(0, row, x)


def test_sums_that_threads_lose_are_not_written(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    given = {"x": torch.rand(5, 3), "row": torch.tensor([0, 1, 1, 0, 1])}
    program = Program(_RowSums(), given, {"x": {}, "row": {}}, lambda seed: given, lambda each: each["x"])
    with pytest.raises(TypeError, match="ScatterND.*--format pt2"):
        write_program(program, tmp_path / "sums.onnx", "onnx")
    assert not list(tmp_path.iterdir())


def test_deviation_is_the_worst_of_all_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    one = torch.ones(2)
    program = Program(_RowSums(), {}, {}, lambda seed: {}, lambda given: one)
    calls = iter([one, one, one, one, one + 1e-3 * one, one, one])
    monkeypatch.setattr(check, "runner", lambda *_: lambda given: next(calls))
    assert deviation(program, Path("x"), "onnx", sizes=1) == pytest.approx(1e-3, rel=1e-3)  # the fifth call
    assert deviation(program, Path("x"), "onnx", sizes=1, calls=2) == 0
    monkeypatch.setattr(check, "runner", lambda *_: lambda given: one * torch.nan)
    assert np.isnan(deviation(program, Path("x"), "onnx"))
