"""The notebooks of examples/: run again with their outputs kept, and as pages of the site.

``python -m scripts.site.notebooks`` runs all and writes their outputs; names after it: these alone.
"""

from __future__ import annotations

import base64
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import nbformat

import scripts

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def notebooks() -> list[Path]:
    """All of them, in the order of their names."""
    return sorted((Path(scripts.ROOT) / "examples").glob("*.ipynb"))


def title(notebook: Any) -> str:
    r"""Its first heading.

    Example:
        >>> title(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Own kernel\n\nText.")]))
        'Own kernel'
    """
    return notebook.cells[0].source.splitlines()[0].lstrip("# ")


def page(notebook: Any, name: str) -> tuple[str, dict[str, bytes]]:
    r"""Markdown of a notebook with its outputs, and its pictures by file name.

    Example:
        >>> cell = nbformat.v4.new_code_cell("print(1)", outputs=[nbformat.v4.new_output("stream", text="1\n")])
        >>> print(page(nbformat.v4.new_notebook(cells=[cell]), "x")[0])
        ```python
        print(1)
        ```
        <BLANKLINE>
        ```text
        1
        ```
    """
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        for output in cell.outputs:
            data = output.get("data", {})
            said = output.get("text") or data.get("text/plain", "")
            if "image/png" in data:
                picture = f"{name}_{len(pictures)}.png"
                pictures[picture] = base64.b64decode(data["image/png"])
                parts.append(f"![{cell.source.strip().splitlines()[0].lstrip('# ')}]({picture})")
            elif said:
                parts.append(f"```text\n{ANSI.sub('', said).rstrip()}\n```")
    return "\n\n".join(parts), pictures


def run(notebook: Any, folder: Path) -> None:
    """Execute all cells in ``folder``; outputs are replaced, and nothing of the machine is kept.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raises.
    """
    from nbclient import NotebookClient

    env = os.environ | {"PYTHONPATH": str(scripts.ROOT), "OMP_NUM_THREADS": "1"}
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=600, startup_timeout=300, resources=where).execute(env=env)
    notebook.metadata = {"language_info": {"name": "python"}}
    for cell in notebook.cells:
        cell.metadata = {}
        cell.pop("execution_count", None)
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
            for output in cell.outputs:
                output.pop("metadata", None)
                if output.output_type in ("execute_result", "display_data"):
                    output.metadata = {}
                if "execution_count" in output:
                    output.execution_count = None


def main() -> None:
    import tempfile

    wanted = sys.argv[1:]
    for path in notebooks():
        if wanted and path.stem not in wanted:
            continue
        began = time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory() as folder:
            run(notebook, Path(folder))
        nbformat.write(notebook, path)
        print(f"{path.name}: {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
