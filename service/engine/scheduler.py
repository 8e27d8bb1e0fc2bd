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
"""

from __future__ import annotations

import heapq
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

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
        shares: dict[Choice, Share] = {}
        budget = self._token_budget
        for choice in sorted(self._running, key=_decoding_first):
            count = min(choice.pending, budget)
            if choice.slot < 0 or count == 0:
                continue  # it had to make room for one before it; or the budget is used up
            budget += self._make_room(choice, count, shares)
            if choice.slot >= 0:
                shares[choice] = Share(choice, count, starts=False)
                budget -= count
        while budget > 0 and (admitted := self._admit()) is not None:
            count = min(admitted.pending, budget)
            shares[admitted] = Share(admitted, count, starts=True)
            budget -= count
        return list(shares.values())

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

    def _make_room(self, choice: Choice, count: int, shares: dict[Choice, Share]) -> int:
        """Gets a choice the blocks for its next tokens.

        Returns:
            The tokens that came free because choices with a share in this step had to leave, maybe the choice itself.
        """
        needed = self._blocks_for(choice.computed + count) - len(choice.blocks)
        freed = 0
        while needed > self._pool.available and choice.slot >= 0:
            victim = max(self._running, key=_rank)
            self._leave(victim)
            self.preemptions += 1
            self.add((victim,))
            if (share := shares.pop(victim, None)) is not None:
                freed += share.count
        if needed > 0 and choice.slot >= 0:
            choice.blocks += self._pool.allocate(needed)
        return freed

    def _admit(self) -> Choice | None:
        """The best-ranked waiting choice with all the blocks of what it has to compute, or None if there is no room."""
        while self._waiting and not self._waiting[0][-1].queued:
            heapq.heappop(self._waiting)
            self._dead -= 1
        if not self._waiting or not self._slots:
            return None
        entry = self._next_entry()
        choice = entry[-1]
        known = choice.known
        # At least one token has to be computed, or there are no logits to go on with.
        reusable = (len(known) - 1) // self._block_size
        found = [] if choice.chain is None else self._pool.find(choice.chain.extend(known)[:reusable])
        needed = self._blocks_for(len(known)) - len(found)
        # Each that runs may need another block soon. Admitting into the last ones would mean preempting at once.
        if needed + len(self._running) > self._pool.available and self._running:
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

    def _next_entry(self) -> _Entry:
        """The best-ranked waiting choice whose request doesn't hold more than its part, or else the best-ranked."""
        first = self._waiting[0]
        if first[-1].request.asked.sampling.n <= self._most_of_one:
            return first
        held = Counter(choice.request for choice in self._running)
        if held[first[-1].request] < self._most_of_one:
            return first
        fitting = (e for e in self._waiting if e[-1].queued and held[e[-1].request] < self._most_of_one)
        return min(fitting, default=first)

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
