"""`fleet up` as a child: what it says is passed on, and its failure is the region's."""

import pytest

from fleet.release_update import StackUpdate
from release.errors import RegionError
from release.gate.check import PodTrouble


def nobody() -> tuple[PodTrouble, ...]:
    return ()


def test_what_the_child_says_is_the_reason() -> None:
    said: list[str] = []
    with pytest.raises(RegionError, match=r"update of no-such-stack failed:\n(.*\n)*.*no such stack file"):
        StackUpdate("no-such-stack", said.append, nobody).run()
    assert any("no such stack file" in line for line in said)


def test_there_may_be_nothing_to_interrupt() -> None:
    StackUpdate("no-such-stack", lambda _: None, nobody).interrupt()
