"""A demonstration library to type at."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk.demo.library import make_home
from kiosk.station import settle_in
from sync.circulation.model import local_day
from tests.kiosk.typed import Typed


@pytest.fixture(scope="session")
def new_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration library as it is made, for tests to copy."""
    folder = tmp_path_factory.mktemp("library") / "home"
    make_home(folder, local_day(datetime.now(UTC)))
    settle_in(folder, command="tests")
    return folder


@pytest.fixture
def library(new_library: Path, home: Path) -> Path:
    """A demonstration library of the test's own, in the folder that is meant without ``--home``."""
    return shutil.copytree(new_library, home, dirs_exist_ok=True)


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Types command lines in this process, on a terminal of 100 columns."""
    monkeypatch.setenv("COLUMNS", "100")
    return Typed(capsys)


@pytest.fixture
def desk(library: Path, typed: Typed) -> Typed:
    """Types command lines at the demonstration library."""
    assert library.is_dir()
    return typed
