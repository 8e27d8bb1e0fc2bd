"""Keys: one a purpose, rotated, open to those who need them; and what Cloud KMS keeps for ever."""

import pytest

from infra.clouds.gcp import GcpRegion
from infra.clouds.gcp.kept_keys import KeptRing
from infra.config import EncryptionSettings, StorageSettings
from tests.infra.clouds.gcp.recording import NUMBER, PROJECT, Recorder, record, settings

RING = f"modelfleet-{'gcp-europe-west4'}"
DAY_S = 86_400


def region_in(recorder: Recorder, **changes: object) -> Recorder:
    return record(lambda: GcpRegion("region", settings(**changes)), recorder)


def test_every_purpose_has_a_key_in_hardware_that_rotates(region: Recorder) -> None:
    keys = region.of("CryptoKey")
    assert {"key-cluster", "key-disks", "key-storage", "key-database", "key-logs"} <= keys.keys()
    for key in keys.values():
        assert key["rotationPeriod"] == f"{365 * DAY_S}s"
        assert key["destroyScheduledDuration"] == f"{30 * DAY_S}s"
        assert key["versionTemplate"]["protectionLevel"] == "HSM"


def test_rotation_is_the_stack_files() -> None:
    made = region_in(Recorder(), encryption=EncryptionSettings(rotation_days=90, deletion_window_days=7))
    assert {key["rotationPeriod"] for key in made.of("CryptoKey").values()} == {f"{90 * DAY_S}s"}


def test_each_key_is_open_to_its_services_only(region: Recorder) -> None:
    grants: dict[str, set[str]] = {}
    for grant in region.of("CryptoKeyIAMMember").values():
        assert grant["role"] == "roles/cloudkms.cryptoKeyEncrypterDecrypter"
        grants.setdefault(grant["cryptoKeyId"], set()).add(grant["member"])

    def agents(*services: str) -> set[str]:
        return {f"serviceAccount:service-{NUMBER}@{service}.iam.gserviceaccount.com" for service in services}

    assert grants["key-cluster-id"] == agents("container-engine-robot")
    assert grants["key-disks-id"] == agents("compute-system")
    assert grants["key-database-id"] == agents("gcp-sa-cloud-sql", "gcp-sa-memorystore")
    assert grants["key-logs-id"] == {f"serviceAccount:cmek-p{NUMBER}@gcp-sa-logging.iam.gserviceaccount.com"}


def test_a_bucket_over_two_regions_has_its_key_around_both(region: Recorder) -> None:
    assert region.one("KeyRing", "keys-europe")["location"] == "europe"
    assert region.one("Bucket", "data")["encryption"]["defaultKmsKeyName"] == "key-storage-europe-id"
    assert region.one("Repository", "registry")["kmsKeyName"] == "key-storage-id"
    alone = region_in(Recorder(), storage=StorageSettings())
    assert set(alone.of("KeyRing")) == {"keys"}
    assert alone.one("Bucket", "data")["encryption"]["defaultKmsKeyName"] == "key-storage-id"


def test_a_ring_and_living_keys_that_the_cloud_has_are_taken_over() -> None:
    made = region_in(Recorder(rings=(RING,), keys=(("cluster", "ENABLED"), ("disks", "DISABLED"))))
    path = f"projects/{PROJECT}/locations/europe-west4/keyRings/{RING}"
    assert made.made["gcp:kms/keyRing:KeyRing", "keys"].resource_id == path
    for purpose in ("cluster", "disks"):  # a disabled key still is the key of what it encrypted
        key = made.made["gcp:kms/cryptoKey:CryptoKey", f"key-{purpose}"]
        assert (key.inputs["name"], key.resource_id) == (purpose, f"{path}/cryptoKeys/{purpose}")
    assert not made.made["gcp:kms/cryptoKey:CryptoKey", "key-logs"].resource_id


@pytest.mark.parametrize("state", ["DESTROYED", "DESTROY_SCHEDULED"])
def test_a_dead_keys_name_gets_a_number(state: str) -> None:
    made = region_in(Recorder(rings=(RING,), keys=(("logs", state), ("logs-2", state))))
    key = made.made["gcp:kms/cryptoKey:CryptoKey", "key-logs"]
    assert (key.inputs["name"], key.resource_id) == ("logs-3", "")


def test_a_living_key_with_a_number_is_found_again() -> None:
    kept = KeptRing(import_id="ring", alive=(("logs-2", "ring/cryptoKeys/logs-2"),), dead=frozenset({"logs"}))
    choice = kept.choose("logs")
    assert (choice.name, choice.import_id) == ("logs-2", "ring/cryptoKeys/logs-2")
