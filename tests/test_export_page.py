"""docs/export.md: its command writes a file, and its function reads shapes with that file as the model does."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.cli.app import main
from ccnn_pc.datasets import PointCloudData
from ccnn_pc.models import from_pretrained
from tests.test_readme import FENCE, ROOT

PAGE = ROOT / "docs" / "export.md"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {"__name__": "page"}
    for block in FENCE.finditer(PAGE.read_text(encoding="utf-8")):
        if block["info"] == "python":
            exec(compile(block["code"], str(PAGE), "exec"), space)
        for line in block["code"].splitlines() if block["info"] == "bash" else ():
            with pytest.raises(SystemExit) as left:
                main(shlex.split(line)[1:])
            assert left.value.code == 0
    random = np.random.default_rng(0)
    points = random.normal(size=(1024, 3)) * [1.0, 2.0, 0.5]
    normals = points / np.linalg.norm(points, axis=1, keepdims=True)
    model = from_pretrained("ccnn_tiny-modelnet10")
    pos, normal = torch.from_numpy(points).float(), torch.from_numpy(normals).float()
    data = model.transform()(PointCloudData(pos=pos, normal=normal))  # evenly spread ones among them
    found = space["classify"](data.pos.double().numpy(), data.x[:, :3].numpy())
    with torch.no_grad():
        wanted = model(data).numpy()
    assert np.abs(found - wanted).max() < 1e-4 * np.abs(wanted).max()
