"""Values that are otherwise than those of a training."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from ccnn_pc.models.shift.beyond import FACTOR, SIZE, words
from ccnn_pc.models.shift.outside_channels import SOME, called, channels, is_flag
from ccnn_pc.models.shift.outside_turned import turned
from ccnn_pc.models.shift.seen import Samples, Seen
from ccnn_pc.models.shift.trained_on import TrainedOn

#: Share of samples that stand at the end of their range, in clipped sequences; steps, beyond all of training, of noise.
CLIPPED, ROUGH = 0.01, 1.5
#: Channels are alike whose correlation is so near to 1, but for a thousandth of it in what is asked.
_ALIKE = 1e-6
#: Fewest points whose roughness says something of one cloud: thin axes are rough by chance; of fewer that of all does.
_MANY = 100
#: One grey picture says something where all of training had colours; some photographs are grey.
_COLOURS = 0.999


def values(
    trained: TrainedOn, found: Seen, names: Sequence[str] = (), normalised: bool = False
) -> Iterator[tuple[str, str]]:
    """What is otherwise, the likeliest cause first; arguments as of :func:`ccnn_pc.models.shift.outside.outside`."""
    if found.values is None:
        return
    along_time = trained.kind is Samples.SERIES or len(trained.shape) == 1
    yield from itertools.chain(
        _unlike(trained, found),
        _flat(trained, found) if found.flat < found.items else (),
        turned(trained, found, names) if along_time else (),
        channels(trained, found, names, normalised),
        _flat(trained, found),
        _clipped(trained, found, names),
        _rough(trained, found, names),
    )


def _unlike(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
    """Channels of arrays that are copies of one another, as those of grey pictures, where in training they differed.

    Kind "alike" is that of few pictures where training had some such: nothing to be said of yet.
    """
    there = [channel.likeness for channel in trained.channels[1:] if channel.likeness is not None]
    if not there or not found.likeness:
        return
    usual, now = min(there, key=lambda spread: spread.high), min(found.likeness)
    if usual.high < 1 - _ALIKE and now > 1 - _ALIKE / 1000:
        yield (
            "likeness" if found.items >= SOME or usual.most < _COLOURS else "alike",
            f"the {len(trained.channels)} channels of 'data' are alike, as in grey pictures (correlation {now:.3g}), "
            f"and in training differed (median {usual.median:.3g}): give pictures in colour, or train on grey ones "
            "(view=grey, model.in_channels=1)",
        )


def _flat(trained: TrainedOn, found: Seen) -> Iterator[tuple[str, str]]:
    """Items of arrays that hold nothing, among others that do, where no item of training was so."""
    there = [channel.deviation.least for channel in trained.channels if channel.deviation is not None]
    if found.flat and any(least > 0 for least in there):
        yield (
            "flat",
            f"{found.flat} of {found.items} items of 'data' are constant in all channels, as silence and empty "
            "pictures are, and in training none was: nothing is in them to answer from; leave them out, or mend them",
        )


def _clipped(trained: TrainedOn, found: Seen, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Sequences whose peaks are cut off."""
    for number, (there, now) in enumerate(zip(trained.channels, found.clipped, strict=False)):
        if there.clipped is not None and now > max(CLIPPED, FACTOR * there.clipped.most):
            yield (
                "clipped",
                f"{called(number, len(trained.channels), names)} of 'data' stands at its largest value in "
                f"{100 * now:.2g} % of the samples, "
                f"in training in at most {100 * there.clipped.most:.2g} %: clipped; measure again in a wider range",
            )
            return


def _rough(trained: TrainedOn, found: Seen, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Samples as dense as those of training whose neighbours differ more than ever: noise, or no order."""
    skipped = any(map(is_flag, trained.channels))  # what was observed, and what is 0 elsewhere
    points = found.kind is Samples.POINTS
    apart = [*zip(found.spacing, trained.spacing, strict=False)]
    if skipped and not points or any(here.most > SIZE * there.most for here, there in apart):
        return
    if points and any(here.least < there.least / SIZE for here, there in apart):
        return
    few = points and found.samples.least < _MANY
    for number, (there, now) in enumerate(zip(trained.channels, found.roughness, strict=False)):
        if points and names[number : number + 1] and names[number].startswith("pos "):
            continue  # places: of a thin axis they are rough, and there is no order that they could not be in
        usual, rough = there.roughness, now.least if few else now.most
        if usual is None or not rough > max(ROUGH * usual.most, usual.most + (usual.most - usual.least) / 2):
            continue
        mend = "is it noise, a lower rate, or another order? Measure again, give spacing, or train on such data too"
        if points:
            mend = "is it noise, or do its rows stand in another order than positions? Give them in one order"
        yield (
            "noise",
            f"{called(number, len(trained.channels), names)} of 'data' steps from sample to sample "
            f"{rough / usual.most:.2g} times as far as ever in "
            f"training ({rough:.2g} of what noise does, there {words(usual)}): {mend}",
        )
        return
