"""Steps as they are read from an engine's events."""

from collections.abc import Iterator
from typing import Any

from fleet.steps import Step, StepLog

URN = "urn:pulumi:s::modelfleet::modelfleet:aws:Keys$aws:kms/key:Key::cluster"


def event(kind: str, operation: str, urn: str = URN, **more: Any) -> dict[str, Any]:
    return {kind: {"metadata": {"urn": urn, "op": operation, **more}}}


def clock(*seconds: float) -> Iterator[float]:
    yield from seconds


def test_a_step_has_its_place_among_the_events() -> None:
    ticks = clock(10.0, 10.5, 11.0, 12.5)
    log = StepLog(lambda: next(ticks))
    log.take(event("resourcePreEvent", "create"))
    log.take(event("resourcePreEvent", "update", URN + "-2", detailedDiff={"tags.a": {}, "name": {}}))
    log.take(event("resOutputsEvent", "create"))
    log.take(event("resOutputsEvent", "update", URN + "-2"))
    made, changed = log.steps
    assert (made.began, made.ended, made.began_s, made.ended_s) == (1, 3, 0.0, 1.0)
    assert made.type == "aws:kms/key:Key"
    assert str(made) == "create Key cluster"
    assert changed.properties == ("name", "tags.a")
    assert (changed.began, changed.ended) == (2, 4)


def test_what_stays_as_it_is_and_what_never_ended_is_no_step() -> None:
    log = StepLog(lambda: 0.0)
    for kind in ("resourcePreEvent", "resOutputsEvent"):
        log.take(event(kind, "same"))
        log.take(event(kind, "replace"))
    log.take(event("resourcePreEvent", "delete"))
    log.take(event("resOpFailedEvent", "delete"))
    assert log.steps == ()


def test_a_replacement_is_a_making_and_a_deletion() -> None:
    words = ("create", "create-replacement", "import", "update", "delete", "delete-replaced")
    steps = [Step(URN, word, 1, 2, 0, 0) for word in words]
    assert [step.operation for step in steps if step.makes] == ["create", "create-replacement", "import"]
    assert [step.operation for step in steps if step.deletes] == ["delete", "delete-replaced"]
