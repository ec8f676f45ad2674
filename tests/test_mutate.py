"""The script that changes one point of the package and asks whether a test fails."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

import pytest

SOURCE = '''"""A toy: 1 + 1."""


def area(width: float, height: float = 2.0) -> float:
    """Not 3 * 4."""
    if not width > 0:
        raise ValueError("'width' must be more than " + str(1 + 1))
    return width * height


class Toy:
    def __repr__(self) -> str:
        return "Toy" * 2
'''
TESTS = """
from ccnn_pc.ops.toy import area


def test_area():
    assert area(3.0) == 6.0
"""


@pytest.fixture(scope="module")
def mutate(root: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("mutate", root / "scripts" / "mutate.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules["mutate"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    for name, text in {"ccnn_pc/ops/toy.py": SOURCE, "tests/ops/test_toy.py": TESTS}.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "ccnn_pc/__init__.py").touch()
    (tmp_path / "ccnn_pc/ops/__init__.py").touch()
    return tmp_path


def test_code_changes_and_words_do_not(mutate: types.ModuleType) -> None:
    found = {(m.old, m.new) for m in mutate.mutants("toy.py", SOURCE)}
    assert found == {
        ("2.0", "3.0"),
        ("not width > 0", "(width > 0)"),
        ("width > 0", "(width >= 0)"),
        ("0", "1"),
        ("width * height", "(width / height)"),
    }


def test_a_change_is_in_its_place(mutate: types.ModuleType) -> None:
    source = 'é = "µ"; x = -y if a < b and c else 3 // 2\n'
    changed = {m.applied(source) for m in mutate.mutants("x.py", source)}
    assert 'é = "µ"; x = (y) if a < b and c else 3 // 2\n' in changed
    assert 'é = "µ"; x = -y if (a < b or c) else 3 // 2\n' in changed
    assert 'é = "µ"; x = -y if (a <= b) and c else 3 // 2\n' in changed
    assert 'é = "µ"; x = -y if a < b and c else (3 * 2)\n' in changed


def test_samples_are_seeded(mutate: types.ModuleType, root: Path) -> None:
    one, again, other = (mutate.sample(root, ("explain",), 20, seed) for seed in (0, 0, 1))
    assert one == again != other and len(set(one)) == 20
    assert {Path(m.file).parts[1] for m in one} == {"explain"}


def test_the_tests_that_run_the_line_come_mirrors_first(mutate: types.ModuleType, toy: Path) -> None:
    (change, *_) = mutate.mutants("ccnn_pc/ops/toy.py", SOURCE)
    spot = f"ccnn_pc/ops/toy.py:{change.line}"
    lines = {
        "tests/nn/test_a.py::test_x": [spot],
        "tests/ops/test_toy.py": [spot],
        "tests/ops/b.py::test_y": [],
    }
    seconds = dict.fromkeys(
        ("tests/nn/test_a.py::test_x", "tests/ops/test_toy.py::test_z", "tests/ops/b.py::test_y"), 1.0
    )
    wanted = ["tests/ops/test_toy.py::test_z", "tests/nn/test_a.py::test_x"]  # of the first file, a fixture
    assert mutate.covering({"lines": lines, "seconds": seconds}, change) == wanted


def test_what_tests_catch_and_what_they_do_not(mutate: types.ModuleType, toy: Path) -> None:
    record = mutate.recorded(toy, ["tests"])
    by_change = {m.new: m for m in mutate.mutants("ccnn_pc/ops/toy.py", SOURCE)}
    for change, caught in {
        "(width / height)": "tests/ops/test_toy.py::test_area",
        "(width >= 0)": "",
    }.items():
        tests = mutate.covering(record, by_change[change])
        assert tests == ["tests/ops/test_toy.py::test_area"]
        assert mutate.killer(toy, by_change[change], tests, 60.0) == caught
    assert (toy / "ccnn_pc/ops/toy.py").read_text() == SOURCE
