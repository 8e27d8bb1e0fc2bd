from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from service.engine.processor import allowed_cpus

if TYPE_CHECKING:
    from pathlib import Path

_ALL = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("quota", "expected"), [("max 100000", _ALL), ("50000 100000", 1), ("9900000 100000", _ALL), ("broken", _ALL)]
)
def test_v2_quota(tmp_path: Path, quota: str, expected: int) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    assert allowed_cpus(tmp_path) == expected


@pytest.mark.parametrize(("quota", "expected"), [("-1", _ALL), ("100000", 1), ("30000", 1)])
def test_v1_quota(tmp_path: Path, quota: str, expected: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert allowed_cpus(tmp_path) == expected
