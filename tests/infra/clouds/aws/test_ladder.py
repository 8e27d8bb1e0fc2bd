"""Which node groups a stack file's pools become, and in which order the autoscaler tries them."""

import json
import re
from typing import Any

import pytest

from infra.clouds.aws.autoscaler import priorities
from infra.clouds.aws.gpu_pools import plan
from infra.config import GpuPoolSettings


def pool(**changes: Any) -> GpuPoolSettings:
    given = {"name": "h100", "sku": "p5.48xlarge", "rungs": ["on-demand", "spot"], "interruptible": True, "max": 4}
    return GpuPoolSettings.model_validate(given | changes)


def test_a_node_group_per_rung_in_the_order_of_the_ladder() -> None:
    plans = plan([pool(rungs=["reservation", "on-demand", "spot"], reservation="cr-0123456789abcdef0")])
    assert [group.rung for group in plans] == ["reservation", "on-demand", "spot"]
    assert [group.capacity_type for group in plans] == ["ON_DEMAND", "ON_DEMAND", "SPOT"]
    assert [group.reservation for group in plans] == ["cr-0123456789abcdef0", None, None]
    assert sorted((group.priority for group in plans), reverse=True) == [group.priority for group in plans]


def test_a_capacity_block_is_told_from_a_reservation() -> None:
    (group,) = plan([pool(rungs=["reservation"], reservation="block:cr-0123456789abcdef0")])
    assert (group.capacity_type, group.reservation) == ("CAPACITY_BLOCK", "cr-0123456789abcdef0")


def test_the_autoscaler_knows_each_group_by_one_pattern_and_its_priority() -> None:
    plans = plan([pool(), pool(name="h100-wide", rungs=["on-demand"], interruptible=False)])
    listed = json.loads(priorities(plans))
    for group in plans:
        matching = [
            int(priority)
            for priority, patterns in listed.items()
            for pattern in patterns
            if pattern != ".*" and re.match(pattern, f"eks-{group.name}-3ac2b7d0-0000-4000-8000-000000000000")
        ]
        assert matching == [group.priority]
    assert listed["1"] == [".*"]


def test_other_machines_make_another_group_when_they_surge_and_the_same_when_they_roll() -> None:
    def names(**changes: Any) -> set[str]:
        return {group.name for group in plan([pool(**changes)])}

    assert names().isdisjoint(names(sku="p5en.48xlarge"))
    assert names() == names(max=8), "a size is no other machine"
    assert names(replacement="rolling") == names(replacement="rolling", sku="p5en.48xlarge")


def test_machines_that_work_together_need_efa() -> None:
    (wide, _) = plan([pool(group_size=4)])
    assert wide.network_cards == 32
    (alone, _) = plan([pool()])
    assert alone.network_cards == 0
    (without, _) = plan([pool(sku="g6.xlarge", group_size=2)])
    with pytest.raises(ValueError, match="groupSize 2 needs EFA"):
        _ = without.network_cards
