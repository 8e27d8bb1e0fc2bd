"""Whether two worlds' states are alike, and whether an account holds what a state says."""

from collections.abc import Mapping
from typing import Any

from catalog import Afterlife
from fleet.convergence import differences, kept, misfits
from rehearsal.account import Resource

VPC = "aws:ec2/vpc:Vpc"
SUBNET = "aws:ec2/subnet:Subnet"


def held(kind: str, resource_id: str, *, dead: bool = False) -> Resource:
    return Resource(kind, resource_id, {}, {}, afterlife=Afterlife.SCHEDULED if dead else None)


def one(kind: str, name: str, resource_id: str, inputs: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    urn = f"urn:pulumi:s::p::{kind}::{name}"
    return {"urn": urn, "type": kind, "custom": True, "id": resource_id, "inputs": inputs, "outputs": {}, **more}


def state(*resources: dict[str, Any], pending: tuple[Mapping[str, Any], ...] = ()) -> dict[str, Any]:
    return {"deployment": {"resources": list(resources), "pending_operations": list(pending)}}


def test_ids_may_differ_where_they_were_drawn() -> None:
    first = state(one(VPC, "n", "vpc-1", {"cidr": "a"}), one(SUBNET, "s", "subnet-1", {"vpcId": "vpc-1"}))
    second = state(one(VPC, "n", "vpc-2", {"cidr": "a"}), one(SUBNET, "s", "subnet-9", {"vpcId": "vpc-2"}))
    assert list(differences(first, second)) == []


def test_an_input_that_nothing_explains_is_told() -> None:
    first = state(one(VPC, "n", "vpc-1", {"cidr": "a", "tags": {"x": "1"}}))
    second = state(one(VPC, "n", "vpc-2", {"cidr": "b", "tags": {}}))
    assert list(differences(first, second)) == [
        f"{VPC} n: input cidr differs from the one without faults",
        f"{VPC} n: input tags.x differs from the one without faults",
    ]


def test_names_with_random_ends_and_secrets_arent_compared() -> None:
    secret = {"4dabf18193072939515e22adb298388d": "x", "ciphertext": "1"}
    first = state(one(VPC, "n", "a", {"name": "n-1", "__defaults": ["name"], "key": secret}))
    second = state(one(VPC, "n", "a", {"name": "n-2", "__defaults": ["name"], "key": {**secret, "ciphertext": "2"}}))
    assert list(differences(first, second)) == []


def test_what_is_there_twice_or_not_at_all_is_told() -> None:
    network = one(VPC, "n", "vpc-1", {})
    assert list(differences(state(network), state(network, network, one(SUBNET, "s", "x", {})))) == [
        f"{SUBNET} s: 1 in the state, 0 without faults",
        f"{VPC} n: 2 in the state, 1 without faults",
    ]


def test_an_account_holds_what_the_state_says_and_the_dead() -> None:
    checkpoint = state(one(VPC, "n", "vpc-1", {}), one("modelfleet:access:ApiKey", "k", "1", {}))
    assert list(misfits(checkpoint, [held(VPC, "vpc-1"), held("aws:kms/key:Key", "1", dead=True)])) == []


def test_orphans_lost_pending_and_condemned_resources_are_told() -> None:
    checkpoint = state(
        one(VPC, "n", "vpc-1", {}),
        one(SUBNET, "s", "subnet-1", {}, delete=True),
        pending=({"type": "creating", "resource": {"urn": f"urn:pulumi:s::p::{SUBNET}::t"}},),
    )
    assert list(misfits(checkpoint, [held(VPC, "vpc-2"), held(SUBNET, "subnet-1")])) == [
        f"{VPC} vpc-2 is in the account and in no state",
        f"{VPC} vpc-1 is in the state and not in the account",
        f"{SUBNET} t: creating is still pending",
        f"{SUBNET} s: subnet-1 still waits for its deletion",
    ]


def test_the_dead_are_counted_by_type() -> None:
    assert kept([held("aws:kms/key:Key", "1", dead=True), held(VPC, "vpc-1")]) == {"aws:kms/key:Key": 1}
