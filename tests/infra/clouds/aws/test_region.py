"""What the AWS region is made of, and how it is guarded; recorded without an engine."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from infra.marks import LEAVING, TENANT_TAG
from tests.infra.clouds.aws.recording import Recorder, policy_of
from tests.infra.recording import is_secret, revealed

TABLE = {
    "network": ["aws:ec2/vpc:Vpc", "aws:ec2/natGateway:NatGateway", "aws:ec2/vpcEndpoint:VpcEndpoint"],
    "flow logs": ["aws:ec2/flowLog:FlowLog"],
    "keys": ["aws:kms/key:Key", "aws:kms/replicaKey:ReplicaKey"],
    "storage": ["aws:s3/bucket:Bucket", "aws:s3/bucketReplicationConfig:BucketReplicationConfig"],
    "registry": ["aws:ecr/repository:Repository"],
    "cluster": ["aws:eks/cluster:Cluster", "aws:eks/accessEntry:AccessEntry", "aws:eks/addon:Addon"],
    "pools": ["aws:eks/nodeGroup:NodeGroup", "aws:ec2/placementGroup:PlacementGroup"],
    "controllers": ["kubernetes:apps/v1:Deployment", "kubernetes:apps/v1:DaemonSet"],
    "origin": ["aws:lb/loadBalancer:LoadBalancer", "aws:lb/listener:Listener"],
    "data services": ["aws:rds/instance:Instance", "aws:elasticache/replicationGroup:ReplicationGroup"],
    "identity": ["aws:eks/podIdentityAssociation:PodIdentityAssociation"],
}
DATA = [
    "aws:kms/key:Key",
    "aws:kms/replicaKey:ReplicaKey",
    "aws:s3/bucket:Bucket",
    "aws:ecr/repository:Repository",
    "aws:rds/instance:Instance",
]


@pytest.mark.parametrize("part", TABLE)
def test_every_part_is_there(region: Recorder, part: str) -> None:
    assert all(region.of(kind) for kind in TABLE[part])


def test_data_is_protected_until_it_may_go(region: Recorder, make_region: Callable[..., Recorder]) -> None:
    def protected(recorder: Recorder) -> set[tuple[str, str]]:
        return {key for key, request in recorder.requests.items() if request.protect}

    kept = {(kind, name) for kind, name in region.made if kind in DATA}
    assert kept
    assert kept <= protected(region)
    (database,) = region.of("aws:rds/instance:Instance").values()
    assert (database["deletionProtection"], database["skipFinalSnapshot"]) == (True, False)
    (cluster,) = region.of("aws:eks/cluster:Cluster").values()
    assert cluster["deletionProtection"] is True

    going = make_region(delete_data=True)
    assert not protected(going)
    (database,) = going.of("aws:rds/instance:Instance").values()
    assert (database["deletionProtection"], database["skipFinalSnapshot"]) == (False, True)
    assert all(bucket["forceDestroy"] for bucket in going.of("aws:s3/bucket:Bucket").values())
    assert not any(request.retainOnDelete for request in going.requests.values())


def test_keys_rotate_and_name_whom_they_serve(region: Recorder) -> None:
    keys = region.of("aws:kms/key:Key")
    assert {"cluster", "disks", "storage", "database", "logs", "tenant-acme", "tenant-globex"} <= keys.keys()
    for key in keys.values():
        assert key["enableKeyRotation"] is True
        for statement in policy_of(key):
            assert all("*" not in action for action in statement["Action"])
            assert "*" not in str(statement["Principal"])


def test_what_a_tenant_alone_costs_carries_its_name(region: Recorder) -> None:
    keys = region.of("aws:kms/key:Key")
    assert {name: key["tags"].get(TENANT_TAG) for name, key in keys.items() if TENANT_TAG in key["tags"]} == {
        "tenant-acme": "acme",
        "tenant-globex": "globex",
    }


def test_a_tenant_s_machines_and_their_disks_carry_its_name(region: Recorder, closed: Recorder) -> None:
    for name, template in closed.of("aws:ec2/launchTemplate:LaunchTemplate").items():
        if name.startswith("own-"):
            launched = {each["resourceType"]: each["tags"][TENANT_TAG] for each in template["tagSpecifications"]}
            assert launched == dict.fromkeys(("instance", "volume", "network-interface"), "acme")
            break
    else:
        pytest.fail("no machines of a tenant's own")
    shared = region.of("aws:ec2/launchTemplate:LaunchTemplate")["h100-reservation"]
    assert not any(TENANT_TAG in each["tags"] for each in shared["tagSpecifications"])


def test_no_role_may_do_everything(region: Recorder) -> None:
    roles = region.of("aws:iam/rolePolicy:RolePolicy")
    assert roles
    for policy in roles.values():
        for statement in policy_of(policy):
            assert not any(action.endswith(":*") or action == "*" for action in statement["Action"])


def test_buckets_are_private_encrypted_and_versioned(region: Recorder) -> None:
    names = set(region.of("aws:s3/bucket:Bucket"))
    for kind in ("bucketPublicAccessBlock:BucketPublicAccessBlock", "bucketVersioning:BucketVersioning"):
        assert set(region.of(f"aws:s3/{kind}")) == names
    encryption = region.of("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration")
    for name, made in encryption.items():
        (rule,) = made["rules"]
        by_default = rule["applyServerSideEncryptionByDefault"]
        assert (by_default["sseAlgorithm"] == "AES256") == (name == "logs"), "AWS's log delivery takes SSE-S3 only"
        assert rule.get("bucketKeyEnabled", name == "logs")
    for policy in region.of("aws:s3/bucketPolicy:BucketPolicy").values():
        denied = [statement["Condition"] for statement in policy_of(policy) if statement["Effect"] == "Deny"]
        assert {"Bool": {"aws:SecureTransport": "false"}} in denied


def test_those_who_deploy_elsewhere_get_at_no_bucket(region: Recorder) -> None:
    """No tag decides about a bucket, so that its own policy has to."""
    policies = region.of("aws:s3/bucketPolicy:BucketPolicy")
    assert {"data", "logs"} <= set(policies)
    role = "arn:aws:iam::111122223333:role/modelfleet-deploy-"
    for name, policy in policies.items():
        (denied,) = [statement for statement in policy_of(policy) if statement["Sid"] == "OtherEnvironments"]
        assert (denied["Effect"], denied["Principal"], denied["Action"]) == ("Deny", "*", ["s3:*"]), name
        assert denied["Condition"] == {
            "ArnLike": {"aws:PrincipalArn": f"{role}*"},
            "ArnNotLike": {"aws:PrincipalArn": [f"{role}production", f"{role}preview"]},
        }


def test_the_cluster_is_private_logged_and_encrypted(region: Recorder) -> None:
    (cluster,) = region.of("aws:eks/cluster:Cluster").values()
    assert cluster["vpcConfig"]["endpointPublicAccess"] is False
    assert cluster["encryptionConfig"]["resources"] == ["secrets"]
    assert len(cluster["enabledClusterLogTypes"]) == 5
    assert cluster["accessConfig"] == {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
    assert "deploy-production" in str(region.of("aws:eks/accessEntry:AccessEntry"))


@pytest.fixture(scope="module")
def closed(make_region: Callable[..., Recorder]) -> Recorder:
    """A region of a closed network: no front, an API that offices reach, a file system, a tenant's machines."""
    return make_region(
        gpu_pools=[{"name": "own", "sku": "g6e.12xlarge", "tenant": "acme"}],
        api={"access": "restricted", "authorized_ranges": ["203.0.113.0/24"]},
        ingress={"front_only": False},
        storage={"fast_cache": True},
    )


