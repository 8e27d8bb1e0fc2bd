from pathlib import Path

import pytest

from toolchain import locations
from toolchain.errors import LocationError


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODELFLEET_CACHE", "MODELFLEET_STATE", "MODELFLEET_RUN", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/someone")


def test_defaults_are_below_home() -> None:
    assert locations.cache_dir() == Path("/home/someone/.cache/modelfleet")
    assert locations.state_dir() == Path("/home/someone/.local/state/modelfleet")
    assert locations.run_dir() == Path("/run/modelfleet")


def test_xdg_folders_are_used_when_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/big/cache")
    monkeypatch.setenv("XDG_STATE_HOME", "relative/state")
    assert locations.cache_dir() == Path("/big/cache/modelfleet")
    assert locations.state_dir() == Path("/home/someone/.local/state/modelfleet")


def test_own_variables_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/big/cache")
    monkeypatch.setenv("MODELFLEET_CACHE", "~/fleet-cache")
    monkeypatch.setenv("MODELFLEET_RUN", "/tmp/run")
    assert locations.cache_dir() == Path("/home/someone/fleet-cache")
    assert locations.run_dir() == Path("/tmp/run")


def test_a_relative_own_variable_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELFLEET_STATE", "state")
    with pytest.raises(LocationError, match=r"MODELFLEET_STATE=state.*absolute"):
        locations.state_dir()


def test_the_clone_is_the_folder_with_the_package() -> None:
    assert (locations.clone_dir() / "toolchain" / "locations.py").is_file()
