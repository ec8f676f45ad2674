"""A project of one's own: what `ccnn-pc init` writes trains, its test passes, its kernel, data and loss are used."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccnn_pc.cli import compose
from ccnn_pc.cli.app import IMPORTED, main
from ccnn_pc.cli.init import write_project
from ccnn_pc.cli.own_project import again
from ccnn_pc.datasets import registry as datasets
from ccnn_pc.kernels import registry as kernels
from ccnn_pc.models import from_pretrained
from tests.test_readme import ROOT, fences

SHORT = ["trainer.max_epochs=1", "trainer.limit_train_batches=2", "trainer.accelerator=cpu", "report=false"]
OWN = ("my_project", "test_my_project")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder where what a project registers, imports and configures is forgotten afterwards."""
    kernels.list_kernels(), datasets.list_datasets()
    monkeypatch.setattr(kernels, "_KERNELS", dict(kernels._KERNELS))
    monkeypatch.setattr(datasets, "_ENTRIES", dict(datasets._ENTRIES))
    monkeypatch.setattr(compose, "_OWN", [])
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv(IMPORTED, "")
    monkeypatch.setenv("CCNN_PC_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    yield tmp_path / "my_project"
    for name in OWN:
        sys.modules.pop(name, None)


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(words)
    return int(end.value.code or 0)


def test_the_page_and_the_projects_own_test(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command of "A project of your own", in order; then what it trained was what the project brings."""
    section = (
        (ROOT / "docs" / "extending.md").read_text(encoding="utf-8").split("## A project of your own")[1]
    )
    blocks = re.findall(r"```bash\n(.*?)```", section.split("\n## ")[0], re.DOTALL)
    for line in "".join(blocks).splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["cd"]:
            monkeypatch.chdir(words[1])
        elif words[:1] == ["ccnn-pc"]:
            short = SHORT if words[1] == "train" else ["--json"] if words[1] == "evaluate" else []
            assert run(*words[1:], *short) == 0, capsys.readouterr().err
    scored = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert scored["n"] == 300
    own = sys.modules["my_project"]
    model = from_pretrained(project / "runs" / "focal" / "latest" / "model")
    assert any(isinstance(module, own.MyCosines) for module in model.modules())
    assert not any(
        isinstance(module, own.MyCosines)
        for module in from_pretrained(project / "runs" / "mine" / "latest" / "model").modules()
    )
    config = (project / "runs" / "focal" / "latest" / "config.yaml").read_text()
    assert "_target_: my_project.Focal" in config and "_target_: my_project.MyWaves" in config
    assert again() == ["--config-dir=conf", "import=my_project"]
    tests = importlib.import_module("test_my_project")
    passed = [getattr(tests, name)() for name in dir(tests) if name.startswith("test_")]
    assert len(passed) == 3


def test_a_folder_in_use_is_left_as_it_is(project: Path) -> None:
    project.mkdir()
    assert len(write_project(project)) == 6
    (project / "my_project.py").write_text("mine")
    with pytest.raises(ValueError, match="'folder' must be new or empty"):
        write_project(project)
    assert (project / "my_project.py").read_text() == "mine"


def test_what_is_not_there_is_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faults = {
        "import=my_projcet": "'import' must name modules of the working folder or installed ones, without '.py' (got "
        "'my_projcet')",
        "import=": "'import' must name modules",
        "--config-dir=nowhere": "'--config-dir' must be a folder with some of augmentation/, ",
        f"--config-dir={project.parent}": "'--config-dir' must be a folder with some of",
    }
    for word, message in faults.items():
        assert run("train", word, "experiment=mine") != 0
        assert message in capsys.readouterr().err
    assert not os.environ[IMPORTED]
    (project.parent / "broken.py").write_text("import no_such_package\n")
    assert run("train", "import=broken", "experiment=mine") == 1
    assert "no_such_package" in capsys.readouterr().err  # what is missing in it, not the module itself


def test_shell_blocks_of_other_pages_name_no_project() -> None:
    """Those that do are run here, not where all others are parsed."""
    for page in sorted((ROOT / "docs").glob("*.md")):
        named = [code for _, _, code in fences(page, "bash") if "my_project" in code]
        assert not named or page.name == "extending.md"
