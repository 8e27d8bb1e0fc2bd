"""What the rules are written from stays what it was: the SDKs' arguments, and the page that is made from the rules."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from infra.policy import arguments, catalogue
from rehearsal.sdk_schema import Kind, Property, ResourceSchema, Type, load
from tests.infra.policy.programs_of import compliant, violations

_SDKS = {"aws": "pulumi_aws", "azure": "pulumi_azure_native", "gcp": "pulumi_gcp"}


def test_the_page_is_what_the_rules_say() -> None:
    assert catalogue.FILE.read_text(encoding="utf-8") == catalogue.render(), "run `python -m infra.policy.catalogue`"


def test_the_file_of_arguments_is_what_the_sdks_take() -> None:
    pytest.importorskip("pulumi_azure_native")
    assert arguments.FILE.read_text(encoding="utf-8") == arguments.render(), "run `python -m infra.policy.arguments`"


def test_known_arguments() -> None:
    known = arguments.known()
    assert known["aws:sqs/queue:Queue"] == arguments.Arguments("tags", ("kmsMasterKeyId",))
    assert known["gcp:container/cluster:Cluster"] == arguments.Arguments("resourceLabels", ())
    assert known["azure-native:storage:StorageAccount"] == arguments.Arguments("tags", ())
    assert "gcp:projects/iAMMember:IAMMember" not in known


def unknown_properties(
    schema: ResourceSchema, known: Mapping[str, Property], value: Mapping[str, Any], where: str
) -> Iterator[str]:
    """Yield what a program's properties have that the SDK's types don't."""
    for key, inner in value.items():
        if key not in known:
            yield f"{where}.{key}"
            continue
        for child in inner if isinstance(inner, list) else [inner]:
            if isinstance(child, Mapping):
                # Of a union (Azure's kinds of one thing), one member must know the properties.
                found = [
                    list(unknown_properties(schema, schema.objects[name], child, f"{where}.{key}"))
                    for name in objects(known[key].type)
                ]
                yield from min(found, key=len, default=[])


def objects(kind: Type) -> Iterator[str]:
    if kind.kind is Kind.OBJECT:
        yield kind.name
    for inner in (*kind.members, *([] if kind.item is None else [kind.item])):
        yield from objects(inner)


@pytest.mark.parametrize("cloud", ["aws", "azure", "gcp"])
def test_programs_use_properties_that_the_sdks_know(cloud: str) -> None:
    """So that no rule looks for a property which no program can set."""
    pytest.importorskip(_SDKS[cloud])
    rows = list(compliant(cloud).values())
    rows += [found.program[found.resource] for found in violations(cloud)]
    unknown = set()
    for row in rows:
        schema = load(_SDKS[cloud], row.kind)
        unknown |= set(unknown_properties(schema, schema.inputs, row.properties, row.kind))
    assert unknown == set()
