"""Colours in front of x, y, z, and positions that look like colours."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest

from ccnn_pc.datasets.common.broken import DataWarning
from ccnn_pc.datasets.formats import parse

RANDOM = np.random.default_rng(0)
POINTS = RANDOM.normal(size=(300, 3))
UNIT = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)
COLOURS = np.clip(np.rint(RANDOM.normal(120, 2, size=(300, 3))), 0, 255)  # some are alike
CELLS = np.argwhere(np.ones((7, 7, 7)))[:300]


def written(rows: np.ndarray, name: str, heading: str = "") -> bytes:
    if name.endswith("npy"):
        buffer = io.BytesIO()
        np.save(buffer, rows)
        return buffer.getvalue()
    if name.endswith("npz"):
        buffer = io.BytesIO()
        np.savez(buffer, points=rows)
        return buffer.getvalue()
    between = "," if name.endswith("csv") else " "
    return (heading + "".join(between.join(f"{each:.6g}" for each in row) + "\n" for row in rows)).encode()


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.xyz", "a.npy", "a.npz"])
@pytest.mark.parametrize(
    ("front", "behind"),
    [
        (COLOURS, POINTS),
        (RANDOM.integers(0, 256, size=(300, 3)), POINTS),  # none alike
        (COLOURS, np.rint(POINTS * 1000)),  # millimetres
        (COLOURS, np.hstack([POINTS, UNIT])),
        (np.hstack([COLOURS, np.full((300, 1), 255)]), POINTS),  # alpha
        (COLOURS / 255, POINTS),
    ],
)
def test_colours_in_front_are_refused(name: str, front: np.ndarray, behind: np.ndarray) -> None:
    with pytest.raises(
        ValueError, match=f"'{name}'.* first three columns are .* as colours are, .*r g b x y z"
    ):
        parse(written(np.hstack([front, behind]), name), name)


@pytest.mark.parametrize("name", ["a.txt", "a.csv"])
def test_names_mend_it(name: str) -> None:
    heading = ("r,g,b,x,y,z" if name.endswith("csv") else "r g b x y z") + "\n"
    raw = parse(written(np.hstack([COLOURS, POINTS]), name, heading), name)
    np.testing.assert_allclose(raw.vertices, POINTS, atol=1e-5)
    np.testing.assert_array_equal(raw.attributes["green"], COLOURS[:, 1])


@pytest.mark.parametrize(
    "rows",
    [
        np.hstack([POINTS, COLOURS]),
        np.hstack([COLOURS, UNIT]),  # a lattice with normals
        np.hstack([COLOURS, np.rint(127 * UNIT)]),
        np.hstack([CELLS, COLOURS]),
        np.hstack([CELLS, COLOURS / 255]),
        np.hstack([CELLS, COLOURS * 257]),
        np.hstack([CELLS, POINTS]),  # features of cells in order
        np.hstack([CELLS[:, ::-1], POINTS]),
        np.hstack([RANDOM.permutation(CELLS), COLOURS / 255]),
        np.hstack([RANDOM.random((300, 3)), POINTS]),
        np.hstack([COLOURS, POINTS[:, :2]]),  # five columns
        np.hstack([COLOURS, POINTS])[:7],  # too few to say
        np.hstack([np.zeros((300, 3)), POINTS]),
    ],
)
def test_positions_stay(rows: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(parse(written(rows, "a.npy"), "a.npy").vertices, rows[:, :3])


@pytest.mark.parametrize("behind", [RANDOM.random((300, 3)), RANDOM.integers(0, 9000, size=(300, 3))])
def test_what_may_be_either_is_named(behind: np.ndarray) -> None:
    rows = np.hstack([COLOURS, behind])
    with pytest.warns(
        DataWarning, match=r"of which \d+ of 300 rows are copies, .* where they are colours, write a"
    ):
        parse(written(rows, "a.npy"), "a.npy")


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_half_precision(name: str) -> None:
    rows = np.hstack([np.clip(POINTS * 3e4, -6e4, 6e4), UNIT]).astype(np.float16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        raw = parse(written(rows, name), name)
    assert raw.normals is not None and not raw.attributes
    np.testing.assert_array_equal(raw.vertices, rows[:, :3].astype(float))
