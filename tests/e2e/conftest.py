"""One local stack for the whole session."""

import os
import secrets
import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.local_stack import LocalStack


@pytest.fixture(scope="session")
def local_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    yield from _made(tmp_path_factory)


@pytest.fixture(scope="module")
def tortured_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """One that a module interrupts, kills and damages."""
    yield from _made(tmp_path_factory)


def _made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    if os.geteuid() != 0:
        pytest.skip("an embedded cluster needs root")
    stack = LocalStack(f"e2e-{secrets.token_hex(3)}", tmp_path_factory.mktemp("state"))
    stack.write()
    try:
        yield stack
    finally:
        stack.fleet("down", stack.name, "--yes", check=False)
        stack.fleet("cluster", "reset", stack.name, "--yes", check=False)
        stack.file.unlink(missing_ok=True)
        shutil.rmtree(stack.state, ignore_errors=True)
