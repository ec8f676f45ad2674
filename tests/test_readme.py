"""README.md and docs/: examples run, commands and links exist, numbers are those of results/ and of the code."""

from __future__ import annotations

import ast
import configparser
import functools
import importlib
import importlib.util
import json
import re
import shlex
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import ccnn_pc
from ccnn_pc.cli.app import COMMANDS, build_app, main
from ccnn_pc.cli.init import write_project
from ccnn_pc.domains.points import coverage
from ccnn_pc.kernels import registry as kernels
from ccnn_pc.kernels.scaling import unscaled
from ccnn_pc.models import list_pretrained
from ccnn_pc.models import names as models
from scripts.tables import update

ROOT = Path(__file__).resolve().parents[1]
GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [*GUIDES, ROOT / "CHANGELOG.md"]
#: Pages whose blocks run with their commands, in test_data_pages.py, test_scenes_page.py and test_estimators_page.py.
ALONE = ("clouds", "images", "sound", "volumes", "scenes", "estimators")
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)
#: Lines that the README promises, to the letter.
PROMISED = """\
from ccnn_pc.domains import PointSet
from ccnn_pc.nn import ContinuousConv

cloud = PointSet(pos, batch).knn(256)            # pos [n, 3], batch [n]; ragged clouds welcome
y = ContinuousConv(6, 32, dim=3)(x, cloud)       # x [n, 6] -> y [n, 32]
y = ContinuousConv(6, 32, dim=3)(x, PointSet(pos, edge_index=edge_index))   # any graph
"""


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def fences(path: Path, language: str) -> Iterator[tuple[int, str, str]]:
    """Line, further words of the info string, and content of every block of a language."""
    text = path.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        found, _, more = match["info"].partition(" ")
        if found == language:
            yield text.count("\n", 0, match.start("code")), more, match["code"]


def prose(path: Path) -> str:
    """A page without its fenced blocks."""
    return FENCE.sub("", path.read_text(encoding="utf-8"))


# --- examples ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [path for path in GUIDES if path.stem not in ALONE], ids=name)
@pytest.mark.filterwarnings("ignore:.*could not be read and are left out")
def test_examples_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All Python blocks of a page, one after the other, in one namespace."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))
    for module, table in ((models, "_BUILDERS"), (kernels, "_KERNELS"), (kernels, "_WINDOWS")):
        models._builders()
        monkeypatch.setattr(module, table, dict(getattr(module, table)))  # examples enter names of their own
    torch.manual_seed(0)
    monkeypatch.setattr(coverage, "_SAID", set())
    namespace: dict[str, Any] = {"__name__": path.stem}
    left_out = []
    for line, more, code in fences(path, "python"):
        program = compile(
            "\n" * line + code, name(path), "exec"
        )  # also blocks that do not run must be Python
        wanted = set(re.findall(r'from_pretrained\("([\w-]+-[\w-]+)"\)', code)) - set(list_pretrained())
        assert more in ("", "no-run"), f"line {line}: unknown remark {more!r}"
        if wanted:
            left_out.append(f"line {line} needs the packaged model {', '.join(wanted)}")
        elif more != "no-run":
            with warnings.catch_warnings():
                if path.name == "README.md":  # what is shown first has neighbours that fit the window
                    warnings.simplefilter("error", coverage.NeighborhoodWarning)
                exec(program, namespace)
    if left_out:
        pytest.skip("all others ran; " + "; ".join(left_out))


def test_the_promised_lines_stand_in_the_readme_and_run() -> None:
    runnable = [code for _, more, code in fences(ROOT / "README.md", "python") if not more]
    assert any(PROMISED in code for code in runnable)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= 9 * 1024


def test_commands_of_the_readme_run_in_a_clone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    lines = [line for _, _, code in fences(ROOT / "README.md", "bash") for line in code.splitlines()]
    (words,) = [shlex.split(line)[1:] for line in lines if line.startswith("ccnn-pc ")]
    left = pytest.raises(SystemExit, main, [*words[: words.index("--out")], "--no-picture", "--json"])
    (said,) = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert left.value.code == 0 and max(said["probabilities"], key=said["probabilities"].get) == "chair"


def test_few_examples_do_not_run() -> None:
    unrun = [f"{name(path)}:{line}" for path in GUIDES for line, more, _ in fences(path, "python") if more]
    assert len(unrun) <= 1, unrun


# --- commands ---------------------------------------------------------------------------------------------------


