"""Fill the measured and counted parts of README.md and docs/ from results/*.csv, configs/ and the code.

Such a part stands between the lines ``<!-- NAME -->`` and ``<!-- /NAME -->``, NAME one of those in tables.yaml.
What is written there by hand is lost.

    python -m scripts.tables.update            # rewrite the files
    python -m scripts.tables.update --check    # change nothing, exit 1 if a file would change
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import scripts
from scripts.tables import words
from scripts.tables.render import Tables, rows_of

TABLES = Tables(Path(__file__).with_name("tables.yaml"), words)
BLOCK = re.compile(r"<!-- (?P<name>[\w:]+) -->\n(?P<body>.*?)<!-- /(?P=name) -->", re.DOTALL)


def documents() -> list[Path]:
    """Files that may hold blocks."""
    return [scripts.ROOT / "README.md", *sorted((scripts.ROOT / "docs").glob("*.md"))]


def blocks_in(text: str) -> dict[str, str]:
    """Name and present content of every block of a document."""
    return {match["name"]: match["body"] for match in BLOCK.finditer(text)}


def body(name: str) -> str:
    """What a block shall hold.

    Raises:
        KeyError: no such block.
    """
    needed = TABLES.source(name)
    if needed is not None and not rows_of(needed):
        text = (
            f"*Not measured yet: this part is written by `scripts/tables/update.py` once `{needed}` exists.*"
        )
    else:
        text = TABLES.text(name)
    return f"\n{text}\n\n"


def rendered(text: str) -> str:
    """A document with all of its blocks written anew."""
    return BLOCK.sub(lambda m: f"<!-- {m['name']} -->\n{body(m['name'])}<!-- /{m['name']} -->", text)


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
