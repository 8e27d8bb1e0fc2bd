"""Ids, outputs and replacement, as the tables say."""

from typing import Any

import pytest

from rehearsal.aws import CLOUD as AWS
from rehearsal.azure import CLOUD as AZURE
from rehearsal.computed import Scope, compute, overlaid
from rehearsal.differences import compare
from rehearsal.gcp import CLOUD as GCP
from rehearsal.sdk_schema import load
from rehearsal.table import Cloud
from rehearsal.template import From, Keyed, Merged, PlaceUnknownError, fill
from toolchain.provider.interface import Change, DiffRequest, DiffResult

SCOPES = {
    "aws": Scope("111122223333", "us-east-1", {"defaultTags": {"tags": {"stack": "s"}}}),
    "azure-native": Scope("00000000-1111-2222-3333-444444444444", "westeurope", {}),
    "gcp": Scope("project-1", "europe-west4", {}),
}


def computed(cloud: Cloud, token: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    made_id, outputs = compute(
        cloud,
        cloud.row(token),
        load(cloud.package, token),
        SCOPES[cloud.plugin],
        inputs=inputs,
        logical_name="logical",
        seed="seed",
    )
    return made_id, overlaid(outputs, inputs)


def test_texts_lists_and_mappings_are_filled() -> None:
    known = {"name": "n", "tags": {"a": "1"}, "more": {"b": "2"}, "ids": ["x", "y"]}
    assert fill("{name}/{ids.1}/{?missing}", known, "") == "n/y/"
    assert fill([Merged(("tags", "more", "missing")), From("ids"), From("no", 7)], known, "") == [
        {"a": "1", "b": "2"},
        ["x", "y"],
        7,
    ]
    assert list(fill(Keyed("ids", {"id": "{hex:8}"}), known, "")) == ["x", "y"]
    with pytest.raises(PlaceUnknownError):
        fill("{missing}", known, "")


def test_drawn_values_are_of_their_form_and_of_their_seed() -> None:
    for place, form in (("{hex:17}", 17), ("{digits:12}", 12), ("{capitals:20}", 20), ("{uuid:a}", 36)):
        assert len(fill(place, {}, "one")) == form
        assert fill(place, {}, "one") == fill(place, {}, "one") != fill(place, {}, "two")


def test_aws_ids_arns_and_default_tags() -> None:
    vpc, outputs = computed(AWS, "aws:ec2/vpc:Vpc", {"cidrBlock": "10.0.0.0/16", "tags": {"Name": "n"}})
    assert vpc.startswith("vpc-")
    assert outputs["arn"] == f"arn:aws:ec2:us-east-1:111122223333:vpc/{vpc}"
    assert outputs["tagsAll"] == {"stack": "s", "Name": "n"}


def test_a_resources_own_region_counts() -> None:
    _, outputs = computed(AWS, "aws:s3/bucket:Bucket", {"bucket": "b", "region": "us-west-2"})
    assert outputs["region"] == outputs["bucketRegion"] == "us-west-2"


def test_azure_ids_are_paths_and_computed_parts_lie_inside_of_given_objects() -> None:
    cluster, outputs = computed(
        AZURE,
        "azure-native:containerservice:ManagedCluster",
        {"resourceGroupName": "rg", "resourceName": "aks", "identity": {"type": "SystemAssigned"}},
    )
    assert cluster.endswith("/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/aks")
    assert outputs["type"] == "Microsoft.ContainerService/managedClusters"
    assert outputs["identity"]["type"] == "SystemAssigned"
    assert len(outputs["identity"]["principalId"]) == 36
    assert outputs["oidcIssuerProfile"]["issuerURL"].startswith("https://westeurope.oic.simulated.invalid/")


def test_google_ids_take_project_and_location_from_the_provider() -> None:
    ring, _ = computed(GCP, "gcp:kms/keyRing:KeyRing", {"name": "ring"})
    assert ring == "projects/project-1/locations/europe-west4/keyRings/ring"


def test_an_output_that_no_row_describes_is_there_and_says_what_it_is() -> None:
    _, outputs = computed(AWS, "aws:iam/role:Role", {"name": "r", "assumeRolePolicy": "{}"})
    assert outputs["namePrefix"].startswith("simulated-")


def test_no_host_name_could_be_called() -> None:
    for cloud in (AWS, AZURE, GCP):
        for row in cloud.rows.values():
            for text in (str(value) for value in row.outputs.values()):
                assert "amazonaws.com/" not in text
                assert ".azmk8s.io" not in text
                assert "googleapis.com:443" not in text


def compared(cloud: Cloud, token: str, old: dict[str, Any], new: dict[str, Any]) -> DiffResult:
    request = DiffRequest(
        id="i", urn="u", type=token, name="n", old_inputs=old, old_outputs={}, news=new, ignore_changes=[]
    )
    return compare(cloud, cloud.row(token), request)


def test_equal_inputs_are_no_change() -> None:
    inputs = {"cidrBlock": "10.0.0.0/16", "tags": {"a": "b"}}
    assert not compared(AWS, "aws:ec2/vpc:Vpc", inputs, dict(inputs)).changes


def test_what_changes_in_place_and_what_does_not() -> None:
    token = "aws:eks/nodeGroup:NodeGroup"
    old = {"nodeGroupName": "a", "instanceTypes": ["p5.48xlarge"], "scalingConfig": {"maxSize": 1}}
    in_place = compared(AWS, token, old, {**old, "scalingConfig": {"maxSize": 2}})
    assert in_place.detailed == {"scalingConfig.maxSize": Change.UPDATE}
    assert in_place.replaces == []
    replaced = compared(AWS, token, old, {**old, "instanceTypes": ["p5e.48xlarge"]})
    assert replaced.replaces == ["instanceTypes[0]"]
    assert replaced.delete_before_replace  # the name is the program's, and taken until the old one is gone
    renamed = compared(AWS, token, old, {**old, "nodeGroupName": "b", "instanceTypes": ["p5e.48xlarge"]})
    assert not renamed.delete_before_replace


def test_a_part_inside_of_a_list_can_force_a_new_resource() -> None:
    token = "gcp:container/nodePool:NodePool"
    old = {"name": "a", "nodeConfig": {"guestAccelerators": [{"type": "nvidia-l4", "count": 1}], "tags": ["x"]}}
    new = {"name": "b", "nodeConfig": {"guestAccelerators": [{"type": "nvidia-l4", "count": 2}], "tags": ["y"]}}
    found = compared(GCP, token, old, new)
    assert found.replaces == ["name", "nodeConfig.guestAccelerators[0].count"]
    assert found.detailed["nodeConfig.tags[0]"] is Change.UPDATE
