"""What a model was trained on: measured, stored, and compared with whatever comes in."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import Batch, Data

from ccnn_pc.datasets import KNN, FarthestPoints, GridData, ImagePreprocessing, SeriesPreprocessing
from ccnn_pc.domains import Grid, IrregularSeries
from ccnn_pc.models import (
    SamplingWarning,
    TrainedOn,
    create_model,
    from_pretrained,
    list_pretrained,
    measure,
    save_pretrained,
)
from ccnn_pc.models.shift.seen import Samples, seen
from ccnn_pc.models.shift.trained_on import Spread
from ccnn_pc.ops.neighbors.k_nearest import knn


def series(n: int, duration: float, seed: int = 0) -> Data:
    generator = torch.Generator().manual_seed(seed)
    times = torch.rand(n, dtype=torch.float64, generator=generator).sort().values
    times = (times - times[0]) / (times[-1] - times[0]) * duration
    return Data(x=torch.randn(n, 2, generator=generator), times=times)


def sphere(n: int, k: int | None, seed: int = 0) -> Data:
    pos = torch.nn.functional.normalize(torch.randn(n, 3, generator=torch.Generator().manual_seed(seed)))
    data = Data(pos=pos, x=pos.clone())
    return data if k is None else KNN(k)(data)


def network(kind: str, **options: Any) -> Any:
    torch.manual_seed(0)
    k = options.pop("k", 64)
    sizes: Any = {
        "image": {"dim": 2, "in_channels": 1, "shape": [16, 16]},
        "series": {"dim": 1, "in_channels": 2, "shape": [50], "spacing": 0.02},
        "cloud": {"dim": 3, "in_channels": 3},
    }[kind]
    items = {
        "image": [torch.rand(1, 1, 16, 16) for _ in range(20)],
        "series": [series(40 + i, 1.0, i) for i in range(20)],
        "cloud": [sphere(128, k, i) for i in range(20)],
    }[kind]
    model: Any = create_model("ccnn_4_16", out_channels=3, **sizes, **options)
    model.trained_on = measure(model.reading, items)
    return model.eval()


def said(model: Any, *data: Any, **options: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with torch.no_grad():
            model(*data, **options)
    return [str(each.message) for each in caught]


def test_measured_by_hand() -> None:
    model = network("series")
    items = [series(40 + i, 1.0, i) for i in range(20)]
    found = model.trained_on
    steps = torch.tensor([1.0 / (39 + i) for i in range(20)], dtype=torch.float64)
    assert found.kind is Samples.SERIES and found.items == 20
    assert found.spacing[0].median == pytest.approx(float(steps.quantile(0.5)))
    assert (found.samples.least, found.samples.most) == (40, 59)
    assert found.span[0] == pytest.approx([1.0] * 5)
    scales = torch.stack([item.x.square().mean(0).sqrt() for item in items])
    assert found.channels[1].scale.most == pytest.approx(float(scales[:, 1].max()), rel=1e-5)
    assert found.channels[0].values.least == pytest.approx(min(float(item.x[:, 0].min()) for item in items))

    cloud = network("cloud").trained_on
    pos = sphere(128, None, 3).pos
    distance = torch.cdist(pos, pos).sort(dim=1).values
    one = measure(network("cloud").reading, [sphere(128, 64, 3)])
    assert one.neighborhood is not None and one.neighborhood.k == cloud.neighborhood.k == 64
    assert one.spacing[0].median == pytest.approx(float(distance[:, 1].mean()), rel=1e-4)
    assert one.neighborhood.reach.median == pytest.approx(float(distance[:, 63].mean()), rel=1e-4)
    assert [s.median for s in one.span] == pytest.approx((pos.amax(0) - pos.amin(0)).tolist())


def even_sphere(n: int, seed: int, k: int = 16) -> Data:
    return KNN(k)(FarthestPoints(n)(sphere(1024, None, seed)))


def test_unevenness_measured_by_hand() -> None:
    """0 on a lattice; of random points in a plane that of the Rayleigh distribution."""
    reading = network("cloud").reading
    steps = torch.arange(8.0)
    lattice = torch.cartesian_prod(steps, steps, steps)
    plane = torch.cat(
        [torch.rand(4000, 2, generator=torch.Generator().manual_seed(0)), torch.zeros(4000, 1)], dim=1
    )
    for pos, expected, tolerance in ((lattice, 0.0, 1e-6), (plane, (4 / torch.pi - 1) ** 0.5, 0.02)):
        found = measure(reading, [KNN(4)(Data(pos=pos, x=pos.clone()))])
        assert found.neighborhood is not None and found.neighborhood.unevenness is not None
        assert found.neighborhood.unevenness.median == pytest.approx(expected, abs=tolerance)
    both = [even_sphere(128, 0), sphere(128, 16, 1)]
    one, together = measure(reading, both), measure(reading, [Batch.from_data_list(both)])
    assert one.neighborhood and one.neighborhood.unevenness
    assert together.neighborhood and together.neighborhood.unevenness
    assert together.neighborhood.unevenness[::4] == pytest.approx(one.neighborhood.unevenness[::4], rel=1e-5)


def test_points_that_lie_less_evenly_than_ever() -> None:
    model = network("cloud")
    model.trained_on = measure(model.reading, [even_sphere(128, i) for i in range(20)])
    assert said(model, even_sphere(128, 30)) == said(model, even_sphere(64, 30, 8)) == []
    (message,) = said(model, sphere(128, 16, 30))
    assert "less evenly than in training" in message and "vary by 0." in message
    model.warned.clear()
    odd = [even_sphere(128, 31), sphere(128, 16, 30), even_sphere(128, 32)]
    assert said(model, Batch.from_data_list(odd)) == []  # one of many
    assert len(said(model, Batch.from_data_list([sphere(128, 16, seed) for seed in range(30, 46)]))) == 1
    model.trained_on = measure(model.reading, [sphere(128, 16, i) for i in range(20)])
    model.warned.clear()
    assert said(model, sphere(128, 16, 30)) == said(model, even_sphere(128, 30)) == []
    before = model.trained_on.to_json()
    before["neighborhood"] = before["neighborhood"][:3]  # as earlier versions wrote it
    model.trained_on = TrainedOn.from_json(json.loads(json.dumps(before)))
    assert model.trained_on.neighborhood.unevenness is None and said(model, even_sphere(128, 30)) == []


def test_feet_for_metres_of_clouds_that_are_alike() -> None:
    model = network("cloud")
    feet = sphere(128, 64, 5)
    feet.pos = feet.pos / 0.3048
    (message,) = said(model, feet)
    assert "another unit, as feet for metres; divide positions by 3.281" in message
    model.warned.clear()
    feet.pos = feet.pos * 0.3048 * 2
    assert not any("sparser" in each for each in said(model, feet))


def test_sums_over_series_that_are_sparser_and_lines_that_may_be() -> None:
    few = [series(6, 1.0, seed) for seed in range(4)]
    (message,) = said(network("series", series_interpolation="none"), Batch.from_data_list(few))
    assert "times sparser: read straight lines" in message
    assert said(network("series", series_interpolation="none"), series(20, 1.0)) == []
    assert said(network("series"), Batch.from_data_list(few)) == []


def test_a_third_of_the_points_of_the_smallest_cloud() -> None:
    """Of surfaces that is 1.7 times sparser; k falls with the points, so that neighbours reach as far."""
    model = network("cloud", k=48)
    assert said(model, sphere(44, 16, 5)) == []
    (message,) = said(model, sphere(40, 15, 5))
    assert "items of 40 samples where training had 128, 3.2 times fewer" in message


def test_a_batch_is_measured_as_its_items() -> None:
    for kind, items in (
        ("series", [series(40 + i, 1.0, i) for i in range(4)]),
        ("cloud", [sphere(100 + i, 32, i) for i in range(4)]),
    ):
        reading = network(kind).reading
        one, all_ = measure(reading, items), measure(reading, [Batch.from_data_list(items)])
        pairs = [
            (one.samples, all_.samples),
            *zip(one.spacing + one.span, all_.spacing + all_.span, strict=True),
        ]
        if one.neighborhood is not None and all_.neighborhood is not None:
            pairs.append((one.neighborhood.reach, all_.neighborhood.reach))
        assert len(pairs) == (3 if kind == "series" else 6)
        for a, b in pairs:
            assert (a.least, a.most) == pytest.approx((b.least, b.most))


def test_what_was_not_observed_is_not_measured() -> None:
    data = series(50, 1.0)
    masked = data.clone()
    masked.mask = torch.rand(50, 2) < 0.5
    masked.x = torch.where(masked.mask, data.x, torch.nan)
    found = measure(network("series").reading, [masked])
    expected = [float(data.x[masked.mask[:, c], c].square().mean().sqrt()) for c in range(2)]
    assert [channel.scale.median for channel in found.channels] == pytest.approx(expected, rel=1e-5)
    observed = data.x[masked.mask[:, 0], 0]
    assert found.channels[0].values.most == pytest.approx(float(observed.max()))


@pytest.mark.parametrize("kind", ["image", "series", "cloud"])
def test_stored_and_restored(kind: str, tmp_path: Path) -> None:
    model = network(kind)
    loaded = from_pretrained(save_pretrained(model, tmp_path))
    assert loaded.trained_on == TrainedOn.from_json(json.loads(json.dumps(model.trained_on.to_json())))
    assert loaded.trained_on is not None and model.trained_on is not None
    assert loaded.trained_on.spacing[0] == pytest.approx(model.trained_on.spacing[0], rel=1e-5)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["trained_on"]  # as earlier versions wrote
    (tmp_path / "config.json").write_text(json.dumps(config))
    old = from_pretrained(tmp_path)
    assert old.trained_on is None
    data = {"image": 100 * torch.rand(1, 1, 16, 16), "series": series(45, 1e3), "cloud": sphere(128, 64)}[
        kind
    ]
    assert said(old, data) == []
    if kind == "image":  # sizes are known from what the network was made for
        assert "spacing=0.5" in said(old, torch.rand(1, 1, 32, 32))[0]
    for wrong in ({"kind": "grid"}, {"kind": "grid", "items": 1, "samples": [1, 2]}, [1], {"colour": 1}):
        (tmp_path / "config.json").write_text(json.dumps({**config, "trained_on": wrong}))
        with pytest.raises(ValueError, match="trained_on.*config.json"):
            from_pretrained(tmp_path)


def test_nothing_is_said_of_data_like_those_of_training() -> None:
    assert said(network("image"), torch.rand(7, 1, 16, 16)) == []
    assert said(network("series"), Batch.from_data_list([series(45, 1.0, 90), series(70, 1.3, 91)])) == []
    assert said(network("cloud"), Batch.from_data_list([sphere(128, 64, 90), sphere(160, 64, 91)])) == []
    # another rate or size, said as such, is read on the network's footing
    assert said(network("image"), torch.rand(1, 1, 32, 32), spacing=0.5) == []
    assert said(network("image"), torch.rand(1, 1, 8, 8), spacing=2.0) == []
    assert said(network("series"), series(12, 1.0)) == []
    # neighbourhoods that grow with the points keep their size
    assert said(network("cloud", k=4), sphere(512, 16, 90)) == []


def test_another_size_without_spacing() -> None:
    model = network("image")
    (message,) = said(model, torch.rand(1, 1, 32, 32))
    assert "32 x 32" in message and "16 x 16" in message and "spacing=0.5" in message
    assert said(model, torch.rand(1, 1, 32, 32)) == []  # once
    assert len(said(network("image"), torch.rand(1, 1, 16, 20))) == 1
    assert said(network("image"), torch.rand(1, 1, 32, 32)[0, 0].reshape(-1, 1), Grid((32, 32))) == []


def test_times_in_another_unit() -> None:
    (message,) = said(network("series"), series(45, 1000.0))
    assert "milliseconds for seconds" in message and "--time-unit 0.001" in message
    assert "22.7" in message and "0.0172 to 0.0256" in message  # 1000 / 44; 1 / 58 to 1 / 39
    (message,) = said(network("series"), series(45, 1e-3))
    assert "multiply times by 1000" in message
    (message,) = said(network("series", series_interpolation="linear"), series(45, 60.0))
    assert "seconds for minutes" in message


def test_the_reading_is_not_reached_before_the_warning() -> None:
    """Lines at the spacing of training would be millions of values: the likely cause is said, and pauses are cut."""
    model = network("series", series_interpolation="linear")
    with pytest.warns(SamplingWarning, match="nanoseconds"):
        assert bool(torch.isfinite(model(series(45, 1e9))).all())
    model.reading = dataclasses.replace(model.reading, support=None)  # the warning was said
    with pytest.raises(ValueError, match="at most 1024 times per sample .*most of them in series 0"):
        model(series(45, 1e9))


def test_sparser_than_ever() -> None:
    (message,) = said(network("series"), series(4, 1.0))
    assert "0.333" in message and "times sparser" in message
    (message,) = said(network("series"), series(900, 1.0))
    assert "times denser" in message
    (message,) = said(network("image"), torch.rand(1, 1, 4, 2), spacing=(4.0, 9.5))
    assert "9.5 times sparser" in message


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_floating_types(dtype: torch.dtype) -> None:
    model = network("image").to(dtype)
    assert said(model, torch.rand(2, 1, 16, 16).to(dtype)) == []
    assert len(said(model, torch.rand(2, 1, 32, 32).to(dtype))) == 1


def test_values_of_another_scale() -> None:
    x = torch.rand(2, 1, 16, 16)
    (message,) = said(network("image"), 100 * x)
    assert "channel 0" in message and "times larger" in message
    (message,) = said(network("image"), x / 255)
    assert "times smaller" in message
    blank = said(network("image"), torch.zeros(1, 1, 16, 16))
    assert len(blank) == 1 and "channel 0 of 'data' is constant (deviation 0" in blank[0]
    cloud = sphere(128, 64, 5)
    cloud.x = cloud.x * torch.tensor([1.0, 300.0, 1.0])
    (message,) = said(network("cloud"), cloud)
    assert "channel 1" in message
    flat = series(45, 1.0)
    flat.x[:, 0] *= 1e-3
    (message,) = said(network("series"), flat)
    assert "channel 0 of 'data' varies" in message and "times less" in message


def test_channels_that_lie_elsewhere_are_constant_or_missing() -> None:
    model, good = network("series"), series(45, 1.0)
    cases = {
        "channel 1 of 'data' lies around 8": good.x + torch.tensor([0.0, 8.3]),
        "channel 1 of 'data' is constant": good.x * torch.tensor([1.0, 0.0]),
        "channel 0 of 'data' is 1e+30 times larger": good.x * torch.tensor([1e30, 1.0]),
    }
    for text, x in cases.items():
        model.warned.clear()
        (message,) = said(model, Data(x=x, times=good.times))
        assert text.partition("1e+30")[0] in message and ("e+30" in message) is ("e+30" in text)
    model.warned.clear()
    mask = torch.tensor([[True, False]]).expand(45, 2).clone()
    (message,) = said(model, Data(x=good.x, times=good.times, mask=mask))
    assert "channel 1 of 'data' is nowhere observed" in message


def test_variables_of_tables_are_called_by_their_names() -> None:
    model, good = network("series"), series(45, 1.0)
    far = Data(x=good.x + torch.tensor([0.0, 8.3]), times=good.times)
    for variables, name in (
        (["heat", "rain"], "channel 1 ('rain') of 'data' lies"),
        (["heat"], "channel 1 of 'data'"),
    ):
        model.warned.clear()
        model.preprocessing = SeriesPreprocessing(form="irregular", table={"variables": variables})
        (message,) = said(model, far)
        assert message.startswith(name)


def test_what_training_had_constant_may_be_constant_and_flags_may_be_either() -> None:
    model: Any = create_model("ccnn_4_16", dim=1, in_channels=2, out_channels=3, shape=[50], spacing=0.02)
    items = [series(40 + i, 1.0, i) for i in range(20)]
    items[3].x[:, 0] = 0.5  # one that was
    for item in items:
        item.x[:, 1] = (torch.arange(len(item.x)) % 2).float()
    model.trained_on = measure(model.reading, items)
    item = series(45, 1.0)
    item.x = torch.tensor([[0.25, 1.0]]).repeat(45, 1)
    assert said(model.eval(), item) == []


def test_grey_pictures_for_a_network_of_colours() -> None:
    torch.manual_seed(0)
    model: Any = create_model("ccnn_4_16", dim=2, in_channels=3, out_channels=3, shape=[16, 16]).eval()
    grey = torch.rand(4, 1, 16, 16).repeat(1, 3, 1, 1)
    offsets = torch.tensor([0.1, 0.2, 0.3])[:, None, None]  # of a normalisation
    model.trained_on = measure(model.reading, [torch.rand(1, 3, 16, 16) for _ in range(20)])
    assert said(model, grey + 1e-3 * torch.rand(4, 3, 16, 16)) == []  # nearly
    (message,) = said(model, grey + offsets)
    assert "3 channels of 'data' are alike" in message
    model.trained_on = measure(model.reading, [grey[i : i + 1] + offsets for i in range(4)])
    model.warned.clear()
    assert said(model, grey + offsets) == [] and model.trained_on.channels[
        2
    ].likeness.median == pytest.approx(1)


def test_one_cause_has_one_message() -> None:
    """Few points, all at one place, or one far away, also cut k and change values; a gap is no other unit."""
    few = sphere(128, 2, 9)
    (message,) = said(network("cloud"), Data(pos=few.pos[:9], x=few.x[:9]))
    assert "items of 9 samples where training had 128, 14.2 times fewer" in message
    (message,) = said(network("cloud"), KNN(64)(Data(pos=torch.ones(128, 3), x=few.x)))
    assert "a sample every 0 where" in message and "at one place" in message
    (message,) = said(network("cloud"), KNN(64)(Data(pos=1e-3 * few.pos, x=few.x)))
    assert "multiply positions by 1000" in message
    gap = series(45, 1.0)
    gap.times[20:] += 1e7
    (message,) = said(network("series"), Batch.from_data_list([gap, series(45, 1.0, 3)]))
    assert "is a stamp wrong, or a pause long?" in message and "unit" not in message
    long = series(4500, 100.0)
    (message,) = said(network("series"), long)
    assert "'data' span 100" in message and "into pieces" in message


def test_k_that_cuts_what_training_saw_whole() -> None:
    (message,) = said(network("cloud"), sphere(128, 8, 9))
    assert "k = 8 cuts the window" in message
    # more points and the same k: the neighbours end nearer
    (message,) = said(network("cloud"), sphere(1500, 64, 9))
    assert "k = 64 cuts the window" in message
    # cut in training already, and as far as then: nothing; farther or nearer: said
    assert said(network("cloud", k=4), sphere(128, 4, 9)) == []
    (message,) = said(network("cloud", k=4), sphere(128, 100, 9))
    assert "sees farther than in training" in message and "k = 4" in message
    (message,) = said(network("cloud", k=4), sphere(512, 4, 9))
    assert "cuts the window" in message


def test_clouds_in_another_unit() -> None:
    data = sphere(128, 64, 9)
    data.pos = data.pos * 1000
    assert any("divide positions by 1000" in text for text in said(network("cloud"), data))


def test_axes_of_clouds() -> None:
    """Flat ones that stand, and cones on their heads; not where training had them so, nor where they are balls."""
    generator = torch.Generator().manual_seed(0)

    def cone(axes: list[int], sign: float = 1.0, high: float = 0.5) -> Data:
        height = 1 - torch.rand(200, generator=generator) ** (1 / 3)  # most points lie at the foot
        angle = 6.3 * torch.rand(200, generator=generator)
        flat = (1 - height)[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
        pos = torch.cat([flat, sign * high * height[:, None]], dim=1)[:, axes]
        return Data(pos=pos, x=pos)

    model = network("cloud", k=None)
    model.trained_on = measure(model.reading, [cone([0, 1, 2]) for _ in range(20)])
    lean = model.trained_on.neighborhood.lean
    assert lean[2].most < 0.4 < lean[0].least
    for odd, text in (
        ([0, 2, 1], "along y .* along z, .* swapped"),
        ([2, 1, 0], "along x .* along z, .* swapped"),
    ):
        assert re.search(text, " | ".join(said(model, cone(odd))))
        assert not said(model, cone(odd))  # once
        model.warned.clear()
    assert re.search("turned round along z: .* give -z", " | ".join(said(model, cone([0, 1, 2], -1.0))))
    model.warned.clear()
    both = said(model, Batch.from_data_list([cone([0, 1, 2], -1.0), cone([0, 1, 2])]))  # one of them is right
    assert (
        "turned round" not in " | ".join(both) and "shifted by -0.2" in both[0] and "in some items" in both[0]
    )
    turned = [cone([0, 1, 2] if i % 2 else [2, 0, 1], (-1.0) ** (i // 2)) for i in range(20)]
    model.trained_on = measure(model.reading, turned)
    assert not any(said(model, each) for each in turned)


def test_few_points_in_every_cloud_with_answers_for_points() -> None:
    model = network("cloud", k=None, pool=None)
    few, many = (sphere(n, None) for n in (3, 128))
    assert not said(model, Batch.from_data_list([few, many]))  # the end of a scan
    assert re.search("at most 3 points where training had 128: .* another unit", " | ".join(said(model, few)))


def test_wild_items_of_the_training_hide_nothing() -> None:
    model = network("series")
    items = [series(40 + i, 1e7 if i == 3 else 1.0, i) for i in range(60)]
    model.trained_on = measure(model.reading, items)
    assert "milliseconds" in said(model, series(45, 1000.0))[0]


def test_where_nothing_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network("image")
    x = torch.rand(1, 1, 32, 32)
    assert said(copy.deepcopy(model).train(), x) == []
    monkeypatch.setattr(
        "ccnn_pc.models.base.seen", None
    )  # in graphs nothing would be left of it but its cost
    assert torch.export.export(model, (x,), strict=False) is not None
    batched = torch.vmap(lambda one: model(one[None])[0])(torch.rand(2, 1, 32, 32))
    assert batched.shape == (2, 3)


def test_the_answers_are_the_same_with_and_without() -> None:
    for kind, data in (
        ("image", torch.rand(2, 1, 20, 20)),
        ("series", series(45, 1000.0)),
        ("cloud", sphere(99, 8)),
    ):
        model = network(kind)
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            compared = model(data)
            model.trained_on = None
            assert torch.equal(compared, model(data))


def tones(count: int, seed: int, length: int = 400) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    pitch, phase, loud = (torch.rand(count, 1, generator=generator) for _ in range(3))
    wave = torch.sin((0.2 + 0.2 * pitch) * torch.arange(length) + 6 * phase) * (0.5 + loud)
    return (wave + 0.02 * torch.randn(count, length, generator=generator))[:, None]


def test_clipped_and_noisy_waveforms() -> None:
    """Arrays hold no cause of it, and no channel is larger than ever."""
    torch.manual_seed(0)
    model: Any = create_model("ccnn_4_16", dim=1, in_channels=1, out_channels=2, shape=[400]).eval()
    model.trained_on = measure(model.reading, tones(20, 0).split(1))
    asked = tones(8, 1)
    noise = torch.randn(asked.shape, generator=torch.Generator().manual_seed(2))
    for batch in (asked, asked[:1]):
        for change, text in (
            (lambda x: x, None),
            (lambda x: torch.nn.functional.pad(x[..., :300], (0, 100)), None),  # behind the end
            (
                lambda x: (3 * x).clamp(-0.6, 0.6),
                "[0-9]+ % of the samples, in training in at most 0 %: clipped",
            ),
            (lambda x: x.clamp(max=0.25), "clipped"),
            (lambda x: x + noise[: len(x)], "steps from sample to sample"),
            (lambda x: x.round(decimals=1), None),  # steps everywhere
        ):
            found = said(copy.deepcopy(model), change(batch))
            assert len(found) == (text is not None), (text, found)
            assert text is None or re.search(text, found[0])


def test_noisy_pictures() -> None:
    grid = torch.stack(torch.meshgrid(*2 * [torch.linspace(0, 3, 16)], indexing="ij")).sum(dim=0)
    pictures = [torch.sin(grid + shift)[None, None] for shift in torch.linspace(0, 6, 12)]
    model: Any = create_model("ccnn_4_16", dim=2, in_channels=1, out_channels=2, shape=[16, 16]).eval()
    model.trained_on = measure(model.reading, pictures)
    assert not said(model, torch.sin(grid + 0.7)[None, None])
    noisy = torch.sin(grid + 0.7) + torch.randn(grid.shape, generator=torch.Generator().manual_seed(0))
    (text,) = said(model, noisy[None, None])
    assert "steps from sample to sample" in text
    coarse = torch.sin(grid + 0.7)[None, None, ::2, ::2]
    assert not said(model, coarse, spacing=2.0)  # coarser ones differ more, as they must


def test_spread() -> None:
    numbers = torch.arange(101.0)
    assert Spread.of(numbers) == Spread(0, 5, 50, 95, 100)


def test_series_of_one_stamp_and_features_with_a_domain() -> None:
    model = network("series")
    one = Data(x=torch.randn(1, 2), times=torch.zeros(1, dtype=torch.float64))
    (message,) = said(model, one)
    assert "items of 1 samples where training had 40 to 59" in message
    domain = IrregularSeries(1000 * torch.rand(45, dtype=torch.float64).sort().values)
    assert "milliseconds" in said(model, torch.randn(45, 2), domain)[0]
    points = network("cloud")
    cloud = sphere(128, None)
    from ccnn_pc.domains import PointSet

    table = knn(cloud.pos, 8)
    assert "k = 8" in said(points, cloud.x, PointSet(cloud.pos, neighbors=table))[0]
    edges = table.to_edge_index()
    assert said(network("cloud"), cloud.x, PointSet(cloud.pos, edge_index=edges)) == []  # meant as they are


def test_where_no_answer_can_be_meant() -> None:
    """An empty series, also the last one of a batch; an item of a picture's size for another one's channels."""
    model = network("series")
    empty = Data(x=torch.zeros(0, 2), times=torch.zeros(0, dtype=torch.float64))
    for items in ([series(45, 1.0), empty], [empty, series(45, 1.0)]):
        with pytest.raises(ValueError, match="must have samples in each"):
            model(Batch.from_data_list(items))
    with pytest.raises(ValueError, match="1 channels"):
        network("image")(torch.rand(1, 3, 16, 16))


@pytest.mark.parametrize("name", list_pretrained())
def test_packaged_models_know_what_they_were_trained_on(name: str) -> None:
    found = from_pretrained(name).trained_on
    assert found is not None and found.kind is Samples.POINTS and found.neighborhood is not None
    assert dataclasses.replace(found) == found


def test_copies_and_outliers_of_clouds_have_their_cause() -> None:
    """Points that are there twice lie at no one place, and one far point makes all others dense."""
    model, cloud = network("cloud", k=8), sphere(128, None, 50)
    twice = KNN(8)(Data(pos=cloud.pos.repeat(2, 1), x=cloud.x.repeat(2, 1)))
    (text,) = said(copy.deepcopy(model), twice)
    assert "every point of an item is there twice" in text
    pos = torch.cat([cloud.pos, torch.tensor([[1000.0, 0.0, 0.0]])])
    squeezed = KNN(8)(Data(pos=pos / 500, x=torch.cat([cloud.x, cloud.x[:1]])))
    (text,) = said(copy.deepcopy(model), squeezed)
    assert "points far from all others" in text


def test_a_point_alone_has_no_neighbour_to_be_judged_by() -> None:
    """As in a tile around one wrong point: it was said that neighbours end 0 away."""
    model = network("cloud", k=8)
    alone = Data(pos=torch.zeros(1, 3), x=torch.zeros(1, 3))
    batch = KNN(8)(sphere(128, None, 50)), KNN(8)(alone)
    where = model.reading.samples(Batch.from_data_list(list(batch)))[1]
    found = seen(torch.cat([item.x for item in batch]), where)
    assert found.reach is not None and found.reach.least == found.reach.most > 0
    assert found.samples.least == 1 and found.spacing[0].least > 0


def test_noisy_series() -> None:
    def waves(seed: int, noise: float) -> Data:
        generator = torch.Generator().manual_seed(seed)
        times = torch.arange(60, dtype=torch.float64) / 10
        x = torch.sin((1 + torch.rand(1, generator=generator)) * times.float())[:, None]
        return Data(x=x + noise * torch.randn(x.shape, generator=generator), times=times)

    torch.manual_seed(0)
    model: Any = create_model(
        "ccnn_4_16", dim=1, in_channels=1, out_channels=2, shape=[60], spacing=0.1
    ).eval()
    model.trained_on = measure(model.reading, [waves(seed, 0.02) for seed in range(12)])
    assert not said(copy.deepcopy(model), waves(20, 0.02))
    (text,) = said(copy.deepcopy(model), waves(20, 1.0))
    assert "steps from sample to sample" in text
    half = waves(20, 0.02)
    assert not said(
        copy.deepcopy(model), Data(x=half.x[::2], times=half.times[::2])
    )  # lower rates step farther


def test_scattered_pixels_of_pictures_that_were_whole() -> None:
    model = network("image")
    cells = torch.cartesian_prod(torch.arange(16.0), torch.arange(16.0))
    half = torch.randperm(256, generator=torch.Generator().manual_seed(0))[:128].sort().values
    points = [Data(pos=cells[rows], x=torch.rand(len(rows), 1)) for rows in (half, torch.arange(256))]
    for samplings, expected in (
        (None, 0),
        ((), 1),
        (("pixels", "pixels:2"), 1),
        (("pixels", "scattered:0.5"), 0),
    ):
        described = {**model.trained_on.to_json(), "arrays": [None, samplings]}
        model.trained_on = TrainedOn.from_json(json.loads(json.dumps(described)))
        model.warned.clear()
        told = said(model, points[0])
        assert len([text for text in told if "128 samples that lie anywhere" in text]) == expected
        assert not any("lie anywhere" in text for text in said(model, points[1]))
    with pytest.raises(ValueError, match="must be a side and a list of samplings"):
        TrainedOn.from_json({**model.trained_on.to_json(), "arrays": [None, "pixels"]})


def test_pictures_of_more_lit_pixels_are_no_finer_sampling() -> None:
    """A drawing whose lines are blurred, or whose background is noise, is another picture."""
    generator = torch.Generator().manual_seed(0)

    def picture(share: float) -> GridData:
        lit = torch.rand(1, 1, 16, 16, generator=generator) < share
        return GridData(x=(0.5 + 0.5 * torch.rand(1, 1, 16, 16, generator=generator)) * lit)

    used = ImagePreprocessing(num_neighbors=16)
    model: Any = create_model(
        "ccnn_4_16", dim=2, in_channels=1, out_channels=3, shape=[16, 16], extent=4, scattered="points"
    )
    model.preprocessing = used
    model.trained_on = measure(model.reading, [used.transform()(picture(0.3)) for _ in range(20)])
    like, unlike = (Batch.from_data_list([used.transform()(picture(share))]) for share in (0.3, 0.9))
    assert said(model.eval(), like) == []
    (text,) = said(model, unlike)
    assert (
        "pixels that are not black, where training had" in text and "bring their background to black" in text
    )
