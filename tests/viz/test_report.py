"""Pages: nothing outside of them, nothing unescaped, never too large; numbers of charts, clouds and calibration."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from markupsafe import Markup
from torchmetrics.classification import MulticlassCalibrationError

from ccnn_pc.datasets import PointCloudData
from ccnn_pc.datasets.common.grid_data import GridData
from ccnn_pc.datasets.series.data import SeriesData
from ccnn_pc.models import create_model
from ccnn_pc.viz.report import (
    Calibration,
    Card,
    Figure,
    Page,
    Section,
    Told,
    calibration_section,
    classes_section,
    confusion_section,
    curves_section,
    draw_item,
    free_place,
    identity,
    kernels_section,
    numbers_section,
    repeat_section,
    write_page,
)
from ccnn_pc.viz.report.charts import Axis, Line, chart, nice_ticks
from ccnn_pc.viz.report.clouds import class_view, number_view, turning_cloud
from tests.pages import Reader, clouds_of, read_page

EVIL = '<script>alert("1")</script>\'&{{ x }}'


def test_no_text_becomes_markup(tmp_path: Path) -> None:
    """Names of classes, files and settings are text wherever they stand."""
    names = [EVIL, "</style>", "b"]
    cloud = draw_item(PointCloudData(pos=torch.rand(5, 3)), Told(names, np.zeros(5, int), np.ones(5, int)))
    assert cloud is not None
    metrics = tmp_path / "metrics.csv"
    metrics.write_text(
        f'epoch,val/loss,"window/{EVIL.replace(chr(34), chr(34) * 2)}.window"\n0,1.0,0.5\n1,0.5,0.4\n'
    )
    report = {EVIL: {"n": 3, "found": 0.5, "right": None, "mistaken_for": EVIL}}
    sections = [
        curves_section(metrics),
        confusion_section(np.ones((3, 3), int), names),
        classes_section(report),
        numbers_section(np.zeros((2, 1)), np.ones((2, 1)), [EVIL]),
        Section(EVIL, about=EVIL, cards=[Card(cloud, EVIL, EVIL, "wrong", EVIL, EVIL)]),
        repeat_section(["train", EVIL], pairs={EVIL: EVIL}, config=EVIL),
    ]
    out = write_page(
        Page(EVIL, sections, kind=EVIL, subtitle=EVIL, figures=[Figure(EVIL, EVIL, EVIL)], date=EVIL),
        tmp_path / "page.html",
    )
    text, page = out.read_text(), read_page(out)
    assert text.count("<script>") == 1 and "alert" in page.text
    assert len(page.all_of("script")) == len(page.all_of("style")) == 1
    (told,) = clouds_of(page)
    assert told["views"][0]["names"][0] == EVIL
    cells = [cell for cell in page.all_of("td", "some") if cell["data-true"] == EVIL]
    assert len(cells) == 3 and cells[0]["data-said"] == EVIL


def test_a_page_is_never_too_large(tmp_path: Path) -> None:
    """Pictures are left out, the last first and where most are; a line says how many."""
    few = [Card(Markup("<p>" + 40_000 * "x" + "</p>"), f"few {i}") for i in range(2)]
    many = [Card(Markup("<p>" + 40_000 * "y" + "</p>"), f"many {i}") for i in range(20)]
    page = Page("large", [Section("few", cards=few), Section("many", cards=many)])
    out = write_page(page, tmp_path / "page.html", most=400_000)
    text = read_page(out).text
    assert 300_000 < out.stat().st_size <= 400_000
    assert "few 0" in text and "few 1" in text and "many 0" in text and "many 19" not in text
    left = sum(f"many {i} " not in f"{text} " for i in range(20))
    assert f"{left} of 20 pictures are left out: a page has at most 0.4 MB." in text
    whole = read_page(write_page(page, tmp_path / "whole.html")).text
    assert "left out" not in whole and "many 19" in whole
    with pytest.raises(ValueError, match="'page' must fit into 1000 bytes"):
        write_page(page, tmp_path / "none.html", most=1000)
    assert not (tmp_path / "none.html").exists()


def test_a_file_of_another_kind_stays(tmp_path: Path) -> None:
    mine = tmp_path / "report.html"
    mine.write_text("<html>my own page</html>")
    with pytest.raises(ValueError, match="'out' must be a new file or a page of ccnn-pc"):
        write_page(Page("a", []), mine)
    assert mine.read_text() == "<html>my own page</html>"
    other = free_place(mine)
    assert other.name == "report_2.html" and write_page(Page("a", []), other) == other
    write_page(Page("b", []), other)  # a page of ours is replaced
    assert "<title>b</title>" in other.read_text() and free_place(mine) == other
    ours = write_page(Page("c", [], of=identity("model", "a/x.off")), tmp_path / "c.html")
    assert free_place(ours, identity("model", "a/x.off")) == free_place(ours) == ours
    assert free_place(ours, identity("model", "b/x.off")).name == "c_2.html"
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(ValueError, match="something else"):
        write_page(Page("a", []), tmp_path / "folder.html")


def test_calibration_is_that_of_torchmetrics() -> None:
    generator = torch.Generator().manual_seed(3)
    logits = 2 * torch.randn(500, 4, generator=generator)
    truth = torch.randint(4, (500,), generator=generator)
    chances = logits.softmax(dim=1)
    metric = MulticlassCalibrationError(4, n_bins=15)
    found = Calibration()
    for rows in torch.arange(500).split(64):
        metric.update(chances[rows], truth[rows])
        sure, said = chances[rows].max(dim=1)
        found.add(sure, said == truth[rows])
    assert found.error == pytest.approx(float(metric.compute()), abs=1e-6) and found.error > 0.1
    assert found.count == 500
    accuracy = float((chances.argmax(dim=1) == truth).float().mean())
    assert found.too_sure == pytest.approx(float(chances.amax(dim=1).mean()) - accuracy, abs=1e-6)
    section = calibration_section(found)
    assert "points too sure" in section.about and f"{100 * found.error:.2f} %" in section.about
    edge = Calibration()
    edge.add(torch.tensor([1.0, 0.0]), torch.tensor([True, False]))
    assert edge.counts[-1] == edge.counts[0] == 1 and edge.error == 0


def test_a_cloud_keeps_its_places_and_its_colours() -> None:
    rng = np.random.default_rng(0)
    pos = rng.uniform(0, 1, (300, 3)) * [20.0, 9.0, 2.0] + [500_000.0, 5_400_000.0, 80.0]
    rows = rng.integers(-1, 3, 300)
    html = turning_cloud(pos, [class_view("class", rows, ["a", "b", "c"]), number_view("height", pos[:, 2])])
    (told,) = clouds_of(_page(html))
    back = told["pos"] / 65535 * float(np.ptp(pos, axis=0).max())
    assert np.abs(back - (pos - pos.min(axis=0))).max() < 3e-4
    assert (told["views"][0]["rows"] == np.where(rows < 0, 3, rows)).all()
    order = np.argsort(pos[:, 2])
    assert (np.diff(told["views"][1]["rows"][order].astype(int)) >= 0).all()
    (some,) = clouds_of(_page(turning_cloud(pos, [class_view("class", rows, ["a", "b", "c"])], most=100)))
    assert some["count"] == 100 == len(some["pos"]) == len(some["views"][0]["rows"])
    for wrong, message in (
        (np.full((3, 3), np.nan), "finite"),
        (np.zeros((0, 3)), "n > 0"),
        (np.zeros((3, 4)), "3"),
    ):
        with pytest.raises(ValueError, match=message):
            turning_cloud(wrong, [])
    with pytest.raises(ValueError, match="must colour 300 points"):
        turning_cloud(pos, [number_view("x", np.zeros(5))])


def test_errors_of_points_are_seen() -> None:
    said, truth = np.array([0, 1, 1, 0]), np.array([0, 0, 1, -100])
    html = draw_item(PointCloudData(pos=torch.rand(4, 3)), Told(["a", "b"], said, truth))
    assert html is not None
    views = {view["name"]: view["rows"].tolist() for view in clouds_of(_page(html))[0]["views"]}
    assert views == {"answer": [0, 1, 1, 0], "truth": [0, 0, 1, 2], "errors": [0, 1, 0, 2]}


def test_a_picture_of_every_kind_of_item() -> None:
    """Clouds, images, volumes, series with and without stamps; nothing for what has no picture."""
    series = SeriesData(times=torch.tensor([0.0, 1.0, 5.0]), x=torch.rand(3, 2))
    series.mask = torch.tensor([[True, True], [False, True], [True, False]])
    items = {
        "cloud": PointCloudData(pos=torch.rand(9, 3)),
        "flat": PointCloudData(pos=torch.rand(9, 2)),
        "grey": GridData(x=torch.rand(1, 1, 5, 4)),
        "colours": GridData(x=torch.rand(1, 3, 5, 4)),
        "volume": GridData(x=torch.rand(1, 1, 4, 4, 4)),
        "sequence": GridData(x=torch.rand(1, 2, 30)),
        "series": series,
    }
    drawn = {name: draw_item(item) for name, item in items.items()}
    kinds = {
        name: ("cloud" if "data-cloud" in html else "img" if "<img" in html else "svg")
        for name, html in drawn.items()
        if html
    }
    assert kinds == {
        **{"cloud": "cloud", "flat": "cloud", "volume": "cloud", "grey": "img", "colours": "img"},
        **{"sequence": "svg", "series": "svg"},
    }
    for html in drawn.values():
        _page(html or "")
    assert (
        draw_item(GridData(x=torch.rand(1, 3))) is None
        and draw_item(PointCloudData(pos=torch.rand(9, 4))) is None
    )


def test_channels_are_drawn_where_they_were_observed() -> None:
    """A channel that was seen once is a dot at its place, not a line from somewhere."""
    series = SeriesData(
        times=torch.tensor([0.0, 2.0, 4.0]), x=torch.tensor([[1.0, 7.0], [2.0, 0.0], [3.0, 0.0]])
    )
    series.mask = torch.tensor([[True, True], [True, False], [True, False]])
    page = _page(draw_item(series, large=True) or "")
    told = json.loads(page.all_of("div", "chart")[0]["data-lines"])
    assert [line["x"] for line in told["lines"]] == [[0.0, 2.0, 4.0], [0.0]]


def test_charts_hold_their_numbers() -> None:
    html = chart(
        [Line(np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.0, np.nan, 3.0, 4.0]), "a")], x=Axis("epoch")
    )
    page = _page(html)
    told = json.loads(page.all_of("div", "chart")[0]["data-lines"])
    assert told["lines"] == [{"name": "a", "x": [0.0, 2.0, 3.0], "y": [1.0, 3.0, 4.0]}]
    (path,) = page.all_of("path")
    assert path["d"].count("M") == 2 and path["d"].count("L") == 1  # broken where nothing is known
    heights = [float(point["cy"]) for point in page.all_of("circle")]
    assert heights == sorted(heights, reverse=True)
    assert nice_ticks(0.0, 0.9, 5) == [0.0, 0.5] and len(nice_ticks(-1e-9, 1e9, 6)) <= 7
    for flat in (0.0, 5.0, -3.0, 1e-300):
        _page(chart([Line(np.arange(3.0), np.full(3, flat))], y=Axis(log=flat > 0)))
    _page(chart([]))


def test_many_classes_are_a_picture_and_a_list(tmp_path: Path) -> None:
    counts = np.diag(np.full(200, 50))
    counts[7, 9] = 30
    names = [f"class {i}" for i in range(200)]
    section = confusion_section(counts, names)
    page = _page(section.html)
    assert len(section.html) < 60_000 and len(page.all_of("img")) == 1
    assert "class 7 class 9 30 (37.5 %)" in page.text
    with pytest.raises(ValueError, match=r"'confusion' must be \[3, 3\]"):
        confusion_section(counts, ["a", "b", "c"])


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_kernels_of_every_dimension(dim: int) -> None:
    shape = {1: [20], 2: [8, 8], 3: None}[dim]
    torch.manual_seed(0)
    model = create_model("ccnn_4_16", dim=dim, in_channels=3, out_channels=2, shape=shape)
    section = kernels_section(model, channels=3, most=2)
    assert section is not None and len(section.cards) == 2 and section.cards[0].head == "stem"
    page = _page(Markup("").join(card.drawing for card in section.cards))
    if dim == 3:
        for told in clouds_of(page):
            assert len(told["views"]) == 3 and len(told["pos"]) == told["count"]
            shown = np.concatenate([view["rows"] for view in told["views"]])
            assert (shown != 255).any() and np.ptp(shown[shown != 255].astype(int)) > 10
    else:
        assert len(page.all_of("img" if dim == 2 else "path")) == 6
    assert kernels_section(torch.nn.Linear(2, 2)) is None


def test_numbers_that_are_not_known_are_left_out() -> None:
    true = np.array([[1.0], [np.nan], [3.0]])
    section = numbers_section(true, np.array([[1.0], [100.0], [4.0]]), ["mass"])
    assert f"root mean square error {np.sqrt(0.5):.3g}" in section.html
    with pytest.raises(ValueError, match="whose numbers are known"):
        numbers_section(np.full((2, 1), np.nan), np.zeros((2, 1)), ["mass"])


def _page(html: str) -> Reader:
    return Reader(str(html))
