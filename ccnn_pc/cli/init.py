"""``ccnn-pc init``: a small project of one's own, with what it takes to train."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(help="The project: a new folder, or an empty one.")],
) -> None:
    """Write a small project: an experiment, a data set, a kernel, a loss, a test.

    \b
    Examples:
      ccnn-pc init my_project
      cd my_project && ccnn-pc train --config-dir conf import=my_project experiment=mine

    The files are short, and each is the place for one thing of your own; README.md in it says which.
    """  # noqa: D301
    for path in write_project(folder):
        print(f"written: {path}", file=sys.stderr)
    print(
        f"next:\n  cd {folder}\n  ccnn-pc train --config-dir conf import=my_project experiment=mine",
        file=sys.stderr,
    )


def write_project(folder: Path) -> list[Path]:
    """Write the files of the project into a folder; all of them or none.

    Returns:
        the files.

    Raises:
        ValueError: the folder holds something.
    """
    from ccnn_pc._files import written_whole

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"'folder' must be new or empty (got '{folder}', which holds something)")
    source = Path(__file__).resolve().parent / "project"
    files = {path.relative_to(source): path.read_text("utf-8") for path in source.rglob("*.txt")}
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.is_dir():
        folder.rmdir()
    with written_whole(folder, folder=True) as hidden:
        for way, text in files.items():
            target = hidden / way.with_suffix("")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    return sorted(folder / way.with_suffix("") for way in files)
