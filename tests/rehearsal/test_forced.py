"""What the clouds force on a region, and that our programs wait for little else."""

import itertools
import json
import runpy
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import pulumi
import pytest
import yaml

from rehearsal.clock import USUAL_S, Takes, draw_s
from rehearsal.forced import forced_chain
from rehearsal.journal import Call, Entry, Operation, Outcome
from rehearsal.schedule import schedule
from tests.infra import recording
from toolchain.flavour import CHECKED_VARIABLE

MOST = 1.25
"""How many times the forced chain creating a region may take."""
DRAWN = 3
"""Seeds by which times are drawn, besides the medians: another resource is the slowest each time."""
PLUGINS = {"aws": "aws", "azure-native": "azure", "gcp": "gcp", "kubernetes": "kubernetes"}


class Monitor(pulumi.runtime.mocks.MockMonitor):
    """Keeps what the engine would know of who waits on whom."""

    def __init__(self, mocks: pulumi.runtime.Mocks) -> None:
        super().__init__(mocks)
        self.known: list[dict[str, Any]] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - gRPC's name
        made = super().RegisterResource(request)
        self.known.append(
            {
                "urn": made.urn,
                "type": request.type,
                "custom": request.custom,
                "parent": request.parent,
                "provider": request.provider,
                "dependencies": list(request.dependencies),
                "propertyDependencies": {
                    name: list(others.urns) for name, others in request.propertyDependencies.items()
                },
            }
        )
        return made


def recorded(stack: str, cloud: str, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Run the whole program of a region without an engine, and give its resources."""
    file = yaml.safe_load((recording.ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
    told = {key: value if isinstance(value, str) else json.dumps(value) for key, value in file["config"].items()}
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(told))
    monkeypatch.setenv(CHECKED_VARIABLE, stack)
    monkeypatch.setattr(pulumi, "get_stack", lambda: stack)
    monitor = Monitor(import_module(f"tests.infra.clouds.{cloud}.recording").Recorder())
    program = str(recording.ROOT / "infra")
    recording.run(lambda: runpy.run_path(program, run_name="__main__"), monitor.mocks, stack=stack, monitor=monitor)
    return monitor.known


def takes_of(kind: str) -> Takes | None:
    """Give what is known of the times of a type."""
    plugin = PLUGINS.get(kind.partition(":")[0])
    return import_module(f"rehearsal.{plugin}.manners").MANNERS.takes.get(kind) if plugin else None


def median_s(kind: str) -> float:
    """Give the seconds that the creation of a type takes in the median."""
    takes = takes_of(kind)
    known = takes.create if takes else None
    return USUAL_S[Operation.CREATE] if known is None else known


def entry(number: int, urn: str, kind: str, takes_s: float) -> Entry:
    return Entry(number, Call("", Operation.CREATE, kind, urn), Outcome.DONE, takes_s, 0, "", "")


@pytest.mark.parametrize(
    ("stack", "cloud"), [("aws-us-east-1", "aws"), ("azure-westeurope", "azure"), ("gcp-europe-west4", "gcp")]
)
def test_a_region_waits_for_little_but_what_its_cloud_forces(
    stack: str, cloud: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = recorded(stack, cloud, monkeypatch)
    state = {"deployment": {"resources": resources}}
    made = [each for each in resources if each["custom"] and not each["type"].startswith("pulumi:")]
    held(state, {each["urn"]: median_s(each["type"]) for each in made})
    for seed in range(DRAWN):
        drawn = {
            each["urn"]: draw_s(takes_of(each["type"]), Operation.CREATE, f"{seed}/{each['urn']}") for each in made
        }
        held(state, drawn)


def held(state: Mapping[str, Any], takes_s: Mapping[str, float]) -> None:
    """Hold how long a region takes against what its cloud forces, each creation taking so many seconds."""
    kinds = {each["urn"]: each["type"] for each in state["deployment"]["resources"]}
    made = [entry(number, urn, kinds[urn], each_s) for number, (urn, each_s) in enumerate(takes_s.items(), start=1)]
    laid, chain = schedule(made, state), forced_chain(made, state)
    whole_s, forced_s = max(each.ends_s for each in laid), sum(takes_s[urn] for urn in chain)
    path = [f"{each.entry.call.name} {each.begins_s:.0f}-{each.ends_s:.0f} s" for each in laid if each.critical]
    assert len(chain) > 1
    assert whole_s <= MOST * forced_s, (
        f"{whole_s:.0f} s by {path}; forced: {forced_s:.0f} s by {[urn.rsplit('::', 1)[-1] for urn in chain]}"
    )


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:s::p::{kind}::{name}"


VPC, SUBNET, CLUSTER, POOL = (
    "aws:ec2/vpc:Vpc",
    "aws:ec2/subnet:Subnet",
    "aws:eks/cluster:Cluster",
    "aws:eks/nodeGroup:NodeGroup",
)


def chain_of(*rows: tuple[str, str, float, str]) -> list[str]:
    """Give the chain's names; rows are type, name, seconds, and what the resource waits on."""
    kinds = {name: kind for kind, name, _, _ in rows}
    state = {
        "deployment": {
            "resources": [
                {"urn": urn(kind, name), "dependencies": [urn(kinds[other], other) for other in waits.split()]}
                for kind, name, _, waits in rows
            ]
        }
    }
    numbers = itertools.count(1)
    made = [entry(next(numbers), urn(kind, name), kind, takes_s) for kind, name, takes_s, _ in rows if takes_s]
    return [each.rsplit("::", 1)[-1] for each in forced_chain(made, state)]


def test_what_only_the_program_waits_for_is_no_part_of_the_chain() -> None:
    assert chain_of(
        (VPC, "network", 10, ""),
        (SUBNET, "subnet", 2, "network"),
        (CLUSTER, "cluster", 700, "subnet"),
        ("aws:eks/addon:Addon", "addon", 40, "cluster"),
        ("modelfleet:aws:NodeAddons", "addons", 0, "addon"),
        (POOL, "pool", 150, "addons"),
        ("aws:iam/role:Role", "role", 90, "pool"),
    ) == ["network", "subnet", "cluster", "pool"]


def test_of_two_of_a_type_a_creation_waits_on_its_own() -> None:
    assert chain_of((CLUSTER, "slow", 900, ""), (CLUSTER, "cluster", 100, ""), (POOL, "pool", 850, "cluster")) == [
        "cluster",
        "pool",
    ]


def test_nothing_made_is_no_chain() -> None:
    assert forced_chain([], {"deployment": None}) == []
