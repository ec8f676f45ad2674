"""Cached series: damaged ones are built again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ccnn_pc.datasets.series.stored import StoredSeries, cached_series, join_series


def made() -> StoredSeries:
    return join_series(
        [np.ones((3, 2)), np.zeros((2, 2))], [0, 1], ["a", "b"], times=np.arange(5.0), name=["x", "y"]
    )


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("rest.npz", b""),
        ("rest.npz", b"PK\3\4"),
        ("values.npy", b""),
        ("values.npy", np.ones((4, 2), np.float32)),
        ("values.npy", np.ones(5, np.float32)),
        ("rest.npz", {"offset": np.array([0, 3, 4])}),
        ("rest.npz", {"offset": np.array([0, 7, 5])}),
        ("rest.npz", {"offset": np.array([0, 5])}),
        ("rest.npz", {"label": np.array([0, 2])}),
        ("rest.npz", {"times": np.arange(4.0)}),
        ("rest.npz", {"name": np.array(["x"])}),
    ],
)  # fmt: skip
def test_damaged_caches_are_built_again(file: str, damage: object, tmp_path: Path) -> None:
    stored = cached_series(tmp_path, "a", {}, made)
    assert stored.folder is not None
    if isinstance(damage, bytes):
        (stored.folder / file).write_bytes(damage)
    elif isinstance(damage, np.ndarray):
        np.save(stored.folder / file, damage)
    else:
        with np.load(stored.folder / file) as rest:
            arrays = {**dict(rest), **damage}  # type: ignore[dict-item]
        np.savez(stored.folder / file, **arrays)
    with pytest.warns(UserWarning, match="is damaged and is built again"):
        again = cached_series(tmp_path, "a", {}, made)
    assert again.values.tolist() == made().values.tolist() and again.offset.tolist() == [0, 3, 5]
    assert cached_series(tmp_path, "a", {}, lambda: pytest.fail("it is whole")).label.tolist() == [0, 1]
