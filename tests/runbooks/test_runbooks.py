"""Runbooks are done, command by command, in simulated accounts: what they print and how they end is as it is written.

`make test` does those of an account; `make runbooks` those of regions too, which take minutes.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.runbooks.drill import RUNBOOKS, Drill
from tests.runbooks.markdown import Command, NotRun, differences, steps
from tests.runbooks.troubles import TROUBLES

_ALL: Final = bool(os.environ.get("MODELFLEET_ALL_RUNBOOKS"))
_OTHERS: Final = {
    "README": "a table of contents",
    "bad-release": "tests/fleet/test_release_commands.py",
    "failed-rollback": "tests/fleet/test_release_commands.py",
    "local-stack": "tests/e2e",
}
"""Pages that are run elsewhere, or that have nothing to run."""
ACCOUNT: Final = ("failed-update", "drift", "stuck-lock", "lost-state", "sweeping")
REGION: Final = ("quota-refused", "key-rotation", "tenant-offboarding")
REGIONS: Final = ("lost-region",)
"""In the order in which each leaves a stack that the next one can use."""
_SAMPLE: Final = ("failed-update", "stuck-lock")


def runbooks(names: tuple[str, ...]) -> list[object]:
    """Give the runbooks as parameters; `make test` has a sample of them."""
    later = pytest.mark.skipif(not _ALL, reason="`make runbooks`: takes minutes")
    return [pytest.param(name, marks=[] if name in _SAMPLE else [later]) for name in names]


@pytest.fixture(name="account", scope="module")
def _account(tmp_path_factory: pytest.TempPathFactory) -> Drill:
    return Drill.begin(tmp_path_factory.mktemp("account"), "aws-account")


@pytest.fixture(name="region", scope="module")
def _region(tmp_path_factory: pytest.TempPathFactory) -> Drill:
    return Drill.begin(tmp_path_factory.mktemp("region"), "aws-eu-central-1")


@pytest.fixture(name="regions", scope="module")
def _regions(tmp_path_factory: pytest.TempPathFactory) -> Drill:
    return Drill.begin(tmp_path_factory.mktemp("regions"), "aws-us-east-1", "aws-us-west-2", "global")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("runbook", runbooks(ACCOUNT))
def test_a_runbook_of_an_account(account: Drill, runbook: str) -> None:
    account.play(runbook, TROUBLES)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("runbook", runbooks(REGION))
def test_a_runbook_of_a_region(region: Drill, runbook: str) -> None:
    region.play(runbook, TROUBLES)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("runbook", runbooks(REGIONS))
def test_a_runbook_of_several_regions(regions: Drill, runbook: str) -> None:
    regions.play(runbook, TROUBLES)


def pages() -> Iterator[Path]:
    """Every page of the folder that isn't run elsewhere."""
    yield from (file for file in sorted(RUNBOOKS.glob("*.md")) if file.stem not in _OTHERS)


def test_every_page_is_run() -> None:
    assert {file.stem for file in pages()} == {*ACCOUNT, *REGION, *REGIONS}


@pytest.mark.parametrize("page", list(pages()), ids=lambda page: page.stem)
def test_what_isn_t_run_says_why_and_is_counted(page: Path) -> None:
    """The table of contents says how many commands are run and how many aren't."""
    found = steps(page)
    run = sum(isinstance(step, Command) for step in found)
    not_run = sum(len(step.commands) for step in found if isinstance(step, NotRun))
    assert run
    assert all(step.reason for step in found if isinstance(step, NotRun))
    contents = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    row = re.search(rf"\({page.name}\).*\| (\d+) \| (\d+) \|$", contents, re.MULTILINE)
    assert row, f"{page.name} has no row in the table of contents"
    assert (int(row[1]), int(row[2])) == (run, not_run)


@pytest.mark.parametrize(
    ("expected", "printed", "right"),
    [
        (("a", "b"), "a\nb\n", True),
        (("a",), "a\nb\n", False),
        (("a", "…"), "a\nb\nc\n", True),
        (("…", "c"), "a\nb\nc\n", True),
        (("…", "b"), "a\nb\nc\n", False),
        (("b",), "a\nb\n", False),
        (("x …z",), "x y  z\n", True),
        (("x …z",), "x y\n", False),
        ((), "anything\n", True),
    ],
)
def test_what_is_printed_is_compared_line_by_line(expected: tuple[str, ...], printed: str, right: bool) -> None:
    assert (differences(expected, printed) is None) is right
