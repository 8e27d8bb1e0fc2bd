"""Which calls meet which fault, and how often: across processes, and drawn by a seed."""

from pathlib import Path

import pytest

from rehearsal.journal import Call, Operation
from rehearsal.mishaps import Fault, Mishaps, Moment, Plan, Rule


def call(name: str, operation: Operation = Operation.CREATE, kind: str = "aws:ec2/vpc:Vpc") -> Call:
    return Call("aws", operation, kind, f"urn:pulumi:s::p::{kind}::{name}")


def met(file: Path, plan: Plan, *calls: Call) -> list[str]:
    mishaps = Mishaps(file, plan)
    found = [str(mishaps.meet(each) or "") for each in calls]
    mishaps.close()
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "account.sqlite"


def test_what_fails_once_fails_once_whoever_asks(file: Path) -> None:
    plan = Plan(rules=(Rule(id="a", faults=(Fault.DENIED,)),))
    assert met(file, plan, call("x"), call("x"), call("y")) == ["denied", "", "denied"]
    assert met(file, plan, call("x"), call("y"), call("x", Operation.DELETE)) == ["", "", "denied"]


def test_each_meets_a_fault_so_often_and_all_together_no_more(file: Path) -> None:
    plan = Plan(rules=(Rule(id="a", faults=(Fault.QUOTA,), times=2, at_most=3),))
    assert met(file, plan, *[call("x")] * 3, *[call("y")] * 2) == ["quota", "quota", "", "quota", ""]


def test_rules_are_for_types_names_and_operations(file: Path) -> None:
    rule = Rule(id="a", faults=(Fault.DENIED,), type="aws:ec2/*", name="gpu-*", operations=(Operation.CREATE,))
    calls = [call("gpu-1"), call("cpu-1"), call("gpu-2", Operation.UPDATE), call("gpu-3", kind="aws:iam/role:Role")]
    assert met(file, Plan(rules=(rule,)), *calls) == ["denied", "", "", ""]


def test_the_first_rule_counts_and_later_ones_count_only_what_they_see(file: Path) -> None:
    each = Rule(id="each", faults=(Fault.DENIED,))
    killed = Rule(id="killed", faults=(Fault.ENGINE_KILLED,), every=2, when=Moment.AFTER)
    calls = [call(name) for name in ("a", "b", "a", "b", "c", "c")]
    assert met(file, Plan(rules=(each, killed)), *calls) == [
        "denied", "denied", "", "engine killed after", "denied", "",
    ]  # fmt: skip


def test_calls_are_met_by_their_number(file: Path) -> None:
    plan = Plan(rules=(Rule(id="a", faults=(Fault.INTERNAL,), at=(2, 3)),))
    assert met(file, plan, *(call(str(place)) for place in range(4))) == ["", "internal", "internal", ""]


def test_what_is_drawn_follows_the_seed(tmp_path: Path) -> None:
    rule = Rule(id="a", faults=tuple(Fault))
    calls = [call(str(place)) for place in range(40)]
    drawn = {
        seed: tuple(met(tmp_path / f"{place}", Plan(seed, (rule,)), *calls)) for place, seed in enumerate((1, 2, 1))
    }
    assert len(set(drawn.values())) == 2
    assert {each.removesuffix(" before").removesuffix(" after") for each in drawn[1]} == set(Fault)


def test_a_plan_is_what_was_written(tmp_path: Path) -> None:
    plan = Plan(7, (Rule(id="a", faults=(Fault.QUOTA,), operations=(Operation.UPDATE,), when=Moment.AFTER, at=(1,)),))
    assert Plan.read(tmp_path) == Plan()
    plan.write(tmp_path)
    assert Plan.read(tmp_path) == plan
