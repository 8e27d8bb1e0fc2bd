"""What a person reads of an operation: what changes, not what was looked at."""

import io
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from fleet.update_view import UpdateView

URN = "urn:pulumi:s::modelfleet::aws:kms/key:Key::{}"


def began(operation: str, name: str, *changed: str) -> Mapping[str, Any]:
    return {"resourcePreEvent": {"metadata": {"op": operation, "urn": URN.format(name), "diffs": list(changed)}}}


def ended(operation: str, name: str) -> Mapping[str, Any]:
    metadata = {"op": operation, "urn": URN.format(name), "type": "aws:kms/key:Key"}
    return {"resOutputsEvent": {"metadata": metadata}}


@pytest.mark.parametrize(
    ("preview", "events", "told"),
    [
        (True, [began("refresh", "a"), ended("same", "a")], []),
        (True, [began("update", "a", "policy")], ["would be updated: Key a (policy)"]),
        (False, [began("refresh", "a"), ended("same", "a")], []),
        (False, [began("refresh", "a"), ended("update", "a")], ["updated Key a"]),
        (False, [began("refresh", "a"), ended("delete", "a")], ["deleted Key a"]),
        (False, [began("create", "a"), ended("create", "a")], ["created Key a"]),
    ],
)
def test_what_is_only_looked_at_is_no_line(preview: bool, events: list[Mapping[str, Any]], told: list[str]) -> None:
    written = io.StringIO()
    view = UpdateView(Console(file=written, width=100), preview=preview)
    with view:
        for event in events:
            view.show(event)
    assert [line.strip() for line in written.getvalue().splitlines()] == told
