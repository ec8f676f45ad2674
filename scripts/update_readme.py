"""Fill the measured and counted parts of README.md and docs/ from results/*.csv, configs/ and the code.

Such a part stands between the lines ``<!-- NAME -->`` and ``<!-- /NAME -->``, NAME one of :data:`BLOCKS`.
What is written there by hand is lost.

    python scripts/update_readme.py            # rewrite the files
    python scripts/update_readme.py --check    # change nothing, exit 1 if a file would change
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import ckconv_table  # beside this script, like the next ones
import image_tables
import modelnet10_tables
import readme_tables as tables
import sequence_tables
import series_tables
import stress_tables
from readme_tables import ROOT

#: See :data:`readme_tables.BLOCKS`.
BLOCKS = {
    **tables.BLOCKS,
    **image_tables.BLOCKS,
    **modelnet10_tables.BLOCKS,
    **sequence_tables.BLOCKS,
    **series_tables.BLOCKS,
    **stress_tables.BLOCKS,
    "results:ckconv": (ckconv_table.results_ckconv, ckconv_table.SOURCE),
}

BLOCK = re.compile(r"<!-- (?P<name>[\w:]+) -->\n(?P<body>.*?)<!-- /(?P=name) -->", re.DOTALL)


def documents() -> list[Path]:
    """Files that may hold blocks."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks_in(text: str) -> dict[str, str]:
    """Name and present content of every block of a document."""
    return {match["name"]: match["body"] for match in BLOCK.finditer(text)}


def body(name: str) -> str:
    """What a block shall hold.

    Raises:
        KeyError: no such block.
    """
    write, source = BLOCKS[name]
    return "\n" + (write() if source is None or tables.rows_of(source) else tables.missing(source)) + "\n\n"


def rendered(text: str) -> str:
    """A document with all of its blocks written anew."""

    def write(match: re.Match[str]) -> str:
        name = match["name"]
        return f"<!-- {name} -->\n{body(name)}<!-- /{name} -->"

    return BLOCK.sub(write, text)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if a file would change")
    check = parser.parse_args().check
    changed = []
    for path in documents():
        before = path.read_text(encoding="utf-8")
        after = rendered(before)
        if after != before:
            changed.append(path.name)
            if not check:
                path.write_text(after, encoding="utf-8")
    print(("to update: " if check else "updated: ") + (", ".join(changed) or "nothing"), file=sys.stderr)
    raise SystemExit(1 if check and changed else 0)


if __name__ == "__main__":
    main()
