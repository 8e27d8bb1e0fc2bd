from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.training.schedule import WARM_UP_STEPS, Schedule


@given(step=st.integers(0, 10_000), now=st.floats(0, 10_000))
def test_a_rate_is_a_share(step: int, now: float) -> None:
    for schedule in (Schedule(5_000, None), Schedule(None, 5_000.0, 1_500.0)):
        assert 0.0 <= schedule.factor(step, now) <= 1.0


def test_warm_up_stable_decay_by_steps() -> None:
    schedule = Schedule(steps=1_000, deadline_s=None)
    factors = [schedule.factor(step, 0.0) for step in range(1_001)]
    assert factors[0] == 1 / WARM_UP_STEPS
    assert factors[WARM_UP_STEPS:700] == [1.0] * (700 - WARM_UP_STEPS)
    assert factors[850] == pytest.approx(0.5)
    assert factors[1_000] == 0.0
    assert factors[700:] == sorted(factors[700:], reverse=True)
    assert not schedule.ended(999, 1e9)
    assert schedule.ended(1_000, 0.0)


def test_a_deadline_decays_by_the_clock_however_many_steps_were_made() -> None:
    schedule = Schedule(steps=None, deadline_s=1_000.0, decay_s=300.0)
    assert schedule.factor(500, 699.0) == 1.0
    assert schedule.factor(500, 850.0) == pytest.approx(0.5)
    assert schedule.factor(9_999, 850.0) == pytest.approx(0.5)
    assert schedule.factor(500, 1_000.0) == 0.0
    assert not schedule.ended(10**9, 999.0)
    assert schedule.ended(0, 1_000.0)


@pytest.mark.parametrize(("steps", "deadline"), [(None, None), (1, 1.0)])
def test_a_schedule_has_one_end(steps: int | None, deadline: float | None) -> None:
    with pytest.raises(ValueError, match="either a number of steps or a deadline"):
        Schedule(steps, deadline)