def test_restricted_access_names_its_ranges(closed: Recorder) -> None:
    (cluster,) = closed.of("aws:eks/cluster:Cluster").values()
    assert cluster["vpcConfig"]["publicAccessCidrs"] == ["203.0.113.0/24"]
    assert not closed.of("modelfleet:aws:Tunnel"), "nobody needs a tunnel to what is reached without"


def test_the_fast_cache_is_of_the_bucket_and_under_its_key(closed: Recorder, region: Recorder) -> None:
    (cache,) = closed.of("aws:fsx/lustreFileSystem:LustreFileSystem").values()
    assert cache["kmsKeyId"].endswith(":storage")
    (link,) = closed.of("aws:fsx/dataRepositoryAssociation:DataRepositoryAssociation").values()
    assert link["dataRepositoryPath"] == "s3://data-id/models"
    assert not region.of("aws:fsx/lustreFileSystem:LustreFileSystem")


def test_nodes_keep_pods_from_their_metadata_and_stripe_their_disks(region: Recorder) -> None:
    templates = region.of("aws:ec2/launchTemplate:LaunchTemplate")
    for name, template in templates.items():
        metadata = template["metadataOptions"]
        assert (metadata["httpTokens"], metadata["httpPutResponseHopLimit"]) == ("required", 1)
        assert all(disk["ebs"]["encrypted"] == "true" for disk in template["blockDeviceMappings"])
        if name != "tunnel":
            assert "strategy: RAID0" in base64.b64decode(template["userData"]).decode()


