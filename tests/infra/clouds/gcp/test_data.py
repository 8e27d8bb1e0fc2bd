"""What keeps data: bucket, images, database, cache, logs, tenants; closed, encrypted, let go only on demand."""

from datetime import date
from typing import Any

import pulumi
import pytest

from infra.clouds.gcp import GcpRegion
from infra.clouds.gcp.registry import Registry, RegistryArgs
from infra.clouds.gcp.scope import Scope
from infra.config import CacheSettings, DatabaseSettings, StorageSettings
from infra.marks import TENANT_TAG
from tenants import Tenant, TenantState
from tests.infra.clouds.gcp.recording import NUMBER, PROJECT, Recorder, record, settings

IMAGES = "europe-west4-docker.pkg.dev/modelfleet-production/modelfleet-gcp-europe-west4-images"


def tenant(name: str, **values: Any) -> Tenant:
    return Tenant.model_validate({"name": name, "stacks": ["gcp-europe-west4"], **values})


def region_with(**changes: object) -> Recorder:
    return record(lambda: GcpRegion("region", settings(**changes)))


def test_buckets_are_closed_versioned_and_under_our_keys_only(region: Recorder) -> None:
    buckets = region.of("storage/bucket:Bucket")
    assert set(buckets) == {"data", "access-logs"}
    for bucket in buckets.values():
        assert bucket["uniformBucketLevelAccess"] is True
        assert bucket["publicAccessPrevention"] == "enforced"
        assert bucket["versioning"] == {"enabled": True}
        encryption = bucket["encryption"]
        assert encryption["defaultKmsKeyName"].startswith("key-storage")
        for kind in ("googleManaged", "customerSupplied"):
            assert encryption[f"{kind}EncryptionEnforcementConfig"] == {"restrictionMode": "FullyRestricted"}
        assert bucket["forceDestroy"] is False
    assert buckets["data"]["logging"]["logBucket"] == buckets["access-logs"]["name"]


def test_a_replica_region_makes_a_bucket_over_both(region: Recorder) -> None:
    bucket = region.one("storage/bucket:Bucket", "data")
    assert bucket["location"] == "EU"
    assert bucket["customPlacementConfig"] == {"dataLocations": ["EUROPE-WEST1", "EUROPE-WEST4"]}
    alone = region_with(storage=StorageSettings()).one("storage/bucket:Bucket", "data")
    assert alone["location"] == "EUROPE-WEST4"
    assert "customPlacementConfig" not in alone


def test_a_fast_cache_is_in_every_zone() -> None:
    caches = region_with(storage=StorageSettings(fast_cache=True)).of("AnywhereCache")
    assert {cache["zone"] for cache in caches.values()} == {f"europe-west4-{zone}" for zone in "abc"}


def test_images_cant_be_moved_and_are_pulled_by_nodes_only(region: Recorder) -> None:
    repository = region.one("Repository", "registry")
    assert repository["dockerConfig"] == {"immutableTags": True}
    assert "cleanupPolicies" not in repository
    ((_, reader),) = region.of("RepositoryIamMember").items()
    assert reader["role"] == "roles/artifactregistry.reader"
    assert "nodes@" in reader["member"]


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        ("server@sha256:ab", f"{IMAGES}/server@sha256:ab"),
        ("team/server@sha256:ab", f"{IMAGES}/team/server@sha256:ab"),
        ("registry.example/server@sha256:ab", "registry.example/server@sha256:ab"),
        ("localhost:5000/server@sha256:ab", "localhost:5000/server@sha256:ab"),
    ],
)
def test_an_image_without_a_host_is_the_regions_own(image: str, reference: str) -> None:

    found: list[str] = []

    def program() -> None:
        scope = Scope("gcp-europe-west4", PROJECT, pulumi.Output.from_input(NUMBER), "europe-west4", "production")
        found.append(Registry("registry", scope, RegistryArgs("key", [], {})).reference(image))

    record(program)
    assert found == [reference]


def test_the_database_is_private_encrypted_and_in_two_zones(region: Recorder) -> None:
    (database,) = region.of("DatabaseInstance").values()
    given = database["settings"]
    assert "name" not in database  # a deleted one's is taken for a week
    assert database["encryptionKeyName"] == "key-database-id"
    assert given["availabilityType"] == "REGIONAL"
    assert given["ipConfiguration"]["ipv4Enabled"] is False
    assert given["ipConfiguration"]["sslMode"] == "ENCRYPTED_ONLY"
    assert given["ipConfiguration"]["pscConfigs"] == [{"pscEnabled": True, "allowedConsumerProjects": [PROJECT]}]
    assert given["locationPreference"]["zone"] != given["locationPreference"]["secondaryZone"]
    flags = {flag["name"]: flag["value"] for flag in given["databaseFlags"]}
    assert flags["cloudsql.iam_authentication"] == "on"
    (user,) = region.of("User").values()
    assert user["type"] == "CLOUD_IAM_SERVICE_ACCOUNT"
    assert user["name"] == f"mf-gcp-europe-west4-gateway@{PROJECT}.iam"
    assert "password" not in user


