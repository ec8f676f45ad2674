"""Hooks of MkDocs, see mkdocs.yml: pages that docs/ does not hold, links that lead to them, formulas."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
from mkdocs.structure.files import File, Files

import scripts
from scripts.site import notebooks
from scripts.site.api import api_pages
from scripts.site.formulas import with_mathml
from scripts.site.outside import outer_pages, with_site_links


def on_config(config: Any) -> Any:
    """Enter the pages that are made here where the navigation has their titles."""
    made: dict[str, list[Any]] = {
        "API": [{title: path} for path, (title, _) in api_pages().items()],
        "Examples": [f"examples/{path.stem}.md" for path in notebooks.notebooks()],
        "Data set cards": [path for path in outer_pages() if path.startswith("cards/")],
    }
    fill(config.nav, made)
    return config


def fill(entries: list[Any], made: dict[str, list[Any]]) -> None:
    """Put pages under the titles that wait for them."""
    for entry in entries:
        for title, below in entry.items() if isinstance(entry, dict) else ():
            if below == []:
                entry[title] = made[title]
            elif isinstance(below, list):
                fill(below, made)


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made here."""
    pages = {path: text for path, (_, text) in api_pages().items()}
    for path, file in outer_pages().items():
        text = (Path(scripts.ROOT) / file).read_text(encoding="utf-8")
        pages[path] = with_site_links(text, file)
    for notebook in notebooks.notebooks():
        text, pictures = notebooks.page(nbformat.read(notebook, as_version=4), notebook.stem)
        pages[f"examples/{notebook.stem}.md"] = with_site_links(text, f"examples/{notebook.name}")
        for name, picture in pictures.items():
            files.append(File.generated(config, f"examples/{name}", content=picture))
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Lead links to the pages of the site; remarks of code blocks are for tests, and bars in code stand alone."""
    if page.file.generated_by is None:
        markdown = with_site_links(markdown, f"docs/{page.file.src_uri}")
    markdown = re.sub(r"`[^`\n]+`", lambda code: code[0].replace("\\|", "|"), markdown)
    return markdown.replace("```python no-run\n", "```python\n")


def on_page_content(html: str, page: Any, config: Any, files: Files) -> str:
    """Draw formulas."""
    return with_mathml(html)
