"""Which tokens are computed in the next step.

Each step has a budget of tokens. Choices that decode come first, with one token each, so that a long prompt never
holds up a stream; what is left goes to prompts, in pieces. New choices are admitted while there are places, tokens and
blocks left. When a running choice needs a block and there is none, the worst-ranked one gives all of its blocks back
and starts again later: its tokens are known, so this costs time and changes nothing (and often its blocks are still to
be found).

Rank is the time of arrival plus a delay that grows with the priority class. Between two requests it never changes, and
yet it is ageing: one that has waited longer than the delay goes before a newcomer of a better class, so none starves.

A request of many choices gets at most half of the places while choices of others wait: those go before its next ones,
whatever their rank.

A choice that waits may also take what others have begun with: the places and blocks of a worse class that comes after
it in rank, and those of a request that holds more than its half. Since ranks never change, a choice makes way for a
better class only while it is younger than the delay between the two; who has waited long can't be pushed out for ever.
"""

from __future__ import annotations

import heapq
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from service.engine.block_pool import BlockPool
    from service.engine.request import Choice

_Entry: TypeAlias = "tuple[float, int, int, Choice]"


class Share(NamedTuple):
    """A choice's part of a step.

    Attributes:
        choice: whose.
        count: how many of its pending tokens are computed.
        starts: whether it wasn't running before this step, so that the runner doesn't know it.
    """

    choice: Choice
    count: int
    starts: bool

    @property
    def samples(self) -> bool:
        """Whether the choice's next token is known after it."""
        return self.choice.pending == self.count


class _Plan:
    """A step while it is planned.

    Attributes:
        left: of its budget of tokens.
        shares: of the choices that have one so far.
    """

    __slots__ = ("left", "shares")

    def __init__(self, budget: int) -> None:
        self.left = budget
        self.shares: dict[Choice, Share] = {}

    def include(self, choice: Choice, *, starts: bool) -> None:
        """Gives a choice as many of its pending tokens as are left."""
        share = Share(choice, min(choice.pending, self.left), starts)
        self.shares[choice] = share
        self.left -= share.count

    def exclude(self, choice: Choice) -> None:
        """Takes a choice's share back, if it has one."""
        if (share := self.shares.pop(choice, None)) is not None:
            self.left += share.count