def test_recovery_to_any_moment_reaches_as_far_as_the_edition_lets_it() -> None:
    def days(sku: str | None) -> tuple[str, int]:
        made = region_with(database=DatabaseSettings(sku=sku, backup_retention_days=21))
        given = next(iter(made.of("DatabaseInstance").values()))["settings"]
        return given["edition"], given["backupConfiguration"]["transactionLogRetentionDays"]

    assert days(None) == ("ENTERPRISE_PLUS", 21)
    assert days("db-custom-2-7680") == ("ENTERPRISE", 7)


def test_the_databases_name_leads_to_its_endpoint(region: Recorder) -> None:
    zone, record_set = region.one("ManagedZone", "database"), region.one("RecordSet", "database")
    assert zone["dnsName"] == record_set["name"] == "0123.4567.europe-west4.sql.goog."
    assert zone["visibility"] == "private"
    assert record_set["rrdatas"] == ["10.48.192.9"]


def test_the_cache_speaks_tls_knows_iam_and_outlives_a_zone(region: Recorder) -> None:
    (cache,) = region.of("memorystore/instance:Instance").values()
    assert cache["transitEncryptionMode"] == "SERVER_AUTHENTICATION"
    assert cache["authorizationMode"] == "IAM_AUTH"
    assert cache["kmsKey"] == "key-database-id"
    assert (cache["replicaCount"], cache["zoneDistributionConfig"]) == (1, {"mode": "MULTI_ZONE"})
    assert (
        region_with(cache=CacheSettings(sku="HIGHMEM_MEDIUM")).one("memorystore/instance:Instance", "cache")["nodeType"]
        == "HIGHMEM_MEDIUM"
    )


def test_writes_go_to_the_caches_primary() -> None:
    hosts: list[str] = []

    def program() -> None:
        GcpRegion("region", settings()).cache.host.apply(hosts.append)

    record(program)
    assert hosts == ["10.48.192.3"]


def test_logs_are_kept_under_our_key_and_nowhere_else(region: Recorder) -> None:
    (bucket,) = region.of("ProjectBucketConfig").values()
    assert bucket["cmekSettings"] == {"kmsKeyName": "key-logs-id"}
    assert bucket["retentionDays"] == 365
    (sink,), (exclusion,) = region.of("ProjectSink").values(), region.of("ProjectExclusion").values()
    assert sink["filter"] == exclusion["filter"]
    assert 'cluster_name="modelfleet-gcp-europe-west4"' in sink["filter"]


def test_data_is_let_go_only_when_it_is_asked_for(region: Recorder) -> None:
    gone = region_with(delete_data=True)
    for made, kept in ((region, True), (gone, False)):
        (database,) = made.of("DatabaseInstance").values()
        assert database["deletionProtection"] is kept
        assert database["settings"]["deletionProtectionEnabled"] is kept
        assert database["settings"]["finalBackupConfig"]["enabled"] is kept
        assert made.one("memorystore/instance:Instance", "cache")["deletionProtectionEnabled"] is kept
        assert made.one("storage/bucket:Bucket", "data")["forceDestroy"] is not kept


def test_a_log_bucket_whose_name_is_kept_from_an_earlier_life_has_a_successor(region: Recorder) -> None:
    (bucket,) = region.of("ProjectBucketConfig").values()
    name = bucket["bucketId"]
    (successor,) = region_with(kept=(name,)).of("ProjectBucketConfig").values()
    assert successor["bucketId"] == f"{name}-2"


def test_a_tenant_has_a_key_and_a_folder_that_only_its_pods_open() -> None:
    made = region_with(tenants=(tenant("acme"), tenant("globex")))
    folders = made.of("ManagedFolder")
    assert folders["tenant-acme"]["name"] == "tenants/acme/"
    grants = {
        grant["managedFolder"]: grant["member"].rsplit(".svc.id.goog", 1)[-1]
        for name, grant in made.of("ManagedFolderIamMember").items()
        if name.startswith("tenant-")
    }
    assert grants == {
        "tenants/acme/": "/subject/ns/tenant-acme/sa/tenant",
        "tenants/globex/": "/subject/ns/tenant-globex/sa/tenant",
    }
    keys = made.of("CryptoKey")
    assert {name: key["labels"][TENANT_TAG] for name, key in keys.items() if TENANT_TAG in key["labels"]} == {
        "key-tenant-acme": "acme",
        "key-tenant-globex": "globex",
    }


def test_a_tenant_more_adds_its_own_resources_and_changes_none() -> None:
    before = region_with(tenants=(tenant("acme"),)).made
    after = region_with(tenants=(tenant("acme"), tenant("globex"))).made
    added = after.keys() - before.keys()
    own = {"key-tenant-globex", "tenant-globex-key", "tenant-globex", "tenant-globex-folder"}
    assert {name for _, name in added} == own
    assert all(after[key].inputs == before[key].inputs for key in before)


def test_a_suspended_tenant_keeps_its_data_and_is_not_let_in() -> None:
    suspended = tenant("acme", state=TenantState.SUSPENDED, suspendedSince=date(2026, 11, 1))
    made = region_with(tenants=(suspended,))
    assert "tenant-acme" in made.of("ManagedFolder")
    assert "tenant-acme-folder" not in made.of("ManagedFolderIamMember")
    assert made.one("ManagedFolder", "tenant-acme")["forceDestroy"] is False
