"""State on AWS: a bucket under a key of its own, and a second key for the secrets in states.

Two, so that whoever may read a state does not decrypt what is secret in it.

URLs as the CLI takes them: pulumi.com/docs/iac/concepts/state-and-backends/#aws-s3 and
pulumi.com/docs/iac/concepts/secrets/#aws-key-management-service-kms.
"""

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.buckets import Bucket, BucketArgs
from infra.clouds.aws.keys import USE, KeyArgs, make_key
from infra.clouds.aws.policy_document import Statement
from infra.clouds.aws.scope import Scope
from infra.config import StackSettings

_ACCESS_LOG_DAYS = 400


class AwsState(pulumi.ComponentResource):
    """Bucket, its access logs, and two keys.

    Attributes:
        backend: For `pulumi login`.
        secrets_provider: For `pulumi stack init --secrets-provider`.
    """

    backend: pulumi.Output[str]
    secrets_provider: pulumi.Output[str]

    def __init__(self, name: str, settings: StackSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        scope = Scope.of(pulumi.get_stack(), settings)
        provider = aws.Provider("aws", region=scope.region, allowed_account_ids=[scope.account])
        own = pulumi.ResourceOptions(provider=provider, transformations=[scope.tagging])
        super().__init__("modelfleet:aws:State", name, None, pulumi.ResourceOptions.merge(opts, own))
        self._scope, self._settings = scope, settings
        inside = pulumi.ResourceOptions(parent=self)
        at_rest = self._key("state", "state files", services=("s3",))
        # Whoever previews decrypts secrets with it directly: its policy leaves that to IAM in this account.
        secrets = self._key("secrets", "secrets in state files", services=())
        logs = Bucket(
            "logs",
            BucketArgs(
                scope=scope,
                part="logs",
                key=None,  # AWS's log delivery takes SSE-S3 only
                logs=None,
                noncurrent_days=settings.storage.noncurrent_days,
                expire_days=_ACCESS_LOG_DAYS,
            ),
            opts=inside,
        )
        bucket = Bucket(
            "state",
            BucketArgs(
                scope=scope,
                part="state",
                key=at_rest.arn,
                logs=logs.name,
                noncurrent_days=settings.log_retention_days,
            ),
            opts=inside,
        )
        self.backend = pulumi.Output.concat("s3://", bucket.name, f"?region={scope.region}&awssdk=v2")
        self.secrets_provider = pulumi.Output.concat("awskms:///", secrets.arn, f"?region={scope.region}&awssdk=v2")
        self.register_outputs({"backend": self.backend, "secretsProvider": self.secrets_provider})

    def _key(self, name: str, description: str, services: tuple[str, ...]) -> aws.kms.Key:
        scope, encryption = self._scope, self._settings.encryption
        statements = () if services else (direct_use(scope),)
        args = KeyArgs(
            scope=scope,
            alias=f"{scope.name()}-{name}",
            description=description,
            services=services,
            rotation_days=encryption.rotation_days,
            deletion_window_days=encryption.deletion_window_days,
            statements=statements,
        )
        return make_key(name, args, self)


def direct_use(scope: Scope) -> Statement:
    """Let IAM of this account say who uses a key, without a service in between."""
    return Statement("UseByPolicy", USE, principals={"AWS": scope.iam_arn("root")})
