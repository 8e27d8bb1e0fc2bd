"""Who the region's workloads are to Azure: an identity each, known by its service account's token, no secret anywhere.

https://learn.microsoft.com/azure/aks/workload-identity-overview: the pod's projected token is exchanged for one of
the identity's; the identity trusts one service account of one cluster.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import managedidentity

from infra.clouds.azure.scope import Scope
from infra.clouds.egress import Destination

CLIENT_ID_ANNOTATION = "azure.workload.identity/client-id"
USE_LABEL = "azure.workload.identity/use"
"""Pods carry this label, as `true`: AKS projects the token into those that do."""

AUDIENCE = "api://AzureADTokenExchange"
"""What a token must be for (learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust)."""

_ENTRA_RANGES = ("20.20.32.0/19", "20.190.128.0/18", "20.231.128.0/19", "40.126.0.0/18")
"""Where login.microsoftonline.com answers, by NAT: Entra has no private endpoint. Changes are announced 30 days before
(learn.microsoft.com/microsoft-365/enterprise/urls-and-ip-address-ranges, id 56)."""


def identity_endpoint() -> Destination:
    """Where pods exchange their service account's token for one of their identity."""
    return Destination.at(*_ENTRA_RANGES, ports=[443])


@dataclass(frozen=True)
class WorkloadIdentityArgs:
    """What a workload's identity is made from.

    Attributes:
        scope: The stack's scope.
        resource_group: Name of the resource group.
    """

    scope: Scope
    resource_group: pulumi.Input[str]


class WorkloadIdentity(pulumi.ComponentResource):
    """An identity, and later the service account that it trusts.

    Two steps, since data services want the identity before there is a cluster, and trust wants the cluster's issuer.

    Attributes:
        identity: The identity.
        annotations: Of the service account.
    """

    identity: managedidentity.UserAssignedIdentity
    annotations: Mapping[str, pulumi.Input[str]]

    def __init__(self, name: str, args: WorkloadIdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:azure:WorkloadIdentity", name, None, opts)
        self._name, self._args = name, args
        self.identity = managedidentity.UserAssignedIdentity(
            f"{name}-identity",
            resource_group_name=args.resource_group,
            resource_name_=args.scope.name(name, longest=128),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.annotations = {CLIENT_ID_ANNOTATION: self.identity.client_id}
        self.register_outputs({"clientId": self.identity.client_id})

    def trust(self, *, issuer: pulumi.Input[str], namespace: str, service_account: str) -> None:
        """Let one service account act as this identity.

        Args:
            issuer: The cluster's issuer of tokens.
            namespace: Namespace of the service account.
            service_account: Its name.
        """
        managedidentity.FederatedIdentityCredential(
            f"{self._name}-trust",
            resource_group_name=self._args.resource_group,
            resource_name_=self.identity.name,
            federated_identity_credential_resource_name=f"{namespace}-{service_account}",
            issuer=issuer,
            subject=f"system:serviceaccount:{namespace}:{service_account}",
            audiences=[AUDIENCE],
            opts=pulumi.ResourceOptions(parent=self, deleted_with=self.identity),
        )
