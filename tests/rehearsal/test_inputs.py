"""Mistakes in values, each of which a cloud would refuse: the validator finds them, and nothing in the right ones."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from rehearsal.aws import CLOUD as AWS
from rehearsal.azure import CLOUD as AZURE
from rehearsal.gcp import CLOUD as GCP
from rehearsal.inputs import Evidence, Finding, check_inputs
from rehearsal.sdk_schema import load
from rehearsal.table import Cloud
from toolchain.provider.properties import UNKNOWN, Secret

REMOVED = object()
KEY_ARN = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ROLE_ARN = "arn:aws:iam::111122223333:role/nodes"
POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}'
GROUP = "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/rg"
CRYPTO_KEY = "projects/p-1/locations/europe-west4/keyRings/ring/cryptoKeys/disks"

RIGHT: dict[str, Mapping[str, Any]] = {
    "aws:ec2/vpc:Vpc": {"cidrBlock": "10.0.0.0/16", "instanceTenancy": "default", "tags": {"owner": "platform"}},
    "aws:ec2/subnet:Subnet": {"vpcId": "vpc-0123456789abcdef0", "availabilityZone": "us-east-1a"},
    "aws:kms/key:Key": {"deletionWindowInDays": 30, "rotationPeriodInDays": 365, "customerMasterKeySpec": "RSA_4096"},
    "aws:s3/bucket:Bucket": {"bucket": "weights-111122223333"},
    "aws:s3/bucketVersioning:BucketVersioning": {
        "bucket": "weights-111122223333",
        "versioningConfiguration": {"status": "Enabled"},
    },
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": {
        "bucket": "weights-111122223333",
        "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY_ARN}}],
    },
    "aws:eks/nodeGroup:NodeGroup": {
        "clusterName": "c",
        "nodeRoleArn": ROLE_ARN,
        "subnetIds": ["subnet-0123456789abcdef0"],
        "scalingConfig": {"minSize": 0, "maxSize": 4, "desiredSize": 0},
        "instanceTypes": ["p5.48xlarge"],
        "amiType": "AL2023_x86_64_NVIDIA",
        "capacityType": "SPOT",
        "taints": [{"key": "nvidia.com/gpu", "effect": "NO_SCHEDULE"}],
    },
    "aws:eks/cluster:Cluster": {
        "name": "modelfleet",
        "roleArn": ROLE_ARN,
        "vpcConfig": {"subnetIds": ["subnet-0123456789abcdef0"], "endpointPrivateAccess": True},
        "enabledClusterLogTypes": ["api", "audit"],
        "accessConfig": {"authenticationMode": "API"},
    },
    "aws:iam/role:Role": {"name": "nodes", "assumeRolePolicy": POLICY},
    "aws:cloudwatch/logGroup:LogGroup": {"name": "/modelfleet/flow", "retentionInDays": 90, "kmsKeyId": KEY_ARN},
    "aws:lb/loadBalancer:LoadBalancer": {"name": "origin", "loadBalancerType": "network"},
    "azure-native:storage:StorageAccount": {
        "resourceGroupName": "rg",
        "accountName": "stweights",
        "kind": "StorageV2",
        "sku": {"name": "Standard_GZRS"},
        "minimumTlsVersion": "TLS1_2",
        "allowSharedKeyAccess": False,
        "identity": {"type": "UserAssigned", "userAssignedIdentities": [f"{GROUP}/providers/M/identities/i"]},
    },
    "azure-native:keyvault:Vault": {
        "resourceGroupName": "rg",
        "vaultName": "kv-weights",
        "location": "westeurope",
        "properties": {
            "tenantId": "00000000-1111-2222-3333-444444444444",
            "sku": {"family": "A", "name": "premium"},
            "enablePurgeProtection": True,
        },
    },
    "azure-native:containerservice:AgentPool": {
        "resourceGroupName": "rg",
        "resourceName": "aks",
        "agentPoolName": "h100a1b2",
        "count": 1,
        "mode": "User",
        "scaleSetPriority": "Spot",
        "scaleSetEvictionPolicy": "Delete",
        "osSKU": "Ubuntu",
        "availabilityZones": ["1"],
        "gpuProfile": {"driver": "Install"},
    },
    "azure-native:network:NetworkSecurityGroup": {
        "resourceGroupName": "rg",
        "networkSecurityGroupName": "nodes",
        "securityRules": [
            {
                "name": "front",
                "priority": 100,
                "direction": "Inbound",
                "access": "Allow",
                "protocol": "Tcp",
                "sourceAddressPrefix": "10.0.0.0/8",
            }
        ],
    },
    "azure-native:dbforpostgresql:Server": {
        "resourceGroupName": "rg",
        "serverName": "pg-weights",
        "highAvailability": {"mode": "ZoneRedundant"},
        "authConfig": {"activeDirectoryAuth": "Enabled", "passwordAuth": "Disabled"},
    },
    "azure-native:containerregistry:Registry": {
        "resourceGroupName": "rg",
        "registryName": "acrweights",
        "sku": {"name": "Premium"},
        "zoneRedundancy": "Enabled",
    },
    "gcp:storage/bucket:Bucket": {
        "name": "weights-1",
        "location": "EUROPE-WEST4",
        "publicAccessPrevention": "enforced",
        "uniformBucketLevelAccess": True,
        "encryption": {"defaultKmsKeyName": CRYPTO_KEY},
        "labels": {"owner": "platform"},
    },
    "gcp:kms/cryptoKey:CryptoKey": {
        "name": "disks",
        "keyRing": "projects/p-1/locations/europe-west4/keyRings/ring",
        "rotationPeriod": "7776000s",
        "purpose": "ENCRYPT_DECRYPT",
        "versionTemplate": {"algorithm": "GOOGLE_SYMMETRIC_ENCRYPTION", "protectionLevel": "HSM"},
    },
    "gcp:container/cluster:Cluster": {
        "name": "modelfleet",
        "location": "europe-west4",
        "datapathProvider": "ADVANCED_DATAPATH",
        "releaseChannel": {"channel": "REGULAR"},
        "databaseEncryption": {"state": "ENCRYPTED", "keyName": CRYPTO_KEY},
        "loggingConfig": {"enableComponents": ["SYSTEM_COMPONENTS"]},
    },
    "gcp:container/nodePool:NodePool": {
        "name": "l4-a1b2c3",
        "cluster": "modelfleet",
        "location": "europe-west4",
        "maxPodsPerNode": 32,
        "nodeConfig": {
            "taints": [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}],
            "workloadMetadataConfig": {"mode": "GKE_METADATA"},
            "reservationAffinity": {"consumeReservationType": "SPECIFIC_RESERVATION"},
        },
        "placementPolicy": {"type": "COMPACT"},
    },
    "gcp:sql/databaseInstance:DatabaseInstance": {
        "name": "gateway",
        "databaseVersion": "POSTGRES_17",
        "settings": {"tier": "db-custom-2-8192", "availabilityType": "REGIONAL"},
    },
    "gcp:compute/network:Network": {"name": "region", "autoCreateSubnetworks": False, "routingMode": "REGIONAL"},
    "gcp:compute/subnetwork:Subnetwork": {"name": "nodes", "network": "n", "ipCidrRange": "10.0.0.0/20"},
    "gcp:projects/iAMMember:IAMMember": {"project": "p-1", "role": "roles/viewer", "member": "group:a@example.com"},
}

# Type, where the mistake is, the wrong value, what the finding's path must be.
MISTAKES: list[tuple[str, tuple[str | int, ...], Any]] = [
    # AWS
    ("aws:ec2/vpc:Vpc", ("cidrBlock",), "10.0.0.0/8/16"),
    ("aws:ec2/vpc:Vpc", ("cidrBlock",), "10.0.0.1/16"),
    ("aws:ec2/vpc:Vpc", ("instanceTenancy",), "shared"),
    ("aws:ec2/vpc:Vpc", ("enable_dns_support",), True),
    ("aws:ec2/vpc:Vpc", ("tags", "owner"), "x" * 257),
    ("aws:ec2/subnet:Subnet", ("vpcId",), "vpc-main"),
    ("aws:ec2/subnet:Subnet", ("availabilityZone",), "us-east-1"),
    ("aws:kms/key:Key", ("rotationPeriodInDays",), 30),
    ("aws:kms/key:Key", ("customerMasterKeySpec",), "AES_256"),
    ("aws:kms/key:Key", ("deletionWindowInDays",), "30"),
    ("aws:s3/bucket:Bucket", ("bucket",), "Weights"),
    ("aws:s3/bucketVersioning:BucketVersioning", ("versioningConfiguration", "status"), "On"),
    ("aws:s3/bucketVersioning:BucketVersioning", ("versioningConfiguration",), REMOVED),
    (
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        ("rules", 0, "applyServerSideEncryptionByDefault", "sseAlgorithm"),
        "kms",
    ),
    ("aws:eks/nodeGroup:NodeGroup", ("instanceTypes", 0), "p5.48xlarg"),
    ("aws:eks/nodeGroup:NodeGroup", ("amiType",), "AL2023_NVIDIA"),
    ("aws:eks/nodeGroup:NodeGroup", ("capacityType",), "RESERVED"),
    ("aws:eks/nodeGroup:NodeGroup", ("taints", 0, "effect"), "NoSchedule"),
    ("aws:eks/nodeGroup:NodeGroup", ("scalingConfig", "minSize"), -1),
    ("aws:eks/nodeGroup:NodeGroup", ("scalingConfig", "maxSize"), REMOVED),
    ("aws:eks/nodeGroup:NodeGroup", ("nodeRoleArn",), "nodes"),
    ("aws:eks/cluster:Cluster", ("enabledClusterLogTypes", 1), "audits"),
    ("aws:eks/cluster:Cluster", ("accessConfig", "authenticationMode"), "IAM"),
    ("aws:eks/cluster:Cluster", ("vpcConfig", "endpointPrivateAccess"), "true"),
    ("aws:iam/role:Role", ("assumeRolePolicy",), POLICY.replace("Allow", "allow")),
    ("aws:iam/role:Role", ("name",), "nodes/europe"),
    ("aws:lb/loadBalancer:LoadBalancer", ("name",), "an-origin-whose-name-is-far-too-long"),
    # Azure
    ("azure-native:storage:StorageAccount", ("accountName",), "st-weights"),
    ("azure-native:storage:StorageAccount", ("accountName",), "stweightsofthewholecompany"),
    ("azure-native:storage:StorageAccount", ("kind",), "StorageV3"),
    ("azure-native:storage:StorageAccount", ("sku", "name"), "Standard_GZRS_RA"),
    ("azure-native:storage:StorageAccount", ("minimumTlsVersion",), "1.2"),
    ("azure-native:storage:StorageAccount", ("sku",), REMOVED),
    ("azure-native:storage:StorageAccount", ("identity", "userAssignedIdentities", 0), "my-identity"),
    ("azure-native:storage:StorageAccount", ("allowSharedKeyAccess",), "false"),
    ("azure-native:keyvault:Vault", ("vaultName",), "kv_weights"),
    ("azure-native:keyvault:Vault", ("properties", "tenantId"), "contoso"),
    ("azure-native:keyvault:Vault", ("properties", "sku", "name"), "hsm"),
    ("azure-native:keyvault:Vault", ("properties", "enable_purge_protection"), True),
    ("azure-native:keyvault:Vault", ("location",), "West Europe"),
    ("azure-native:containerservice:AgentPool", ("agentPoolName",), "h100-spot"),
    ("azure-native:containerservice:AgentPool", ("agentPoolName",), "h100onedemand1"),
    ("azure-native:containerservice:AgentPool", ("mode",), "Worker"),
    ("azure-native:containerservice:AgentPool", ("scaleSetPriority",), "spot"),
    ("azure-native:containerservice:AgentPool", ("count",), "1"),
    ("azure-native:containerservice:AgentPool", ("availabilityZones", 0), "westeurope-1"),
    ("azure-native:network:NetworkSecurityGroup", ("securityRules", 0, "priority"), 99),
    ("azure-native:network:NetworkSecurityGroup", ("securityRules", 0, "direction"), "In"),
    ("azure-native:network:NetworkSecurityGroup", ("securityRules", 0, "access"), REMOVED),
    ("azure-native:dbforpostgresql:Server", ("highAvailability", "mode"), "MultiZone"),
    ("azure-native:containerregistry:Registry", ("registryName",), "acr-weights"),
    # Google Cloud
    ("gcp:storage/bucket:Bucket", ("name",), "Weights"),
    ("gcp:storage/bucket:Bucket", ("location",), "europe west"),
    ("gcp:storage/bucket:Bucket", ("publicAccessPrevention",), "enforce"),
    ("gcp:storage/bucket:Bucket", ("encryption", "defaultKmsKeyName"), "disks"),
    ("gcp:storage/bucket:Bucket", ("labels", "owner"), "Platform Team"),
    ("gcp:storage/bucket:Bucket", ("location",), REMOVED),
    ("gcp:kms/cryptoKey:CryptoKey", ("rotationPeriod",), "90d"),
    ("gcp:kms/cryptoKey:CryptoKey", ("purpose",), "ENCRYPT"),
    ("gcp:kms/cryptoKey:CryptoKey", ("versionTemplate", "algorithm"), "AES_256"),
    ("gcp:kms/cryptoKey:CryptoKey", ("versionTemplate", "protectionLevel"), "HARDWARE"),
    ("gcp:kms/cryptoKey:CryptoKey", ("keyRing",), "ring"),
    ("gcp:container/cluster:Cluster", ("name",), "Modelfleet"),
    ("gcp:container/cluster:Cluster", ("datapathProvider",), "CILIUM"),
    ("gcp:container/cluster:Cluster", ("releaseChannel", "channel"), "NORMAL"),
    ("gcp:container/cluster:Cluster", ("loggingConfig", "enableComponents", 0), "SYSTEM"),
    ("gcp:container/nodePool:NodePool", ("maxPodsPerNode",), 300),
    ("gcp:container/nodePool:NodePool", ("nodeConfig", "taints", 0, "effect"), "NoSchedule"),
    ("gcp:container/nodePool:NodePool", ("nodeConfig", "workloadMetadataConfig", "mode"), "GKE"),
    ("gcp:container/nodePool:NodePool", ("nodeConfig", "machineTyp"), "g2-standard-4"),
    ("gcp:container/nodePool:NodePool", ("placementPolicy", "type"), REMOVED),
    ("gcp:sql/databaseInstance:DatabaseInstance", ("databaseVersion",), "POSTGRES_99"),
    ("gcp:sql/databaseInstance:DatabaseInstance", ("settings", "availabilityType"), "ZONE_REDUNDANT"),
    ("gcp:compute/network:Network", ("routingMode",), "LOCAL"),
    ("gcp:compute/network:Network", ("name",), "region_1"),
    ("gcp:compute/subnetwork:Subnetwork", ("ipCidrRange",), "10.0.0.0/33"),
    ("gcp:projects/iAMMember:IAMMember", ("role",), "viewer"),
    ("gcp:projects/iAMMember:IAMMember", ("member",), "a@example.com"),
]


def cloud_of(token: str) -> Cloud:
    return {"aws": AWS, "azure-native": AZURE, "gcp": GCP}[token.partition(":")[0]]


def check(token: str, inputs: Mapping[str, Any]) -> list[Finding]:
    cloud = cloud_of(token)
    return [finding for finding in check_inputs(cloud, load(cloud.package, token), inputs).findings if finding.is_error]


def with_mistake(inputs: Mapping[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(dict(inputs))
    inner: Any = changed
    for step in path[:-1]:
        inner = inner[step]
    if value is REMOVED:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return changed


@pytest.mark.parametrize("token", RIGHT)
def test_right_values_pass(token: str) -> None:
    assert [str(finding) for finding in check(token, RIGHT[token])] == []


@pytest.mark.parametrize(("token", "path", "value"), MISTAKES)
def test_a_mistake_is_found_where_it_is(token: str, path: tuple[str | int, ...], value: Any) -> None:
    (finding,) = check(token, with_mistake(RIGHT[token], path, value))
    assert finding.path.replace("[", ".").replace("]", "").split(".") == [str(step) for step in path]
    if value is not REMOVED:
        assert "must" in finding.reason or "no such property" in finding.reason or "may have" in finding.reason


def test_each_cloud_has_at_least_twenty_mistakes() -> None:
    for plugin in ("aws", "azure-native", "gcp"):
        assert sum(token.startswith(f"{plugin}:") for token, _, _ in MISTAKES) >= 20


def test_what_a_preview_does_not_know_is_passed_over() -> None:
    assert check("aws:ec2/vpc:Vpc", {"cidrBlock": UNKNOWN, "tags": UNKNOWN, "instanceTenancy": Secret(UNKNOWN)}) == []


def test_a_wrong_secret_is_not_shown() -> None:
    (finding,) = check("aws:ec2/vpc:Vpc", {"cidrBlock": Secret("canary")})
    assert "canary" not in str(finding)
    assert "[secret]" in str(finding)


def test_how_well_values_could_be_checked_is_told() -> None:
    schema = load(AWS.package, "aws:lb/targetGroup:TargetGroup")
    checked = check_inputs(AWS, schema, {"port": 443, "slowStart": 60, "protocol": "TLS"})
    assert checked.evidence == {
        "port": Evidence.VALUES,
        "protocol": Evidence.VALUES,
        "slowStart": Evidence.TYPE,
    }


def test_deprecated_inputs_are_told_and_pass() -> None:
    schema = load(AWS.package, "aws:s3/bucket:Bucket")
    findings = check_inputs(AWS, schema, {"bucket": "weights-1", "acl": "private"}).findings
    assert [(finding.path, finding.is_error) for finding in findings] == [("acl", False)]


@pytest.mark.parametrize("cloud", [AWS, AZURE, GCP], ids=lambda cloud: cloud.plugin)
def test_every_row_join_and_rule_is_of_a_type_that_the_sdk_has(cloud: Cloud) -> None:
    from rehearsal.sdk_index import resource_classes  # noqa: PLC0415

    known = set(resource_classes(cloud.package))
    assert {*cloud.rows, *cloud.joins, *cloud.names} <= known


@pytest.mark.parametrize("cloud", [AWS, GCP], ids=lambda cloud: cloud.plugin)
def test_every_place_that_a_join_names_is_published(cloud: Cloud) -> None:
    source = cloud.source
    assert source is not None
    named = [
        (token, place)
        for token, join in cloud.joins.items()
        for place in (*join.roots, *(name[1:] for name in join.names.values() if name.startswith("/")))
    ]
    assert [each for each in named if source.node(each[1]) is None] == []
