"""Azure's own delete protection: a lock that stops everybody, owners too, until it is lifted.

https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources: a lock on a resource also keeps the
role assignments on it and below from being deleted. It is therefore made after them and goes before them.
"""

from collections.abc import Sequence

import pulumi
from pulumi_azure_native import authorization

from infra.clouds.azure.scope import Scope


def lock(
    name: str,
    *,
    scope: Scope,
    on: pulumi.Input[str],
    parent: pulumi.Resource,
    after: Sequence[pulumi.Resource] = (),
    guarded: bool = True,
) -> None:
    """Lock a resource that holds data, unless its data may go.

    Args:
        name: Name within the stack.
        scope: The stack's scope.
        on: Id of the resource.
        parent: The component that it belongs to.
        after: What is made, and changed, on the resource before it is locked.
        guarded: Whether this resource is to be kept at all.
    """
    if scope.delete_data or not guarded:
        return
    authorization.ManagementLockByScope(
        name,
        scope=on,
        lock_name="keep",
        level=authorization.LockLevel.CAN_NOT_DELETE,
        notes="Holds data: `fleet down --delete-data` lifts this lock.",
        opts=pulumi.ResourceOptions(parent=parent, depends_on=list(after)),
    )
