"""Sources of the site: every page, room and formula has its place. No build."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

import ccnn_pc
from scripts.site import api, outside
from tests.test_readme import ROOT

#: Rooms that users do not call: their public names are those of other rooms, or the command line.
INNER = {"cli", "native"}


class Loader(yaml.SafeLoader):
    """Takes tags that name Python objects as plain values."""


Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda loader, tag, node: tag)
SETTINGS: dict[str, Any] = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)  # noqa: S506


def leaves(entry: Any) -> Iterator[str]:
    """Pages of a part of the navigation."""
    if isinstance(entry, str):
        yield entry
    for below in entry.values() if isinstance(entry, dict) else entry if isinstance(entry, list) else ():
        yield from leaves(below)


def test_every_page_is_in_the_navigation_once() -> None:
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} | {"changelog.md"}
    named = [page for page in leaves(SETTINGS["nav"]) if not page.startswith("examples/")]
    assert sorted(named) == sorted(pages), "a new page of docs/ needs a place in `nav` of mkdocs.yml"


def test_nothing_is_fetched_from_other_servers() -> None:
    assert SETTINGS["theme"]["font"] is False and SETTINGS["strict"] is True
    assert "extra_javascript" not in SETTINGS and "repo_url" not in SETTINGS


def test_every_exporting_room_has_a_page() -> None:
    shown = {f"ccnn_pc.{room}" for _, exporting, whole in api.PAGES.values() for room in (*exporting, *whole)}
    for room in pkgutil.iter_modules(ccnn_pc.__path__):
        if room.ispkg and not room.name.startswith("_") and room.name not in INNER | {"configs"}:
            assert f"ccnn_pc.{room.name}" in shown, f"give ccnn_pc.{room.name} a page in scripts/site/api.py"


def test_every_exported_name_is_on_a_page() -> None:
    on_pages = {
        line[4:] for _, text in api.api_pages().values() for line in text.splitlines() if line[:4] == "::: "
    }
    names = {path.rsplit(".", 1)[1] for path in on_pages}
    for package in (
        "",
        ".domains",
        ".nn",
        ".models",
        ".kernels",
        ".datasets",
        ".estimators",
        ".export",
        ".viz",
    ):
        assert set(importlib.import_module(f"ccnn_pc{package}").__all__) <= names, package
    assert {
        "ccnn_pc.nn.ContinuousConv",
        "ccnn_pc.datasets.tables.LongCSV",
        "ccnn_pc.training.optim",
    } <= on_pages


@pytest.mark.parametrize("module", ["outside", "api", "formulas", "docstrings", "notebooks"])
def test_examples_of_the_scripts_run(module: str) -> None:
    for needed in ("griffe", "latex2mathml", "nbformat"):
        pytest.importorskip(needed, reason="the extra `docs` is not installed")
    result = doctest.testmod(importlib.import_module(f"scripts.site.{module}"), optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0 == result.failed


def test_links_out_of_the_docs_lead_to_pages_of_the_site() -> None:
    for page in (ROOT / "docs").glob("*.md"):
        text = outside.with_site_links(page.read_text(encoding="utf-8"), f"docs/{page.name}")
        assert "](../" not in text, page.name
