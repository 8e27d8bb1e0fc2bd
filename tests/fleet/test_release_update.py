"""`fleet up` as a child: what it says is passed on, and its failure is the region's."""

import pytest

from fleet.release_update import StackUpdate
from release.errors import RegionBusyError, RegionError
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


@pytest.mark.parametrize(
    "said",
    [
        "error: stack local is being updated by process 7 of root@host: wait until that has ended",
        "error: another `fleet` (process 7) is changing stack local: wait until it has ended, then run this again",
        "error: stack local is in use, or its last update was killed:",
        "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end",
    ],
)
def test_a_stack_that_another_holds_is_no_failed_update(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    child = f"import sys; print({said!r}, file=sys.stderr); sys.exit(1)"
    monkeypatch.setattr("fleet.release_update._FLEET", child)
    with pytest.raises(RegionBusyError, match=r"^local: (the |another |stack )"):
        StackUpdate("local", lambda _: None, nobody).run()
