"""What a user's own project brings: modules that register things, a folder of configuration files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path


def own_words(words: Sequence[str], folders: Sequence[Path] = ()) -> list[str]:
    """Import the modules of ``import=NAME,…`` and use the folders of configuration files; the other words are left.

    Modules are looked for in the working folder and beside the folders.

    Raises:
        ValueError: no module of that name, or no such folder.

    Example:
        >>> own_words(["import=math,json", "seed=1"])
        ['seed=1']
    """
    from ccnn_pc.cli.app import import_modules

    for folder in folders:
        from ccnn_pc.cli.compose import use_config_folder

        use_config_folder(folder)
        if (beside := str(folder.resolve().parent)) not in sys.path:
            sys.path.insert(0, beside)
    named = [word.partition("=")[2] for word in words if word.startswith("import=")]
    import_modules([f"--import={names}" for names in named])
    return [word for word in words if not word.startswith("import=")]