def command_lines() -> list[list[str]]:
    """Every ``ccnn-pc …`` line of the shell blocks, as words, once each."""
    found = {}
    for path in PAGES:
        for _, _, code in fences(path, "bash"):
            for line in code.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                own = "my_project" in line  # a project is made there: cli/test_init.py runs them
                if words[:1] == ["ccnn-pc"] and not own:
                    found[tuple(words[1:])] = list(words[1:])
    return list(found.values())


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_commands_named_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for command in re.findall(r"\bccnn-pc ((?:[a-z]\w*[ |]*)+)", text):
        first, *others = command.replace("|", " | ").split()
        named = [
            first,
            *(word for before, word in zip([first, *others], others, strict=False) if before == "|"),
        ]
        assert set(named) <= set(COMMANDS), f"ccnn-pc {command}"
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", text)) <= targets
    for _, _, code in fences(path, "bash"):
        assert set(re.findall(r"^make ([a-z]+)", code, re.MULTILINE)) <= targets


@pytest.mark.parametrize("words", [w for w in command_lines() if w[0] != "train"], ids=" ".join)
def test_command_lines_are_understood(words: list[str]) -> None:
    import typer

    group: Any = typer.main.get_command(build_app(words[0]))
    group.commands[words[0]].make_context(words[0], words[1:])  # parses, runs nothing


@pytest.mark.parametrize("words", [w[1:] for w in command_lines() if w[0] == "train"], ids=" ".join)
@unscaled()
def test_training_commands_compose(words: list[str]) -> None:
    from hydra.utils import instantiate

    from ccnn_pc.cli.compose import compose_config
    from ccnn_pc.cli.follow import follow_data
    from ccnn_pc.cli.sweep_words import first_settings, read_sweep

    if "-m" in words:  # its first run
        asked = read_sweep([word for word in words if word != "-m"])
        words = [*asked.fixed, *first_settings(asked.swept)]
    named = any(word.startswith(("experiment=", "data=")) for word in words)
    looked_at = (
        [] if named else ["experiment=folder"]
    )  # run on files: test_data_pages.py, cli/test_any_folder.py
    config = compose_config([*looked_at, *(word for word in words if word != "--json")])
    follow_data(
        config, {"in_channels": 3, "shape": [20], "spacing": 1.0, "table": None}
    )  # where tables say it
    instantiate(config.data.module, _convert_="all")
    instantiate(config.model, _convert_="all")(out_channels=10)


def test_extras_are_those_of_the_metadata() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    section = prose(ROOT / "docs" / "install.md").split("| extra |")[1].split("\n\n")[0]
    rows = [line.split("|")[1].strip(" `") for line in section.splitlines()[2:]]
    assert sorted(rows) == sorted(config["options.extras_require"])


# --- links and names --------------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if re.match(r"https?://", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there), target


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_files_tests_and_modules_named_exist(path: Path) -> None:
    text = prose(path)
    measured = {update.TABLES.source(block) for block in update.TABLES.blocks}
    for spoken in re.findall(r"`((?:ccnn_pc|configs|datasets|docs|scripts|tests|results)/[^`\s]*)`", text):
        file, _, test = spoken.partition("::")
        example = spoken.split("/")[-1].split(".")[0] in ("cosines", "hann", "ring", "rings")
        assert (ROOT / file).exists() or file in measured or example, spoken
        assert not test or re.search(rf"^def {test}\(", (ROOT / file).read_text(), re.MULTILINE), spoken
    for dotted in re.findall(r"`(ccnn_pc(?:\.\w+)+)", text):
        module, _, attribute = dotted.rpartition(".")
        if module == "ccnn_pc" and attribute in ccnn_pc.__all__:
            continue
        if (
            importlib.util.find_spec(dotted if module == "ccnn_pc" else module) is not None
            and module != "ccnn_pc"
        ):
            owner = importlib.import_module(module)
            assert hasattr(owner, attribute) or importlib.util.find_spec(dotted) is not None, dotted
        else:
            assert importlib.util.find_spec(dotted) is not None, dotted


@functools.cache
def config_keys() -> set[str]:
    """Every key that a file of configs/ sets, dotted, and the keys above it."""
    import yaml

    found: set[str] = set()

    def walk(tree: Any, *above: str) -> None:
        found.add(".".join(above))
        for key, value in tree.items() if isinstance(tree, dict) else ():
            walk(value, *above, str(key))

    for path in (ROOT / "configs").rglob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        group = path.relative_to(ROOT / "configs").parts[0]
        walk(yaml.safe_load(text), *([] if "@package _global_" in text or path.name == group else [group]))
    return found


