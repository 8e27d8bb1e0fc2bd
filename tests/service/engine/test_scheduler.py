"""Who is computed when; driven without a model."""

from __future__ import annotations

import asyncio

import pytest

from service.engine.block_pool import BlockPool
from service.engine.delta_queue import DeltaQueue
from service.engine.interface import GenerationRequest, Priority, SamplingParams
from service.engine.prefix_hash import PrefixHasher
from service.engine.request import Choice, Request
from service.engine.scheduler import Scheduler

_BLOCK = 4
_LOOP = asyncio.new_event_loop()
_HASHER = PrefixHasher(_BLOCK, secret=b"s")


def request(
    prompt: int,
    *,
    first: int = 0,
    rank: float = 0.0,
    salt: str = "",
    n: int = 1,
    priority: Priority = Priority.NORMAL,
) -> Request:
    tokens = tuple(range(first, first + prompt))
    asked = GenerationRequest("r", tokens, SamplingParams(n=n), priority=priority)
    return Request(asked, DeltaQueue(_LOOP), _HASHER.chain(tokens, salt), max_tokens=9, seed=0, rank=rank)


def scheduler(*, blocks: int = 100, running: int = 8, budget: int = 16) -> Scheduler:
    return Scheduler(BlockPool(blocks + 1), block_size=_BLOCK, max_running=running, token_budget=budget)


def step(at: Scheduler) -> dict[Choice, int]:
    """Plans a step and settles it: every choice whose turn it is writes a token."""
    shares = at.plan()
    for share in shares:
        sampled = share.samples
        at.computed(share)
        if sampled:
            share.choice.tokens.append(0)
    at.check()
    return {share.choice: share.count for share in shares}


def add(at: Scheduler, *requests: Request) -> list[Choice]:
    for each in requests:
        at.add(each.choices)
    return [each.choices[0] for each in requests]


def test_prompts_are_read_in_pieces_beside_those_that_write() -> None:
    at = scheduler()
    (writing,) = add(at, request(3))
    step(at)
    (reading,) = add(at, request(40, first=100))
    assert [step(at).get(reading) for _ in range(3)] == [15, 15, 10]
    assert step(at) == {writing: 1, reading: 1}


def test_better_ranks_go_first_and_waiting_makes_up_for_class() -> None:
    ageing_s = 10.0
    at = scheduler(running=1, budget=64)
    ranks = [now + ageing_s * priority for now, priority in ((0, Priority.BATCH), (5, Priority.NORMAL), (21, 0))]
    batch, normal, interactive = add(at, *(request(4, first=20 * n, rank=rank) for n, rank in enumerate(ranks)))
    order = []
    while not at.idle:
        (choice,) = step(at)
        order.append(choice)
        at.finish(choice)
    # The batch request has waited 21 s when the interactive one comes: more than two classes are worth.
    assert order == [normal, batch, interactive]


def test_the_worst_ranked_gives_its_blocks_back_and_goes_on_later() -> None:
    at = scheduler(blocks=4, budget=64)
    good, bad = add(at, request(7, rank=1.0), request(4, first=50, rank=2.0))
    assert step(at) == {good: 7, bad: 4}
    assert step(at) == {good: 1, bad: 1}
    assert step(at) == {good: 1}  # it needs a third block, and there are four
    assert (at.preemptions, bad.slot, bad.blocks, bad.computed, bad.pending) == (1, -1, [], 0, 6)
    at.finish(good)
    assert step(at) == {bad: 2}  # its first block was still to be found
    assert len(bad.blocks) == 2


def test_nobody_is_admitted_into_the_last_blocks() -> None:
    at = scheduler(blocks=4, budget=64)
    first, second = add(at, request(8), request(8, first=50))
    assert step(at) == {first: 8}
    at.finish(first)
    assert step(at) == {second: 8}


def test_what_is_known_is_not_computed_again_but_for_the_last_token() -> None:
    at = scheduler(budget=64)
    (first,) = add(at, request(12, salt="a"))
    step(at)
    same, other, longer = add(at, request(12, salt="a"), request(12, salt="b"), request(15, salt="a"))
    assert step(at) == {first: 1, same: 4, other: 12, longer: 3}
    assert same.blocks[:2] == longer.blocks[:2] == first.blocks[:2]
    assert (at.looked_up_tokens, at.found_tokens) == (12 + 12 + 12 + 15, 8 + 12)


def test_choices_share_their_prompt() -> None:
    at = scheduler(budget=64)
    wanted = request(9, n=3)
    at.add(wanted.choices[:1])
    step(at)
    at.add(wanted.choices[1:])
    step(at)
    assert len({tuple(choice.blocks[:2]) for choice in wanted.choices}) == 1
    assert len({choice.blocks[2] for choice in wanted.choices}) == 3


