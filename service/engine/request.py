"""An admitted request and its choices: what the engine's loop knows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.engine.delta_queue import DeltaQueue
    from service.engine.interface import GenerationRequest
    from service.engine.prefix_hash import HashChain
    from service.engine.text import ChoiceText


class Request:
    """A request on its way through the engine.

    Attributes:
        asked: what was asked for.
        stream: where its deltas go.
        max_tokens: most new tokens of a choice.
        seed: of its random numbers.
        grammar: the form of its text, compiled, if any.
        rank: lower goes first, among all requests; fixed at admission.
        arrived: when it was admitted, in seconds of the loop's clock.
        queue_s: how long it has waited for its turn; None while it does.
        choices: one for each of its `n`.
        finished: it is over, however it ended.
        cached_tokens: prompt tokens that the cache saved, over the first choice.
        shown_tokens: tokens of all choices that are out; belongs to the thread that writes text.
        open_choices: choices whose text isn't over; belongs to that thread.
    """

    __slots__ = (
        "arrived",
        "asked",
        "cached_tokens",
        "choices",
        "finished",
        "grammar",
        "max_tokens",
        "open_choices",
        "queue_s",
        "rank",
        "seed",
        "shown_tokens",
        "stream",
    )

    def __init__(
        self,
        asked: GenerationRequest,
        stream: DeltaQueue,
        chain: HashChain | None,
        *,
        max_tokens: int,
        seed: int,
        rank: float,
        arrived: float = 0.0,
        grammar: str | None = None,
    ) -> None:
        self.asked = asked
        self.stream = stream
        self.max_tokens = max_tokens
        self.seed = seed
        self.rank = rank
        self.arrived = arrived
        self.queue_s: float | None = None
        self.grammar = grammar
        self.finished = False
        self.cached_tokens = 0
        self.shown_tokens = 0
        self.open_choices = asked.sampling.n
        self.choices = tuple(Choice(self, index, chain and chain.copy()) for index in range(asked.sampling.n))


class Choice:
    """One continuation of a request's prompt.

    Attributes:
        request: whose.
        index: which.
        tokens: prompt and what was generated; none before it first runs, nor once it is over, so that what waits
            and what is done hold no copies of the prompt.
        computed: how many of its first tokens have their keys and values in its blocks.
        blocks: of the cache, first to last.
        chain: hashes of its full blocks; None where none of them is to be found again.
        published: how many of its first blocks can be found by others.
        slot: its place in the runner's tables while it runs, else -1.
        begun: whether it has ever run.
        queued: whether it waits for its turn.
        finished: it is over, as far as the engine's thread knows.
        text: what it has written; belongs to the thread that writes text.
    """

    __slots__ = (
        "begun",
        "blocks",
        "chain",
        "computed",
        "finished",
        "index",
        "published",
        "queued",
        "request",
        "slot",
        "text",
        "tokens",
    )

    def __init__(self, request: Request, index: int, chain: HashChain | None) -> None:
        self.request = request
        self.index = index
        self.tokens: list[int] = []
        self.computed = 0
        self.blocks: list[int] = []
        self.chain = chain
        self.published = 0
        self.slot = -1
        self.begun = False
        self.queued = False
        self.finished = False
        self.text: ChoiceText | None = None

    @property
    def known(self) -> Sequence[int]:
        """What `tokens` are, or will be when it first runs."""
        return self.tokens if self.begun else self.request.asked.prompt_token_ids

    def begin(self) -> None:
        """It runs for the first time."""
        self.begun = True
        self.tokens = list(self.request.asked.prompt_token_ids)

    def finish(self) -> None:
        """It is over, and its tokens are with whoever reads them."""
        self.finished = True
        self.tokens = []
        self.chain = None

    @property
    def pending(self) -> int:
        """Tokens that are to be computed before the next one is known."""
        return len(self.tokens) - self.computed

    @property
    def generated(self) -> int:
        """Tokens that were generated."""
        return len(self.tokens) - len(self.request.asked.prompt_token_ids)