def test_gpu_pools_start_from_nothing_and_are_tainted(region: Recorder) -> None:
    gpu = {
        name: group for name, group in region.of("aws:eks/nodeGroup:NodeGroup").items() if "NVIDIA" in group["amiType"]
    }
    assert len(gpu) == 4
    for group in gpu.values():
        assert (group["scalingConfig"]["minSize"], group["scalingConfig"]["desiredSize"]) == (0, 0)
        assert {"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"} in group["taints"]
        assert group["nodeRepairConfig"]["enabled"] is True
    by_strategy = {name: group["updateConfig"]["updateStrategy"] for name, group in gpu.items()}
    assert by_strategy["h100-reservation"] == "MINIMAL"
    assert [strategy for name, strategy in by_strategy.items() if name.startswith("l40s")] == ["DEFAULT", "DEFAULT"]
    template = region.of("aws:ec2/launchTemplate:LaunchTemplate")["h100-reservation"]
    assert len(template["networkInterfaces"]) == 32
    reservation = template["capacityReservationSpecification"]["capacityReservationTarget"]
    assert reservation == {"capacityReservationId": "cr-0123456789abcdef0"}


def test_the_least_capacity_is_asked_for_by_pods_on_nodes_of_their_own(region: Recorder) -> None:
    placeholders = {
        name: made["spec"]
        for name, made in region.of("kubernetes:apps/v1:Deployment").items()
        if name.startswith("capacity-")
    }
    assert {spec["replicas"] for spec in placeholders.values()} == {1}
    groups = region.of("aws:eks/nodeGroup:NodeGroup").values()
    for spec in placeholders.values():
        pod = spec["template"]["spec"]
        wanted = pod["nodeSelector"].items()
        assert any(wanted <= (group.get("labels") or {}).items() for group in groups)
        (apart,) = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert apart["topologyKey"] == "kubernetes.io/hostname"
        assert "nvidia.com/gpu" not in str(pod["containers"][0]["resources"])


def test_images_are_named_by_digest(region: Recorder) -> None:
    workloads = [
        *region.of("kubernetes:apps/v1:Deployment").values(),
        *region.of("kubernetes:apps/v1:DaemonSet").values(),
    ]
    images = [
        container["image"] for workload in workloads for container in workload["spec"]["template"]["spec"]["containers"]
    ]
    assert len(images) == 6
    assert all("@sha256:" in image for image in images)


def test_the_origin_takes_connections_from_the_front_alone(region: Recorder, closed: Recorder) -> None:
    rules = region.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert rules["origin-from-front"]["prefixListId"] == "pl-3b927c52"
    assert not any(rule.get("cidrIpv4") == "0.0.0.0/0" for rule in rules.values())
    (listener,) = region.of("aws:lb/listener:Listener").values()
    assert (listener["protocol"], "TLS13-1-2" in listener["sslPolicy"]) == ("TLS", True)

    (balancer,) = closed.of("aws:lb/loadBalancer:LoadBalancer").values()
    assert balancer["internal"] is True


def test_data_services_take_identities_over_tls(region: Recorder) -> None:
    (database,) = region.of("aws:rds/instance:Instance").values()
    assert database["multiAz"] is database["storageEncrypted"] is database["iamDatabaseAuthenticationEnabled"] is True
    assert "password" not in database
    (parameters,) = region.of("aws:rds/parameterGroup:ParameterGroup").values()
    assert {"rds.force_ssl": "1"}.items() <= {p["name"]: p["value"] for p in parameters["parameters"]}.items()
    (cache,) = region.of("aws:elasticache/replicationGroup:ReplicationGroup").values()
    assert (cache["transitEncryptionMode"], cache["multiAzEnabled"]) == ("required", True)
    (user,) = region.of("aws:elasticache/user:User").values()
    assert user["authenticationMode"]["type"] == "iam"


