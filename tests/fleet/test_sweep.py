"""A sweep takes nothing that it wasn't shown to be the stack's: neither by a tag alone, nor by an older look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from fleet import console
from fleet.console import FleetError
from fleet.inventory.leftovers import Leftover, by_tag, guards, is_default_group, unguessed
from fleet.inventory.order import State
from fleet.pending import StateChangedError
from fleet.sweep import Sweep, Swept, check_deletable
from fleet.update_view import UpdateView
from infra.config import StackKind

if TYPE_CHECKING:
    from fleet.engine import Engine
    from fleet.inventory.scratch import ScratchStack

PROVIDER = {"urn": "urn:pulumi:test::p::pulumi:providers:aws::aws", "id": "1", "inputs": {"region": "us-east-1"}}
KEY, GROUP = "aws:kms/key:Key", "aws:ec2/securityGroup:SecurityGroup"
ARN = "arn:aws:ec2:us-east-1:111122223333"


class Listing:
    """What AWS answers."""

    def answers(self, questions: Sequence[object], providers: Sequence[State]) -> list[Any]:
        del providers
        entries = [
            {"resourceArn": f"{ARN}:instance/i-0a", "tags": {"modelfleet-stack": "test"}},
            {"resourceArn": f"{ARN}:vpc/vpc-0a", "tags": {"modelfleet-stack": "test", "modelfleet-name": "network"}},
            {"resourceArn": f"{ARN}:security-group/sg-0d", "tags": {"modelfleet-name": "default"}},
        ]
        return [{"resourceTagMappingLists": entries} for _ in questions]


def test_what_a_launch_template_tags_is_nobody_s_to_sweep() -> None:
    listed = by_tag("test", "p", PROVIDER, cast("ScratchStack", Listing()))
    assert [each["id"] for each in listed] == ["vpc-0a", "sg-0d"]
    known = [{"type": "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "id": "sg-0d"}]
    assert [each["id"] for each in unguessed(listed, known)] == ["vpc-0a"]


def test_a_network_s_default_group_is_told_by_its_name() -> None:
    assert is_default_group({"type": GROUP, "id": "sg-0d", "outputs": {"name": "default"}})
    assert not is_default_group({"type": GROUP, "id": "sg-0e", "outputs": {"name": "modelfleet-test"}})


def test_keys_that_only_a_list_knows_and_every_lock_are_guarded() -> None:
    key = {"type": KEY, "id": "k"}
    assert guards(key, frozenset({(KEY, "k")}))
    assert not guards(key, frozenset()), "a state says itself whether it is protected"
    assert not guards({"type": GROUP, "id": "sg"}, frozenset({(GROUP, "sg")}))
    assert guards({"type": "azure-native:authorization:ManagementLockByScope", "id": "l"}, frozenset())


@pytest.mark.parametrize(("known", "without_state"), [(True, False), (False, True)])
def test_a_state_or_a_person_s_word_is_needed_to_delete(*, known: bool, without_state: bool) -> None:
    check_deletable("test", StackKind.REGION, "file:///b", known=known, without_state=without_state)
    with pytest.raises(FleetError, match=r"bootstrap test --undo"):
        check_deletable("test", StackKind.STATE, "file:///b", known=known, without_state=without_state)


def test_a_backend_that_does_not_know_the_stack_is_the_wrong_one() -> None:
    with pytest.raises(FleetError, match=r"file:///b doesn't know stack test.*--state FILE.*--no-state"):
        check_deletable("test", StackKind.REGION, "file:///b", known=False, without_state=False)


@dataclass
class Holding:
    """An engine with one state."""

    deployment: dict[str, Any]
    imported: Mapping[str, Any] | None = None

    def exists(self, stack: str) -> bool:
        del stack
        return True

    def export(self, stack: str, *, show_secrets: bool = False) -> dict[str, Any]:
        del stack, show_secrets
        return {"deployment": dict(self.deployment)}

    def import_(self, stack: str, checkpoint: Mapping[str, Any]) -> None:
        del stack
        self.imported = checkpoint


URN = f"urn:pulumi:test::p::{KEY}::storage"
FOUND = Leftover(URN, KEY, "k", in_state=False, protected=True, state={"urn": URN, "type": KEY, "id": "k"})


def delete(engine: Holding, swept: Swept, doomed: Sequence[Leftover]) -> None:
    sweep = Sweep(cast("Engine", engine), "test", "p", "s3://b")
    sweep.delete(cast("ScratchStack", None), swept, doomed, UpdateView(console.err))


def test_a_state_that_changed_while_the_name_was_typed_is_looked_at_again() -> None:
    swept = Swept((FOUND,), frozenset(), {}, {"resources": []}, ())
    with pytest.raises(StateChangedError, match="sweep again"):
        delete(Holding({"resources": [dict(FOUND.state)]}), swept, [FOUND])


def test_the_note_of_what_stays_is_not_dropped() -> None:
    deployment = {"resources": [], "pending_operations": [{"type": "creating", "resource": {"urn": URN}}]}
    swept = Swept((FOUND,), frozenset({("t", "gone")}), {}, deployment, ())
    engine = Holding(deployment)
    for undecided in (swept, replace(swept, leftovers=(), unknown={URN: "nobody can ask"})):
        with pytest.raises(FleetError, match="fleet repair test"):
            delete(engine, undecided, [])
    assert engine.imported is None
