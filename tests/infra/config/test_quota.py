"""Quota and reservations: a replacement that could never get its machines is told before it begins."""

from collections.abc import Callable
from typing import Any

import pytest

Told = Callable[..., list[str]]
ON_DEMAND, SPOT = "L-DB2E81BA", "L-3819A6DF"
POOL: dict[str, Any] = {"name": "l40s", "sku": "g6e.12xlarge", "min": 1, "max": 4}  # 48 vCPUs a machine
RESERVED = {"rungs": ["reservation"], "reservation": "cr-0123456789abcdef0"}


def told_of(told: Told, quota: dict[str, int], *pools: dict[str, Any]) -> list[str]:
    return told(cloud="aws", gpuQuota=quota, gpuPools=list(pools))


def test_enough_for_all_machines_and_one_replacement_is_right(told: Told) -> None:
    assert told_of(told, {ON_DEMAND: 4 * 48 + 48}, POOL) == []


def test_a_surge_needs_quota_for_old_and_new(told: Told) -> None:
    (problem,) = told_of(told, {ON_DEMAND: 4 * 48 + 47}, POOL)
    assert "239 vcpus" in problem
    assert "may take 192, and the replacement of 'l40s' 48 more" in problem


def test_a_rolling_replacement_needs_none_beside(told: Told) -> None:
    assert told_of(told, {ON_DEMAND: 4 * 48}, {**POOL, "replacement": "rolling"}) == []


def test_one_pool_at_a_time_is_replaced(told: Told) -> None:
    other = {**POOL, "name": "other", "min": 2}
    assert told_of(told, {ON_DEMAND: 8 * 48 + 2 * 48}, POOL, other) == []
    (problem,) = told_of(told, {ON_DEMAND: 8 * 48 + 2 * 48 - 1}, POOL, other)
    assert "'other' 96 more" in problem


def test_every_rung_draws_on_its_own_quota(told: Told) -> None:
    pool = {**POOL, "rungs": ["on-demand", "spot"], "interruptible": True}
    (problem,) = told_of(told, {ON_DEMAND: 1000}, pool)
    assert f"has no {SPOT}, which l40s draw on" in problem
    (problem,) = told_of(told, {ON_DEMAND: 1000, SPOT: 191}, pool)
    assert f"{SPOT}" in problem
    assert "may take 192:" in problem


def test_a_quota_that_nothing_draws_on_is_a_mistake(told: Told) -> None:
    (problem,) = told_of(told, {ON_DEMAND: 1000, "L-1234": 5}, POOL)
    assert f"no pool draws on it; the pools draw on {ON_DEMAND}" in problem


@pytest.mark.parametrize(
    ("reserved", "text"),
    [(None, "is missing: a surge takes a second set"), (3, "is 3, and a surge takes 4 machines"), (4, None)],
)
def test_a_surge_of_a_reserved_pool_needs_machines_for_both(told: Told, reserved: int | None, text: str | None) -> None:
    pool = {**POOL, **RESERVED, "min": 2, "replacement": "surge", **({"reserved": reserved} if reserved else {})}
    problems = told_of(told, {}, pool)
    assert len(problems) == (text is not None)
    assert all(text in problem for problem in problems if text)


def test_a_reserved_pool_is_replaced_in_place_unless_asked_otherwise(told: Told) -> None:
    assert told_of(told, {ON_DEMAND: 4 * 48}, {**POOL, **RESERVED}) == []


def test_an_image_for_cuda_needs_a_pinned_driver(told: Told) -> None:
    serving = {"image": "server@sha256:" + "0" * 64, "cuda": 13}
    (problem,) = told(cloud="aws", gpuPools=[POOL], serving=serving)
    assert "driver" in problem
    assert "is missing: the server's image needs CUDA 13" in problem
