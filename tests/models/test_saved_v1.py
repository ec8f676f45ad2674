"""Folders that version 1 of the format wrote, flat words and all, load and answer as they did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from ccnn_pc.models import from_pretrained, save_pretrained

SAVED = Path(__file__).parent / "saved_v1"


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def given(name: str) -> Data | Tensor:
    """What the stored answers belong to."""
    if name == "ccnn_cloud":
        g = seeded(3)
        items = [
            Data(x=torch.rand(n, 6, generator=g), pos=2 * torch.rand(n, 3, generator=g) - 1)
            for n in (150, 100)
        ]
        return Batch.from_data_list(items)
    if name == "ccnn_series":
        g = seeded(4)
        items = [
            Data(x=torch.rand(n, 3, generator=g), times=torch.rand(n, generator=g).sort().values * 30)
            for n in (40, 25)
        ]
        return Batch.from_data_list(items)
    return torch.rand(2, 3, *((60,) if name == "ckcnn" else (16, 16)), generator=seeded(5))


@pytest.mark.parametrize("name", sorted(path.name for path in SAVED.iterdir()))
def test_folders_of_version_1(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert json.loads((SAVED / name / "config.json").read_text())["format_version"] == 1
    expected = torch.tensor(json.loads((SAVED / name / "answers.json").read_text()))
    model = from_pretrained(SAVED / name)
    with torch.no_grad():
        with monkeypatch.context() as patch:  # as they were saved: by operators of torch
            patch.setenv("CCNN_PC_NATIVE", "0")
            torch.testing.assert_close(model(given(name)), expected, atol=1e-6, rtol=2e-6)
        found = model(given(name))
        assert float((found - expected).abs().max() / expected.abs().max()) < 1e-5
        again = from_pretrained(save_pretrained(model, tmp_path))
        assert torch.equal(again(given(name)), found)
    stored = json.loads((tmp_path / "config.json").read_text())
    assert stored["format_version"] == 2
    assert {"name", "geometry", "kernel", "window", "options", "reading"} <= set(stored["model"])
