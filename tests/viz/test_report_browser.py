"""A page in a browser: its script runs, clouds are painted, light and dark, and a click on the confusions chooses."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import image

from ccnn_pc.datasets import PointCloudData
from ccnn_pc.viz.report import Card, Page, Section, Told, confusion_section, draw_item, write_page

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)
pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="needs a browser: chromium or google-chrome is not installed"),
    pytest.mark.slow,
]
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *(
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--virtual-time-budget=2000",
    ),
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clouds, one of them half wrong, below a table of confusions."""
    pos = torch.rand(400, 3, generator=torch.Generator().manual_seed(0))
    said, truth = np.zeros(400, int), (np.arange(400) % 2)
    cloud = PointCloudData(pos=pos)
    drawings = [draw_item(cloud), draw_item(cloud, Told(["a", "b"], said, truth))]
    cards = [
        Card(each, "cloud", truth=name, said="b") for each, name in zip(drawings, "ab", strict=True) if each
    ]
    sections = [
        confusion_section(np.array([[3, 1], [0, 4]]), ["a", "b"], chooses=True),
        Section("Clouds", cards=cards),
    ]
    return write_page(Page("page", sections), tmp_path_factory.mktemp("pages") / "page.html")


def browse(tmp_path: Path, page: Path, *flags: str) -> str:
    words = [str(BROWSER), *FLAGS, f"--user-data-dir={tmp_path / 'browser'}", *flags, page.as_uri()]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=True).stdout


def test_the_script_runs(page: Path, tmp_path: Path) -> None:
    text = browse(tmp_path, page, "--dump-dom")
    assert text.count('<button aria-pressed="true"') == 1 and text.count('<button aria-pressed="false"') == 2
    assert "</i>a</span>" in text and "not known</span>" not in text  # the legend of what is seen


@pytest.mark.parametrize("dark", [False, True])
def test_clouds_are_painted(page: Path, tmp_path: Path, dark: bool) -> None:
    shot = tmp_path / "page.png"
    flags = [f"--screenshot={shot}", "--window-size=900,900", *(["--force-dark-mode"] if dark else [])]
    browse(tmp_path, page, *flags)
    pixels = image.imread(shot)[..., :3]
    assert (pixels[-5:].mean() < 0.3) == dark
    spread = pixels.max(axis=2) - pixels.min(axis=2)
    assert float((spread > 0.25).mean()) > 0.01  # points have colours, paper and text have none


def test_a_click_chooses_pictures(page: Path, tmp_path: Path) -> None:
    clicked = tmp_path / "clicked.html"
    click = '<script>document.querySelector("td.some:not(.hit)").click();</script></body>'
    clicked.write_text(page.read_text().replace("</body>", click))
    text = browse(tmp_path, clicked, "--dump-dom")
    shown = [part for part in text.split("<figure")[1:] if 'hidden=""' not in part.split(">")[0]]
    assert len(shown) == 1 and 'data-true="a"' in shown[0]
