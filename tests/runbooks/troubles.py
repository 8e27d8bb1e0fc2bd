"""What a runbook is for: each function makes one trouble in a rehearsal, by the words of the runbook's `given`."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import yaml

from rehearsal import drift
from rehearsal.journal import Operation
from rehearsal.mishaps import Fault, Moment, Plan, Rule
from rehearsal.scenario import Drift
from tests.runbooks.drill import Drill

_TENANT: Final = "initech"
_BUDGET: Final = "aws:budgets/budget:Budget"


def _lock_of_another_machine(drill: Drill) -> None:
    drill.bring_up()
    file = drill.backend / "locks" / "organization" / "modelfleet" / drill.stack / "1.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    holder = {"pid": 4242, "username": "runner", "hostname": "build-7", "timestamp": "2026-11-20T03:12:00Z"}
    file.write_text(json.dumps(holder), encoding="utf-8")


def _changed_in_the_console(drill: Drill) -> None:
    drill.bring_up()
    changes = (
        Drift(type="aws:ebs/encryptionByDefault:EncryptionByDefault", set={"enabled": False}),
        Drift(type="aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess", delete=True),
    )
    for change in changes:
        # Of one of the account's two regions.
        assert list(drift.make(drill.world.memory, change.model_copy(update={"id": _id_in(drill, change.type)})))


def _killed_at(drill: Drill, operation: Operation, number: int) -> None:
    rule = Rule(
        id=f"{operation} {number}", faults=(Fault.ENGINE_KILLED,), operations=(operation,), at=(number,),
        when=Moment.AFTER,
    )  # fmt: skip
    Plan(0, (rule,)).write(drill.world.folder)


def _killed_while_making(drill: Drill) -> None:
    _killed_at(drill, Operation.CREATE, 20)


def _killed_while_deleting(drill: Drill) -> None:
    drill.bring_up()
    _killed_at(drill, Operation.DELETE, 10)


def _state_lost(drill: Drill) -> None:
    drill.bring_up()
    for file in (drill.backend / "stacks" / "modelfleet").glob(f"{drill.stack}.json*"):
        file.unlink()
    *_, latest = sorted((drill.backend / "history" / "modelfleet" / drill.stack).glob("*.checkpoint.json"))
    kept = json.loads(latest.read_text(encoding="utf-8"))
    deployment = kept["checkpoint"]["latest"]
    deployment["resources"] = [each for each in deployment["resources"] if each["type"] != _BUDGET]
    latest.write_text(json.dumps(kept), encoding="utf-8")
    latest.with_name(f"{latest.name}.attrs").unlink(missing_ok=True)


def _quota_used_up(drill: Drill) -> None:
    # One rung's pool alone: another one's refusal could come a run later.
    rule = Rule(id="quota", faults=(Fault.QUOTA,), name="l4-on-demand-*", operations=(Operation.CREATE,))
    Plan(0, (rule,)).write(drill.world.folder)


def _tenant_hosted(drill: Drill) -> None:
    if not (drill.place.folder / "tenants" / f"{_TENANT}.yaml").is_file():
        drill.place.fleet("tenant", "add", _TENANT, "--stacks", drill.stack)
    file = drill.place.folder / f"Pulumi.{drill.stack}.yaml"
    text = file.read_text(encoding="utf-8")
    if "modelfleet:keys" in text:  # those that another runbook has named
        file.write_text(re.sub(r"^ *modelfleet:keys:.*\n", "", text, flags=re.MULTILINE), encoding="utf-8")


def _retention_over(drill: Drill) -> None:
    file = drill.place.folder / "tenants" / f"{_TENANT}.yaml"
    text = file.read_text(encoding="utf-8")
    since = datetime.now(UTC).date() - timedelta(days=yaml.safe_load(text)["retentionDays"])
    file.write_text(
        re.sub(r"^suspendedSince:.*$", f"suspendedSince: {since}", text, flags=re.MULTILINE), encoding="utf-8"
    )


def _region_lost(drill: Drill) -> None:
    front = drill.place.folder / "Pulumi.global.yaml"
    described = yaml.safe_load(front.read_text(encoding="utf-8"))
    described["config"]["modelfleet:front"]["fronts"] = described["config"]["modelfleet:front"]["fronts"][:1]
    front.write_text(yaml.safe_dump(described, default_flow_style=None), encoding="utf-8")
    drill.place.fleet("tenant", "add", "acme", "--stacks", drill.stack)
    drill.bring_up(drill.stack, "aws-us-west-2", "global")
    # What a zone that burnt down takes along, and what somebody did in haste.
    for kind in ("aws:eks/nodeGroup:NodeGroup", "aws:ec2/natGateway:NatGateway"):
        assert list(drift.make(drill.world.memory, Drift(type=kind, id=_id_in(drill, kind), delete=True)))


def _id_in(drill: Drill, kind: str) -> str:
    """Give the id of the stack's first resource of a type, in the order of their names."""
    file = drill.backend / "stacks" / "modelfleet" / f"{drill.stack}.json"
    resources = json.loads(file.read_text(encoding="utf-8"))["checkpoint"]["latest"]["resources"]
    return min((each for each in resources if each["type"] == kind), key=lambda each: each["urn"])["id"]


TROUBLES: Final[Mapping[str, Callable[[Drill], None]]] = {
    "an engine of another machine died and left its lock": _lock_of_another_machine,
    "somebody switches encryption off and deletes a guard rail in the console": _changed_in_the_console,
    "the engine is killed while it makes the twentieth thing": _killed_while_making,
    "the engine is killed while it deletes the tenth thing": _killed_while_deleting,
    "the state is lost, and the latest that was kept is older than a budget": _state_lost,
    "the quota of GPU machines is used up, until it is raised after one refusal": _quota_used_up,
    "a tenant is hosted, whose contract ends": _tenant_hosted,
    "a tenant is hosted, whose key is to be rotated": _tenant_hosted,
    "the tenant's retention is over": _retention_over,
    "two regions and their front are up, and one region is lost": _region_lost,
}
