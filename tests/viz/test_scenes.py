"""Pictures and pages of scenes: what lies above is seen, pages need nothing else and hold what they were given."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import image
from matplotlib.colors import to_rgb

from ccnn_pc.viz import SeenScene, plot_scene, write_scene_page
from ccnn_pc.viz.scenes import drawn_rows
from ccnn_pc.viz.style import RED, SERIES


def seen(count: int = 3000, truth: bool = True, total: int | None = None) -> SeenScene:
    rng = np.random.default_rng(0)
    pos = rng.uniform(0, 1, (count, 3)) * [200.0, 90.0, 12.0] + [500_000.0, 5_400_000.0, 80.0]
    said = rng.integers(0, 3, count)
    true = np.where(rng.random(count) < 0.1, -100, rng.integers(0, 3, count)) if truth else None
    return SeenScene(pos, said, ["ground", "tree", "roof"], true, total)


def pixels(path: Path, colour: str) -> int:
    """How many pixels of a picture have a colour."""
    return int((np.abs(image.imread(path)[..., :3] - to_rgb(colour)).max(axis=2) < 0.02).sum())


def stacked(low: int, high: int) -> SeenScene:
    """Two layers, one right above the other, the upper one first in the file."""
    flat = np.stack(np.meshgrid(np.arange(60.0), np.arange(60.0)), axis=-1).reshape(-1, 2)
    upper, lower = (np.column_stack([flat, np.full(len(flat), z)]) for z in (5.0, 0.0))
    said = np.repeat([high, low], len(flat))
    return SeenScene(np.concatenate([upper, lower]), said, ["a", "b"])


def test_high_points_lie_above_low_ones(tmp_path: Path) -> None:
    for low, high in ((0, 1), (1, 0)):
        path = plot_scene(stacked(low, high), tmp_path / "scene.png")
        above, below = pixels(path, SERIES[high]), pixels(path, SERIES[low])
        assert above > 100_000 and above > 5 * below  # in perspective some of the lower ones are seen


def test_errors_are_seen_wherever_they_lie(tmp_path: Path) -> None:
    scene = stacked(0, 0)
    truth = np.zeros(len(scene.pos), dtype=np.int64)
    path = plot_scene(SeenScene(scene.pos, scene.said, scene.classes, truth), tmp_path / "right.png")
    none = pixels(path, RED)
    truth[len(truth) // 2 :] = 1  # all that is wrong lies below
    path = plot_scene(SeenScene(scene.pos, scene.said, scene.classes, truth), tmp_path / "wrong.png")
    assert none == 0 and pixels(path, RED) > 100_000


def test_which_points_are_wrong() -> None:
    scene = SeenScene(np.eye(3), np.array([0, 1, 1]), ["a", "b"], np.array([0, 0, -100]))
    assert scene.wrong.tolist() == [0, 1, -1]


def test_an_even_subset_is_drawn() -> None:
    rows = drawn_rows(1_000_000, 1000)
    assert len(rows) == 1000 and (rows[0], rows[-1]) == (0, 999_999) and np.ptp(np.diff(rows)) <= 1
    few = seen(1000).subset(10)
    assert len(few.pos) == len(few.said) == 10 and few.total == 1000
    assert seen(10, total=99).subset(5).total == 99


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"pos": np.zeros((0, 3))}, r"'pos' must be finite positions \[n, 3\], n > 0 \(got \[0, 3\]\)"),
        ({"pos": np.full((2, 3), np.nan)}, "'pos' must be finite"),
        (
            {"said": np.zeros(3, dtype=int)},
            r"'said' must be a class for each of 2 points \(got int64 \[3\]\)",
        ),
        ({"said": np.zeros(2)}, "'said' must be a class for each of 2 points"),
        ({"said": np.array([0, 2])}, r"'said' must be rows of 2 classes \(got 2\)"),
        ({"said": np.array([0, -1])}, r"'said' must be rows of 2 classes \(got -1\)"),
        ({"truth": np.array([0, 2])}, r"'truth' must be rows of 2 classes \(got 2\)"),
    ],
)
def test_what_is_no_scene(changed: dict[str, Any], message: str) -> None:
    fields: dict[str, Any] = {"pos": np.zeros((2, 3)), "said": np.zeros(2, dtype=int), "classes": ["a", "b"]}
    with pytest.raises(ValueError, match=message):
        SeenScene(**{**fields, **changed})


def told(page: Path) -> dict[str, Any]:
    (content,) = re.findall(
        r'<script id="scene" type="application/json">(.*?)</script>',
        page.read_text(encoding="utf-8"),
        re.DOTALL,
    )
    found: dict[str, Any] = json.loads(content)
    return found


def test_a_page_holds_the_positions_to_half_a_step(tmp_path: Path) -> None:
    scene = seen()
    page = told(write_scene_page(scene, tmp_path / "scene.html", title="a <b>"))
    stored = np.frombuffer(base64.b64decode(page["pos"]), dtype="<u2").reshape(-1, 3)
    step = float(np.ptp(scene.pos[:, 0])) / 65_535  # x is the longest axis
    assert page["step"] == step and stored[:, 0].max() == 65_535
    assert np.abs(page["low"] + stored * page["step"] - scene.pos).max() <= 0.5001 * step
    assert page["points"] == page["total"] == 3000 and page["title"] == "a <b>"
    views = {
        view["name"]: np.frombuffer(base64.b64decode(view["rows"]), dtype=np.uint8) for view in page["views"]
    }
    assert list(views) == ["class", "truth", "errors"]
    assert np.array_equal(views["class"], scene.said)
    assert scene.truth is not None
    assert np.array_equal(views["truth"], np.where(scene.truth < 0, 255, scene.truth))
    assert np.array_equal(views["errors"], np.where(scene.wrong < 0, 255, scene.wrong.astype(int)))


def test_a_page_of_many_points_is_small_and_needs_no_network(tmp_path: Path) -> None:
    path = write_scene_page(seen(150_000), tmp_path / "scene.html")
    page, text = told(path), path.read_text(encoding="utf-8")
    assert page["points"] == 100_000 and page["total"] == 150_000
    assert path.stat().st_size < 2_000_000
    rest = text.replace(page["pos"], "")
    assert not re.search(r"https?:|//[a-z]+\.|src=|href=|url\(|import|fetch|XMLHttp", rest)


def test_names_of_classes_end_no_script(tmp_path: Path) -> None:
    scene = seen(10, truth=False)
    bad = SeenScene(scene.pos, scene.said, ["</script><script>alert(1)</script>", "b", "<!--"])
    path = write_scene_page(bad, tmp_path / "scene.html")
    assert told(path)["views"][0]["names"] == list(bad.classes) and len(told(path)["views"]) == 1
    assert path.read_text().count("<script") == 2 and "<!--" not in path.read_text()


def test_points_in_one_place_and_too_many_classes(tmp_path: Path) -> None:
    one = SeenScene(np.ones((2, 3)), np.zeros(2, dtype=int), ["a"])
    assert told(write_scene_page(one, tmp_path / "one.html"))["step"] == 1.0
    assert plot_scene(one, tmp_path / "one.png").exists()
    many = SeenScene(np.ones((2, 3)), np.zeros(2, dtype=int), [str(i) for i in range(256)])
    with pytest.raises(ValueError, match=r"at most 255 classes to be a page \(got 256\)"):
        write_scene_page(many, tmp_path / "many.html")
