"""The table of docs/clouds.md and the parts that rehearsals look for are one."""

import re
from pathlib import Path
from typing import Any

import pytest

from rehearsal.parts import PARTS, Home, Sign, missing
from rehearsal.sdk_schema import UnknownTypeError, load

DOCS = Path(__file__).parents[2] / "docs" / "clouds.md"
CLOUDS = ("aws", "azure", "gcp")
PACKAGES = {"aws": "pulumi_aws", "azure-native": "pulumi_azure_native", "gcp": "pulumi_gcp"}


def rows() -> list[list[str]]:
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    start = next(
        number for number, line in enumerate(lines) if line.startswith("| part | AWS | Azure | Google Cloud |")
    )
    table = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return table


def test_the_documented_parts_are_those_that_are_looked_for() -> None:
    assert [row[0] for row in rows()] == [part.title for part in PARTS]


def test_no_cell_is_empty() -> None:
    assert all(len(row) == 4 and all(row) for row in rows())
    for part in PARTS:
        assert set(part.signs) == set(CLOUDS)
        assert all(part.signs.values())


@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_sign_is_a_type_of_its_sdk(cloud: str) -> None:
    for part in PARTS:
        for sign in part.signs[cloud]:
            plugin = sign.type.partition(":")[0]
            if plugin == "kubernetes":
                continue
            try:
                schema = load(PACKAGES[plugin], sign.type)
            except UnknownTypeError:
                pytest.fail(f"{part.title}: {sign.type} is no type of {PACKAGES[plugin]}")
            assert not [path for path in sign.where if path.split(".")[0] not in schema.inputs]


def resource(**inputs: Any) -> dict[str, Any]:
    return {"type": "aws:eks/nodeGroup:NodeGroup", "inputs": inputs}


def test_a_part_is_seen_by_what_its_resource_says_and_not_by_its_being_there() -> None:
    without = list(missing(Home.REGION, "aws", [resource(nodeRepairConfig={"enabled": True}, taints=[])]))
    assert any(
        problem.startswith("GPU pools: there is no aws:eks/nodeGroup:NodeGroup (taints given") for problem in without
    )
    tainted = resource(nodeRepairConfig={"enabled": True}, taints=[{"key": "nvidia.com/gpu"}])
    assert not [each for each in missing(Home.REGION, "aws", [tainted]) if each.startswith("GPU pools")]


def test_an_empty_stack_misses_every_part() -> None:
    for home in Home:
        expected = sum(len(part.signs["gcp"]) for part in PARTS if part.home is home)
        assert len(list(missing(home, "gcp", []))) == expected > 0


def test_a_sign_without_demands_is_its_type() -> None:
    assert str(Sign("aws:ec2/vpc:Vpc")) == "aws:ec2/vpc:Vpc"
