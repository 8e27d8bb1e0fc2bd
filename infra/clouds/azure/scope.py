"""What every resource of an Azure stack shares: its subscription, its names, its tags, and how its data is guarded.

Names follow https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules. They are the same
in every update, so that what a killed update made is found by its name.
"""

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from infra.config import StackSettings

_NATIVE = "azure-native:"
_PLACED_BY_THEIR_PARENT = frozenset({"azure-native:keyvault:Key"})
"""Types that answer with a location and take none."""
_DIGITS = 12
"""Hex digits of the hash in names that are unique in all of Azure: 48 bits, which leaves room for a word."""


@dataclass(frozen=True)
class Scope:
    """One stack's place in one subscription.

    Attributes:
        stack: Name of the stack; part of every name, so that stacks can share a subscription.
        subscription: Subscription id, a UUID.
        location: Region, such as westeurope.
        environment: Name of the environment.
        tags: Tags that every resource carries.
        delete_data: Whether data may go: lifts `protect` and Azure's own locks.
        recover: Names of vaults that Azure keeps deleted (soft delete) and that are to be taken back.
    """

    stack: str
    subscription: str
    location: str
    environment: str
    tags: Mapping[str, str] = field(default_factory=dict)
    delete_data: bool = False
    recover: frozenset[str] = frozenset()

    @classmethod
    def of(cls, stack: str, settings: StackSettings) -> "Scope":
        """The scope that a stack file describes."""
        return cls(
            stack=stack,
            subscription=settings.account,
            location=settings.region,
            environment=settings.environment,
            tags=settings.tags_of(stack),
            delete_data=settings.delete_data,
            recover=frozenset(settings.kept),
        )

    @property
    def subscription_id(self) -> str:
        """The subscription as a resource id, which roles and budgets are scoped by."""
        return f"/subscriptions/{self.subscription}"

    def name(self, part: str = "", *, longest: int = 63) -> str:
        """A name that is unique in the subscription; one that would be too long ends in a hash of all of it."""
        full = "-".join(filter(None, ("modelfleet", self.stack, part)))
        if len(full) <= longest:
            return full
        return f"{full[: longest - 9].rstrip('-')}-{hashlib.sha256(full.encode()).hexdigest()[:8]}"

    def global_name(self, part: str) -> str:
        """A name that is unique in all of Azure: letters and digits, 3 to 24 of them, as storage accounts ask."""
        word = "".join(character for character in part.lower() if character.isalnum())
        digest = hashlib.sha256(f"{self.subscription}/{self.stack}/{part}".encode()).hexdigest()
        return f"mf{word[:10]}{digest[:_DIGITS]}"

    def guid(self, part: str) -> str:
        """A UUID that is the same in every update, for what Azure names by one (role assignments)."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.subscription_id}/modelfleet/{self.stack}/{part}"))

    def resource_id(self, group: str, kind: str, name: str) -> str:
        """The id of a resource that something else makes, such as `Microsoft.Network/networkWatchers`."""
        return f"{self.subscription_id}/resourceGroups/{group}/providers/{kind}/{name}"

    def data(
        self, parent: pulumi.Resource, *depends_on: pulumi.Resource, guarded: bool = True
    ) -> pulumi.ResourceOptions:
        """Options of a resource that holds data; `guarded` says whether it is to be kept at all."""
        protect = guarded and not self.delete_data
        return pulumi.ResourceOptions(parent=parent, protect=protect, depends_on=list(depends_on))

    def placing(self, args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        """Tag every child that can be tagged, and place it in the region unless it says where it is.

        A transformation, not the provider's settings: those appear neither in a preview nor to a policy.
        """
        if not args.type_.startswith(_NATIVE):
            return None
        props = _tagged(args.props, self.tags)
        placed = args.type_ not in _PLACED_BY_THEIR_PARENT and "location" in props
        if placed and props["location"] is None and self.location:
            props["location"] = self.location
        return pulumi.ResourceTransformationResult(props=props, opts=args.opts)


def tagging(tags: Mapping[str, str]) -> pulumi.ResourceTransformation:
    """Give a transformation that tags whatever can be tagged: for children that belong together within a stack."""

    def tag(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not args.type_.startswith(_NATIVE):
            return None
        return pulumi.ResourceTransformationResult(props=_tagged(args.props, tags), opts=args.opts)

    return tag


def _tagged(props: pulumi.Inputs, tags: Mapping[str, str]) -> dict[str, Any]:
    """Add tags to those that a resource has, where it can have some; its own stay."""
    if "tags" not in props:
        return dict(props)
    own = props["tags"]
    return {**props, "tags": {**tags, **(own if isinstance(own, Mapping) else {})}}
