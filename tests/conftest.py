"""What every test stands on: Hypothesis profiles, a home of its own, the way to the real catalogues."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No deadline: two workers share two cores, so the time of a single example says nothing about the code.
settings.register_profile("default", deadline=None, max_examples=100, derandomize=False)
# Says how to repeat a failure, because the machine it happened on is gone when somebody reads of it; and a
# slow machine is no failure.
settings.register_profile(
    "ci",
    settings.get_profile("default"),
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session", autouse=True)
def never_the_real_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps fixtures that live longer than one test away from the real station folder too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRAMSACH_HOME", str(tmp_path_factory.mktemp("shared-home")))
        yield


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty station folder of the test's own; TRAMSACH_HOME points at it."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("TRAMSACH_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real catalogue exports: TRAMSACH_SHARED or `../shared/data`. Skips without it."""
    named = os.environ.get("TRAMSACH_SHARED")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"The real catalogue exports are not at {folder}; TRAMSACH_SHARED may name their folder.")
    return folder
