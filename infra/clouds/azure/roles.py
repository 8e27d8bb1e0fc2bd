"""Azure's built-in roles that this program gives, and how it gives them.

Ids: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles. None of them is Owner or Contributor:
each identity gets the one role that its work needs, on the one resource that it works on.
"""

from enum import StrEnum

import pulumi
from pulumi_azure_native import authorization

from infra.clouds.azure.own_roles import OwnRole
from infra.clouds.azure.scope import Scope


class Role(StrEnum):
    """A built-in role, by its id."""

    ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
    ACR_PUSH = "8311e382-0749-4cb8-b61a-304f252e45ec"
    AKS_CLUSTER_USER = "4abbcc35-e782-43d8-92c5-2d3f1bd2253f"
    AKS_RBAC_CLUSTER_ADMIN = "b1ff04bb-8a4e-4dc4-8eb5-8693973ce19b"
    KEY_VAULT_CONTRIBUTOR = "f25e0fa2-a7c8-4377-a976-54943a77a395"
    KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER = "e147488a-f6f5-4113-8e2d-b22465e65bf6"
    KEY_VAULT_CRYPTO_USER = "12338af0-0e69-4776-bea7-57ae8d297424"
    KEY_VAULT_SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
    MANAGED_IDENTITY_OPERATOR = "f1a07417-d97a-45cb-824c-7a7467783830"
    NETWORK_CONTRIBUTOR = "4d97b98b-1d4f-4787-a291-c67834d212e7"
    READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
    STORAGE_BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
    STORAGE_BLOB_DATA_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"


class PrincipalType(StrEnum):
    """What a principal is; Azure then needn't look for one that it has heard of a second ago."""

    SERVICE = "ServicePrincipal"
    GROUP = "Group"


def role_id(scope: Scope, role: Role | OwnRole) -> str:
    """The id of a role as role assignments name it."""
    guid = role.guid(scope.subscription) if isinstance(role, OwnRole) else role
    return f"{scope.subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{guid}"


def grant(
    name: str,
    *,
    scope: Scope,
    role: Role | OwnRole,
    principal_id: pulumi.Input[str],
    on: pulumi.Input[str],
    parent: pulumi.Resource,
    principal_type: PrincipalType = PrincipalType.SERVICE,
) -> authorization.RoleAssignment:
    """Give a role on one resource.

    Args:
        name: Name within the stack; the assignment's own name, a UUID, comes from it.
        scope: The stack's scope.
        role: A built-in role, or one of our own.
        principal_id: Object id of who gets it.
        on: Id of the resource.
        parent: The component that needs it.
        principal_type: What the principal is.
    """
    return authorization.RoleAssignment(
        name,
        role_assignment_name=scope.guid(name),
        scope=on,
        role_definition_id=role_id(scope, role),
        principal_id=principal_id,
        principal_type=principal_type,
        # An assignment can't be changed, and its name can't be there twice.
        opts=pulumi.ResourceOptions(parent=parent, delete_before_replace=True),
    )
