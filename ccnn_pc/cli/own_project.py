"""What a user's own project brings: modules that register things, a folder of configuration files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

_IMPORT = "import="


def own_words(words: Sequence[str], folders: Sequence[Path] = ()) -> list[str]:
    """Import the modules of ``import=NAME,…`` and use the folders of configuration files; the other words are left.

    Modules are looked for in the working folder and beside the folders.

    Raises:
        ValueError: no module of that name, or no such folder.

    Example:
        >>> own_words(["import=math,json", "seed=1"])
        ['seed=1']
    """
    from ccnn_pc.cli.app import import_named

    for folder in folders:
        from ccnn_pc.cli.compose import use_config_folder

        use_config_folder(folder)
    for word in words:
        if word.startswith(_IMPORT):
            import_named(word.removeprefix(_IMPORT), "import")
    return [word for word in words if not word.startswith(_IMPORT)]


def again() -> list[str]:
    """The option and words that bring the same project to another command."""
    from ccnn_pc.cli.app import IMPORTED
    from ccnn_pc.cli.compose import config_folders

    here, modules = Path.cwd(), os.environ.get(IMPORTED)
    own = (
        folder.relative_to(here) if folder.is_relative_to(here) else folder
        for folder in config_folders()[:-1]
    )
    return [*(f"--config-dir={folder}" for folder in own), *([f"{_IMPORT}{modules}"] if modules else ())]