class Scheduler:
    """Holds all choices that aren't finished. Belongs to the engine's thread.

    Attributes:
        preemptions: how often a choice had to give its blocks back.
        looked_up_tokens: tokens that were looked for in the cache.
        found_tokens: those of them that it held.
    """

    def __init__(self, pool: BlockPool, *, block_size: int, max_running: int, token_budget: int) -> None:
        """Makes a scheduler.

        Args:
            pool: where blocks come from.
            block_size: positions of a block.
            max_running: most choices that run at once.
            token_budget: most tokens of a step.
        """
        self._pool = pool
        self._block_size = block_size
        self._token_budget = token_budget
        self._slots = list(range(max_running - 1, -1, -1))
        self._most_of_one = max(1, max_running // 2)
        self._waiting: list[_Entry] = []
        # Of those, finished ones that are still there.
        self._dead = 0
        self._arrivals = 0
        self._running: list[Choice] = []
        self.preemptions = 0
        self.looked_up_tokens = 0
        self.found_tokens = 0

    @property
    def running(self) -> tuple[Choice, ...]:
        """Choices that hold blocks."""
        return tuple(self._running)

    @property
    def waiting(self) -> tuple[Choice, ...]:
        """Choices that hold none: new ones, and those that gave theirs back."""
        return tuple(entry[-1] for entry in tuple(self._waiting) if not entry[-1].finished)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to compute."""
        return not self._running and not self._waiting

    def add(self, choices: Iterable[Choice]) -> None:
        """Queues choices by their rank."""
        for choice in choices:
            self._arrivals += 1
            choice.queued = True
            heapq.heappush(self._waiting, (choice.request.rank, choice.index, self._arrivals, choice))

    def finish(self, choice: Choice) -> None:
        """Takes a choice out, wherever it is, and frees what it holds. May be repeated."""
        if choice.slot >= 0:
            self._leave(choice)
        if choice.queued:
            choice.queued = False
            self._dead += 1
            # In the middle of a heap nothing can be taken out; so, not for each one.
            if 2 * self._dead > len(self._waiting):
                self._waiting = [entry for entry in self._waiting if entry[-1].queued]
                heapq.heapify(self._waiting)
                self._dead = 0
        choice.finish()

    def plan(self) -> list[Share]:
        """The next step; empty when there is nothing to compute."""
        plan = _Plan(self._token_budget)
        for choice in sorted(self._running, key=_decoding_first):
            # One that is before it may have taken its blocks meanwhile.
            if plan.left > 0 and choice.slot >= 0 and self._make_room(choice, plan):
                plan.include(choice, starts=False)
        while plan.left > 0 and (admitted := self._admit(plan)) is not None:
            plan.include(admitted, starts=True)
        return list(plan.shares.values())

    def computed(self, share: Share) -> None:
        """A share's keys and values are in their blocks: full ones can be found from now on."""
        choice = share.choice
        choice.computed += share.count
        full = choice.computed // self._block_size
        if choice.chain is not None and full > choice.published:
            hashes = choice.chain.extend(choice.tokens)
            for index in range(choice.published, full):
                self._pool.publish(choice.blocks[index], hashes[index])
            choice.published = full

    def check(self) -> None:
        """Compares the pool's books with what the running choices hold; raises `IntegrityError`."""
        self._pool.check(choice.blocks for choice in self._running)

    def _make_room(self, choice: Choice, plan: _Plan) -> bool:
        """Gets a choice the blocks for its next tokens; False where it had to give its own back for others."""
        count = min(choice.pending, plan.left)
        needed = self._blocks_for(choice.computed + count) - len(choice.blocks)
        while needed > self._pool.available and choice.slot >= 0:
            self._preempt(max(self._running, key=_rank), plan)
        if choice.slot < 0:
            return False
        if needed > 0:
            choice.blocks += self._pool.allocate(needed)
        return True

    def _preempt(self, choice: Choice, plan: _Plan) -> None:
        """Makes a running choice give back what it holds; it is computed again when its turn comes."""
        self._leave(choice)
        self.preemptions += 1
        self.add((choice,))
        plan.exclude(choice)

    def _admit(self, plan: _Plan) -> Choice | None:
        """The best-ranked waiting choice with all the blocks of what it has to compute, or None if there is no room."""
        entry = self._next_entry()
        if entry is None:
            return None
        choice = entry[-1]
        known = choice.known
        # At least one token has to be computed, or there are no logits to go on with.
        reusable = (len(known) - 1) // self._block_size
        found = [] if choice.chain is None else self._pool.find(choice.chain.extend(known)[:reusable])
        needed = self._blocks_for(len(known)) - len(found)
        if not self._fits(needed) and not self._make_way(choice, needed, plan):
            self._pool.release(found)
            return None
        self._take_out(entry)
        choice.blocks = found + self._pool.allocate(needed)
        choice.computed = len(found) * self._block_size
        choice.published = len(found)
        choice.slot = self._slots.pop()
        self._running.append(choice)
        if choice.chain is not None:
            self.looked_up_tokens += len(known)
        self.found_tokens += choice.computed
        if not choice.begun:
            choice.begin()
            if choice.index == 0:
                choice.request.cached_tokens = choice.computed
        return choice

    def _next_entry(self) -> _Entry | None:
        """The best-ranked waiting choice whose request doesn't hold more than its part, or else the best-ranked."""
        while self._waiting and not self._waiting[0][-1].queued:
            heapq.heappop(self._waiting)
            self._dead -= 1
        if not self._waiting:
            return None
        first = self._waiting[0]
        if first[-1].request.asked.sampling.n <= self._most_of_one:
            return first
        held = Counter(choice.request for choice in self._running)
        if held[first[-1].request] < self._most_of_one:
            return first
        fitting = (e for e in self._waiting if e[-1].queued and held[e[-1].request] < self._most_of_one)
        return min(fitting, default=first)

    def _fits(self, blocks: int, without: Sequence[Choice] = ()) -> bool:
        """Whether there is a place and blocks for one more choice, if some that run made way."""
        running = len(self._running) - len(without)
        available = self._pool.available + self._pool.freed_by(choice.blocks for choice in without)
        # Each that runs may need another block soon. Admitting into the last ones would mean preempting at once.
        return bool(self._slots or without) and (running == 0 or blocks + running <= available)

    def _make_way(self, choice: Choice, blocks: int, plan: _Plan) -> bool:
        """Preempts no more than it takes to admit a waiting choice, and nobody if that can't be enough."""
        yielding = self._yielding_to(choice)
        if not yielding or not self._fits(blocks, yielding):
            return False
        for victim in yielding:
            self._preempt(victim, plan)
            if self._fits(blocks):
                break
        return True

    def _yielding_to(self, choice: Choice) -> list[Choice]:
        """Running choices that have to make way for a waiting one where there is no room, worst-ranked first."""
        held = Counter(each.request for each in self._running)
        waiting = choice.request
        if held[waiting] >= self._most_of_one:
            return []
        yielding: list[Choice] = []
        for each in sorted(self._running, key=_rank, reverse=True):
            request = each.request
            worse = request.asked.priority > waiting.asked.priority and request.rank > waiting.rank
            if request is not waiting and (worse or held[request] > self._most_of_one):
                held[request] -= 1
                yielding.append(each)
        return yielding

    def _take_out(self, entry: _Entry) -> None:
        entry[-1].queued = False
        if entry is self._waiting[0]:
            heapq.heappop(self._waiting)
        else:
            self._waiting = [other for other in self._waiting if other is not entry]
            heapq.heapify(self._waiting)

    def _leave(self, choice: Choice) -> None:
        self._running.remove(choice)
        self._slots.append(choice.slot)
        self._pool.release(choice.blocks)
        choice.slot, choice.blocks, choice.computed, choice.published = -1, [], 0, 0

    def _blocks_for(self, tokens: int) -> int:
        return -(-tokens // self._block_size)


def _rank(choice: Choice) -> tuple[float, int]:
    return choice.request.rank, choice.index


def _decoding_first(choice: Choice) -> tuple[bool, float, int]:
    return choice.pending > 1, choice.request.rank, choice.index
