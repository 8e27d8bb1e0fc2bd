"""The language in which a cloud is described: one row a resource type, one row a function.

A row says only what is particular to a type. What the SDK publishes (names and types of outputs, which of them are
always there) fills the rest, so that a new type needs a row for its id and whatever of it a program reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rehearsal.published import Join, Source
from rehearsal.rules import Habit, Rule


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is particular to one resource type.

    Attributes:
        id: template of its id. Where nothing in it is random, a second resource with the same id is refused.
        outputs: templates of computed outputs, by name; they count where the program gave no such input.
        replaces: inputs whose change needs a new resource, besides those that do in the whole cloud. Dotted paths
            name parts of objects; a list's place is left out.
        in_place: inputs that change in place here though they need a new resource elsewhere in the cloud.
        name: the input that names the resource, filled by the engine's naming rules where the program gives none; empty
            if there is none.
        secrets: outputs that the state must encrypt.
        protected_by: inputs that keep it from being deleted while they are true.
        recovers_by: inputs, and their values, by which a program asks for a soft-deleted one back.
        unique: template of what no second resource may have in the account, empty if the id says it all.
        shared: whether several resources may stand for the same thing (an IAM binding), so that one that is there
            already is no error.
        undeletes: whether making one again recovers the one of that name that is soft-deleted.
        inside: template of the type and id, joined by a space, of the resource whose deletion takes this one along.
        cluster: template of what names the Kubernetes cluster that this is; its objects go with it.
        everywhere: whether its id is unique in all regions of a cloud that keeps each region for itself.
        imports: templates of what an import calls it where that isn't its id, as its page of the registry says under
            "Import"; the first that can be filled counts.
        arn: template of its ARN in AWS's list of tagged resources, where no output `arn` has it.
    """

    id: str
    outputs: Mapping[str, Any] = field(default_factory=dict)
    replaces: tuple[str, ...] = ()
    in_place: tuple[str, ...] = ()
    name: str = ""
    secrets: tuple[str, ...] = ()
    protected_by: tuple[str, ...] = ()
    recovers_by: Mapping[str, Any] = field(default_factory=dict)
    unique: str = ""
    shared: bool = False
    undeletes: bool = False
    inside: str = ""
    cluster: str = ""
    everywhere: bool = False
    imports: tuple[str, ...] = ()
    arn: str = ""


@dataclass(frozen=True)
class ListedByTag:
    """A function's answer from what the account holds in a region: ARN and tags of all that have what is asked for."""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """What keeps a resource from being deleted: a living one of a type that names it.

    Attributes:
        type: token of the holder's type.
        path: dotted path of the holder's property that names the held one; lists on the way are gone through.
        names: by which of its outputs the held one is named there, `id` among them.
        unless: an input of the held one that lets it go although it is held.
        error: template of what the cloud says; the cloud's usual one if it is empty.
    """

    type: str
    path: str
    names: tuple[str, ...] = ("id",)
    unless: str = ""
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A function's answer from what the account holds: the resources of a type, those that it keeps dead among them.

    Attributes:
        type: token of the type.
        where: what a resource must have, templates of values by dotted path.
        each: template of what is told of each; `{state}` is one of the two below.
        living: state of one that lives.
        dead: state of one that was deleted.
    """

    type: str
    where: Mapping[str, str]
    each: Mapping[str, Any]
    living: str = ""
    dead: str = ""


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """One cloud, as its tables describe it.

    Attributes:
        plugin: the plugin's name, the first part of its resource types.
        package: the SDK's Python package.
        rows: what is particular to each resource type, by token.
        functions: what each function answers, by token.
        default: the row of a type that has none of its own; `{module}`, `{class}` and `{label}` are known there.
        common_outputs: templates of outputs that many types have, taken where a type's SDK says that it has one of
            that name.
        input_defaults: templates of inputs that the provider's configuration gives where the program doesn't.
        replaces: inputs whose change needs a new resource whatever the type.
        account: templates of the account's name, the first that can be filled counts: from the provider's configuration
            (`{config.…}`) and from what the rehearsal was begun with (`{rehearsal.account}`, `{rehearsal.region}`).
        region: the same for the region.
        regional: whether each region has ids of its own, so that two regions can have the same one.
        nested: whether ids are paths, so that what lies below a resource goes with it.
        config_replaces: inputs of the provider whose change replaces the provider.
        source: where the services' values are published.
        joins: where a type's inputs are described there, by token.
        names: naming rules, by token and input.
        habits: rules of all properties of a name.
        extra_values: values that a service has learnt since its SDK was made, by token and dotted path.
        held_by: what keeps a resource from being deleted, by its type's token.
        held_error: template of what the cloud says of it, with `{id}`, `{class}`, `{holder}` and `{holder_class}`.
        sdk_values_bind: whether the SDK's open enumerations are the service's own: azure-native's are made from its
            specification, the others' are a help for editors that lags behind.
    """

    plugin: str
    package: str
    rows: Mapping[str, Row]
    functions: Mapping[str, Mapping[str, Any]]
    default: Row
    common_outputs: Mapping[str, Any] = field(default_factory=dict)
    input_defaults: Mapping[str, str] = field(default_factory=dict)
    replaces: tuple[str, ...] = ()
    account: tuple[str, ...] = ("{rehearsal.account}",)
    region: tuple[str, ...] = ("{rehearsal.region}",)
    regional: bool = False
    nested: bool = False
    config_replaces: tuple[str, ...] = ()
    source: Source | None = None
    joins: Mapping[str, Join] = field(default_factory=dict)
    names: Mapping[str, Mapping[str, Rule]] = field(default_factory=dict)
    habits: tuple[Habit, ...] = ()
    extra_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    held_by: Mapping[str, tuple[Holder, ...]] = field(default_factory=dict)
    held_error: str = "{class} {id} is in use by {holder}"
    sdk_values_bind: bool = False

    def row(self, token: str) -> Row:
        """Give a type's row, the default where it has none."""
        return self.rows.get(token, self.default)
