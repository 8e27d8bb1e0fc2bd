"""Names of tenants' own: the front of all regions takes those that it can serve, and says why not the others."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.config import StackSettings

FRONT = {"cloud": "aws", "account": "111122223333", "region": "us-east-1", "stacks": ["one", "two"]}
KEYS: dict[str, Any] = {"kind": "global", "front": {"domain": "models.example.com", "fronts": [FRONT]}}
WriteTenant = Callable[..., None]


@pytest.fixture(autouse=True)
def regions(write: Callable[..., Path]) -> None:
    write("one")
    write("two")


def test_the_front_serves_what_every_region_of_it_hosts(
    load: Callable[..., StackSettings], tenant: WriteTenant
) -> None:
    tenant("acme", stacks=["one", "two"], domain="acme.models.example.com")
    tenant("nameless", stacks=["one"])
    tenant("elsewhere", stacks=["three"], domain="elsewhere.models.example.com")
    front = load(**KEYS).front
    assert front is not None
    assert front.names_of(front.fronts[0]) == ("api.models.example.com", "acme.models.example.com")


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"domain": "llm.acme.example"}, "modelfleet:front.domain: tenants/acme.yaml has the name llm.acme.example"),
        ({"domain": "a.b.models.example.com"}, "modelfleet:front.domain: tenants/acme.yaml has the name a.b.models"),
        ({"domain": "api.models.example.com"}, "modelfleet:front.domain: tenants/acme.yaml has the name api.models"),
        ({"stacks": ["one"]}, "modelfleet:front.fronts[0].stacks: tenants/acme.yaml has a name of its own, and"),
    ],
)
def test_a_name_that_can_t_be_served_is_told(
    told: Callable[..., list[str]], tenant: WriteTenant, changes: dict[str, Any], finding: str
) -> None:
    tenant("acme", **({"stacks": ["one", "two"], "domain": "acme.models.example.com"} | changes))
    (found,) = told(**KEYS)
    assert found.startswith(finding)


def test_two_tenants_have_two_names(told: Callable[..., list[str]], tenant: WriteTenant) -> None:
    for name in ("acme", "globex"):
        tenant(name, stacks=["one", "two"], domain="same.models.example.com")
    (found,) = told(**KEYS)
    assert "acme's: choose another" in found


def test_a_stack_file_can_t_write_them(told: Callable[..., list[str]]) -> None:
    front = {**KEYS["front"], "tenants": [{"name": "acme", "stacks": ["one"]}]}
    assert told(kind="global", front=front) == [
        "modelfleet:front.tenants: tenants with names of their own have files: tenants/<name>.yaml, `domain`"
    ]
