"""Tiles as items: what they hold, which come up, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ccnn_pc.datasets import (
    PointDropout,
    RandomFlip,
    RandomRotation,
    ScenePreprocessing,
    Scenes,
    preprocessing_from_json,
)
from ccnn_pc.datasets.common.cache import cache_root
from ccnn_pc.datasets.scenes.computed import computed_features
from ccnn_pc.datasets.scenes.dataset import validation_scenes
from ccnn_pc.datasets.scenes.targets import NumberTarget
from ccnn_pc.domains import PointSet
from ccnn_pc.models import from_pretrained
from ccnn_pc.ops.neighbors.k_nearest import Neighbors
from ccnn_pc.training.loader import ResumableLoader
from tests.scene_files import BUILDING, points, write, write_parts

READ = {
    "kind": "scene", "cell": 1.5, "tile": {"radius": 9.0, "points": 60}, "features": ["height", "intensity", "one"],
    "num_neighbors": 5,
}  # fmt: skip


def read(**changed: object) -> dict[str, object]:
    return {**READ, **changed}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_parts(tmp_path / "scans")


def test_tiles_that_cover_answer_for_every_original_point(root: Path) -> None:
    found = Scenes(root, split="test", preprocessing=read())
    (scene,) = found.scenes
    seen: dict[tuple[float, ...], list[int]] = {}
    for (_, place), item in zip(found._places, found, strict=True):
        assert len(item.pos) <= 60 and item.pos.dtype == torch.float32 and item.neighbor_index.shape[0] == 5
        assert item.scene.tolist() == [0] and item.scene_size.tolist() == [len(scene.scene)]
        seen.setdefault(tuple(place.centre), []).extend(item.kept.tolist())
        offset = torch.from_numpy(scene.scene.pos[item.kept.numpy()] - place.centre)
        assert torch.allclose(item.pos[:, :2].double(), offset[:, :2], atol=1e-5)
        expected = scene.scene.counts[item.kept.numpy()][:, 1:]  # 0 is ignored
        assert item.counts.tolist() == expected.tolist()
        label = np.where(expected.any(1), expected.argmax(1), -100)
        assert item.y.tolist() == label.tolist()
    assert any(place.parts > 1 for _, place in found._places)
    for centre, rows in seen.items():
        assert sorted(rows) == scene.rows(np.array(centre)).tolist(), "each point of a tile once"
    assert set().union(*map(set, seen.values())) == set(range(len(scene.scene)))
    assert "hold more than 60 points and are read as random subsets" in found.report()


def test_features_have_fixed_scales_of_the_training_scenes(root: Path) -> None:
    train, test = (Scenes(root, split=part, preprocessing=read()) for part in ("train", "test"))
    values = np.concatenate([scene.scene.values["intensity"] for scene in train.scenes]).astype(float)
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    assert (
        test.preprocessing.scales
        == {"intensity": ((middle, (high - low) / 2),)}
        == train.preprocessing.scales
    )
    item = test[0]
    raw = test.scenes[0].scene.values["intensity"][item.kept.numpy()].astype(float)
    assert item.x[:, 1].numpy() == pytest.approx((raw - middle) / ((high - low) / 2), abs=1e-6)
    assert (item.x[:, 2] == 1).all() and item.x.shape == (len(item.pos), 3)
    height = item.pos[:, 2].sort().values
    low_point = height[max(1, int(np.ceil(0.05 * len(height)))) - 1]
    assert torch.allclose(item.x[:, 0], (item.pos[:, 2] - low_point) / 9.0)


def test_computed_features_are_those_of_the_whole_scene(root: Path) -> None:
    names = ["above_opening:4", "one", "intensity", "spread:6"]
    found = Scenes(root, split="test", preprocessing=read(features=names))
    whole = computed_features(found.scenes[0].scene.pos, names[:1] + names[3:])
    for item in found:
        rows = item.kept.numpy()
        assert item.x.shape[1] == 4 == found.preprocessing.channels
        assert item.x[:, 0].tolist() == whole["above_opening:4"][rows].tolist()
        assert item.x[:, 3].tolist() == whole["spread:6"][rows].tolist()
    with pytest.raises(ValueError, match="'features' must say a radius"):
        read_as = read(features=["above_opening"])
        Scenes(root, split="test", preprocessing=read_as)


def test_neighbours_are_searched_along_the_axes_that_count(root: Path) -> None:
    item = Scenes(root, split="test", preprocessing=read(metric=[1, 1, 0]))[2]
    cloud = PointSet(item.pos).knn(5, metric=(1, 1, 0))
    assert isinstance(cloud.neighbors, Neighbors)
    assert item.neighbor_index.t().tolist() == cloud.neighbors.index.tolist()
    other = Scenes(root, split="test", preprocessing=read())[2]
    assert item.kept.equal(other.kept) and not item.neighbor_index.equal(other.neighbor_index)


def test_density_weights_are_the_area_a_point_stands_for(tmp_path: Path) -> None:
    """A lattice that is twice as fine on one side; four times the area on the other."""
    fine, coarse = np.mgrid[0:10:0.5, 0:20:0.5], np.mgrid[10:20:1.0, 0:20:1.0]
    flat = np.concatenate([each.reshape(2, -1).T for each in (fine, coarse)])
    pos = np.column_stack([flat, np.zeros(len(flat))])
    write(tmp_path / "a.npz", {"pos": pos, "classification": np.arange(len(pos)) % 2 + 1})
    tile = {"radius": 40.0, "points": 5000, "weights": True}
    found = Scenes(tmp_path, preprocessing=read(cell=None, tile=tile, features=["one"]))
    (item,) = found
    x = torch.from_numpy(found.scenes[0].scene.pos[item.kept.numpy()])
    inside = ((x[:, 1] - 10).abs() < 7) & (item.volume > 0)
    means = [float(item.volume[inside & (x[:, 0] - at < 3) & (x[:, 0] > at)].mean()) for at in (3, 13)]
    assert means[1] / means[0] == pytest.approx(4.0, rel=1e-5)
    lone = {"pos": np.array([[0.0, 0, 0], [900, 0, 0], [900, 0, 0]]), "classification": np.array([1, 2, 1])}
    write(tmp_path / "a.npz", lone)
    for item in Scenes(tmp_path, preprocessing=read(cell=None, tile={"weights": True}, features=["one"])):
        assert item.volume.isfinite().all() and (item.volume > 0).all()


def test_wild_values_are_cut_and_constants_have_a_scale(tmp_path: Path) -> None:
    scene = points()
    scene["constant"] = np.full(len(scene["pos"]), 7.0)
    scene["intensity"] = scene["intensity"].astype(float)
    scene["intensity"][3] = 1e30
    write(tmp_path / "a.npz", scene)
    found = Scenes(tmp_path, preprocessing=read(cell=None, features=["intensity", "constant"]))
    x = torch.cat([item.x for item in found])
    assert x[:, 0].max() == 5.0 and (x[:, 1] == 0).all()
    assert found.preprocessing.scales["constant"] == ((7.0, 1.0),)  # type: ignore[index]


def test_preprocessing_goes_through_json(root: Path) -> None:
    found = Scenes(root, split="train", preprocessing=read(keep="lowest"))
    again = preprocessing_from_json(found.preprocessing.to_json())
    assert again == found.preprocessing and isinstance(again, ScenePreprocessing)
    assert again.channels == 3 == found.measured()["in_channels"]
    other = Scenes(root, split="test", preprocessing=again)
    assert other[1].x.equal(Scenes(root, split="test", preprocessing=read(keep="lowest"))[1].x)


def drawn(root: Path, **options: object) -> Scenes:
    options = {"augment": [RandomRotation(), PointDropout(0.5)], "tiles_per_epoch": 12, "seed": 3, **options}
    return Scenes(root, split="train", preprocessing=read(), drawn=True, **options)  # type: ignore[arg-type]


def test_drawn_tiles_are_a_function_of_seed_epoch_and_index(root: Path) -> None:
    first, again = drawn(root), drawn(root)
    for epoch in (0, 1):
        first.set_epoch(epoch)
        again.set_epoch(epoch)
        for index in reversed(range(12)):
            again[index]
        for index in range(12):
            a, b = first[index], again[index]
            assert a.pos.equal(b.pos) and a.kept.equal(b.kept) and a.x.equal(b.x) and a.y.equal(b.y)
            assert len(a.pos) <= 60 and "counts" not in a
    other = drawn(root, seed=4)
    other.set_epoch(1)
    assert not any(first[i].kept.equal(other[i].kept) for i in range(12))
    first.set_epoch(0)
    assert not any(first[i].kept.equal(again[i].kept) for i in range(12)), "epochs differ"


def test_a_loader_goes_on_in_the_middle_of_an_epoch(root: Path) -> None:
    whole, resumed = (ResumableLoader(drawn(root), 4, seed=1) for _ in range(2))
    whole.set_epoch(2)
    batches = iter(whole)
    next(batches)
    state = whole.state_dict()
    rest = list(batches)
    resumed.load_state_dict(state)
    resumed.set_epoch(2)
    again = list(resumed)
    assert len(again) == len(rest) == 2
    for a, b in zip(rest, again, strict=True):
        assert a.pos.equal(b.pos) and a.kept.equal(b.kept) and a.neighbor_index.equal(b.neighbor_index)


def test_all_places_come_up_in_turn(root: Path) -> None:
    found = drawn(root, augment=[])
    places = len(found._places)
    epochs = -(-places // 6)
    seen = set()
    for epoch in range(epochs):
        found.set_epoch(epoch)
        for row in range(0, 12, 2):
            found._draw(row)
            turn, place = divmod(epoch * 6 + row // 2, places)
            if turn == 0:
                seen.add(int(found._turn[1][place]))
    assert seen == set(range(places))


def test_rare_classes_come_up_as_often_as_others(root: Path) -> None:
    """Buildings are a hundredth of the points; a third of every other tile is drawn around one."""
    found = drawn(root, augment=[], tiles_per_epoch=200)
    counts = np.array(found.class_counts())
    assert counts[2] < 0.03 * counts.sum()
    chosen = [found._of_a_class(torch.Generator().manual_seed(seed)) for seed in range(300)]
    labels = np.array([scene.labels(np.array([row]))[0] for scene, row in chosen])
    assert np.bincount(labels, minlength=3) == pytest.approx([100, 100, 100], abs=30)
    with_building = np.mean([bool((found[row].y == 2).any()) for row in range(1, 200, 2)])
    everywhere = np.mean([bool((found[row].y == 2).any()) for row in range(0, 200, 2)])
    assert with_building > everywhere + 0.1


def test_a_single_point_and_a_scene_smaller_than_a_tile(tmp_path: Path) -> None:
    scene = {name: values[:2] for name, values in points(5).items()}
    scene["pos"] = np.array([[0.0, 0.0, 1.0], [500.0, 500.0, 2.0]])
    scene["classification"] = np.array([2, 5], dtype=np.uint8)
    write(tmp_path / "far.npz", scene)
    found = Scenes(tmp_path, preprocessing=read())
    assert [len(item.pos) for item in found] == [1, 1] and found[0].neighbor_count.tolist() == [1]
    scene["pos"] = scene["pos"] / 1000
    write(tmp_path / "far.npz", scene)
    assert [len(item.pos) for item in Scenes(tmp_path, preprocessing=read(cell=0.01))] == [2]


def test_a_broken_file_among_many_is_counted_and_left_out(root: Path) -> None:
    (root / "train" / "x.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.warns(
        UserWarning, match=r"1 of 3 files in .* could not be read and are left out .*x.npz"
    ) as seen:
        found = drawn(root)
    assert len([each for each in seen if "left out" in str(each.message)]) == 1
    assert [Path(path).name for path, _ in found.broken] == ["x.npz"] and len(found.scenes) == 2
    for name in ("a", "b"):
        (root / "train" / f"{name}.npz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="must hold a scene that can be read"):
        drawn(root)


@pytest.mark.parametrize(
    ("changed", "options", "message"),
    [
        ({"classification": None}, {}, r"b.npz'.*classification.*intensity"),
        ({"intensity": None}, {}, r"b.npz'.*intensity.*classification"),
        ({"intensity": np.full(1500, np.nan)}, {}, r"b.npz': field 'intensity' must be finite"),
        (
            {"classification": np.full(1500, 9, np.uint8)},
            {"classes": {"names": {"2": "ground", "5": "trees", "6": "building"}, "ignored": [0]}},
            r"b.npz': field 'classification' has numbers that the class table does not know: 9",
        ),
        ({}, {"classes": {"names": {"2": "ground", "2 ": "trees"}}}, "must hold each number once"),
        ({}, {"classes": {"names": {"2": "ground", "5": "trees"}, "ignored": [0, 2]}}, "must not hold a number"),
    ],
)  # fmt: skip
def test_what_one_file_lacks_is_an_error(root: Path, changed: dict, options: dict, message: str) -> None:
    write(root / "train" / "b.npz", points(seed=1), **changed)
    with pytest.raises(ValueError, match=message):
        Scenes(root, split="train", preprocessing=read(**options), drawn=True)


def test_a_class_that_training_does_not_have_is_an_error_that_says_what_to_do(root: Path) -> None:
    write(root / "test" / "d.npz", points(seed=3), classification=np.full(1500, 7, np.uint8))
    Scenes(root, split="train", preprocessing=read())
    with pytest.raises(
        ValueError, match=r"d.npz': field 'classification' .* 7 \(1500 points\).*'classes' one that"
    ):
        Scenes(root, split="test", preprocessing=read())


def test_a_cell_that_leaves_next_to_nothing_is_warned_about(root: Path) -> None:
    with pytest.warns(
        UserWarning, match=r"'cell' 1000 leaves 1 of 1500 points of .*a.npz' \(0 x 0 x 0 wide\)"
    ):
        Scenes(root, split="train", preprocessing=read(cell=1000.0))


def test_one_class_only_is_nothing_to_learn(root: Path) -> None:
    for name in ("a", "b"):
        write(root / "train" / f"{name}.npz", classification=np.full(1500, 2, np.uint8))
    with pytest.raises(
        ValueError, match="field 'classification' must hold two classes or more .* 2 in 2 files"
    ):
        drawn(root)
    table = {"names": {"2": "ground", str(BUILDING): "building", "5": "trees"}, "ignored": [0]}
    with pytest.raises(
        ValueError, match=r"two classes or more to learn from in its part 'train'.*\(got ground\)"
    ):
        Scenes(root, split="train", preprocessing=read(classes=table), drawn=True)
    write(root / "test" / "d.npz", classification=np.zeros(1500, np.uint8))
    with pytest.raises(ValueError, match=r"points that have a class in its part 'test'.*\(got none\)"):
        Scenes(root, split="test", preprocessing=read(classes=table))


def test_coordinate_systems_that_differ_are_warned_about(root: Path) -> None:
    write(root / "train" / "a.npz", crs=np.array("EPSG:25832"))
    write(root / "train" / "b.npz", crs=np.array("EPSG:2154"))
    with pytest.warns(UserWarning, match="2 coordinate systems"):
        Scenes(root, split="train", preprocessing=read())


def test_validation_may_be_absent(root: Path) -> None:
    assert validation_scenes(root, preprocessing=read()) is not None
    (root / "val" / "c.npz").rename(root / "train" / "c.npz")
    (root / "val").rmdir()
    assert validation_scenes(root, preprocessing=read(), val_fraction=0.0) is None


def test_other_files_of_the_cache_stay(root: Path) -> None:
    drawn(root)
    stored = sorted(path.name.rpartition("-")[0] for path in cache_root().iterdir())
    drawn(root)
    assert (
        stored == ["scene-a", "scene-b"] == sorted(p.name.rpartition("-")[0] for p in cache_root().iterdir())
    )


def test_unknown_words_and_preprocessing_are_refused(root: Path) -> None:
    with pytest.raises(TypeError, match="'tiles' must be an argument of Scenes"):
        Scenes(root, tiles=3)
    with pytest.raises(TypeError, match="must be one of scenes"):
        Scenes(root, preprocessing={"kind": "cloud", "num_points": 3})
    with pytest.raises(ValueError, match="'features' must be a list of different names"):
        ScenePreprocessing(features=["one", "one"])
    with pytest.raises(ValueError, match="'scales' must be those of the features intensity"):
        ScenePreprocessing(features=["intensity"], scales={"red": [(0, 1)]})  # type: ignore[dict-item]


def test_normals_are_turned_with_the_points_that_they_are_of(tmp_path: Path) -> None:
    """Each normal is the direction from the middle to its point: so it stays where tiles are turned and mirrored."""
    random = np.random.default_rng(0)
    pos = random.normal(size=(300, 3))
    pos /= np.linalg.norm(pos, axis=1, keepdims=True)
    columns = dict(zip(("nx", "ny", "nz"), pos.copy().T, strict=True))
    columns["nx"][:5] = np.nan
    write(tmp_path / "a.npz", {"pos": 5 * pos + 100, **columns})
    used = {
        "target": {"numbers": ["nx", "ny", "nz"], "direction": True},
        "kind": "scene",
        "tile": {"radius": 20.0},
    }
    augment = (RandomRotation("z"), RandomFlip(0))
    drawn = Scenes(
        tmp_path,
        split="train",
        preprocessing=used,
        drawn=True,
        augment=augment,
        val_fraction=0.0,
        test_fraction=0.0,
    )
    tile = drawn[0]
    known = ~tile.y.isnan().any(dim=1)
    assert int((~known).sum()) == 5 and "normal" not in tile
    assert "5 kept points lack numbers and are left out" in drawn.report()
    offset = (tile.pos[known] - 5 * tile.y[known]).double()
    assert float(offset.std(dim=0).max()) < 1e-4


def test_numbers_are_learned_in_deviations_and_those_of_the_kept_points(tmp_path: Path) -> None:
    for name, seed in (("train/a", 0), ("val/b", 1)):
        scene = points(seed=seed)
        height = scene["pos"][:, 2] * 1.0
        height[seed::7] = np.nan
        write(tmp_path / f"{name}.npz", scene, height=height)
    used = {"target": {"numbers": ["height"]}, "kind": "scene", "cell": 4.0, "tile": {"radius": 10.0}}
    every = Scenes(tmp_path, split="val", preprocessing={**used, "keep": "mean"}, test_fraction=0.0)
    target = every.preprocessing.wanted
    assert isinstance(target, NumberTarget) and target.scales is not None
    ((offset, size),) = target.scales
    train = (
        Scenes(tmp_path, split="train", preprocessing=every.preprocessing, test_fraction=0.0).scenes[0].scene
    )
    assert train.truth is not None
    kept = train.truth.of(slice(None))[:, 0]
    assert offset == pytest.approx(np.nanmean(kept)) and size == pytest.approx(np.nanstd(kept))
    for tile in every:
        truth = every.scenes[0].scene.truth
        assert truth is not None
        own = truth.of(tile.kept.numpy())[:, 0]
        assert np.allclose(tile.y[:, 0].numpy() * size + offset, own, atol=1e-3, equal_nan=True)
        assert tile.unit.tolist() == [[pytest.approx(size)]]
    assert (
        Scenes(tmp_path, split="val", preprocessing=every.preprocessing.to_json()).preprocessing
        == every.preprocessing
    )
    with pytest.raises(ValueError, match="'features' must not hold what is learned"):
        ScenePreprocessing(features=("height2",), target={"numbers": ["height2"]})
    write(tmp_path / "val/c.npz", points(), height=np.full(1500, np.inf))
    with pytest.raises(ValueError, match=r"c.npz': field 'height' must be finite"):
        Scenes(tmp_path, split="val", preprocessing=every.preprocessing)


def test_numbers_that_say_nothing_are_not_learned(tmp_path: Path) -> None:
    write(tmp_path / "a.npz", points(), height=np.full(1500, 3.0), nx=np.zeros(1500), ny=np.zeros(1500))
    numbers = {"kind": "scene", "target": {"numbers": ["height"]}}
    with pytest.raises(
        ValueError, match="field 'height' must differ between points .* to be learned .all are 3"
    ):
        Scenes(tmp_path, split="train", preprocessing=numbers)
    normals = {"kind": "scene", "target": {"numbers": ["nx", "ny", "height"], "direction": True}}
    assert Scenes(tmp_path, preprocessing=normals).class_counts() == [1500]
    write(tmp_path / "a.npz", points(), nz=np.zeros(1500), nx=np.zeros(1500), ny=np.zeros(1500))
    with pytest.raises(ValueError, match="must have points whose nx, ny, nz are known"):
        Scenes(
            tmp_path,
            preprocessing={"kind": "scene", "target": {"numbers": ["nx", "ny", "nz"], "direction": True}},
        )


def test_stored_models_of_earlier_versions_know_their_classes() -> None:
    """Their field and table stood beside the other settings."""
    table = {"names": {"2": "ground", "1": "other"}, "ignored": [0]}
    old = {"kind": "scene", "version": 1, "cell": 0.5, "label": "class", "classes": table, "num_neighbors": 8}
    read = preprocessing_from_json(old)
    assert isinstance(read, ScenePreprocessing) and read.wanted.names == ("ground", "other")
    assert read.wanted.fields == ("class",) and preprocessing_from_json(read.to_json()) == read
    assert from_pretrained("ccnn_ground-isprs").preprocessing.wanted.names == ("ground", "other")
    with pytest.raises(ValueError, match="'label' and 'classes', or a 'target'"):
        preprocessing_from_json({**old, "target": {"numbers": ["height"]}})
