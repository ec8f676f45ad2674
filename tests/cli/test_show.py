"""`ccnn-pc show` and `ccnn-pc explain`: pages of every kind of thing, what they say, and what they refuse."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ccnn_pc.cli.app import main
from ccnn_pc.cli.show import show_page
from ccnn_pc.models import create_model, measure, save_pretrained
from tests.pages import clouds_of, read_page

PREPROCESSING = {"num_points": 60, "normalize": "box", "features": ["pos"], "num_neighbors": 8}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model, a cloud, a scan, an image, and a data set of two classes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ccnn_pc.cli.report.REPORTS", Path("reports"))
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network = create_model("ccnn_4_16", dim=3, in_channels=3, out_channels=2)
    network.trained_on = measure(network.reading, [torch.rand(1, 3, 2, 2, 2) for _ in range(4)])
    save_pretrained(network, tmp_path / "model", classes=["<i>", "b"], preprocessing=PREPROCESSING)
    np.savetxt(tmp_path / "cloud.xyz", rng.uniform(-1, 1, (70, 3)))
    header = "x y z classification height"
    columns = np.column_stack([rng.uniform(0, 9, (50, 3)), rng.integers(0, 3, 50), rng.uniform(0, 1, 50)])
    np.savetxt(tmp_path / "scan.txt", columns, header=header, comments="", fmt=["%.3f"] * 3 + ["%d", "%.3f"])
    Image.fromarray(rng.integers(0, 255, (9, 7, 3), dtype=np.uint8)).save(tmp_path / "photo.png")
    for name in ("one", "two"):
        for number in range(2):
            (tmp_path / "shapes" / name).mkdir(parents=True, exist_ok=True)
            np.savetxt(tmp_path / "shapes" / name / f"{number}.xyz", rng.uniform(-1, 1, (20, 3)))
    return tmp_path


def test_pages_of_things(place: Path) -> None:
    (cloud,) = clouds_of(read_page(show_page("cloud.xyz", Path("cloud.html"))))
    assert cloud["count"] == 70
    scan = read_page(show_page("scan.txt", Path("scan.html")))
    (told,) = clouds_of(scan)
    assert told["count"] == 50 and [view["name"] for view in told["views"]] == [
        "cloud",
        "classification",
        "height",
    ]
    assert told["views"][1]["names"] == ["0", "1", "2", "not known"] and told["views"][2]["scale"]
    assert len(read_page(show_page("photo.png", Path("photo.html"))).all_of("img")) == 1
    data = read_page(show_page("shapes", Path("data.html")))
    assert [card["count"] for card in clouds_of(data)] == [20] * 4 and "one 2, two 2" in data.text
    assert len(clouds_of(read_page(show_page("shapes", Path("item.html"), item="3")))) == 1
    model = read_page(show_page("model", Path("model.html")))
    assert (
        "Kernels and windows" in model.text
        and "What it was trained on" in model.text
        and "<i>, b" in model.text
    )
    layer = read_page(show_page("model", Path("layer.html"), layer="stem", channels=2))
    assert len(clouds_of(layer)[0]["views"]) == 2


def test_the_browser_opens(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def opens(address: str) -> bool:
        opened.append(address)
        return len(opened) < 2

    monkeypatch.setattr(webbrowser, "open", opens)
    pytest.raises(SystemExit, main, ["show", "cloud.xyz"])
    written = Path(capsys.readouterr().out.strip())
    assert opened == [written.as_uri()] and written.name == "cloud.html" and read_page(written)
    pytest.raises(
        SystemExit, main, ["show", str(written)]
    )  # a page is shown as it is; here no browser is found
    said = capsys.readouterr()
    assert said.out.strip() == str(written) and "No browser was found" in said.err
    pytest.raises(SystemExit, main, ["show", "cloud.xyz", "--no-open", "--out", "own.html"])
    assert len(opened) == 2 and Path("own.html").exists()


def test_what_cannot_be_shown_is_said(place: Path) -> None:
    Path("mine.html").write_text("mine")
    Path("notes.docx").write_text("words")
    for what, options, message in (
        ("nothing.off", {}, "'what' must be a file, a folder, a model"),
        ("mine.html", {}, "'what' must be a page of ccnn-pc"),
        ("cloud.xyz", {"out": Path("mine.html")}, "'out' must be a new file or a page"),
        ("cloud.xyz", {"layer": "stem"}, "'layer' must be left out"),
        ("model", {"item": "3"}, "'item' must be left out for a model"),
        ("model", {"layer": "no"}, "'layer' must be one of stem, "),
        ("shapes", {"item": "9"}, "'item' must be a number below 4"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            show_page(what, **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"notes\.docx"):
        show_page("notes.docx")
    assert Path("mine.html").read_text() == "mine"


def test_explanations(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["explain", "model", "cloud.xyz", "--class", "b", "--steps", "24", "--out", "parts.npz", "--json"]
    done = pytest.raises(SystemExit, main, words)
    said = capsys.readouterr()
    result = json.loads(said.out.splitlines()[-1])
    assert done.value.code == 0 and said.err.splitlines()[-1] == "page: reports/explain_cloud.html"
    parts = np.load("parts.npz")
    assert parts["values"].shape == (60,) and parts["pos"].shape == (60, 3) and str(parts["explained"]) == "b"
    assert float(parts["values"].sum()) == pytest.approx(result["sum"], abs=1e-5)
    assert result["sum"] == pytest.approx(result["output"] - result["without"], rel=0.02, abs=1e-3)
    page = read_page(Path(result["page"]))
    coloured = next(told for told in clouds_of(page) if told["views"][0]["name"] == "part of the answer")
    shown = coloured["views"][0]["rows"]
    assert np.corrcoef(shown, parts["values"])[0, 1] > 0.9  # red where it speaks for the class
    assert (
        "Without some of them" in page.text
        and "ccnn-pc explain model cloud.xyz --class b --steps 24" in page.text
    )
    other = Path("other", "cloud.xyz")
    other.parent.mkdir()
    other.write_bytes(Path("cloud.xyz").read_bytes())
    for file, name in (
        (other, "cloud_2"),
        ("cloud.xyz", "cloud"),
        (other, "cloud_2"),
    ):  # each over its own page
        pytest.raises(SystemExit, main, ["explain", "model", str(file), "--class", "b", "--steps", "24"])
        assert capsys.readouterr().err.splitlines()[-1] == f"page: reports/explain_{name}.html"
    pytest.raises(
        SystemExit, main, ["explain", "model", "shapes", "--item", "2", "--html", "item.html", "--steps", "4"]
    )
    assert "item.html" in capsys.readouterr().err and read_page(Path("item.html"))
    for words, message in (
        (["cloud.xyz", "--class", "chair"], "'class' must be one of <i>, b (got chair)"),
        (["cloud.xyz", "--out", "parts.csv"], "'out' must be a file that ends in .npz"),
        (["none.xyz"], "none.xyz"),
    ):
        assert pytest.raises(SystemExit, main, ["explain", "model", *words]).value.code == 1
        assert message in capsys.readouterr().err


def test_a_volume_shows_the_cells_off_its_background(place: Path) -> None:
    values = np.zeros((6, 7, 8), dtype=np.float32)
    values[1, 2, 3], values[4, 5, 6] = 1.0, 2.0
    np.save("scan.npy", values)
    page = read_page(show_page("scan.npy", Path("scan.html")))
    (cloud,) = clouds_of(page)
    low, high = cloud["views"][0]["rows"]  # colours of the two cells, the second value twice the first
    assert "6 x 7 x 8 cells" in page.text and low < high
    np.save("points.npy", np.random.default_rng(0).normal(size=(50, 3)))
    assert "50 points" in read_page(show_page("points.npy", Path("points.html"))).text
    Path("broken.npy").write_bytes(b"nothing")
    pytest.raises(ValueError, show_page, "broken.npy", Path("broken.html"))


def test_a_sound_keeps_its_peaks(place: Path) -> None:
    """A click between the points that are drawn is seen."""
    import wave

    samples = np.zeros(20_000, dtype="<i2")
    samples[12_345] = 16_384
    with wave.open("click.wav", "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    page = read_page(show_page("click.wav", Path("click.html")))
    (line,) = page.all_of("path")
    heights = {float(point.split()[1]) for point in line["d"].replace("M", "L").split("L") if point}
    assert len(heights) == 2 and "2.5 seconds" in page.text


def test_folders_and_tables_are_what_a_training_takes_them_for(place: Path) -> None:
    """Volumes in npy are no clouds, nor are series in csv; few of them are shown too."""
    rng = np.random.default_rng(0)
    for number in range(6):
        path = place / "cubes" / "ab"[number % 2] / f"{number}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, rng.uniform(size=(4, 5, 6)))
        table = place / "files" / "ab"[number % 2] / f"{number}.csv"
        table.parent.mkdir(parents=True, exist_ok=True)
        rows = [f"{tick},{rng.normal():.3f}" for tick in range(9)]
        table.write_text("\n".join(["time,u", *rows]) + "\n")
    for name in ("cubes", "files"):
        assert "6 of 6 items" in read_page(show_page(str(place / name), place / f"{name}.html")).text
    rows = [f"{name},{tick},v,{rng.normal():.3f},{name[0]}" for name in ("a1", "b2") for tick in range(9)]
    few = place / "few.csv"
    few.write_text("\n".join(["id,time,variable,value,label", *rows]) + "\n")
    assert "2 of 2 items" in read_page(show_page(str(few), place / "few.html")).text
    new = [
        row.rpartition(",")[0] for row in few.read_text().splitlines()
    ]  # to be answered, beside labels of others
    (place / "new.csv").write_text("\n".join(new) + "\n")
    (place / "labels.csv").write_text("id,label\nz1,a\nz2,b\n")
    assert "2 of 2 items" in read_page(show_page(str(place / "new.csv"), place / "new.html")).text
    few.write_text(few.read_text().replace("v,", "v,x", 1))
    with pytest.raises(ValueError, match="line 2: 'value' must be a"):
        show_page(str(few), place / "no.html")
