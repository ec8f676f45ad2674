"""Notebooks of examples/: all cells run, on what they make themselves; what they show is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_readme import ROOT

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def test_there_are_six_with_their_pictures() -> None:
    nbformat = pytest.importorskip("nbformat", reason="the extra `docs` is not installed")
    from scripts.site import notebooks

    assert len(NOTEBOOKS) == 6
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        text, pictures = notebooks.page(notebook, path.stem)
        assert pictures and text.startswith("# "), f"run python -m scripts.site.notebooks {path.stem}"
        assert path.stat().st_size < 300_000


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_all_cells_run(path: Path, tmp_path: Path) -> None:
    pytest.importorskip("nbclient", reason="the extra `docs` is not installed")
    pytest.importorskip("ipykernel", reason="the extra `docs` is not installed")
    import nbformat

    from scripts.site import notebooks

    notebook = nbformat.read(path, as_version=4)
    notebooks.run(notebook, tmp_path)
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in shown)
