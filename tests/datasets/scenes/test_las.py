"""Reading LAS and LAZ, and writing them again: every field but one bit-equal."""

from __future__ import annotations

import struct
from pathlib import Path

import laspy
import numpy as np
import pytest

from ccnn_pc.datasets import read_scene, write_labels
from ccnn_pc.datasets.common.broken import BrokenFileError
from ccnn_pc.datasets.formats import las as las_module
from tests.datasets.scenes.las_files import WKT, random_las, raw_points, write_las

# laspy writes the smallest and largest value of numbers that are none
pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")

FORMATS = [
    (0, "1.1"),
    (1, "1.2"),
    (2, "1.2"),
    (3, "1.3"),
    (4, "1.3"),
    (5, "1.3"),
    *((n, "1.4") for n in range(11)),
]


@pytest.mark.parametrize("number, version", FORMATS)
@pytest.mark.parametrize("suffix", ["las", "laz"])
def test_every_dimension_is_read_as_laspy_reads_it(
    tmp_path: Path, number: int, version: str, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(las_module, "CHUNK", 128)
    path = write_las(tmp_path / f"a.{suffix}", random_las(number, version))
    scene, las = read_scene(path), laspy.read(path)
    assert (scene.pos == las.xyz).all() and scene.pos.dtype == np.float64
    assert set(scene.fields) == set(las.point_format.dimension_names) - set("XYZ")
    for name, values in scene.fields.items():
        np.testing.assert_array_equal(values, np.asarray(las[name]))
    assert scene.crs == WKT


@pytest.mark.parametrize("number", range(11))
def test_named_fields_alone_are_the_same_numbers(tmp_path: Path, number: int) -> None:
    """Of point formats 6 to 10 the rest stays packed."""
    path = write_las(tmp_path / "a.laz", random_las(number))
    whole = read_scene(path)
    for name, values in whole.fields.items():
        if values.dtype.kind != "f":
            alone = read_scene(path, fields=[name])
            assert list(alone.fields) == [name] and (alone.fields[name] == values).all(), name
            assert (alone.pos == whole.pos).all()


@pytest.mark.parametrize("number, version", FORMATS)
@pytest.mark.parametrize("suffix", ["las", "laz"])
def test_all_but_the_labels_is_written_again_bit_by_bit(
    tmp_path: Path, number: int, version: str, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(las_module, "CHUNK", 128)
    las = random_las(number, version)
    source, target = write_las(tmp_path / f"a.{suffix}", las), tmp_path / f"b.{suffix}"
    labels = np.arange(len(las)) % 32
    write_labels(source, target, labels)
    before, after = laspy.read(source), laspy.read(target)
    assert (np.asarray(after.classification) == labels).all()
    before.classification = labels.astype(np.uint8)
    assert before.points.array.tobytes() == after.points.array.tobytes()
    assert _headers(source) == _headers(target)
    if las.evlrs:
        assert after.evlrs[0].record_data_bytes() == las.evlrs[0].record_data_bytes()
    if suffix == "las":
        assert target.stat().st_size == source.stat().st_size


def _headers(path: Path) -> bytes:
    """Header and records, without the places of what lies behind the points, which packing may move.

    Waveforms of point formats 4 and 5 have the version by which LASzip knows them.
    """
    data = bytearray(path.read_bytes())
    waves = data.find(struct.pack("<HHH", 9, 29, 2))
    if waves > 0:
        data[waves + 4] = 1
    with laspy.open(path) as file:
        header = file.header
    for place, size in ((227, 8), (235, 8)) if header.version.minor >= 4 else ():
        data[place : place + size] = bytes(size)
    return bytes(data[: header.offset_to_point_data])


@pytest.mark.parametrize("number, version", [(1, "1.2"), (6, "1.4")])
@pytest.mark.parametrize("suffix, other", [("las", "laz"), ("laz", "las"), ("laz", "laz"), ("las", "las")])
@pytest.mark.parametrize("extra", [True, False])
def test_probabilities_become_extra_dimensions(
    tmp_path: Path, number: int, version: str, suffix: str, other: str, extra: bool
) -> None:
    las = random_las(number, version, extra=extra)
    source, target = write_las(tmp_path / f"a.{suffix}", las), tmp_path / f"b.{other}"
    rng = np.random.default_rng(0)
    labels, chances = rng.integers(0, 3, len(las)), rng.random((len(las), 2))
    write_labels(source, target, labels, probabilities=chances, class_names=["ground", "low plants"])
    before, after = laspy.read(source), laspy.read(target)
    assert (np.asarray(after.classification) == labels).all()
    for name, column in zip(("p_ground", "p_low_plants"), chances.T, strict=True):
        assert after[name].dtype == np.float32 and (after[name] == column.astype(np.float32)).all()
    before.classification = labels.astype(np.uint8)
    for name in before.points.array.dtype.names:
        assert before.points.array[name].tobytes() == after.points.array[name].tobytes(), name
    assert after.header.vlrs.get_by_id("somebody")[0].record_data == b"\x00\x01anything\xff"
    assert read_scene(target).crs == WKT
    assert list(after.header.mins) == list(before.header.mins)
    assert list(after.header.number_of_points_by_return) == list(before.header.number_of_points_by_return)
    again = tmp_path / f"c.{other}"  # of what has them, they are set
    write_labels(target, again, labels, probabilities=1 - chances, class_names=["ground", "low plants"])
    assert (laspy.read(again)["p_ground"] == (1 - chances[:, 0]).astype(np.float32)).all()


def test_a_dimension_that_is_set_is_no_longer_described_by_its_old_limits(tmp_path: Path) -> None:
    las = random_las(1, "1.2", extra=False)
    las.add_extra_dim(laspy.ExtraBytesParams("label", "u2"))
    las.label = np.full(500, 7, dtype=np.uint16)
    source, target = write_las(tmp_path / "a.laz", las), tmp_path / "b.laz"
    assert _limits(source) == (7, 7)
    write_labels(source, target, np.arange(500), field="label")
    assert _limits(target) == (None, None) and (laspy.read(target).label == np.arange(500)).all()


def _limits(path: Path) -> tuple[int | None, int | None]:
    (struct_,) = laspy.read(path).header.vlrs.get("ExtraBytesVlr")[0].extra_bytes_structs
    return tuple(None if each is None else int(each[0]) for each in (struct_.min, struct_.max))  # type: ignore[return-value]


def test_bytes_that_nobody_described_stay(tmp_path: Path) -> None:
    source, target = write_las(tmp_path / "a.las", random_las(1, "1.2")), tmp_path / "b.laz"
    data = bytearray(source.read_bytes())
    place = data.index(b"LASF_Spec")
    data[place : place + 9] = b"not_known"
    source.write_bytes(data)
    count = len(laspy.read(source))
    write_labels(
        source,
        target,
        np.ones(count, int),
        probabilities=np.ones((count, 1), "f4"),
        class_names=["a"],
        field="mine",
    )
    before, after = raw_points(source), raw_points(target)
    assert (before == after[:, : before.shape[1]]).all()
    found = laspy.read(target)
    assert (found["mine"] == 1).all() and (found["p_a"] == 1).all() and (found["classification"] != 1).any()


def test_las_1_0_and_the_mark_before_its_points(tmp_path: Path) -> None:
    source, target = write_las(tmp_path / "a.las", random_las(1, "1.1", extra=False)), tmp_path / "b.las"
    data = bytearray(source.read_bytes())
    data[25] = 0
    (start,) = struct.unpack_from("<I", data, 96)
    data[start:start] = b"\xdd\xcc"
    struct.pack_into("<I", data, 96, start + 2)
    source.write_bytes(data)
    labels = np.arange(500) % 7
    write_labels(source, target, labels)
    written = target.read_bytes()
    assert written[: start + 2] == bytes(data[: start + 2]) and len(written) == len(data)
    scene = read_scene(target)
    assert (scene.labels("classification") == labels).all()


def test_waveforms_behind_the_points_are_kept(tmp_path: Path) -> None:
    """Laspy reads no records behind points before LAS 1.4."""
    source, target = write_las(tmp_path / "a.las", random_las(4, "1.3")), tmp_path / "b.laz"
    data = bytearray(source.read_bytes())
    data[6] |= 0b10
    struct.pack_into("<Q", data, 227, len(data))
    waves = b"\0\0LASF_Spec".ljust(18, b"\0") + struct.pack("<HQ32s", 65535, 1000, b"waves") + bytes(1000)
    source.write_bytes(bytes(data) + waves)
    write_labels(source, target, np.ones(500, dtype=np.int64))
    written = target.read_bytes()
    (place,) = struct.unpack_from("<Q", written, 227)
    assert written[place:] == waves
    assert (read_scene(target).labels("classification") == 1).all()


def test_what_lazrs_packs_wrongly_is_refused(tmp_path: Path) -> None:
    """Waveforms of several scanner channels; as LAS they are written."""
    las = random_las(9)
    las.scanner_channel = np.arange(500) % 3
    source = write_las(tmp_path / "a.las", las)
    with pytest.raises(ValueError, match="write it as .las"):
        write_labels(source, tmp_path / "b.laz", np.ones(500, dtype=np.int64))
    write_labels(source, tmp_path / "b.las", np.ones(500, dtype=np.int64))
    assert not (tmp_path / "b.laz").exists()


def test_an_octree_is_left_out(tmp_path: Path) -> None:
    las = random_las(6, "1.4")
    las.header.vlrs.insert(0, laspy.VLR("copc", 1, "copc info", bytes(160)))
    las.evlrs.insert(0, laspy.VLR("copc", 1000, "hierarchy", bytes(64)))
    source, target = write_las(tmp_path / "a.copc.laz", las), tmp_path / "b.laz"
    write_labels(source, target, np.ones(500, dtype=np.int64))
    found = laspy.read(target)
    assert not found.header.vlrs.get_by_id("copc") and not found.evlrs.get_by_id("copc")
    assert found.evlrs[0].record_data_bytes() == las.evlrs[1].record_data_bytes()
    assert (found.classification == 1).all()


@pytest.mark.parametrize("number, wider", [(0, 6), (1, 6), (2, 7), (3, 7), (4, 9), (5, 10)])
def test_a_class_above_31_needs_another_point_format(tmp_path: Path, number: int, wider: int) -> None:
    source = write_las(tmp_path / "a.laz", random_las(number))
    labels = np.full(500, 32)
    with pytest.raises(
        ValueError, match=rf"a.laz': field 'classification' .*up to 31 \(got 32\).*format {wider}"
    ):
        write_labels(source, tmp_path / "b.laz", labels)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.laz"]


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("classification", 256, "holds numbers from 0 to 255"),
        ("classification", -1, "from 0 to 255"),
        ("return_number", 16, "from 0 to 15"),
        ("echo_width", 1, "without a scale"),
        ("normal", 1, "one number per point"),
        ("a" * 33, 1, "at most 32 bytes"),
    ],
)
def test_numbers_that_a_dimension_cannot_hold(tmp_path: Path, field: str, value: int, message: str) -> None:
    source = write_las(tmp_path / "a.laz", random_las(6))
    with pytest.raises(ValueError, match=message):
        write_labels(source, tmp_path / "b.laz", np.full(500, value), field=field)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.laz"]


