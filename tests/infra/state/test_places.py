"""The places of all states on three clouds, recorded without an engine: closed, encrypted, kept, and where they say."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from infra.config import from_stack_file
from infra.state.aws import AwsState
from infra.state.azure import AzureState
from infra.state.gcp import GcpState
from tests.infra.clouds.aws import recording as aws
from tests.infra.clouds.azure import recording as azure
from tests.infra.clouds.gcp import recording as gcp
from tests.infra.recording import ROOT

ACCOUNT = "111122223333"
Made = AwsState | AzureState | GcpState


def _told(make: Callable[..., Made], told: dict[str, str]) -> Callable[..., None]:
    def program(*options: pulumi.ResourceOptions) -> None:
        made = make(*options)
        made.backend.apply(lambda url: told.update(backend=url))
        made.secrets_provider.apply(lambda url: told.update(secrets=url))

    return program


@pytest.fixture(scope="module")
def on_aws() -> tuple[aws.Recorder, dict[str, str]]:
    told: dict[str, str] = {}
    program = _told(lambda: AwsState("state", aws.settings_of("aws-state")), told)
    return aws.record("aws-state", program), told


@pytest.fixture(scope="module")
def on_azure() -> tuple[azure.Recorder, dict[str, str]]:
    told: dict[str, str] = {}
    program = _told(lambda options: AzureState("state", azure.settings_of("azure-state"), options), told)
    return azure.record(program, "azure-state"), told


@pytest.fixture(scope="module")
def on_gcp() -> tuple[gcp.Recorder, dict[str, str]]:
    told: dict[str, str] = {}
    given = from_stack_file(ROOT / "Pulumi.gcp-state.yaml")
    return gcp.record(_told(lambda: GcpState("state", given), told), stack="gcp-state"), told


def test_on_aws_bucket_and_secrets_have_keys_of_their_own(on_aws: tuple[aws.Recorder, dict[str, str]]) -> None:
    made, told = on_aws
    assert made.of("aws:s3/bucket:Bucket")["state"]["bucket"] == f"modelfleet-aws-state-state-{ACCOUNT}"
    assert told["backend"] == "s3://state-id?region=us-east-1&awssdk=v2"
    arn = f"arn:aws:kms:us-east-1:{ACCOUNT}"
    assert told["secrets"] == f"awskms:///{arn}:secrets?region=us-east-1&awssdk=v2"
    assert f"{arn}:state" in str(made.of("BucketServerSideEncryptionConfiguration")["state"])
    assert all(
        versions["versioningConfiguration"]["status"] == "Enabled" for versions in _all(made, "BucketVersioning")
    )
    assert len(_all(made, "BucketPublicAccessBlock")) == len(made.of("aws:s3/bucket:Bucket")) == 2
    for kind in ("aws:kms/key:Key", "aws:s3/bucket:Bucket"):
        assert all(made.requests[kind, name].protect for name in made.of(kind))
    statements = aws.policy_of(made.of("aws:kms/key:Key")["state"])
    direct = [each for each in statements if "kms:Decrypt" in each["Action"] and "Condition" not in each]
    assert direct == [], "states are decrypted through S3 only"


def test_on_azure_a_perimeter_admits_ranges_and_roles_go_to_groups(
    on_azure: tuple[azure.Recorder, dict[str, str]],
) -> None:
    made, told = on_azure
    given = azure.settings_of("azure-state").api
    account = made.one("storage:StorageAccount")["accountName"]
    assert made.one("BlobContainer")["containerName"] == "state"
    assert told["backend"].startswith("azblob://")
    assert told["backend"].endswith(f"?storage_account={account}")
    assert told["secrets"].startswith(f"azurekeyvault://{made.one('Vault')['vaultName']}.")
    assert told["secrets"].endswith("/keys/secrets")
    rules = made.of("NetworkSecurityPerimeterAccessRule")
    assert rules["perimeter-people"]["addressPrefixes"] == list(given.authorized_ranges)
    members = made.of("NetworkSecurityPerimeterAssociation")
    assert {name: each["accessMode"] for name, each in members.items()} == {
        "perimeter-vault": "Enforced",
        "perimeter-account": "Enforced",
    }
    people = [each for each in _all(made, "RoleAssignment") if each["principalType"] == "Group"]
    assert [each["principalId"] for each in people] == [given.admins[0]] * 2
    assert {each["scope"].rpartition(":")[2] for each in people} == {"StorageAccount/state", "Key/secrets-key"}
    assert made.options_of("storage:StorageAccount", "state").protect
    assert made.options_of("keyvault:Vault", "vault").protect


def test_on_google_cloud_bucket_and_secrets_have_keys_of_their_own(
    on_gcp: tuple[gcp.Recorder, dict[str, str]],
) -> None:
    made, told = on_gcp
    bucket = made.one("storage/bucket:Bucket")
    assert told["backend"] == f"gs://{bucket['name']}"
    assert told["secrets"] == "gcpkms://secrets-id"
    assert bucket["encryption"]["defaultKmsKeyName"] == "state-id"
    assert bucket["versioning"] == {"enabled": True}
    assert bucket["publicAccessPrevention"] == "enforced"
    grant = made.one("CryptoKeyIAMMember")
    assert (grant["cryptoKeyId"], grant["member"].partition(":")[0]) == ("state-id", "serviceAccount")


def _all(made: Any, kind: str) -> list[dict[str, Any]]:
    return list(made.of(kind).values())