@functools.cache
def options(command: str) -> set[str]:
    """The long options of a command."""
    import typer

    group: Any = typer.main.get_command(build_app(command))
    return {o for p in [*group.params, *group.commands[command].params] for o in [*p.opts, *p.secondary_opts]}


def test_modules_are_where_the_changelog_says() -> None:
    """Of the table of moves: what is new exists, what is old is gone or has become a folder."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    rows = text.split("| module before, in `ccnn_pc` | module now |\n| --- | --- |\n")[1].split("\n\n")[0]
    for row in rows.strip().splitlines():
        before, now = (re.findall(r"`([\w.]+)`", cell) for cell in row.split("|")[1:3])
        for module in now:
            assert importlib.util.find_spec(f"ccnn_pc.{module}") is not None, module
        room = before[0].split(".")[0]
        for module in (before[0], *(f"{room}.{other}" for other in before[1:])):
            assert not (ROOT / "ccnn_pc" / f"{module.replace('.', '/')}.py").exists(), module


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_settings_and_options_named_exist(path: Path, tmp_path: Path) -> None:
    """`group=choice` has a file, `group.key` is set in one; `--option` is one of ccnn-pc's or of a script's."""
    groups = {folder.name for folder in (ROOT / "configs").iterdir() if folder.is_dir()}
    keys = config_keys()
    text = path.read_text(encoding="utf-8")
    own = write_project(tmp_path / "my_project") if "ccnn-pc init" in text else []
    registered = re.findall(r'register_\w+\(\s*"(\w+)"', "".join([text, *(file.read_text() for file in own)]))
    entered = {*registered, *re.findall(r'"(\w+)\.yaml"', text), *(file.stem for file in own)}
    spoken = re.findall(r"`([^`\n]+)`", prose(path)) + [code for _, _, code in fences(path, "bash")]
    for word in (word for text in spoken for word in text.split()):
        key, equals, value = word.lstrip("+~").partition("=")
        group, *below = key.split(".")
        if not equals and (group == "model" or (below and below[-1][:1].isupper())):
            continue  # attributes of a model, classes of a module
        if (
            group not in groups
            or (not equals and not below)
            or re.search(r"\.(yaml|csv|json|npz|ply|off|py)$", key)
        ):
            continue
        if below and "(" not in key and "…" not in key and not word.startswith("+"):
            assert key in keys, f"{key} of {word}"
        elif not below and re.fullmatch(r"\w+", value) and value not in {"NAME", "mine", *entered}:
            assert (ROOT / "configs" / group / f"{value}.yaml").exists(), word
    known = set().union(*map(options, COMMANDS))
    known |= {
        o
        for file in (ROOT / "scripts").rglob("*.py")
        for o in re.findall(r'"(--[a-z][a-z0-9-]*)"', file.read_text())
    }
    for option in re.findall(r"`(--[a-z][a-z0-9-]*)", prose(path)):
        assert option in known | {"--index-url", "--help"}, option


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_no_machine_is_named(path: Path) -> None:
    text = re.sub(r"https?://\S+", "", path.read_text(encoding="utf-8"))
    assert not re.findall(r"(?<![\w.<*~$}])/(?:home|root|tmp|work|Users|mnt|opt|var|usr|data)\b\S*", text)
    assert not re.findall(r"\b[A-Z]:\\\S*", text)


# --- numbers ----------------------------------------------------------------------------------------------------


def test_every_block_is_used_once() -> None:
    used = [block for path in GUIDES for block in update.blocks_in(path.read_text(encoding="utf-8"))]
    assert sorted(used) == sorted(update.TABLES.blocks)


@pytest.mark.parametrize("path", GUIDES, ids=name)
def test_numbers_are_what_the_script_writes(path: Path) -> None:
    absent = set()
    for block, body in update.blocks_in(path.read_text(encoding="utf-8")).items():
        if block == "experiments":
            continue  # line by line in tests/test_configs.py, where every experiment is composed and built
        source = update.TABLES.source(block)
        assert body == update.body(block), (
            f"run scripts/tables/update.py: '{block}' in {name(path)} is out of date"
        )
        if source is not None and not (ROOT / source).exists():
            absent.add(source)
    if absent:
        pytest.skip(f"all others agree; not measured yet: {', '.join(sorted(absent))}")


def test_examples_use_public_names() -> None:
    """What a page imports is what its room exports, or a public name of a module."""
    for path in GUIDES:
        for _, _, code in fences(path, "python"):
            for node in ast.walk(ast.parse(code)):
                if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ccnn_pc"):
                    assert not [a.name for a in node.names if a.name.startswith("_")], (path, node.module)
