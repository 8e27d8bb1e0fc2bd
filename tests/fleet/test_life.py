"""What a stack's life demands, on steps and holdings made for it; the acts themselves run in tests/rehearsal."""

from collections.abc import Mapping
from typing import Any

from catalog import Afterlife
from fleet.life import new_before_old, strangers_to, wrong_remains
from fleet.remains import protected, recorded, remains
from fleet.steps import Step
from rehearsal.account import Resource

GROUP = "aws:eks/nodeGroup:NodeGroup"
VAULT = "azure-native:keyvault:Vault"
RING = "gcp:kms/keyRing:KeyRing"


def step(operation: str, kind: str, name: str, *, began: int = 0, ended: int = 0) -> Step:
    return Step(f"urn:pulumi:s::modelfleet::modelfleet:x:Parent${kind}::{name}", operation, began, ended, 0, 0)


def checkpoint(*resources: Mapping[str, Any]) -> dict[str, Any]:
    made = [
        {"urn": f"urn:{each['id']}", "custom": not each["type"].startswith("modelfleet:"), "inputs": {}, **each}
        for each in resources
    ]
    return {"deployment": {"resources": made}}


def test_a_tenant_brings_its_own_and_changes_only_what_names_all_tenants() -> None:
    fine = [
        step("create", "aws:kms/key:Key", "tenant-rehearsed"),
        step("create", "kubernetes:core/v1:Namespace", "rehearsed-namespace"),
        step("update", "kubernetes:core/v1:Secret", "gateway-keys"),
        step("update", "pulumi:pulumi:Stack", "modelfleet-s"),
    ]
    assert list(strangers_to(fine, "rehearsed")) == []
    for wrong in (
        step("create", "aws:kms/key:Key", "tenant-other"),
        step("update", "kubernetes:apps/v1:Deployment", "gateway"),
        step("delete-replaced", "kubernetes:core/v1:Secret", "gateway-keys"),
    ):
        (problem,) = strangers_to([*fine, wrong], "rehearsed")
        assert wrong.name in problem


def test_an_old_pool_goes_after_the_new_one_is_there() -> None:
    new, old = step("create", GROUP, "new", began=1, ended=2), step("delete", GROUP, "old", began=3, ended=4)
    assert list(new_before_old([new, old])) == []
    early = step("delete", GROUP, "old", began=1, ended=4)
    assert "began before the end" in next(new_before_old([new, early]))
    assert "another machine needs another pool" in next(new_before_old([step("update", GROUP, "same")]))


def test_what_stays_is_told_from_state_by_type_with_its_time() -> None:
    state = checkpoint(
        {"type": "aws:kms/key:Key", "id": "k", "inputs": {"deletionWindowInDays": 7.0}},
        {"type": VAULT, "id": "/vaults/v", "protect": True},
        {"type": "aws:ec2/vpc:Vpc", "id": "vpc"},
        {"type": "modelfleet:aws:Keys", "id": "", "protect": True},
    )
    key, vault = remains(state)
    assert (key.days, key.afterlife) == (7, Afterlife.SCHEDULED)
    assert (vault.name, vault.days) == ("v", 90)
    assert vault.as_row()["kept"] == "90 days"
    assert protected(state) == ["urn:/vaults/v"]


def test_the_file_names_what_the_next_update_cannot_ask_for() -> None:
    left = remains(checkpoint({"type": VAULT, "id": "/vaults/new"}, {"type": RING, "id": "/keyRings/r"}))
    assert recorded(left, ["old", "new"]) == "[new, old]"
    assert recorded(remains(checkpoint({"type": RING, "id": "r"})), []) == ""


def test_what_stays_is_compared_both_ways() -> None:
    expected = remains(checkpoint({"type": VAULT, "id": "v"}))
    kept = Resource(VAULT, "v", {}, {}, afterlife=Afterlife.SOFT_DELETED)
    assert list(wrong_remains(expected, {(VAULT, "v"): kept})) == []
    assert "is gone" in next(wrong_remains(expected, {}))
    alive = Resource(VAULT, "v", {}, {})
    assert "is alive" in next(wrong_remains(expected, {(VAULT, "v"): alive}))
    stray = Resource(GROUP, "g", {}, {})
    assert "still there: alive" in next(wrong_remains(expected, {(VAULT, "v"): kept, (GROUP, "g"): stray}))