@pytest.mark.parametrize("suffix", ["las", "laz"])
@pytest.mark.parametrize("number", [1, 6])
@pytest.mark.parametrize("change", [1, 100, -1, -100])
def test_a_wrong_number_of_points_is_an_error(tmp_path: Path, suffix: str, number: int, change: int) -> None:
    path = write_las(tmp_path / f"a.{suffix}", random_las(number))
    data = bytearray(path.read_bytes())
    struct.pack_into(*(("<I", data, 107) if number < 6 else ("<Q", data, 247)), 500 + change)
    path.write_bytes(data)
    with pytest.raises(BrokenFileError, match=f"a.{suffix}"):
        read_scene(path)


@pytest.mark.parametrize("suffix", ["las", "laz"])
@pytest.mark.parametrize("number", [1, 3, 6, 8])
def test_a_file_that_is_cut_off_is_an_error_wherever(tmp_path: Path, suffix: str, number: int) -> None:
    path = write_las(tmp_path / f"a.{suffix}", random_las(number, count=50))
    data = path.read_bytes()
    for size in np.linspace(1, len(data) - 1, 40).astype(int):
        path.write_bytes(data[:size])
        with pytest.raises(BrokenFileError, match=f"a.{suffix}"):
            read_scene(path)
        with pytest.raises(BrokenFileError, match=f"a.{suffix}"):
            write_labels(path, tmp_path / "b.laz", np.ones(50, dtype=np.int64))
    assert len(list(tmp_path.iterdir())) == 1


