"""What a state looks like once it is known what a killed update had made."""

import pytest

from fleet.console import FleetError
from fleet.inventory.order import State, in_order
from fleet.pending import with_made


def state(urn: str, resource_id: str = "", needs: tuple[str, ...] = (), **more: object) -> State:
    return {"urn": urn, "type": "t", "custom": True, "id": resource_id, "dependencies": list(needs), **more}


def test_a_new_resource_comes_after_what_it_needs() -> None:
    after = with_made([state("a"), state("b", needs=("a",))], [state("c", "1", needs=("b",))])
    assert [each["urn"] for each in after] == ["a", "b", "c"]


def test_a_predecessor_is_to_be_deleted_once_its_successor_is_there() -> None:
    old = [state("network"), state("subnet", "old", ("network",)), state("pool", needs=("subnet",))]
    after = with_made(old, [state("subnet", "new", ("network",))])
    assert [(each["urn"], each["id"], bool(each.get("delete"))) for each in after] == [
        ("network", "", False),
        ("subnet", "new", False),
        ("subnet", "old", True),
        ("pool", "", False),
    ]


def test_a_predecessor_that_was_deleted_first_goes() -> None:
    after = with_made([state("bucket", "name", pendingReplacement=True)], [state("bucket", "name")])
    assert after == [state("bucket", "name")]


def test_one_that_is_to_be_deleted_already_stays_so() -> None:
    after = with_made([state("a", "1", delete=True)], [state("a", "2")])
    assert [(each["id"], bool(each.get("delete"))) for each in after] == [("2", False), ("1", True)]


def test_what_is_to_be_deleted_may_need_what_is_too() -> None:
    doomed = [state("pool", "1", ("subnet",), delete=True), state("subnet", "1", delete=True)]
    assert [each["urn"] for each in in_order(doomed)] == ["subnet", "pool"]


def test_a_circle_is_told() -> None:
    with pytest.raises(FleetError, match="need each other"):
        in_order([state("a", needs=("b",)), state("b", needs=("a",))])
