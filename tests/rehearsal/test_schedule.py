"""The virtual timeline: what waits on what, and what the whole waits for."""

from typing import Any

from rehearsal.journal import Call, Entry, Operation, Outcome
from rehearsal.schedule import Scheduled, schedule


def urn(name: str) -> str:
    return f"urn:pulumi:s::p::t:m:T::{name}"


def state(**depends: str) -> dict[str, Any]:
    return {
        "deployment": {
            "resources": [
                {"urn": urn(name), "dependencies": [urn(other) for other in others.split()]}
                for name, others in depends.items()
            ]
        }
    }


def entry(number: int, operation: Operation, name: str, takes_s: float) -> Entry:
    return Entry(number, Call("aws", operation, "t:m:T", urn(name)), Outcome.DONE, takes_s, 0, "", "")


def laid(found: list[Scheduled]) -> dict[str, tuple[float, float]]:
    return {f"{each.entry.call.operation} {each.entry.call.name}": (each.begins_s, each.ends_s) for each in found}


def test_what_is_made_waits_for_what_it_needs_and_nothing_else() -> None:
    made = [
        entry(1, Operation.CREATE, "network", 10),
        entry(2, Operation.CREATE, "key", 3),
        entry(3, Operation.CREATE, "cluster", 600),
        entry(4, Operation.CREATE, "bucket", 2),
    ]
    found = schedule(made, state(network="", key="", cluster="network key", bucket="key"))
    assert laid(found) == {
        "create network": (0, 10),
        "create key": (0, 3),
        "create cluster": (10, 610),
        "create bucket": (3, 5),
    }
    assert [each.entry.call.name for each in found if each.critical] == ["network", "cluster"]


def test_it_waits_through_what_takes_no_time() -> None:
    depends = state(cluster="", pool="component", component="provider", provider="cluster")
    found = schedule([entry(1, Operation.CREATE, "cluster", 5), entry(2, Operation.CREATE, "pool", 1)], depends)
    assert laid(found)["create pool"] == (5, 6)
    assert [each.waited_for for each in found] == [None, 1]


def test_what_is_deleted_waits_for_what_needs_it() -> None:
    gone = [entry(1, Operation.DELETE, "pool", 5), entry(2, Operation.DELETE, "cluster", 7)]
    found = schedule(gone, state(cluster="", pool="cluster"))
    assert laid(found) == {"delete pool": (0, 5), "delete cluster": (5, 12)}


def test_the_old_one_goes_when_all_is_made() -> None:
    replaced = [
        entry(1, Operation.CREATE, "pool", 5),
        entry(2, Operation.UPDATE, "service", 20),
        entry(3, Operation.DELETE, "pool", 1),
    ]
    assert laid(schedule(replaced, state(pool="", service="")))["delete pool"] == (20, 21)


def test_a_name_is_free_before_it_is_taken_again() -> None:
    replaced = [entry(1, Operation.DELETE, "pool", 4), entry(2, Operation.CREATE, "pool", 5)]
    assert laid(schedule(replaced, state(pool=""))) == {"delete pool": (0, 4), "create pool": (4, 9)}


def test_another_attempt_follows_the_first() -> None:
    tried = [entry(1, Operation.CREATE, "key", 4), entry(2, Operation.CREATE, "key", 5)]
    assert [(each.begins_s, each.ends_s) for each in schedule(tried, state(key=""))] == [(0, 4), (4, 9)]


def test_nothing_takes_no_time() -> None:
    assert schedule([], state()) == []
