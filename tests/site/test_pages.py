"""The built site: links, names, pictures, no other server; and what a reader sees in a browser."""

from __future__ import annotations

import functools
import importlib
import shutil
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from scripts.site import api

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
BROWSER = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Page(HTMLParser):
    """Identifiers and addresses of a page."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag names."""
        found = {key: value for key, value in attrs if value}
        self.ids |= {found[key] for key in ("id", "name") if key in found and tag != "meta"}
        if tag == "a" and "href" in found:
            self.links.add(found["href"])
        if tag in ("img", "script", "iframe") and "src" in found:
            self.loaded.add(found["src"])
        if tag == "link" and "href" in found and found.get("rel") != "canonical":
            self.loaded.add(found["href"])


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """All pages but that of errors, whose addresses count from the root."""
    return {file: Page(file) for file in sorted(site.rglob("*.html")) if file.name != "404.html"}


def test_every_link_leads_somewhere(pages: dict[Path, Page], site: Path) -> None:
    broken = []
    for file, page in pages.items():
        for link in page.links | page.loaded:
            address = urlsplit(link)
            if address.scheme or link.startswith("#__"):
                continue
            target = (file.parent / unquote(address.path)).resolve() if address.path else file
            there = target / "index.html" if target.is_dir() else target
            missing = (
                address.fragment and there in pages and unquote(address.fragment) not in pages[there].ids
            )
            if missing or not there.is_file():
                broken.append(f"{file.relative_to(site)}: {link}")
    assert len(pages) > 50 and broken == []


def test_nothing_comes_from_other_servers(pages: dict[Path, Page]) -> None:
    assert {link for page in pages.values() for link in page.loaded if urlsplit(link).netloc} == set()


def test_every_public_name_is_rendered(pages: dict[Path, Page]) -> None:
    """Each by a heading of its own."""
    ids = set().union(*(page.ids for page in pages.values()))
    paths = api.shown_as()
    for room in (
        "nn",
        "domains",
        "kernels",
        "models",
        "datasets",
        "estimators",
        "export",
        "viz",
        "published",
    ):
        names = importlib.import_module(f"ccnn_pc.{room}").__all__
        assert [name for name in names if paths[name] not in ids] == []


def test_every_formula_is_drawn(site: Path) -> None:
    text = {file: file.read_text(encoding="utf-8") for file in site.rglob("*.html")}
    assert not [file for file, page in text.items() if 'class="arithmatex"' in page or ":math:" in page]
    assert text[site / "api" / "layers.html"].count("<math") > 10


# --- in a browser -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where a server of this machine shows the site."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium of the system."""
    api = pytest.importorskip("playwright.sync_api", reason="the extra `docs` is not installed")
    if BROWSER is None:
        pytest.skip("no browser: on Debian, apt-get install chromium")
    with api.sync_playwright() as player:
        found = player.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield found
        found.close()


class Reader:
    """A tab that notes what goes wrong."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(120_000)  # of a machine that has much to do
        self.tab = self.context.new_page()
        self.faults: list[str] = []
        self.tab.on("pageerror", lambda error: self._fault(f"{self.tab.url}: {error}"))
        self.tab.on("console", lambda said: self._fault(f"{self.tab.url}: {said.text}", said.type == "error"))
        self.tab.on("response", lambda got: self._fault(f"{got.status} {got.url}", got.status >= 400))
        self.tab.on("request", lambda asked: self._local(asked.url, address))

    def _fault(self, what: str, counts: bool = True) -> None:
        if counts:
            self.faults.append(what)

    def _local(self, url: str, address: str) -> None:
        if not url.startswith((address, "data:", "blob:")):
            self.faults.append(f"asks another server: {url}")


def test_pages_have_no_faults_and_fit_a_telephone(
    browser: Any, address: str, site: Path, pages: dict[Path, Page]
) -> None:
    reader = Reader(browser, address, viewport={"width": 390, "height": 800})
    wide = []
    for file in pages:
        reader.tab.goto(f"{address}/{file.relative_to(site).as_posix()}", wait_until="load")
        width, lost = reader.tab.evaluate(
            "() => [document.documentElement.scrollWidth,"
            " [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)]"
        )
        reader.faults += [f"no picture: {picture}" for picture in lost]
        if width > 390:
            wide.append(f"{file.relative_to(site)}: {width}")
    assert reader.faults == [] and wide == []


def test_the_search_finds(browser: Any, address: str) -> None:
    reader = Reader(browser, address, viewport={"width": 1280, "height": 900})
    reader.tab.goto(f"{address}/index.html")
    reader.tab.click("[data-md-component=search-query]")
    reader.tab.keyboard.type("nyquist_omega_0", delay=20)
    result = reader.tab.wait_for_selector(".md-search-result__item a[href*='kernels.html']")
    result.click()
    reader.tab.wait_for_url("**/api/kernels.html**")
    assert "nyquist_omega_0" in reader.tab.inner_text("article") and reader.faults == []


def brightness(reader: Reader, property: str, selector: str) -> float:
    """Mean of red, green and blue of a colour, 0 to 255."""
    colour = reader.tab.evaluate(
        "([s, p]) => { const c = document.createElement('canvas').getContext('2d');"
        " c.fillStyle = getComputedStyle(document.querySelector(s))[p]; c.fillRect(0, 0, 1, 1);"
        " return [...c.getImageData(0, 0, 1, 1).data] }",
        [selector, property],
    )
    return sum(colour[:3]) / 3


def test_dark_and_light(browser: Any, address: str) -> None:
    reader = Reader(browser, address, color_scheme="dark", viewport={"width": 1280, "height": 900})
    reader.tab.goto(f"{address}/layer.html")
    assert reader.tab.get_attribute("body", "data-md-color-scheme") == "slate"
    assert brightness(reader, "backgroundColor", "body") < 60
    assert brightness(reader, "color", "article p") > 120
    reader.tab.click("label.md-header__button[for^=__palette_]:visible")
    reader.tab.wait_for_selector("body[data-md-color-scheme=default]")
    reader.tab.wait_for_timeout(500)  # colours change in a moment, not at once
    assert brightness(reader, "backgroundColor", "body") > 200
    assert brightness(reader, "color", "article p") < 120
    assert reader.faults == []


def test_formulas_have_a_size(browser: Any, address: str) -> None:
    reader = Reader(browser, address)
    reader.tab.goto(f"{address}/api/layers.html")
    sizes = reader.tab.evaluate(
        "() => [...document.querySelectorAll('math')].map(m => m.getBoundingClientRect().height)"
    )
    assert len(sizes) > 10 and min(sizes) > 5 and max(sizes) > 25
