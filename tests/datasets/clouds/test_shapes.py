"""The procedural data set."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ccnn_pc.datasets import Shapes, open_dataset
from ccnn_pc.datasets.clouds.shapes import SOLIDS, pose, prism

trimesh = pytest.importorskip("trimesh")


@pytest.mark.parametrize("name", SOLIDS)
def test_solids_are_closed_and_outward(name):
    for seed in range(3):
        vertices, faces = SOLIDS[name](np.random.default_rng(seed))
        mesh = trimesh.Trimesh(vertices, faces)
        assert mesh.volume > 0
        assert mesh.is_winding_consistent
        assert name == "spring" or mesh.is_watertight


def test_a_prism_has_the_volume_of_base_times_height():
    square = np.array([[1.0, -1], [1, 1], [-1, 1], [-1, -1]])
    assert trimesh.Trimesh(*prism(square, 0.7)).volume == pytest.approx(4 * 0.7)


def test_poses_keep_z_up_and_sizes_near_one():
    for seed in range(50):
        linear = pose(np.random.default_rng(seed))
        size = np.linalg.svd(linear)[1]
        assert size.min() >= 0.85 and size.max() <= 1.15
        up = linear @ [0, 0, 1]
        assert up[2] / np.linalg.norm(up) >= np.cos(np.radians(15)) - 1e-9


def test_a_shape_depends_on_its_key_alone(tmp_path):
    few = Shapes("test", per_class=2, num_points=32, cache=tmp_path / "a")
    more = Shapes("test", per_class=3, num_points=32, cache=tmp_path / "b")
    assert len(few) == 24 and few.num_classes == 12 and few.classes == sorted(few.classes)
    assert torch.equal(few[1].pos, more[1].pos) and torch.equal(few[2].pos, more[3].pos)
    assert not torch.equal(few[0].pos, few[1].pos)
    other = Shapes("train", per_class=2, num_points=32, cache=tmp_path / "a")
    assert not torch.equal(few[0].pos, other[0].pos)
    assert not torch.equal(
        few[0].pos, Shapes("test", per_class=2, num_points=32, shape_seed=1, cache=tmp_path)[0].pos
    )


def test_sizes_and_content():
    data = open_dataset("shapes", "val")
    assert len(data) == 300 and np.bincount(data.labels).tolist() == [25] * 12
    item = data[7]
    assert item.pos.shape == (1024, 3) and float(item.pos.abs().max()) == pytest.approx(1, abs=1e-4)
    assert float(item.normal.norm(dim=1).sub(1).abs().max()) < 1e-3


def test_spheres_know_their_normals(tmp_path):
    """On an ellipsoid normals and positions agree in sign everywhere."""
    data = Shapes("test", per_class=2, num_points=256, cache=tmp_path)
    sphere = data[2 * data.classes.index("sphere")]
    assert bool(((sphere.pos * sphere.normal).sum(dim=1) > 0).all())


def test_bad_arguments():
    with pytest.raises(ValueError, match="'split'"):
        Shapes("all")
    with pytest.raises(ValueError, match="per_class"):
        Shapes(per_class=0)
