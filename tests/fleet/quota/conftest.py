"""Stack files and servers as the tests of `fleet cost` have them, and stand-ins of the clouds' command lines."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fleet.cost.conftest import served, settings, write_stack

__all__ = ["served", "settings", "write_stack"]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Put a shell script on PATH, before all others."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)

    def write(name: str, script: str) -> None:
        file = folder / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    return write
