"""A rollout that was given up is no verdict on the one that takes it back."""

from collections.abc import Mapping
from typing import Any

import pytest

from toolchain.kubernetes_provider.readiness.workloads import _is_of_earlier

STUCK = {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "lastUpdateTime": "2026-11-21T21:20:00Z"}


def deployment(*changes: Mapping[str, str]) -> dict[str, Any]:
    return {"metadata": {"managedFields": list(changes)}}


@pytest.mark.parametrize(
    ("changes", "earlier"),
    [
        ([{"time": "2026-11-21T21:26:19Z"}], True),
        ([{"time": "2026-11-21T21:10:00Z"}], False),  # applied, and then it made no progress
        ([{"time": "2026-11-21T21:10:00Z"}, {"time": "2026-11-21T21:26:19Z", "subresource": "status"}], False),
        ([{"manager": "of old, without a time"}], False),
        ([], False),
    ],
)
def test_only_what_was_recorded_since_the_last_change_counts(changes: list[Mapping[str, str]], earlier: bool) -> None:
    assert _is_of_earlier(STUCK, deployment(*changes)) is earlier


def test_a_condition_without_a_time_counts() -> None:
    assert not _is_of_earlier({"type": "Progressing"}, deployment({"time": "2026-11-21T21:26:19Z"}))