@pytest.mark.parametrize("when", ["waiting", "reading", "writing", "preempted"])
def test_finishing_frees_everything_wherever_it_is(when: str) -> None:
    at = scheduler(blocks=8, budget=8)
    (choice,) = add(at, request(16))
    for _ in range({"waiting": 0, "reading": 1, "writing": 4, "preempted": 1}[when]):
        step(at)
    if when == "preempted":
        at._leave(choice)
        at.add((choice,))
    at.finish(choice)
    at.finish(choice)
    assert at.plan() == []
    assert at.idle
    at.check()


def test_a_request_of_many_choices_leaves_half_of_the_places_to_those_who_wait() -> None:
    at = scheduler(running=4, budget=64)
    many = request(4, n=8)
    at.add(many.choices)
    (other,) = add(at, request(4, first=50, rank=9.0))
    step(at)
    assert [choice.index for choice in at.running if choice.request is many] == [0, 1, 2]
    assert other in at.running
    at.finish(other)
    step(at)
    assert {choice.request for choice in at.running} == {many}


def test_a_request_that_holds_all_places_makes_way_down_to_its_half() -> None:
    at = scheduler(running=4, budget=64)
    many = request(4, n=8)
    at.add(many.choices)
    assert len(step(at)) == 4
    others = add(at, *(request(4, first=50 + 10 * number, rank=9.0 + number) for number in range(3)))
    planned = step(at)
    assert [choice.index for choice in planned if choice.request is many] == [0, 1]
    assert [choice in planned for choice in others] == [True, True, False]
    assert at.preemptions == 2
    at.finish(others[0])
    planned = step(at)
    assert [choice in planned for choice in others] == [False, True, True]
    for choice in others[1:]:
        at.finish(choice)
    assert {choice.index: count for choice, count in step(at).items()} == {0: 1, 1: 1, 2: 1, 3: 1}  # found again


def test_a_better_class_takes_the_place_of_a_worse_one_that_has_not_waited_long() -> None:
    at = scheduler(running=2, budget=64)
    old, young = add(
        at,
        request(4, rank=5.0, priority=Priority.BATCH),
        request(4, first=20, rank=25.0, priority=Priority.BATCH),
    )
    step(at)
    same_class, urgent, later = add(
        at,
        request(4, first=40, rank=9.0, priority=Priority.BATCH),
        request(4, first=60, rank=10.0, priority=Priority.INTERACTIVE),
        request(4, first=80, rank=11.0, priority=Priority.INTERACTIVE),
    )
    assert step(at).keys() == {
        old,
        young,
    }  # the best-ranked that waits is of no better class, and others wait behind it
    at.finish(same_class)
    assert step(at).keys() == {old, urgent}
    assert (at.preemptions, at.waiting) == (1, (later, young))
    assert step(at).keys() == {old, urgent}  # who came long before a better class keeps its place
    at.finish(urgent)
    assert step(at).keys() == {old, later}


def test_a_better_class_takes_blocks_only_where_they_are_enough() -> None:
    at = scheduler(blocks=8, budget=64)
    first, batch = add(
        at,
        request(15, rank=1.0, priority=Priority.INTERACTIVE),
        request(7, first=50, rank=30.0, priority=Priority.BATCH),
    )
    step(at)
    (large,) = add(at, request(20, first=100, rank=9.0, priority=Priority.INTERACTIVE))
    assert step(at).keys() == {first, batch}  # even without the batch request there would be no room for it
    assert at.preemptions == 0
    at.finish(large)
    (small,) = add(at, request(5, first=200, rank=10.0, priority=Priority.INTERACTIVE))
    assert step(at) == {first: 1, small: 5}
    assert (at.preemptions, batch.slot, batch.blocks) == (1, -1, [])


def test_what_was_given_up_while_it_waited_is_not_kept() -> None:
    at = scheduler(running=1)
    add(at, request(4))
    step(at)
    waiting = add(at, *(request(4, first=10 * number, rank=number) for number in range(1, 101)))
    for choice in waiting[1:]:
        at.finish(choice)
    assert len(at._waiting) < 3
    assert at.waiting == (waiting[0],)


def test_only_what_runs_holds_a_copy_of_its_prompt() -> None:
    at = scheduler(running=1)
    first, second = add(at, request(4), request(4, first=50))
    assert (first.tokens, second.tokens) == ([], [])
    step(at)
    assert (len(first.tokens), second.tokens) == (5, [])
    at.finish(first)
    assert first.tokens == []
