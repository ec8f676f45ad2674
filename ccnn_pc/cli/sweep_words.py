"""Words of a sweep: which keys have several settings, what is swept how, and the words of every run."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException

from ccnn_pc._choices import unknown_name
from ccnn_pc.cli.words import UsageError


@dataclass(frozen=True)
class Options:
    """How a sweep is done: words ``sweep.NAME=VALUE``.

    Attributes:
        name: of the folder beside the runs; None: date and time.
        jobs: runs at a time, each a process with its share of the threads (the word ``jobs=2`` is short for it).
        trials: settings to try, which Optuna chooses from the ranges that are given; None: all combinations.
        sampler: how it chooses: ``tpe`` or ``random``.
        pruner: which trials end early by their validation: ``median``, ``hyperband`` or ``none``.
        seed: of the sampler.
    """

    name: str | None = None
    jobs: int = 1
    trials: int | None = None
    sampler: str = "tpe"
    pruner: str = "median"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("sampler", ("tpe", "random")), ("pruner", ("median", "hyperband", "none"))):
            if getattr(self, name) not in known:
                raise UsageError(
                    f"'sweep.{name}' must be one of {', '.join(known)} (got '{getattr(self, name)}')"
                )
        for name, least in (("jobs", 1), ("trials", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"'sweep.{name}' must be at least {least} (got {value})")
        if self.name is not None and (not self.name or "/" in self.name or self.name[0] in ".~"):
            raise UsageError(f"'sweep.name' must be the name of a folder (got '{self.name}')")


@dataclass(frozen=True)
class SweepWords:
    """What ``ccnn-pc train -m`` was asked for.

    Attributes:
        swept: in the order of the command line, the key of each setting with its word in Hydra's grammar.
        fixed: words of all runs.
        options: of the sweep.
        launcher: words of Hydra itself, which choose and set up its launcher.
        resume: the sweep to go on with: its folder, or ``last``.
    """

    swept: Mapping[str, Override]
    fixed: tuple[str, ...]
    options: Options = field(default_factory=Options)
    launcher: tuple[str, ...] = ()
    resume: str | None = None

    @property
    def identity(self) -> list[str]:
        """What makes it this sweep and no other: not how many run at a time, and where."""
        return [*self.fixed, *(str(override.input_line) for override in self.swept.values())]


def read_sweep(words: Sequence[str]) -> SweepWords:
    """Sort the words of a sweep.

    Raises:
        UsageError: an unknown option, or one with a value that it cannot have.

    Example:
        >>> found = read_sweep(["experiment=chartraj_tiny", "kernel=siren,magnet", "seed=0,1", "jobs=2"])
        >>> found.fixed, list(found.swept), found.options.jobs
        (('experiment=chartraj_tiny',), ['kernel', 'seed'], 2)
    """
    swept: dict[str, Override] = {}
    fixed: list[str] = []
    options: dict[str, Any] = {}
    launcher: list[str] = []
    resume: str | None = None
    for word in words:
        key, _, value = word.partition("=")
        if key == "jobs" or key.startswith("sweep."):
            name = key.removeprefix("sweep.")
            options[name] = _option(name, value)
        elif re.match(r"\+*hydra[./]", key):
            launcher.append(word)
        elif key == "resume":
            resume = None if value in ("null", "false") else value
        else:
            override = _swept(word)
            if override is None:
                fixed.append(word)
            else:
                swept[override.get_key_element()] = override
    return SweepWords(swept, tuple(fixed), Options(**options), tuple(launcher), resume)


def _option(name: str, value: str) -> Any:
    fields = {each.name: each for each in dataclasses.fields(Options)}
    if name not in fields:
        raise UsageError(str(unknown_name("option of 'sweep'", name, sorted(fields))))
    if "int" not in str(fields[name].type):
        return value
    try:
        return int(value)
    except ValueError:
        raise UsageError(f"'sweep.{name}' must be an integer (got '{value}')") from None


def _swept(word: str) -> Override | None:
    """The override of a word with several settings; None for all other words, readable or not."""
    try:
        override = OverridesParser.create().parse_override(word)
    except HydraException:
        return None
    return override if override.is_sweep_override() else None


def settings(override: Override) -> list[str]:
    """Words of all settings of a key.

    Raises:
        UsageError: a range of numbers that are not listed.

    Example:
        >>> settings(read_sweep(["seed=range(3)"]).swept["seed"])
        ['seed=0', 'seed=1', 'seed=2']
    """
    from ccnn_pc.cli.compose import group_choices, is_group

    key, value = override.get_key_element(), override.value()
    if isinstance(value, Glob):
        if not is_group(key):
            raise UsageError(f"'{override.input_line}' must be of a group of configs/, as kernel=glob(*)")
        return [f"{key}={name}" for name in value.filter(group_choices(key))]
    if isinstance(value, IntervalSweep):
        raise UsageError(
            f"'{override.input_line}' must list its settings, as {key}={value.start},{value.end}; Optuna tries "
            "settings of an interval: sweep.trials=20"
        )
    return [f"{key}={text}" for text in override.sweep_string_iterator()]


def first_settings(swept: Mapping[str, Override]) -> list[str]:
    """Words of one run: the first setting of each key, the lower end of intervals.

    Example:
        >>> first_settings(read_sweep(["kernel=siren,magnet", "optim.lr=interval(0.1,1)"]).swept)
        ['kernel=siren', 'optim.lr=0.1']
    """
    found = []
    for key, override in swept.items():
        value = override.value()
        found.append(f"{key}={value.start}" if isinstance(value, IntervalSweep) else settings(override)[0])
    return found


def grid(swept: Mapping[str, Override]) -> list[list[str]]:
    """Words of every run: all combinations, the last key changes fastest.

    Example:
        >>> grid(read_sweep(["kernel=siren,magnet", "seed=range(2)"]).swept)[1:]
        [['kernel=siren', 'seed=1'], ['kernel=magnet', 'seed=0'], ['kernel=magnet', 'seed=1']]
    """
    return [list(words) for words in itertools.product(*map(settings, swept.values()))]


def run_name(number: int, count: int, words: Sequence[str]) -> str:
    """Name of the folder of a run: its number, and what changed.

    Example:
        >>> run_name(3, 12, ["kernel=siren", "optim.lr=0.02"])
        '03_kernel=siren_lr=0.02'
    """
    changed = (
        f"{key.rpartition('.')[2].lstrip('+')}={value}" for key, _, value in (w.partition("=") for w in words)
    )
    text = re.sub(r"[^\w.=+-]+", "-", "_".join(changed)).strip("-")
    return f"{number:0{len(str(count - 1))}d}_{text[:100]}"


def distributions(swept: Mapping[str, Override]) -> dict[str, Any]:
    """What Optuna chooses each key from: words for lists, numbers for ranges and intervals.

    Raises:
        ImportError: Optuna is missing.
        UsageError: an interval that is empty, or on a logarithmic scale with 0 in it.
    """
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found: dict[str, Any] = {}
    for key, override in swept.items():
        value = override.value()
        if not isinstance(value, (IntervalSweep, RangeSweep)):
            found[key] = CategoricalDistribution([word.partition("=")[2] for word in settings(override)])
            continue
        low: Any
        high: Any
        step: Any
        if isinstance(value, IntervalSweep):
            low, high, step = value.start, value.end, None
        else:
            numbers = list(value.range())
            low, high, step = numbers[0], numbers[-1], value.step
        whole = all(isinstance(each, int) for each in (low, high, step) if each is not None)
        log = "log" in value.tags
        try:
            if whole:
                found[key] = IntDistribution(low, high, log=log, step=1 if step is None or log else step)
            else:
                found[key] = FloatDistribution(float(low), float(high), log=log, step=None if log else step)
        except ValueError as error:
            raise UsageError(f"'{override.input_line}' must be a range of numbers ({error})") from None
    return found
