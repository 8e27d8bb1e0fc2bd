"""Who nodes and workloads are in Google's IAM: as little as each needs, and no key anywhere.

Pods are principals themselves (Workload Identity Federation for GKE). Only the gateway has a service account, since
Cloud SQL knows no other users; its pods act as it without a key.
"""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.clouds.egress import Destination
from infra.clouds.gcp.scope import Scope
from infra.clouds.names import GATEWAY_ACCOUNT, NAMESPACE, SERVER_ACCOUNT

_OBJECT_READER = "roles/storage.objectViewer"
_METADATA_SERVER = "169.254.169.254/32"
_METADATA_PORTS = (80, 8080)
"""Where the node's metadata server hands out tokens; under Dataplane V2 policies see it at this address
(cloud.google.com/kubernetes-engine/docs/how-to/workload-identity)."""


def identity_endpoint() -> Destination:
    """Where pods get tokens of their own identity: GKE's metadata server on their node, which asks Google for them."""
    return Destination.at(_METADATA_SERVER, ports=_METADATA_PORTS)


class NodeIdentity(pulumi.ComponentResource):
    """What a node may do: write its logs and metrics. Images are granted where they are (`registry.py`)."""

    email: pulumi.Output[str]
    member: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:gcp:NodeIdentity", name, None, opts)
        account = gcp.serviceaccount.Account(
            name,
            account_id=scope.account_id("nodes"),
            display_name=f"Nodes of {scope.stack}",
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.email, self.member = account.email, account.member
        # cloud.google.com/kubernetes-engine/docs/how-to/hardening-your-cluster#use_least_privilege_sa
        self.grant = gcp.projects.IAMMember(
            name,
            project=scope.project,
            role="roles/container.defaultNodeServiceAccount",
            member=account.member,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"email": self.email})


class GatewayIdentity(pulumi.ComponentResource):
    """The service account that the gateway's pods act as."""

    email: pulumi.Output[str]
    member: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:gcp:GatewayIdentity", name, None, opts)
        self._account = gcp.serviceaccount.Account(
            name,
            account_id=scope.account_id("gateway"),
            display_name=f"Gateway of {scope.stack}",
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.email, self.member = self._account.email, self._account.member
        self.register_outputs({"email": self.email})


@dataclass(frozen=True)
class WorkloadAccessArgs:
    """What workloads may reach.

    Attributes:
        bucket: Name of the bucket.
        models_folder: Its folder of weights.
        database: Name of the Cloud SQL instance.
        cache: Full name of the Memorystore instance.
        gateway: The gateway's identity.
        cluster: Resource whose making brings the project's workload identity pool to life.
    """

    bucket: pulumi.Input[str]
    models_folder: pulumi.Input[str]
    database: pulumi.Output[str]
    cache: pulumi.Output[str]
    gateway: GatewayIdentity
    cluster: pulumi.Resource


class WorkloadAccess(pulumi.ComponentResource):
    """Grants of the model server and the gateway."""

    gateway_email: pulumi.Output[str]

    def __init__(
        self, name: str, scope: Scope, args: WorkloadAccessArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("modelfleet:gcp:WorkloadAccess", name, None, opts)
        # IAM refuses principals of a pool that isn't there, and the first cluster makes it.
        inside = pulumi.ResourceOptions(parent=self, depends_on=[args.cluster])
        gcp.storage.ManagedFolderIamMember(
            "server-reads-models",
            bucket=args.bucket,
            managed_folder=args.models_folder,
            role=_OBJECT_READER,
            member=scope.workload(NAMESPACE, SERVER_ACCOUNT),
            opts=inside,
        )
        gcp.serviceaccount.IAMMember(
            "gateway-acts",
            service_account_id=args.gateway.email.apply(
                lambda email: f"projects/{scope.project}/serviceAccounts/{email}"
            ),
            role="roles/iam.workloadIdentityUser",
            member=f"serviceAccount:{scope.project}.svc.id.goog[{NAMESPACE}/{GATEWAY_ACCOUNT}]",
            opts=inside,
        )
        # Of all of the project's instances, this region's only (cloud.google.com/sql/docs/postgres/iam-conditions).
        instance = pulumi.Output.concat(
            f'resource.name == "projects/{scope.project}/instances/',
            args.database,
            '" && resource.service == "sqladmin.googleapis.com"',
        )
        for role in ("roles/cloudsql.client", "roles/cloudsql.instanceUser"):
            gcp.projects.IAMMember(
                f"gateway-{role.rsplit('.', 1)[-1].lower()}",
                project=scope.project,
                role=role,
                member=args.gateway.member,
                condition=gcp.projects.IAMMemberConditionArgs(title=f"{scope.stack} database", expression=instance),
                opts=inside,
            )
        gcp.projects.IAMMember(
            "gateway-cache",
            project=scope.project,
            role="roles/memorystore.dbConnectionUser",
            member=args.gateway.member,
            condition=gcp.projects.IAMMemberConditionArgs(
                title=f"{scope.stack} cache",
                expression=pulumi.Output.concat('resource.name == "', args.cache, '"'),
            ),
            opts=inside,
        )
        self.gateway_email = args.gateway.email
        self.register_outputs({"gatewayEmail": self.gateway_email})
