"""What a result was made with."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import ccnn_pc

PACKAGES = ("torch", "torch-geometric", "lightning", "numpy", "scipy")


def git_commit() -> str:
    """Return the commit of the source tree in use, with ``+`` if files were changed; "" if unknown."""
    folder = Path(ccnn_pc.__file__).resolve().parent.parent
    if not (folder / ".git").exists():
        return ""
    try:
        commit = _git(folder, "rev-parse", "--short=12", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return ""
    return commit + ("+" if changed else "")


def library_versions() -> str:
    """Return the versions of Python and of the libraries that decide the numbers, as one line."""
    found = [f"python {platform.python_version()}", f"ccnn-pc {ccnn_pc.__version__}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return "; ".join(found)


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True, timeout=10
    )
    return done.stdout.strip()
