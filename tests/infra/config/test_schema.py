"""The JSON Schemas for editors are what the settings say, and accept what the settings accept."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from jsonschema.protocols import Validator

from infra.config.keys import described_keys
from infra.config.schema import schemas

ROOT = Path(__file__).parents[3]


@cache
def validator(name: str) -> Validator:
    return jsonschema.Draft202012Validator(json.loads(schemas()[name]))


@pytest.mark.parametrize("name", sorted(schemas()))
def test_the_committed_schemas_are_current(name: str) -> None:
    committed = (ROOT / "schemas" / name).read_text(encoding="utf-8")
    assert committed == schemas()[name], "run `fleet config schema` and commit what it writes"


@pytest.mark.parametrize("name", sorted(schemas()))
def test_a_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schemas()[name]))


@pytest.mark.parametrize("file", sorted(ROOT.glob("Pulumi.*.yaml")), ids=lambda file: file.name)
def test_stack_files_fit_their_schema(file: Path) -> None:
    validator("stack.schema.json").validate(yaml.safe_load(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize("file", sorted((ROOT / "tenants").glob("*.yaml")), ids=lambda file: file.name)
def test_tenant_files_fit_their_schema(file: Path) -> None:
    validator("tenant.schema.json").validate(_json(file))


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"modelfleet:cloud": "moon"},
        {"modelfleet:cloud": "local", "modelfleet:servng": {}},
        {"modelfleet:cloud": "aws", "modelfleet:network": {"zone": 3}},
        {"modelfleet:cloud": "local", "modelfleet:tenants": []},
    ],
)
def test_the_schema_refuses_what_is_wrong(config: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validator("stack.schema.json").validate({"config": config})


def test_other_programs_keys_may_stand_beside_ours() -> None:
    validator("stack.schema.json").validate({"config": {"modelfleet:cloud": "local", "aws:region": "x"}})


def test_every_key_has_a_meaning() -> None:
    keys = list(described_keys())
    assert {"modelfleet:cloud", "modelfleet:gpuPools[].sku", "modelfleet:budget.monthlyUsd"} <= {
        key.path for key in keys
    }
    assert [key.path for key in keys if not key.meaning] == []


def test_pulumi_yaml_names_the_keys_that_have_a_default() -> None:
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))
    known = set(json.loads(schemas()["stack.schema.json"])["properties"]["config"]["properties"])
    declared = set(project["config"])
    assert known - declared == {"modelfleet:budget", "modelfleet:ci", "modelfleet:front"}
    assert declared <= known


def _json(file: Path) -> Any:
    return json.loads(json.dumps(yaml.safe_load(file.read_text(encoding="utf-8")), default=str))