def test_a_tenant_reaches_its_own_prefix_and_key_and_no_other(region: Recorder) -> None:
    allowed = [
        statement
        for statement in policy_of(region.of("aws:iam/rolePolicy:RolePolicy")["tenant-acme"])
        if statement["Effect"] == "Allow"
    ]
    objects = [resource for statement in allowed for resource in statement["Resource"] if "/tenants/" in resource]
    assert objects
    assert all(resource.endswith("/tenants/acme/*") for resource in objects)
    assert "globex" not in json.dumps(allowed)
    (use,) = [s for s in policy_of(region.of("aws:kms/key:Key")["tenant-acme"]) if s["Sid"] == "TheTenantAlone"]
    assert use["Condition"]["StringEquals"]["aws:PrincipalArn"].endswith("tenant-acme")


def test_a_further_tenant_adds_its_own_resources_alone(region: Recorder, make_region: Callable[..., Recorder]) -> None:
    more = make_region(tenants=[{"name": name, "stacks": ["aws-us-east-1"]} for name in ("acme", "globex", "initech")])
    assert more.made.keys() - region.made.keys() == {
        ("aws:kms/key:Key", "tenant-initech"),
        ("aws:kms/alias:Alias", "tenant-initech"),
        ("aws:iam/role:Role", "tenant-initech"),
        ("aws:iam/rolePolicy:RolePolicy", "tenant-initech"),
        ("aws:eks/podIdentityAssociation:PodIdentityAssociation", "tenant-initech"),
    }


def tenant_in(state: str) -> list[dict[str, Any]]:
    return [{"name": "acme", "stacks": ["aws-us-east-1"], "state": state, "suspendedSince": "2026-01-01"}]


def test_a_suspended_tenant_keeps_its_data_and_is_not_let_in(make_region: Callable[..., Recorder]) -> None:
    made = make_region(tenants=tenant_in("suspended"))
    assert made.requests["aws:kms/key:Key", "tenant-acme"].protect
    assert "tenant-acme" not in made.of("aws:iam/role:Role")
    assert "tenant-acme" not in made.of("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    (rule,) = made.of("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")["data"]["rules"]
    assert rule["filter"]["prefix"] == ""


def test_a_leaving_tenant_s_files_are_deleted_before_its_key_is(make_region: Callable[..., Recorder]) -> None:
    made = make_region(tenants=tenant_in("leaving"))
    assert not made.requests["aws:kms/key:Key", "tenant-acme"].protect
    assert made.of("aws:kms/key:Key")["tenant-acme"]["tags"][LEAVING] == "true", "the policy pack goes by it"
    rules = made.of("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")["data"]["rules"]
    emptying = [rule for rule in rules if rule["filter"]["prefix"] == "tenants/acme/"]
    assert [rule["expiration"] for rule in emptying] == [{"days": 1}, {"expiredObjectDeleteMarker": True}]
    assert emptying[0]["noncurrentVersionExpiration"] == {"noncurrentDays": 1}


def test_before_the_api_can_be_reached_nothing_is_put_into_the_cluster(make_region: Callable[..., Recorder]) -> None:
    region = make_region(phase="cloud")
    assert not [kind for kind, _ in region.made if kind.startswith("kubernetes:")]
    assert region.of("aws:eks/nodeGroup:NodeGroup")


def test_every_resource_says_whose_it_is(region: Recorder) -> None:
    untagged = [
        (kind, name)
        for (kind, name), made in region.made.items()
        if kind.startswith("aws:")
        and isinstance(made.inputs.get("tags"), dict)
        and made.inputs["tags"].get("environment") is None
    ]
    assert not untagged
    tags: dict[str, Any] = region.of("aws:eks/nodeGroup:NodeGroup")["system"]["tags"]
    assert tags == {
        "environment": "production",
        "owner": "platform",
        "modelfleet-stack": "aws-us-east-1",
        "modelfleet-name": "system",  # by which it is found again
    }


def test_workloads_go_before_what_serves_them(region: Recorder) -> None:
    """Whatever is applied through the provider `workloads` is deleted before pools and controllers."""
    depended = " ".join(region.requests["pulumi:providers:kubernetes", "workloads"].dependencies)
    for kind in ("NodeGroup::h100-reservation", "Addon::coredns", "Deployment::aws-load-balancer-controller"):
        assert kind in depended


def test_private_keys_are_secret(region: Recorder) -> None:
    (imported,) = region.of("aws:acm/certificate:Certificate").values()
    assert is_secret(imported["privateKey"])
    assert revealed(imported["privateKey"]) == "PRIVATE"