def test_bytes_at_random_never_end_in_another_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = write_las(tmp_path / "a.laz", random_las(7, count=50))
    data = np.frombuffer(path.read_bytes(), np.uint8)
    for _ in range(40):
        damaged = data.copy()
        where = rng.integers(0, len(data) if rng.random() < 0.5 else 400, 3)
        damaged[where] = rng.integers(0, 256, 3)
        path.write_bytes(damaged.tobytes())
        try:
            read_scene(path)
        except ValueError as error:
            assert "a.laz" in str(error)


def test_coordinate_systems(tmp_path: Path) -> None:
    las = random_las(1, extra=False)
    las.header.vlrs.extract("WktCoordinateSystemVlr")
    assert read_scene(write_las(tmp_path / "a.las", las)).crs is None
    keys = struct.pack("<12H", 1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 31468)
    las.header.vlrs.append(laspy.VLR("LASF_Projection", 34735, "", keys))
    assert read_scene(write_las(tmp_path / "b.laz", las)).crs == "EPSG:31468"
    write_labels(tmp_path / "b.laz", tmp_path / "c.laz", np.ones(500, dtype=np.int64))
    assert read_scene(tmp_path / "c.laz").crs == "EPSG:31468"


def test_samples_of_the_filter_test(shared: Path, tmp_path: Path) -> None:
    for source in sorted((shared / "data" / "isprs_filter").glob("*.laz"))[:3]:
        scene = read_scene(source, fields=["classification"])
        labels = scene.labels("classification")
        assert set(np.unique(labels)) == {1, 2}
        write_labels(source, tmp_path / source.name, 3 - labels)
        before, after = laspy.read(source), laspy.read(tmp_path / source.name)
        before.classification = (3 - labels).astype(np.uint8)
        assert before.points.array.tobytes() == after.points.array.tobytes()
