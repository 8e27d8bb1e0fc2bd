"""Paths into properties: lists, absent values, values that a preview doesn't know."""

import pytest
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from infra.policy.inputs import Inputs, NotKnownYetError, Unknown
from infra.policy.requirement import Requirement, at_least, given, is_true, not_true, one_of

TREE: dict[str, object] = {
    "name": "x",
    "off": False,
    "empty": [],
    "disks": [{"encrypted": True, "key": "k"}, {"encrypted": False}],
    "policy": '{"Statement": {"Effect": "Allow"}}',
    "labels": {"nvidia.com/gpu": "1"},
}


def inputs(tree: dict[str, object] = TREE) -> Inputs:
    """As the engine's values come: behind proxies that refuse to show what isn't known."""
    return Inputs(unknown_checking_proxy(tree))


def test_a_path_leads_through_every_element_of_a_list() -> None:
    assert list(inputs().values("disks.encrypted")) == [True, False]
    assert list(inputs().values("disks.key")) == ["k", None]
    assert [part.path for part in inputs().blocks("disks")] == ["disks[0]", "disks[1]"]


def test_an_empty_list_is_absent_unless_the_path_allows_it() -> None:
    assert list(inputs().values("empty.encrypted")) == [None]
    assert list(inputs().values("empty[].encrypted")) == []
    assert list(inputs().values("nowhere[].encrypted")) == []
    assert list(inputs().values("nowhere.encrypted")) == [None]


def test_false_is_a_value() -> None:
    assert inputs().value("off") is False
    assert inputs().given("off")
    assert not inputs().given("nowhere")


def test_documents_are_read_as_text_and_as_properties() -> None:
    (document,) = inputs().documents("policy")
    assert document.text("Statement.Effect") == "Allow"
    (same,) = inputs({"policy": {"Statement": {"Effect": "Allow"}}}).documents("policy")
    assert same.text("Statement.Effect") == "Allow"
    assert list(inputs({"policy": "no document"}).documents("policy")) == []


def test_a_name_may_have_dots() -> None:
    (labels,) = inputs().blocks("labels")
    assert list(labels.property("nvidia.com/gpu")) == ["1"]
    assert list(labels.property("nowhere")) == []


def test_what_is_not_known_yet_is_neither_absent_nor_shown() -> None:
    unknown = inputs({"key": UNKNOWN_STRING_VALUE, "list": [{"id": UNKNOWN_STRING_VALUE}], "note": "seen"})
    assert list(unknown.values("key")) == [Unknown("key")]
    assert list(unknown.values("list.id")) == [Unknown("list[0].id")]
    assert list(unknown.values("key.inside")) == [Unknown("key")]
    assert unknown.given("key")
    with pytest.raises(NotKnownYetError, match="list"):
        unknown.value("list.id")
    assert dict(unknown.texts()) == {"note": "seen"}


@pytest.mark.parametrize(
    ("requirement", "found"),
    [
        (is_true("disks.encrypted"), ["disks[1].encrypted is false; it must be true"]),
        (not_true("disks[].encrypted"), ["disks[0].encrypted is true; it must not be true"]),
        (given("disks.key", "a key"), ["disks[1].key is not set; it must name a key"]),
        (one_of("name", "X"), []),
        (one_of("name", "y", "z"), ["name is 'x'; it must be y or z"]),
        (at_least("nowhere", 7), ["nowhere is not set; it must be at least 7"]),
    ],
)
def test_a_requirement_says_what_is_wrong_and_where(requirement: Requirement, found: list[str]) -> None:
    assert list(requirement.problems(inputs())) == found


def test_a_reference_that_is_not_known_yet_is_given_but_a_switch_must_be_known() -> None:
    unknown = inputs({"key": UNKNOWN_STRING_VALUE, "on": UNKNOWN_STRING_VALUE})
    assert list(given("key", "a key").problems(unknown)) == []
    with pytest.raises(NotKnownYetError, match="on"):
        list(is_true("on").problems(unknown))


def test_long_values_are_never_shown() -> None:
    (problem,) = one_of("password", "none").problems(inputs({"password": "x" * 41}))
    assert "xxx" not in problem
