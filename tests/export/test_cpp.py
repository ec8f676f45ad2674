"""The C++ of docs/export.md is compiled, and answers as the model does, for ONNX and for compiled pt2 files."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from ccnn_pc.export import program_of, write_program
from ccnn_pc.models import create_model
from tests.test_readme import ROOT, fences

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
COMPILER = shutil.which("c++") or shutil.which("g++")
ONNX, PT2 = (code for _, _, code in fences(ROOT / "docs" / "export.md", "cpp"))
READ = """
#include <cstdio>
#include <fstream>
#include <vector>
std::vector<float> numbers(const char* path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  std::vector<float> found(static_cast<size_t>(in.tellg()) / sizeof(float));
  in.seekg(0);
  in.read(reinterpret_cast<char*>(found.data()), static_cast<std::streamsize>(found.size() * sizeof(float)));
  return found;
}
"""
MAIN = {
    "onnx": """
int main() {
  Ort::Env env;
  Ort::Session session(env, "model.onnx", Ort::SessionOptions{});
  auto x = numbers("x.bin"), pos = numbers("pos.bin");
  for (float each : answers(session, x, pos, 2)) std::printf("%.9g\\n", each);
}
""",
    "pt2": """
int main() {
  torch::inductor::AOTIModelPackageLoader model("compiled.pt2");
  auto x = numbers("x.bin"), pos = numbers("pos.bin");
  const int64_t n = static_cast<int64_t>(pos.size()) / 3;
  auto found = answers(model, at::from_blob(x.data(), {n, 2}), at::from_blob(pos.data(), {n, 3})).contiguous();
  for (int64_t each = 0; each < found.numel(); ++each) std::printf("%.9g\\n", found.data_ptr<float>()[each]);
}
""",
}


def write_model(tmp_path: Path, file_format: str) -> np.ndarray:
    """Answers of a model for one cloud; its file and inputs are written."""
    torch.manual_seed(0)
    model = create_model("ccnn_4_16", dim=3, num_neighbors=6, in_channels=2, num_classes=3).eval()
    program = program_of(model, num_points=40)
    given = {"x": torch.randn(57, 2), "pos": torch.rand(57, 3), "sizes": torch.tensor([57])}
    for name in ("x", "pos"):
        given[name].numpy().tofile(tmp_path / f"{name}.bin")
    with torch.no_grad():
        answers = program.reference(given).numpy().ravel()
    write_program(program, tmp_path / f"model.{file_format}", file_format)
    return np.asarray(answers)


def _onnx_headers() -> Path | None:
    """Folder of onnxruntime's headers, which are not in its wheel."""
    places = [
        os.environ.get("ONNXRUNTIME_INCLUDE", ""),
        "/usr/include/onnxruntime",
        "/usr/local/include/onnxruntime",
    ]
    return next(
        (Path(each) for each in places if each and (Path(each) / "onnxruntime_cxx_api.h").exists()), None
    )


def answered(folder: Path, code: str, *words: str) -> np.ndarray:
    """What a program in C++ prints."""
    (folder / "main.cpp").write_text(code)
    subprocess.run([str(COMPILER), "main.cpp", *words, "-o", "main"], cwd=folder, check=True)
    found = subprocess.run(["./main"], cwd=folder, check=True, capture_output=True, text=True)
    return np.array(found.stdout.split(), dtype=np.float64)


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
@pytest.mark.skipif(
    _onnx_headers() is None, reason="ONNXRUNTIME_INCLUDE must be the folder of onnxruntime_cxx_api.h"
)
def test_onnx(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    ort = pytest.importorskip("onnxruntime")
    (library,) = (Path(ort.__file__).parent / "capi").glob("libonnxruntime.so.*")
    (tmp_path / "libonnxruntime.so.1").symlink_to(library)  # the name that programs ask for
    words = ["-std=c++17", f"-I{_onnx_headers()}", "libonnxruntime.so.1", f"-Wl,-rpath,{tmp_path}"]
    wanted = write_model(tmp_path, "onnx")
    found = answered(tmp_path, ONNX + READ + MAIN["onnx"], *words)
    assert np.abs(found - wanted).max() < 1e-5 * np.abs(wanted).max()


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
def test_pt2(tmp_path: Path) -> None:
    place = Path(torch.__file__).parent
    if not (place / "include" / "torch" / "csrc" / "inductor").exists():
        pytest.skip("this PyTorch comes without headers")
    wanted = write_model(tmp_path, "pt2")
    torch._inductor.aoti_compile_and_package(
        torch.export.load(tmp_path / "model.pt2"), package_path=str(tmp_path / "compiled.pt2")
    )
    words = ["-std=c++20", *(f"-I{place / 'include' / more}" for more in ("", "torch/csrc/api/include"))]
    words += [f"-L{place / 'lib'}", f"-Wl,-rpath,{place / 'lib'}", "-ltorch", "-ltorch_cpu", "-lc10"]
    found = answered(tmp_path, PT2 + READ + MAIN["pt2"], *words)
    assert np.abs(found - wanted).max() < 1e-5 * np.abs(wanted).max()
