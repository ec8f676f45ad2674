"""Tables of observations: every value at its place, whatever the order of the rows; normalised by the training part."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ccnn_pc.datasets import LongColumns, LongCSV, Oscillations, PhysioNet2019, published_rows, write_long_csv
from ccnn_pc.datasets.common.splits import Split
from ccnn_pc.datasets.series.stored import join_series, typical_duration, typical_spacing
from tests.long_tables import CLASSES, Observation, labels_of, observations, write, write_labels, write_table

ROWS = observations()
HEADER = ("id", "time", "variable", "value")


def same(first: LongCSV, second: LongCSV) -> bool:
    """Whether two data sets have the same items."""
    return len(first) == len(second) and all(
        set(a.keys()) == set(b.keys()) and all(torch.equal(a[key], b[key]) for key in a.keys())  # noqa: SIM118
        for a, b in zip(first, second, strict=True)
    )


def by_hand(rows: list[Observation], name: str, variables: list[str]) -> tuple[list[float], np.ndarray]:
    """Times and values of one series, NaN where nothing was observed, from a dictionary."""
    cells: dict[float, dict[str, list[float]]] = {}
    for row in rows:
        if row[0] == name:
            cells.setdefault(row[1], {}).setdefault(row[2], []).append(row[3])
    times = sorted(cells)
    wide = [[np.mean(cells[t].get(v, [np.nan])) for v in variables] for t in times]
    return times, np.array(wide, dtype=np.float32)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return write_table(tmp_path, ROWS), write_labels(tmp_path, ROWS)


def test_every_value_is_at_its_place(tmp_path: Path, rng: np.random.Generator) -> None:
    twice = [(name, time, variable, value + 1) for name, time, variable, value in ROWS[::7]]
    rows = [*ROWS, *twice]
    shuffled = [rows[i] for i in rng.permutation(len(rows))]
    table, labels = write_table(tmp_path, shuffled), write_labels(tmp_path, ROWS)
    with pytest.warns(UserWarning, match=f"{len(twice)} rows repeat an id, a time and a variable"):
        data: Any = LongCSV(table, None, labels=labels, normalize="none")
    assert data.ids == sorted(labels_of(ROWS)) and data.variables == ["pulse", "temp"]
    assert data.classes == list(CLASSES) and data.labels.tolist() == [0, 1] * 20
    for row, name in enumerate(data.ids):
        times, wide = by_hand(rows, name, data.variables)
        assert data[row].times.tolist() == times and data[row].times.dtype == torch.float64
        assert np.array_equal(data[row].mask.numpy(), ~np.isnan(wide))
        np.testing.assert_allclose(data[row].x.numpy(), np.nan_to_num(wide), rtol=1e-6)


def test_order_files_and_place_of_labels_change_nothing(
    files: tuple[Path, Path], tmp_path: Path, rng: np.random.Generator
) -> None:
    label = labels_of(ROWS)
    known = LongCSV(files[0], "train", labels=files[1])
    shuffled = [ROWS[i] for i in rng.permutation(len(ROWS))]
    (tmp_path / "parts").mkdir()
    parts = [
        write(tmp_path / "parts" / f"{part}.tsv", ("label", "value", "more", "time", "id", "variable"),
              [(label[r[0]] if number % 2 == part else "", r[3], "?", r[1], r[0], r[2])
               for number, r in enumerate(shuffled) if number % 3 == part or (number % 3 == 2 and part == 0)], "\t")
        for part in (0, 1)
    ]  # fmt: skip
    assert same(known, LongCSV(parts, "train")) and same(known, LongCSV(tmp_path / "parts", "train"))
    zipped = tmp_path / "all.csv.gz"
    text = "﻿" + files[0].read_text().replace(",", " ; ").replace("\n", "\r\n\r\n")
    zipped.write_bytes(gzip.compress(text.encode()))
    assert same(known, LongCSV(zipped, "train", labels=files[1]))


def test_split_and_normalisation(files: tuple[Path, Path]) -> None:
    parts = {split: LongCSV(files[0], split, labels=files[1]) for split in ("train", "val", "test", None)}
    whole = parts[None]
    for split in Split:
        rows = published_rows(whole.labels, split)
        assert same(parts[split.value], whole.subset(rows))
    assert [len(part) for part in parts.values()] == [28, 6, 6, 40]
    train: Any = list(parts["train"])
    for channel in (0, 1):
        seen = torch.cat([item.x[item.mask[:, channel], channel] for item in train]).double()
        assert abs(float(seen.mean())) < 1e-5 and abs(float(seen.std()) - 1) < 1e-4
    assert all(bool((item.x[~item.mask] == 0).all()) for item in train)
    other = LongCSV(files[0], "train", labels=files[1], split_seeds=(3, 4))
    assert len(other) == 28 and not same(other, parts["train"])


@pytest.mark.parametrize("level", [7.0, 0.1, 0.0])
def test_a_constant_variable_is_only_centred(level: float, tmp_path: Path) -> None:
    rows = [*ROWS, *((name, 5.0, "group", level) for name in labels_of(ROWS))]
    table, labels = write_table(tmp_path, rows), write_labels(tmp_path, rows)
    data: Any = LongCSV(table, None, labels=labels)
    place = data.variables.index("group")
    assert all(
        float(item.x[:, place].abs().max()) < 1e-6 and int(item.mask[:, place].sum()) == 1 for item in data
    )
    new = write_table(tmp_path, [("a", 0.0, "group", level + 2)], "new.csv")
    trained: Any = LongCSV.as_trained(new, data.description(), labelled=False)
    assert trained[0].x[0].tolist() == pytest.approx([2, 0, 0], rel=1e-5)


def test_units_do_not_matter(files: tuple[Path, Path], tmp_path: Path) -> None:
    known: Any = LongCSV(files[0], "train", labels=files[1])
    for unit in (1e-12, 1e12):
        rows = [(name, time, variable, value * unit) for name, time, variable, value in ROWS]
        other: Any = LongCSV(write_table(tmp_path, rows, "other.csv"), "train", labels=files[1])
        for item, again in zip(known, other, strict=True):
            torch.testing.assert_close(item.x, again.x, rtol=1e-4, atol=1e-5)


def test_counts_come_before_the_values(files: tuple[Path, Path]) -> None:
    plain: Any = LongCSV(files[0], "val", labels=files[1])
    counted: Any = LongCSV(files[0], "val", labels=files[1], counts=True)
    for bare, item in zip(plain, counted, strict=True):
        assert torch.equal(item.x[:, 2:], bare.x) and torch.equal(item.mask[:, 2:], bare.mask)
        assert torch.equal(item.x[:, :2], bare.mask.cumsum(0).float()) and bool(item.mask[:, :2].all())
    assert counted.measured()["in_channels"] == 4


def test_indicators_say_what_was_observed_when(files: tuple[Path, Path]) -> None:
    plain: Any = LongCSV(files[0], "val", labels=files[1])
    told: Any = LongCSV(files[0], "val", labels=files[1], indicators=True)
    both: Any = LongCSV(files[0], "val", labels=files[1], counts=True, indicators=True)
    for bare, item, more in zip(plain, told, both, strict=True):
        assert torch.equal(item.x[:, 2:], bare.x) and torch.equal(item.mask[:, 2:], bare.mask)
        assert torch.equal(item.x[:, :2], bare.mask.float()) and bool(item.mask[:, :2].all())
        assert torch.equal(more.x[:, 2:], item.x) and more.mask.shape[1] == 6
    assert told.measured()["in_channels"] == 4 and both.measured()["in_channels"] == 6


def test_no_mask_where_nothing_is_missing(tmp_path: Path) -> None:
    rows = observations(variables=["pulse"])
    data = LongCSV(write_table(tmp_path, rows), labels=write_labels(tmp_path, rows))
    assert "mask" not in data[0] and data[0].x.shape == (len(data[0].times), 1)


def test_variables_and_classes_in_an_order_of_ones_own(files: tuple[Path, Path]) -> None:
    known: Any = LongCSV(files[0], None, labels=files[1], normalize="none")
    other: Any = LongCSV(
        files[0],
        None,
        labels=files[1],
        variables=["temp", "pulse"],
        classes=["wild", "odd", "calm"],
        normalize="none",
    )
    assert other.variables == ["temp", "pulse"] and other.num_classes == 3
    assert other.labels.tolist() == [2, 0] * 20
    assert all(torch.equal(a.x, b.x.flip(1)) for a, b in zip(known, other, strict=True))
    part = LongCSV(files[0], None, labels=files[1], variables=["temp"], ignore_others=True)
    assert part.variables == ["temp"] and part.measured()["in_channels"] == 1


def test_labels_that_are_numbers_are_sorted_as_such(tmp_path: Path) -> None:
    names = list(labels_of(ROWS))
    labels = write(
        tmp_path / "l.csv", ("id", "label"), [(name, (10, 9, 2)[i % 3]) for i, name in enumerate(names)]
    )
    assert LongCSV(write_table(tmp_path, ROWS), None, labels=labels).classes == ["2", "9", "10"]


def test_dates_and_names_of_columns(files: tuple[Path, Path], tmp_path: Path) -> None:
    whole = [(name, round(time), variable, value) for name, time, variable, value in ROWS]
    numbers: Any = LongCSV(write_table(tmp_path, whole, "numbers.csv"), None, labels=files[1])
    dated = [(r[0], f"2024-02-{28 + (r[1] + 20) // 24:02d} {(r[1] + 20) % 24:02d}:00", *r[2:]) for r in whole]
    table = write(tmp_path / "dates.csv", ("patient", "when", "variable", "value"), dated)
    names = write(tmp_path / "outcome.csv", ("patient", "label"), labels_of(ROWS).items())
    columns = LongColumns(id="patient", time="when")
    data: Any = LongCSV(table, None, labels=names, columns=columns, dates="hours")
    for first, second in zip(numbers, data, strict=True):
        assert torch.equal(first.times.diff(), second.times.diff()) and torch.equal(first.x, second.x)


def test_a_zone_stands_in_every_row_or_in_none(files: tuple[Path, Path], tmp_path: Path) -> None:
    def table(name: str, *ends: str) -> Path:
        rows = [
            (each[0], f"2024-02-01 {round(each[1]):02d}:00{ends[place % len(ends)]}", *each[2:])
            for place, each in enumerate({(row[0], round(row[1]), row[2]): row for row in ROWS}.values())
        ]
        return write_table(tmp_path, rows, name)  # type: ignore[arg-type]

    plain: Any = LongCSV(table("plain.csv", ""), None, labels=files[1], dates="hours")
    zoned: Any = LongCSV(table("zoned.csv", "Z", "+00:00", "+0000"), None, labels=files[1], dates="hours")
    assert all(torch.equal(first.times, second.times) for first, second in zip(plain, zoned, strict=True))
    with pytest.raises(ValueError, match=r"time zone in every row or in none \(got .*\+02:00"):
        LongCSV(table("mixed.csv", "", "+02:00"), None, labels=files[1], dates="hours")


def test_lattice(files: tuple[Path, Path], tmp_path: Path) -> None:
    rows = [(name, 0.25 * round(4 * time), variable, value) for name, time, variable, value in ROWS]
    data: Any = LongCSV(write_table(tmp_path, rows), labels=files[1], lattice=0.25)
    assert data[0].lattice.tolist() == [[0.25]] and data.measured()["spacing"] == 0.25
    with pytest.raises(
        ValueError, match=r"'lattice' must divide the times between samples \(got 0.5, and time"
    ):
        LongCSV(tmp_path / "table.csv", labels=files[1], lattice=0.5)


def ticking(rate: float, digits: int, seed: int = 0) -> list[Observation]:
    """Forty series of one variable at some ticks of a clock, with stamps as a file of few digits has them."""
    random = np.random.default_rng(seed)
    found: list[Observation] = []
    for number in range(40):
        ticks = np.flatnonzero(random.random(60) < 0.7)
        found += [(f"s{number:02d}", round(tick / rate, digits), "pulse", float(tick % 7)) for tick in ticks]
    return found


@pytest.mark.parametrize(
    ("rate", "digits", "found"),
    [(10, 6, 0.1), (200, 3, 0.005), (60, 3, 1 / 60), (44.1, 4, 1 / 44.1), (1000.0, 2, 0.01)],
)
def test_a_lattice_is_found_within_the_digits_of_the_file(
    rate: float, digits: int, found: float, tmp_path: Path
) -> None:
    rows = ticking(rate, digits)
    table, labels = write_table(tmp_path, rows), write_labels(tmp_path, rows)
    data: Any = LongCSV(table, None, labels=labels)
    assert data.lattice == pytest.approx(found, rel=2e-4)
    assert data.description()["lattice"] is None  # other tables may have another
    known: Any = LongCSV(table, labels=labels).measured()
    assert known["spacing"] == data.lattice
    for row in (0, 7):
        written = np.array(by_hand(rows, data.ids[row], data.variables)[0])
        item = data[row]
        steps = (item.times - item.times[0]).numpy() / data.lattice
        assert np.abs(steps - np.rint(steps)).max() < 1e-6 and item.lattice.tolist() == [[data.lattice]]
        assert np.abs(item.times.numpy() - written).max() <= 10.0**-digits
    direct: Any = LongCSV(table, None, labels=labels, direct=True)
    assert direct.lattice is None and "lattice" not in direct[0]
    assert direct[7].times.tolist() == by_hand(rows, data.ids[7], data.variables)[0]


def test_random_times_are_on_no_lattice(files: tuple[Path, Path]) -> None:
    data: Any = LongCSV(files[0], None, labels=files[1])  # three digits, and thirds of a unit between stamps
    assert data.lattice is None and "lattice" not in data[0]


@pytest.mark.parametrize(("place", "time"), [(-1, 1e7), (0, -1e7), (-1, 1234567.891)])
def test_one_wrong_stamp_is_named_and_changes_nothing_else(place: int, time: float, tmp_path: Path) -> None:
    """Spacing, reach and lattice are those of the table without it."""
    rows = ticking(200, 3)
    labels = write_labels(tmp_path, rows)
    usual: Any = LongCSV(write_table(tmp_path, rows), labels=labels).measured()
    which = [number for number, row in enumerate(rows) if row[0] == "s06"][place]
    rows[which] = ("s06", time, *rows[which][2:])
    wrong = write_table(tmp_path, rows, "wrong.csv")
    with pytest.warns(
        UserWarning, match=rf"wrong.csv': 'time' of 'id' 's06' goes from .*{abs(time):.10g}.*is a stamp wrong"
    ):
        data: Any = LongCSV(wrong, None, labels=labels)
    assert data.lattice == pytest.approx(0.005, rel=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: Any = LongCSV(wrong, labels=labels).measured()
    for name in ("in_channels", "shape"):
        assert found[name] == usual[name]
    assert found["spacing"] == pytest.approx(usual["spacing"], rel=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LongCSV(tmp_path / "table.csv", None, labels=labels)


def test_new_tables_are_read_as_those_of_the_training(files: tuple[Path, Path], tmp_path: Path) -> None:
    train: Any = LongCSV(files[0], labels=files[1], counts=True)
    test: Any = LongCSV(files[0], "test", labels=files[1], counts=True)
    description = train.description()
    assert same(
        test, LongCSV.as_trained(files[0], description, "test", labels=files[1], classes=train.classes)
    )
    name = test.ids[int(published_rows(test.stored.label, Split.TEST)[0])]
    part = [row for row in ROWS if row[0] == name and row[2] == "pulse"]
    new: Any = LongCSV.as_trained(write_table(tmp_path, part, "new.csv"), description, labelled=False)
    assert new.ids == [name] and "y" not in new[0] and torch.equal(new[0].x[:, 2], test[0].x[:, 2])
    bare = LongCSV(files[0], labels=files[1], normalize="none").description()
    raw: Any = LongCSV.as_trained(tmp_path / "new.csv", bare, labelled=False)
    assert raw[0].x[:, 0].tolist() == pytest.approx([row[3] for row in part])


def test_what_is_written_is_read_again(tmp_path: Path, places: Path) -> None:
    table, labels = tmp_path / "long.csv", tmp_path / "labels.csv"
    oscillations: Any = Oscillations("val", per_class=8)
    assert write_long_csv(oscillations, table, labels) == sum(len(item.times) for item in oscillations)
    data: Any = LongCSV(table, None, labels=labels, normalize="none")
    assert data.classes == oscillations.classes and len(data) == 40
    for item, again in zip(oscillations, data, strict=True):
        assert all(torch.equal(item[key], again[key]) for key in ("times", "x", "y"))
    hospital: Any = PhysioNet2019(
        places / "hospital", None, form="irregular", counts=False, statics=False, normalize="none"
    )
    write_long_csv(hospital, table, labels)
    data = LongCSV(
        table, None, labels=labels, variables=[f"channel_{c}" for c in range(34)], normalize="none"
    )
    for item, again in zip(hospital, data, strict=True):
        seen = item.mask.any(dim=1)  # an hour without any value leaves no row
        assert torch.equal(item.times[seen], again.times) and torch.equal(item.x[seen], again.x)
        assert torch.equal(item.mask[seen], again.mask) and torch.equal(item.y, again.y)


def test_typical_spacing_and_duration() -> None:
    def stored(*times: list[float], channels: int = 1) -> Any:
        values = [np.ones((len(each), channels)) for each in times]
        return join_series(values, np.zeros(len(times)), ["a"], times=np.concatenate(times))

    def both(series: Any) -> tuple[float | None, float]:
        rows = np.arange(len(series))
        return typical_spacing(series, rows), typical_duration(series, rows)

    regular = [0.5 * i for i in range(9)]
    assert both(stored(regular, regular)) == (0.5, 4.0)
    assert (
        both(stored(regular, regular, [0.0, 1000.0]))[0] == 0.5
    )  # a rarely observed series does not move it
    assert both(stored(*[regular] * 99, [0.0, 1000.0]))[1] == pytest.approx(4.0)
    assert both(stored([1.0], [2.0])) == (None, 0.0)
    sparse = stored(regular, channels=2)
    sparse.values[1:-1, 1] = np.nan  # two values, 4 apart, against nine
    assert both(sparse) == (0.5, 4.0)
    random = Oscillations("train", per_class=20).stored
    spacing, duration = both(random)
    assert spacing == pytest.approx(1 / 60, rel=0.1) and 0.95 < duration < 1


def test_the_table_is_read_once_until_it_changes(files: tuple[Path, Path], own_cache: Path) -> None:
    first = LongCSV(files[0], labels=files[1])
    (folder,) = own_cache.iterdir()
    stamp = (folder / "values.npy").stat().st_mtime_ns
    again = LongCSV(files[0], "train", labels=files[1])
    assert same(first, again) and again.variables == first.variables and again.ids == first.ids
    assert (folder / "values.npy").stat().st_mtime_ns == stamp and len(list(own_cache.iterdir())) == 1
    LongCSV(files[0], None, labelled=False)  # what is only looked at leaves nothing
    assert len(list(own_cache.iterdir())) == 1
    write_table(files[0].parent, observations(seed=1))
    assert not same(first, LongCSV(files[0], labels=files[1]))
