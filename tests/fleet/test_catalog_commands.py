"""`fleet catalog` and `fleet config`: for people, and for programs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from fleet import console
from fleet.app import app

Fleet = Callable[..., Result]


@pytest.fixture
def fleet() -> Fleet:
    return lambda *arguments: CliRunner().invoke(app, arguments)


def result(done: Result) -> Any:
    assert done.exit_code == 0, done.output + repr(done.exception)
    return json.loads(done.stdout)


def test_machines_are_listed_by_cloud_region_and_gpu(fleet: Fleet) -> None:
    everything = result(fleet("catalog", "list", "--json"))
    assert {machine["cloud"] for machine in everything} == {"aws", "azure", "gcp"}
    some = result(fleet("catalog", "list", "--cloud", "azure", "--region", "westeurope", "--gpu", "h100", "--json"))
    assert {machine["sku"] for machine in some} == {
        "Standard_NC40ads_H100_v5",
        "Standard_NC80adis_H100_v5",
        "Standard_ND96isr_H100_v5",
    }


def test_a_price_is_the_region_s(fleet: Fleet) -> None:
    shown = fleet("catalog", "list", "--cloud", "azure", "--region", "westeurope", "--gpu", "h100").stdout
    assert "127.82" in shown
    assert "98.32" not in shown


def test_a_machine_is_shown_with_its_sources(fleet: Fleet) -> None:
    machine = result(fleet("catalog", "show", "p5.48xlarge", "--json"))
    assert machine["quota"]["on_demand"] == "L-417A185B"
    assert all(source["url"].startswith("https://") for _, source in machine["sources"])
    shown = fleet("catalog", "show", "Standard_ND96isr_H100_v5").stdout
    assert "infiniband 3200 Gbit/s" in shown
    assert "source of price" in shown


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", "p5.48xlrge"], "did you mean p5.48xlarge"),
        (["show", "p5.48xlarge", "--cloud", "gcp"], "is no GPU machine of gcp"),
        (["list", "--cloud", "moon"], "'moon' is no cloud of the catalogue"),
    ],
)
def test_what_isn_t_there_is_told(fleet: Fleet, arguments: list[str], told: str) -> None:
    done = fleet("catalog", *arguments)
    assert isinstance(done.exception, console.FleetError)
    assert told in str(done.exception)


def test_schemas_are_written_and_checked(fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolchain.locations.clone_dir", lambda: tmp_path)
    assert fleet("config", "schema", "--check").exit_code == 1
    assert list(tmp_path.iterdir()) == []
    assert fleet("config", "schema").exit_code == 0
    assert fleet("config", "schema", "--check").exit_code == 0
    stack = tmp_path / "schemas" / "stack.schema.json"
    stack.write_text("{}\n", encoding="utf-8")
    stale = fleet("config", "schema", "--check")
    assert stale.exit_code == 1
    assert "schemas/stack.schema.json is not what the settings say" in stale.output


def test_a_schema_is_printed(fleet: Fleet) -> None:
    assert (
        result(fleet("config", "schema", "--print", "tenant"))["title"]
        == "A tenant of modelfleet (tenants/<name>.yaml)"
    )
    assert isinstance(fleet("config", "schema", "--print", "moon").exception, console.FleetError)


def test_keys_are_explained(fleet: Fleet) -> None:
    keys = {row["key"]: row["default"] for row in result(fleet("config", "explain", "--json"))}
    assert keys["modelfleet:cloud"] == "required"
    assert keys["modelfleet:network.nat"] == "zonal"
    assert keys["modelfleet:gpuPools[].rungs"] == "on-demand"
    assert not any("tenants" in key for key in keys)
