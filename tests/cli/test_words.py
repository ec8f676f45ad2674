"""Words of `ccnn-pc train` as people type them: taken as they are, or one line that says how to write them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from omegaconf import DictConfig

from ccnn_pc.cli.compose import compose_config
from ccnn_pc.cli.run_folder import create_run, resumed_config, stored_overrides
from ccnn_pc.cli.words import UsageError, read_word

HOME = str(Path.home())

PLACES = [
    ("~/shapes", f"{HOME}/shapes"),
    ("a=b", "a=b"),
    ("a,b", "a,b"),
    ("a#b", "a#b"),
    ("中文", "中文"),
    ("naïve/Ωmega", "naïve/Ωmega"),
    ("2024", "2024"),
    ("1e3", "1e3"),
    ("007", "007"),
    ("1_000", "1_000"),
    ("true", "true"),
    ("null", "null"),
    ("my shapes", "my shapes"),
    ("it's", "it's"),
    ('say "so"', 'say "so"'),
    ("100%", "100%"),
    ("shapes (1)", "shapes (1)"),
    ("x{1}", "x{1}"),
    ("a&b;c", "a&b;c"),
    ("C:\\data\\new", "C:\\data\\new"),
    ("..", ".."),
    ("a:b", "a:b"),
    ("'a=b'", "a=b"),
    (r"a\=b", "a=b"),
    (r"'quote\'s'", "quote's"),
]


def test_places_are_text_also_in_a_run_that_is_resumed(tmp_path: Path) -> None:
    """All in one run: what a key is follows from its last part."""
    added = [f"+place_{number}.root={typed}" for number, (typed, _) in enumerate(PLACES)]
    words = ["experiment=folder", "data.root=a,b", *added]
    wanted = ["a,b", *(place for _, place in PLACES)]

    def found(config: DictConfig) -> list[str]:
        return [config.data.root, *(config[f"place_{number}"].root for number in range(len(PLACES)))]

    config = compose_config(words)
    assert found(config) == wanted
    create_run(config, words, tmp_path / "run")
    assert found(resumed_config(tmp_path / "run", [*words, "resume=last"])) == wanted
    assert found(resumed_config(tmp_path / "run", ["resume=last"])) == wanted
    assert stored_overrides(tmp_path / "run") == words


def test_any_place_is_read_back() -> None:
    """Places of a seeded alphabet of what means something to Hydra: all but quoted ones and escapes are as typed."""
    draw = random.Random(0)
    for _ in range(500):
        typed = "".join(draw.choice("ab=,#~{}[]()中: %&;.+-*?") for _ in range(draw.randint(1, 8)))
        if typed.startswith("[") and typed.endswith("]"):  # several files
            continue
        wanted = typed if not typed.startswith("~") else None
        assert wanted in (None, read_word(f"data.root={typed}").value), typed


@pytest.mark.parametrize("name", ["2024", "1e3", "true", "中文", "a=b", "a b", "a,b"])
def test_names_are_text(name: str) -> None:
    config = compose_config(["experiment=folder", f"name={name}"])
    assert config.name == name and Path(config.run_dir).parent == Path("runs", name)


def test_lists_numbers_and_nulls_stay_what_they_are() -> None:
    assert read_word("data.features=[normal,pos]").value == ["normal", "pos"]
    assert read_word("data.root=[a.csv,b.csv]").value == ["a.csv", "b.csv"]
    assert read_word("optim.lr=1e-3").value == 1e-3
    assert read_word("results_csv=null").value is None and read_word("name=null").value is None
    assert read_word("+model.note='1'").value == "1" and read_word("~callbacks.ema").prefix == "~"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["seed=abc"], "'seed' must be an integer (got 'abc')"),
        (["trainer.max_epochs=abc"], "'trainer.max_epochs' must be an integer (got 'abc')"),
        (["data.num_points=abc"], "'data.num_points' must be an integer (got 'abc')"),
        (["data.eval_num_points=abc"], "'data.eval_num_points' must be an integer (got 'abc')"),
        (["optim.lr=fast"], "'optim.lr' must be a number (got 'fast')"),
        (["optim.lr=[1,2]"], "'optim.lr' must be a number (got [1, 2])"),
        (["max_epochs=abc"], "did you mean 'trainer.max_epochs'?"),
        (["accelerator=gpu"], "did you mean 'trainer.accelerator'?"),
        (["lr=0.1"], "did you mean 'optim.lr'?"),
        (["data.num_point=3"], "did you mean 'data.num_points'?"),
        (["optim.lrr=1"], "did you mean 'optim.lr'?"),
        (["optim.learning_rate=1"], "Keys in optim: eta_min, lr,"),
        (["trainer.precison=bf16-mixed"], "did you mean 'trainer.precision'?"),
        (["sead=1"], "did you mean 'seed'?"),
        (["kernel=foo"], "'kernel' must be one of "),
        (["kernel=siern"], "did you mean 'siren'?"),
        (["model=ccnn_9"], "'model' must be one of "),
        (["data=foldr"], "did you mean 'folder'?"),
        (["trainer=defualt"], "did you mean 'default'?"),
        (["nonsense"], "'nonsense' must be key=value"),
        (["=3"], "'=3' must be key=value"),
        (["data.features=normal,pos"], "a list is data.features=[normal,pos]"),
        (["data.features=[normal"], "must be a list like data.features=[a,b]"),
    ],
)
def test_a_wrong_word_is_one_line_with_the_nearest_right_one(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as error:
        compose_config(["experiment=folder", *words])
    assert message in str(error.value) and "\n" not in str(error.value)


def test_choices_that_are_no_numbers_stay() -> None:
    config = compose_config(
        ["experiment=folder", "trainer.devices=auto", "data.num_neighbors=${data.batch_size}"]
    )
    assert config.trainer.devices == "auto" and config.data.num_neighbors == config.data.batch_size


def test_a_registered_kernel_is_a_choice_without_a_file() -> None:
    from hydra.utils import instantiate

    from ccnn_pc.kernels import SIREN, register_kernel, registry

    class Ripples(SIREN):
        """A kernel of somebody else's."""

    globals()["Ripples"] = Ripples
    Ripples.__qualname__ = "Ripples"
    register_kernel("ripples")(Ripples)
    try:
        config = compose_config(
            ["experiment=shapes_quickstart", "kernel=ripples", "kernel.hidden_channels=5"]
        )
        assert (
            config.kernel["_target_"].endswith("test_words.Ripples")
            and config.model.kernel.hidden_channels == 5
        )
        assert "omega_0" not in config.model
        with pytest.raises(UsageError, match="kernel.hidden_channels"):
            compose_config(["experiment=shapes_quickstart", "kernel=ripples", "kernel.hiden_channels=5"])
        assert instantiate(config.kernel).keywords["hidden_channels"] == 5
    finally:
        registry._KERNELS.pop("ripples")


def test_numbers_of_data_and_models_may_be_one_per_axis() -> None:
    from ccnn_pc.cli.compose import compose_config

    config = compose_config(["experiment=shapes_quickstart", "window=gaussian", "window.width=[0.1,0.2,0.3]"])
    assert list(config.window.width) == [0.1, 0.2, 0.3]
