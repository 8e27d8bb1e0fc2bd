"""State on Google Cloud: a bucket under a key of its own, and a second key for the secrets in states.

Two, so that whoever may read a state does not decrypt what is secret in it.

URLs as the CLI takes them: pulumi.com/docs/iac/concepts/state-and-backends/#google-cloud-storage and
pulumi.com/docs/iac/concepts/secrets/#google-cloud-key-management-service-kms.
"""

import pulumi
import pulumi_gcp as gcp

from infra.clouds.gcp.kept_keys import KeptRing
from infra.clouds.gcp.keys import ENCRYPTER, make_key
from infra.clouds.gcp.scope import Scope
from infra.clouds.gcp.storage import make_bucket
from infra.config import StackSettings

_SOFT_DELETE_S = 90 * 86_400
"""The most that Cloud Storage keeps (cloud.google.com/storage/docs/soft-delete)."""


class GcpState(pulumi.ComponentResource):
    """Bucket, key ring, two keys.

    Attributes:
        backend: For `pulumi login`.
        secrets_provider: For `pulumi stack init --secrets-provider`.
    """

    backend: pulumi.Output[str]
    secrets_provider: pulumi.Output[str]

    def __init__(self, name: str, settings: StackSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        provider = gcp.Provider("gcp", project=settings.account, region=settings.region)
        own = pulumi.ResourceOptions(providers=[provider])
        super().__init__("modelfleet:gcp:State", name, None, pulumi.ResourceOptions.merge(own, opts))
        invoke = pulumi.InvokeOptions(provider=provider)
        project = gcp.organizations.get_project_output(project_id=settings.account, opts=invoke)
        scope = Scope.of(pulumi.get_stack(), settings, project.number)
        self._scope, self._settings = scope, settings
        kept = KeptRing.look_up(scope.name(), scope.project, scope.region, invoke)
        ring = gcp.kms.KeyRing(
            "ring", name=scope.name(), location=scope.region, opts=scope.data(self, import_id=kept.import_id)
        )
        at_rest = self._key("state", ring, kept)
        secrets = self._key("secrets", ring, kept)
        grant = gcp.kms.CryptoKeyIAMMember(
            "state",
            crypto_key_id=at_rest.id,
            role=ENCRYPTER,
            member=scope.service_agent("gs-project-accounts"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        bucket = self._bucket(at_rest, grant)
        self.backend = pulumi.Output.concat("gs://", bucket.name)
        self.secrets_provider = pulumi.Output.concat("gcpkms://", secrets.id)
        self.register_outputs({"backend": self.backend, "secretsProvider": self.secrets_provider})

    def _key(self, base: str, ring: gcp.kms.KeyRing, kept: KeptRing) -> gcp.kms.CryptoKey:
        scope, settings = self._scope, self._settings.encryption
        return make_key(base, kept.choose(base), ring, settings, labels=scope.labels, opts=scope.data(self))

    def _bucket(self, key: gcp.kms.CryptoKey, grant: gcp.kms.CryptoKeyIAMMember) -> gcp.storage.Bucket:
        scope = self._scope
        return make_bucket(
            "state",
            scope,
            key=key.id,
            soft_delete_s=_SOFT_DELETE_S,
            rules=[
                gcp.storage.BucketLifecycleRuleArgs(
                    action=gcp.storage.BucketLifecycleRuleActionArgs(type="Delete"),
                    condition=gcp.storage.BucketLifecycleRuleConditionArgs(
                        days_since_noncurrent_time=self._settings.log_retention_days, with_state="ARCHIVED"
                    ),
                )
            ],
            opts=pulumi.ResourceOptions.merge(scope.data(self), pulumi.ResourceOptions(depends_on=[grant])),
        )
