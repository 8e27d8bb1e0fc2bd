"""Stacks of every kind: what a region, an account and the front need, and what they may not have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.config import Routing, SettingsError, StackKind, StackSettings, from_stack_file, image_in

Told = Callable[..., list[str]]
FRONT: dict[str, Any] = {"cloud": "aws", "account": "111122223333", "region": "us-east-1", "stacks": ["one"]}
BUDGET = {"monthlyUsd": 1, "contacts": ["a@b.example"]}


@pytest.mark.parametrize("cloud", ["aws", "azure", "gcp"])
def test_a_region_of_a_cloud_is_right(told: Told, cloud: str) -> None:
    assert told(cloud=cloud) == []


@pytest.mark.parametrize(
    ("cloud", "changes", "finding"),
    [
        ("aws", {"account": ""}, "modelfleet:account: is missing: give the account's 12 digits"),
        ("aws", {"account": "1111"}, "modelfleet:account: '1111' is no account of aws"),
        ("azure", {"account": "111122223333"}, "modelfleet:account: '111122223333' is no account of azure"),
        ("gcp", {"account": "My Project"}, "modelfleet:account: 'My Project' is no account of gcp"),
        ("aws", {"region": "local"}, "modelfleet:region: is missing"),
        ("aws", {"region": "us-east-11"}, "modelfleet:region: 'us-east-11' is no region of aws in the catalogue"),
        ("gcp", {"storage": {"replicaRegion": "west"}}, "modelfleet:storage.replicaRegion: 'west' is no region of gcp"),
        ("gcp", {"storage": {"replicaRegion": "europe-west4"}}, "modelfleet:storage.replicaRegion: is europe-west4"),
        ("gcp", {"tags": {"Cost": "1"}}, "modelfleet:tags.Cost: is no name of a tag on gcp"),
        ("gcp", {"tags": {"cost": "a b"}}, "modelfleet:tags.cost: 'a b' is no value of a tag on gcp"),
        ("gcp", {"owner": "The Team"}, "modelfleet:owner: 'The Team' is no value of a tag on gcp"),
        ("aws", {"tags": {"aws:cost": "1"}}, "modelfleet:tags.aws:cost: is no name of a tag on aws"),
        ("azure", {"tags": {"a/b": "1"}}, "modelfleet:tags.a/b: is no name of a tag on azure"),
        ("aws", {"tags": {"Owner": "me"}}, "modelfleet:tags.Owner: is the program's own"),
        ("gcp", {"budget": BUDGET}, "modelfleet:budget.billingAccount: is missing"),
        ("aws", {"budget": {**BUDGET, "billingAccount": "x"}}, "modelfleet:budget.billingAccount: is Google Cloud's"),
        ("aws", {"kind": "account", "regions": ["mars"]}, "modelfleet:regions[0]: 'mars' is no region of aws"),
        ("aws", {"model": {}}, "modelfleet:model.digest: is missing"),
        ("aws", {"model": {"digest": "latest"}}, "modelfleet:model.digest: 'latest' is not a digest"),
        ("aws", {"serving": {"image": "build"}}, "modelfleet:serving.image: 'build' is for local stacks"),
        ("aws", {"gateway": {}}, "modelfleet:gateway.image: 'build' is for local stacks"),
        ("aws", {"monitoring": {}}, "modelfleet:monitoring.image: 'build' is for local stacks"),
        ("aws", {"monitoring": {"scrapeS": 30}}, "modelfleet:monitoring.scrapeS: "),
        ("aws", {"kubeContext": "kind"}, "modelfleet:kubeContext: kubeContext is for cloud 'local' only"),
        ("aws", {"ci": {"repository": "a/b"}}, "modelfleet:ci: is for stacks of kind `account`"),
        ("aws", {"regions": ["us-west-2"]}, "modelfleet:regions: is for stacks of kind `account`"),
        ("aws", {"tenants": []}, "modelfleet:tenants: tenants have files of their own"),
        ("aws", {"cpuPools": {"system": {"min": 9}}}, "modelfleet:cpuPools.system.min: min is 9, max 6"),
        (
            "aws",
            {"budget": {"monthlyUsd": 1, "contacts": ["nobody"]}},
            "modelfleet:budget.contacts[0]: 'nobody' is not",
        ),
    ],
)
def test_a_wrong_key_is_told_by_its_path(told: Told, cloud: str, changes: dict[str, Any], finding: str) -> None:
    assert any(found.startswith(finding) for found in told(cloud=cloud, **changes)), told(cloud=cloud, **changes)


def test_a_region_without_prometheus_names_no_image_of_it(told: Told) -> None:
    assert told(monitoring={"enabled": False}) == []


def test_findings_have_lines(write: Callable[..., Path]) -> None:
    file = write(gpuPools=[{"name": "gpu", "sku": "g6e.12xlarge", "min": 2, "max": 1}])
    line = file.read_text(encoding="utf-8").splitlines().index("    min: 2") + 1
    with pytest.raises(SettingsError) as caught:
        from_stack_file(file)
    assert str(caught.value).startswith(f"Pulumi.test.yaml:{line}: modelfleet:gpuPools[0].min: min is 2, max 1")


def test_an_account_stack_needs_no_image(load: Callable[..., StackSettings]) -> None:
    settings = load(kind="account", model={}, serving={}, gateway={}, ci={"repository": "example/models"})
    assert settings.kind is StackKind.ACCOUNT


def test_a_global_stack_has_a_front(told: Told) -> None:
    assert told(cloud="aws", kind="global") == [
        "modelfleet:front: is missing: a global stack needs the domain and the fronts"
    ]


def test_the_front_knows_its_regions(load: Callable[..., StackSettings], write: Callable[..., Path]) -> None:
    write("one")
    settings = load(kind="global", front={"domain": "models.example.com", "fronts": [FRONT], "routing": "failover"})
    assert settings.front is not None
    assert settings.front.routing is Routing.FAILOVER


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"stacks": ["two"]}, "modelfleet:front.fronts[0].stacks[0]: 'two' is no stack"),
        ({"cloud": "azure"}, "modelfleet:front.fronts[0].account: '111122223333' is no account of azure"),
        (
            {"cloud": "gcp", "account": "a-project"},
            "modelfleet:front.fronts[0].stacks[0]: one is a region stack of aws",
        ),
        ({"cloud": "local"}, "modelfleet:front.fronts[0].cloud: a local stack has no front"),
    ],
)
def test_a_front_has_its_cloud_s_regions(
    told: Told, write: Callable[..., Path], changes: dict[str, Any], finding: str
) -> None:
    write("one")
    findings = told(kind="global", front={"domain": "models.example.com", "fronts": [{**FRONT, **changes}]})
    assert any(found.startswith(finding) for found in findings), findings


def test_a_cloud_has_one_front(told: Told, write: Callable[..., Path]) -> None:
    write("one")
    (finding,) = told(kind="global", front={"domain": "models.example.com", "fronts": [FRONT, FRONT]})
    assert finding.startswith("modelfleet:front.fronts[1].cloud: aws has a front already")


@pytest.mark.parametrize(
    ("image", "full"),
    [
        ("server@sha256:0", "registry.example/team/server@sha256:0"),
        ("modelfleet/server@sha256:0", "registry.example/team/modelfleet/server@sha256:0"),
        ("other.example/server@sha256:0", "other.example/server@sha256:0"),
        ("localhost:5000/server@sha256:0", "localhost:5000/server@sha256:0"),
    ],
)
def test_an_image_without_a_host_is_in_the_region_s_registry(image: str, full: str) -> None:
    assert image_in("registry.example/team", image) == full
