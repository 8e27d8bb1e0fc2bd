"""What holds a resource in a simulated account, and that the tables name types and properties that there are."""

from pathlib import Path
from typing import Any

import pytest

from catalog import Afterlife
from rehearsal.account import Account, Resource
from rehearsal.aws import CLOUD as AWS
from rehearsal.azure import CLOUD as AZURE
from rehearsal.dependents import refusal, traces, values_at
from rehearsal.gcp import CLOUD as GCP
from rehearsal.sdk_schema import Kind, ResourceSchema, Type, UnknownTypeError, load
from rehearsal.table import Cloud

VPC = Resource("aws:ec2/vpc:Vpc", "vpc-1", {}, {}, "us-east-1")


@pytest.fixture
def account(tmp_path: Path) -> Account:
    return Account(tmp_path / "account.sqlite", "aws", "111122223333")


def resource(kind: str, resource_id: str, region: str = "us-east-1", **inputs: Any) -> Resource:
    return Resource(kind, resource_id, inputs, {}, region)


def test_a_network_with_a_subnet_stays_until_the_subnet_is_gone(account: Account) -> None:
    subnet = resource("aws:ec2/subnet:Subnet", "subnet-1", vpcId="vpc-1")
    account.create(VPC)
    account.create(subnet)
    said = refusal(AWS, account, VPC)
    assert said is not None
    assert "DependencyViolation" in said
    assert "subnet-1" in said
    account.delete(subnet)
    assert refusal(AWS, account, VPC) is None


@pytest.mark.parametrize(
    "other",
    [
        resource("aws:ec2/subnet:Subnet", "subnet-1", vpcId="vpc-2"),
        resource("aws:ec2/subnet:Subnet", "subnet-1", region="eu-west-1", vpcId="vpc-1"),
        resource("aws:ec2/flowLog:FlowLog", "fl-1", vpcId="vpc-1"),
    ],
    ids=["another network", "another region", "a type that holds nothing"],
)
def test_what_isnt_in_it_doesnt_hold_it(account: Account, other: Resource) -> None:
    account.create(other)
    assert refusal(AWS, account, VPC) is None


def test_what_is_dead_holds_nothing(account: Account) -> None:
    subnet = resource("aws:ec2/subnet:Subnet", "subnet-1", vpcId="vpc-1")
    account.create(subnet)
    account.delete(Resource(subnet.type, subnet.id, {}, {}, subnet.region, Afterlife.SCHEDULED))
    assert refusal(AWS, account, VPC) is None


@pytest.mark.parametrize(("force", "refused"), [(False, True), (True, False)])
def test_a_bucket_goes_with_its_objects_only_by_force(account: Account, force: bool, refused: bool) -> None:
    bucket = resource("aws:s3/bucket:Bucket", "weights", region="", forceDestroy=force)
    account.create(resource("aws:s3/bucketObjectv2:BucketObjectv2", "weights/model", bucket="weights"))
    assert (refusal(AWS, account, bucket) is not None) is refused


def test_a_policy_is_named_by_its_arn_and_held_from_every_region(account: Account) -> None:
    arn = "arn:aws:iam::111122223333:policy/p"
    policy = Resource("aws:iam/policy:Policy", arn, {}, {"arn": arn})
    account.create(resource("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "r/p", role="r", policyArn=arn))
    assert "DeleteConflict" in (refusal(AWS, account, policy) or "")


def test_whoever_is_in_a_subnet_holds_its_network_too(tmp_path: Path) -> None:
    account = Account(tmp_path / "account.sqlite", "azure-native", "subscription")
    group = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network"
    network = Resource("azure-native:network:VirtualNetwork", f"{group}/virtualNetworks/hub", {}, {})
    beside = Resource("azure-native:network:VirtualNetwork", f"{group}/virtualNetworks/hub2", {}, {})
    endpoint = {"subnet": {"id": f"{group}/VirtualNetworks/hub/subnets/endpoints"}}
    account.create(Resource("azure-native:network:PrivateEndpoint", f"{group}/privateEndpoints/e", endpoint, {}))
    assert "InUseSubnetCannotBeDeleted" in (refusal(AZURE, account, network) or "")
    assert refusal(AZURE, account, beside) is None


@pytest.mark.parametrize("prefix", ["", "https://www.googleapis.com/compute/v1/"])
def test_a_network_is_named_by_its_path_or_its_url(tmp_path: Path, prefix: str) -> None:
    account = Account(tmp_path / "account.sqlite", "gcp", "project")
    network = Resource("gcp:compute/network:Network", "projects/p/global/networks/n", {}, {})
    firewall = {"network": f"{prefix}projects/p/global/networks/n"}
    account.create(Resource("gcp:compute/firewall:Firewall", "projects/p/global/firewalls/f", firewall, {}))
    assert "resourceInUseByAnotherResource" in (refusal(GCP, account, network) or "")


def test_values_are_found_through_lists_and_as_keys() -> None:
    found = {"rules": [{"to": ["a", "b"]}, {"to": "c"}, {"from": "d"}], "identities": {"x": {}, "y": {}}}
    assert list(values_at(found, "rules.to")) == ["a", "b", "c"]
    assert list(values_at(found, "identities")) == ["x", "y"]
    assert list(values_at(found, "rules.none.deeper")) == []


@pytest.mark.parametrize("cloud", [AWS, AZURE, GCP], ids=lambda cloud: cloud.plugin)
def test_tables_name_types_and_properties_of_the_sdks(cloud: Cloud) -> None:
    wrong = []
    for trace in traces(cloud):
        try:
            load(cloud.package, trace.held)
            if not _has(load(cloud.package, trace.holder), trace.path):
                wrong.append(f"{trace.holder} has no {trace.path}")
        except UnknownTypeError as error:
            wrong.append(str(error))
    assert wrong == []


def _has(schema: ResourceSchema, path: str) -> bool:
    first, *rest = path.split(".")
    published = schema.inputs.get(first) or schema.outputs.get(first)
    return published is not None and _leads(schema, published.type, rest)


def _leads(schema: ResourceSchema, within: Type, steps: list[str]) -> bool:
    """Tell whether steps lead somewhere from a type: through items of lists, and by any member of a union."""
    match within.kind:
        case Kind.ARRAY if within.item is not None:
            return _leads(schema, within.item, steps)
        case Kind.UNION:
            return any(_leads(schema, member, steps) for member in within.members)
        case Kind.OBJECT if steps:
            member = schema.objects[within.name].get(steps[0])
            return member is not None and _leads(schema, member.type, steps[1:])
        case _:
            return not steps
