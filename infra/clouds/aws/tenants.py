"""What a tenant has of its own in the cloud: a key, a prefix of the bucket under that key, and an identity.

A tenant's pods reach its own prefix and key and no other's: their role names both, and the key's policy lets nobody
else of the account use it through S3. Objects are put under the tenant's key by the role's own condition.

A suspended tenant keeps key and files, and has no role. Of a leaving one the key is no longer guarded and S3 empties
its prefix, which takes about three days; what would still be there is unreadable without the key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.identity import PodRoleArgs, make_pod_role
from infra.clouds.aws.keys import USE, KeyArgs, make_key
from infra.clouds.aws.policy_document import Statement
from infra.clouds.aws.scope import Scope
from infra.clouds.aws.storage import TENANTS_PREFIX, read_statements, write_statements
from infra.clouds.names import TENANT_ACCOUNT
from infra.clouds.region import TenantPlace
from tenants import Tenant, TenantState


@dataclass(frozen=True)
class TenantsArgs:
    """What the tenants' places are made from.

    Attributes:
        scope: The stack's place.
        tenants: The tenants that this stack hosts.
        cluster: Name of the cluster.
        lifetime: The cluster.
        bucket: Name of the region's bucket.
        bucket_arn: Its ARN.
        rotation_days: Days between new versions of a key.
        deletion_window_days: Days in which a key's deletion can be cancelled.
    """

    scope: Scope
    tenants: Sequence[Tenant]
    cluster: pulumi.Input[str]
    lifetime: pulumi.Resource
    bucket: pulumi.Output[str]
    bucket_arn: pulumi.Output[str]
    rotation_days: int
    deletion_window_days: int


class Tenants(pulumi.ComponentResource):
    """A place per tenant.

    Attributes:
        places: By tenant's name.
    """

    places: Mapping[str, TenantPlace]

    def __init__(self, name: str, args: TenantsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:aws:Tenants", name, None, opts)
        self.places = {tenant.name: self._make_place(tenant, args) for tenant in args.tenants}
        self.register_outputs({})

    def _make_place(self, tenant: Tenant, args: TenantsArgs) -> TenantPlace:
        scope, name = args.scope, f"tenant-{tenant.name}"
        prefix = f"{TENANTS_PREFIX}/{tenant.name}"
        role_arn = scope.iam_arn(f"role/{scope.name(name)[:64]}")
        key = make_key(
            name,
            KeyArgs(
                scope=scope,
                alias=scope.name(name),
                description=f"data of tenant {tenant.name}",
                services=(),
                rotation_days=args.rotation_days,
                deletion_window_days=args.deletion_window_days,
                statements=[
                    # The account is the principal and the role the condition: the role may come after its key.
                    Statement(
                        "TheTenantAlone",
                        USE,
                        principals={"AWS": scope.iam_arn("root")},
                        conditions={
                            "StringEquals": {
                                "kms:CallerAccount": scope.account,
                                "kms:ViaService": f"s3.{scope.region}.amazonaws.com",
                                "aws:PrincipalArn": role_arn,
                            }
                        },
                    )
                ],
                guarded=not tenant.data_deletable,
                tenant=tenant.name,
            ),
            self,
        )
        if tenant.state is TenantState.ACTIVE:
            self._make_role(name, prefix, key, args)
        return TenantPlace(key=key.arn, storage_uri=pulumi.Output.concat("s3://", args.bucket, f"/{prefix}"))

    def _make_role(self, name: str, prefix: str, key: aws.kms.Key, args: TenantsArgs) -> None:
        make_pod_role(
            name,
            PodRoleArgs(
                scope=args.scope,
                cluster=args.cluster,
                namespace=name,
                service_account=TENANT_ACCOUNT,
                statements=[
                    *read_statements(args.bucket_arn, prefix, key.arn),
                    *write_statements(args.bucket_arn, prefix, key.arn),
                    Statement(
                        "UnderItsOwnKey",
                        ["s3:PutObject"],
                        [pulumi.Output.concat(args.bucket_arn, f"/{prefix}/*")],
                        conditions={"StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key.arn}},
                        effect="Deny",
                    ),
                ],
                deleted_with=args.lifetime,
            ),
            self,
        )
