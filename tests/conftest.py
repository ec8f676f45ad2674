"""Fixtures and markers shared by all tests."""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]


def pytest_configure(config: pytest.Config) -> None:
    """Few threads: the tests' tensors are small, and parallel runs must not fight for cores."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Thousands of tests stay to the end: the collector of garbage does not walk through them again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip, visibly, what this machine cannot run."""
    missing = [m for m in ("torch_cluster", "torch_scatter") if importlib.util.find_spec(m) is None]
    no_accel = pytest.mark.skip(reason=f"needs {' and '.join(missing)}: the `accel` extra is not installed")
    no_cuda = pytest.mark.skip(reason="needs a CUDA device")
    for item in items:
        if missing and "accel" in item.keywords:
            item.add_marker(no_accel)
        if "cuda" in item.keywords and not torch.cuda.is_available():
            item.add_marker(no_cuda)


@pytest.fixture(scope="session", autouse=True)
def _pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Pages that commands leave do not lie in the working folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ccnn_pc.cli.report.REPORTS", tmp_path_factory.mktemp("reports"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _drawing() -> Iterator[Callable[..., None] | None]:
    """What draws a run's curves and confusions: half of the time of a tiny training, also of one that tests share."""
    run = sys.modules.get("ccnn_pc.training.run")
    if run is None:
        yield None
        return
    drawing = run.write_pictures
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "write_pictures", lambda *given: None)
        yield drawing


@pytest.fixture(autouse=True)
def _no_pictures_of_runs(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, _drawing: Callable[..., None] | None
) -> None:
    """They are drawn where a test looks at them."""
    run = sys.modules.get("ccnn_pc.training.run")
    if run is not None and "pictures" not in request.keywords:
        monkeypatch.setattr(run, "write_pictures", lambda *given: None)
    elif _drawing is not None:
        monkeypatch.setattr(run, "write_pictures", _drawing)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of shared data, golden vectors and checkpoints: $CCNN_PC_SHARED, by default ../shared."""
    folder = Path(os.environ.get("CCNN_PC_SHARED") or ROOT.parent / "shared")
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}: set CCNN_PC_SHARED to the folder of golden/ and data/")
    return folder


@pytest.fixture(scope="session")
def golden(request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """Where a golden vector lies: beside the tests if it is small (tests/golden), else in the shared folder."""

    def find(name: str) -> Path:
        small = ROOT / "tests" / "golden" / f"{name}.npz"
        return small if small.exists() else request.getfixturevalue("shared") / "golden" / f"{name}.npz"

    return find


@pytest.fixture
def generator() -> torch.Generator:
    """A fresh, seeded torch generator."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def rng() -> np.random.Generator:
    """A fresh, seeded numpy generator."""
    return np.random.default_rng(0)


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    """Both floating types the library computes in."""
    return request.param


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    """Every test starts from the same global random state and leaves the default dtype alone."""
    default = torch.get_default_dtype()
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002  (third-party code may use the global state)
    yield
    torch.set_default_dtype(default)


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small copy of every data set of series, in the files that it comes in."""
    from tests.datasets.series.test_sequence_tasks import TEXT
    from tests.datasets.transforms.test_series_transforms import write_all

    folder = tmp_path_factory.mktemp("series")
    write_all(folder)
    for part in ("train", "valid", "test"):
        (folder / "text" / f"ptb.{part}.txt").write_text(TEXT * 3)
    return folder


@pytest.fixture(params=[True, False], ids=["native", "numpy"])
def native(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """With the native operators, where they are built, and without them."""
    from ccnn_pc.native.library import SWITCH, state

    if request.param and not state().runs:
        pytest.skip(state().reason)
    monkeypatch.setenv(SWITCH, str(int(request.param)))
    return bool(request.param)
