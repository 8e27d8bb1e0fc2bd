"""What a rule is, and what it looks at."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Final, TypeAlias

from infra.policy.inputs import Inputs

ANY: Final = "*"
"""In place of what follows a type's package: `aws:*` is every resource of AWS."""


class Severity(StrEnum):
    """How bad a violation is. Every rule stops an update; this is for whoever sorts the findings."""

    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True)
class Setting:
    """What of a stack's configuration decides about rules.

    Attributes:
        cloud: `modelfleet:cloud`; `local` stacks have no public entry.
        delete_data: `modelfleet:deleteData`: data is being taken down, so its protection is lifted.
    """

    cloud: str = ""
    delete_data: bool = False


@dataclass(frozen=True)
class Subject:
    """A resource as the program describes it, before it is made.

    Attributes:
        kind: Its type without API versions of a cloud: `aws:s3/bucket:Bucket`, `azure-native:storage:StorageAccount`,
            `kubernetes:apps/v1:Deployment`.
        name: Its name in the program.
        urn: Its URN.
        inputs: Its inputs.
        protect: The option of that name.
        provider: Inputs of its provider; None for a default provider that says nothing.
        setting: Of the stack.
    """

    kind: str
    name: str
    urn: str
    inputs: Inputs
    protect: bool = False
    provider: Inputs | None = None
    setting: Setting = field(default_factory=Setting)


@dataclass(frozen=True)
class Member:
    """A resource among all those of a stack.

    Attributes:
        kind: As in `Subject`.
        name: Its name in the program.
        urn: Its URN.
        outputs: Its outputs (in a preview: what is known of them).
        uses: URNs of the resources that each input was made from.
    """

    kind: str
    name: str
    urn: str
    outputs: Inputs
    uses: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def refers_to(self, urn: str) -> bool:
        """Tell whether any input was made from a resource."""
        return any(urn in used for used in self.uses.values())


@dataclass(frozen=True)
class Stack:
    """All resources of a stack, for rules that need more than one of them."""

    members: tuple[Member, ...]
    setting: Setting = field(default_factory=Setting)

    def leads(self, member: Member, key: str, urn: str) -> bool:
        """Tell whether an input was made from a resource, or from one whose input of the same purpose was.

        A bucket's name may come from what guards the bucket (its versioning), so that it is known only after that.
        """
        used = member.uses.get(key, frozenset())
        return urn in used or any(urn in self._by_urn[between].uses.get("bucket", ()) for between in used & self._urns)

    def of(self, *kinds: str) -> tuple[Member, ...]:
        """Give the resources of some types."""
        return tuple(member for kind in kinds for member in self._by_kind.get(kind, ()))

    @cached_property
    def _by_urn(self) -> Mapping[str, Member]:
        return {member.urn: member for member in self.members}

    @cached_property
    def _urns(self) -> frozenset[str]:
        return frozenset(self._by_urn)

    @cached_property
    def _by_kind(self) -> Mapping[str, tuple[Member, ...]]:
        found: dict[str, list[Member]] = {}
        for member in self.members:
            found.setdefault(member.kind, []).append(member)
        return {kind: tuple(members) for kind, members in found.items()}


Check: TypeAlias = Callable[[Subject], Iterable[str]]
"""Yields what is wrong with a resource; raises NotKnownYetError where a preview can't tell."""
MemberCheck: TypeAlias = Callable[[Member, Stack], Iterable[str]]
"""Yields what is wrong with a resource among the others; raises NotKnownYetError where a preview can't tell."""


@dataclass(frozen=True)
class Rule:
    """One thing that every stack must keep to.

    Attributes:
        id: Its name in findings and exemptions.
        severity: How bad a violation is.
        demand: What it demands, in a sentence.
        why: What it protects from.
        remedy: What to do about a violation.
        checks: What looks at a resource, by its type (or `ANY` of a package).
        member_checks: What looks at a resource among all others, by its type, at the end of a preview or update.
        sources: Where the demand or its values come from.
    """

    id: str
    severity: Severity
    demand: str
    why: str
    remedy: str
    checks: Mapping[str, Check] = field(default_factory=dict)
    member_checks: Mapping[str, MemberCheck] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
