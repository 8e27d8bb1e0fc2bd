"""Customer-managed keys: one a purpose, rotated by the cloud, each open to the services that need it and no other.

Keys are in hardware (FIPS 140-2 level 3, cloud.google.com/kms/docs/hsm), as AWS's always are.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.clouds.gcp.kept_keys import KeptRing, KeyChoice
from infra.clouds.gcp.scope import Scope
from infra.clouds.region import KeyPurpose
from infra.config import EncryptionSettings
from infra.marks import marks

ENCRYPTER = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
_DAY_S = 86_400

SERVICE_AGENTS: Mapping[KeyPurpose, tuple[str, ...]] = {
    # etcd's secrets (cloud.google.com/kubernetes-engine/docs/how-to/encrypting-secrets).
    KeyPurpose.CLUSTER: ("container-engine-robot",),
    # Boot disks and volumes (cloud.google.com/kubernetes-engine/docs/how-to/using-cmek).
    KeyPurpose.DISKS: ("compute-system",),
    # Buckets and repositories (cloud.google.com/storage/docs/encryption/customer-managed-keys and
    # cloud.google.com/artifact-registry/docs/cmek).
    KeyPurpose.STORAGE: ("gs-project-accounts", "gcp-sa-artifactregistry"),
    # cloud.google.com/sql/docs/postgres/configure-cmek and cloud.google.com/memorystore/docs/valkey/cmek.
    KeyPurpose.DATABASE: ("gcp-sa-cloud-sql", "gcp-sa-memorystore"),
}
"""Services' own identities that use a key. Logging's has another form, see `_logging_agent`."""


@dataclass(frozen=True)
class KeysArgs:
    """How keys are made.

    Attributes:
        settings: The stack file's `encryption`.
        invoke: Options to ask the cloud with for what it keeps.
        storage_location: Where the storage key is, when the bucket spans two regions: the multi-region around both.
    """

    settings: EncryptionSettings
    invoke: pulumi.InvokeOptions
    storage_location: str | None = None


def make_key(
    name: str,
    choice: KeyChoice,
    ring: gcp.kms.KeyRing,
    settings: EncryptionSettings,
    *,
    labels: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> gcp.kms.CryptoKey:
    """Make a key, or take over the one that the ring keeps.

    Args:
        name: Its name in the program.
        choice: Its name in the ring, and what is taken over.
        ring: Where it is.
        settings: The stack file's `encryption`.
        labels: Its labels.
        opts: Its options, but for what is taken over.
    """
    return gcp.kms.CryptoKey(
        name,
        name=choice.name,
        key_ring=ring.id,
        purpose="ENCRYPT_DECRYPT",
        rotation_period=f"{settings.rotation_days * _DAY_S}s",
        destroy_scheduled_duration=f"{settings.deletion_window_days * _DAY_S}s",
        version_template=gcp.kms.CryptoKeyVersionTemplateArgs(
            algorithm="GOOGLE_SYMMETRIC_ENCRYPTION", protection_level="HSM"
        ),
        labels=dict(labels),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(import_=choice.import_id)),
    )


class Keys(pulumi.ComponentResource):
    """Key ring, a key per purpose, and their grants."""

    ring: pulumi.Output[str]
    identifiers: Mapping[KeyPurpose, pulumi.Output[str]]
    images_key: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: KeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:gcp:Keys", name, None, opts)
        self._scope, self._args = scope, args
        self._grants: dict[KeyPurpose, list[pulumi.Resource]] = {}
        self._ring, self._kept = self._make_ring(name, scope.region)
        self.ring = self._ring.id
        keys = {purpose: self._purpose_key(purpose) for purpose in KeyPurpose}
        # Where objects are in two regions, images still are in one, and a key has to be where its data is.
        self.images_key = keys[KeyPurpose.STORAGE].id
        if args.storage_location:
            keys[KeyPurpose.STORAGE] = self._wide_storage_key(args.storage_location)
        self.identifiers = {purpose: key.id for purpose, key in keys.items()}
        self.register_outputs({"ring": self.ring, "keys": {str(key): value for key, value in self.identifiers.items()}})

    def granted(self, purpose: KeyPurpose) -> list[pulumi.Resource]:
        """What has to be there before a service can use the key of `purpose`."""
        return self._grants[purpose]

    def make(self, base: str, opts: pulumi.ResourceOptions, *, tenant: str, guarded: bool = True) -> gcp.kms.CryptoKey:
        """Make one more key in the ring, a tenant's; `guarded` says whether it is to be kept at all."""
        return self._key(base, self._ring, self._kept, opts, marks(guarded=guarded, tenant=tenant))

    def _make_ring(self, name: str, location: str) -> tuple[gcp.kms.KeyRing, KeptRing]:
        scope = self._scope
        kept = KeptRing.look_up(scope.name(), scope.project, location, self._args.invoke)
        ring = gcp.kms.KeyRing(
            name, name=scope.name(), location=location, opts=scope.data(self, import_id=kept.import_id)
        )
        return ring, kept

    def _purpose_key(self, purpose: KeyPurpose) -> gcp.kms.CryptoKey:
        key = self._key(str(purpose), self._ring, self._kept, self._scope.data(self))
        self._grant(key, purpose, str(purpose))
        return key

    def _wide_storage_key(self, location: str) -> gcp.kms.CryptoKey:
        ring, kept = self._make_ring(f"keys-{location}", location)
        key = self._key(f"storage-{location}", ring, kept, self._scope.data(self))
        self._grant(key, KeyPurpose.STORAGE, f"storage-{location}")
        return key

    def _key(
        self,
        base: str,
        ring: gcp.kms.KeyRing,
        kept: KeptRing,
        opts: pulumi.ResourceOptions,
        further_labels: Mapping[str, str] | None = None,
    ) -> gcp.kms.CryptoKey:
        labels = {**self._scope.labels, **(further_labels or {})}
        return make_key(f"key-{base}", kept.choose(base), ring, self._args.settings, labels=labels, opts=opts)

    def _grant(self, key: gcp.kms.CryptoKey, purpose: KeyPurpose, name: str) -> None:
        if purpose is KeyPurpose.LOGS:
            members = {"logging": self._logging_agent()}
        else:
            members = {agent: self._scope.service_agent(agent) for agent in SERVICE_AGENTS[purpose]}
        self._grants.setdefault(purpose, []).extend(
            gcp.kms.CryptoKeyIAMMember(
                f"{name}-{agent}",
                crypto_key_id=key.id,
                role=ENCRYPTER,
                member=member,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for agent, member in members.items()
        )

    def _logging_agent(self) -> pulumi.Output[str]:
        """Logging's identity for keys (cloud.google.com/logging/docs/routing/managed-encryption-storage)."""
        number = self._scope.project_number
        return pulumi.Output.concat("serviceAccount:cmek-p", number, "@gcp-sa-logging.iam.gserviceaccount.com")
