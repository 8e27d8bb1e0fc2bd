"""What a drill releases, and what has to become of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from release.gate.verdict import UPDATE_CHECK
from release.steps import Step


class ServerImage(StrEnum):
    """A model server's image, by what is wrong with it."""

    GOOD = "good"
    CRASH_LOOP = "crash-loop"
    CRASH_UNDER_LOAD = "crash-under-load"
    WRONG_ANSWERS = "wrong-answers"
    SLOW = "slow"
    ERRORS = "errors"
    MISSING = "missing"


@dataclass(frozen=True)
class Scenario:
    """One release.

    Attributes:
        name: Its name.
        told: What is released, or goes wrong, in words.
        server: The server's image.
        gateway_missing: Whether a gateway goes along whose image the canary's node can't get, and the others' can.
        loses_cluster: Whether the canary's cluster is killed, all of it at once, in the middle of the update.
        dies_at: Where `fleet release deploy` is killed; then `--resume` goes on. Nowhere if empty.
        noisy: Whether clients come in bursts meanwhile.
        caught_by: Checks of which at least one has to refuse it; none if it is good.
    """

    name: str
    told: str
    server: ServerImage
    gateway_missing: bool = False
    loses_cluster: bool = False
    dies_at: str = ""
    noisy: bool = False
    caught_by: frozenset[str] = frozenset()

    @property
    def good(self) -> bool:
        """Whether it has to be released everywhere."""
        return not self.caught_by


GOOD: Final = Scenario("good", "a good digest", ServerImage.GOOD)
_ERRORS: Final = frozenset({"error rate (probe)"})
BAD: Final = (
    Scenario(
        "crash-loop",
        "a server that ends as it starts",
        ServerImage.CRASH_LOOP,
        caught_by=frozenset({UPDATE_CHECK}),
    ),
    Scenario(
        "crash-under-load",
        "a server that becomes ready, and dies of every 31st request",
        ServerImage.CRASH_UNDER_LOAD,
        caught_by=frozenset({"crash loops", "error rate (probe)", "completion"}),
    ),
    Scenario(
        "wrong-answers",
        "logits that are off, as by wrong weights",
        ServerImage.WRONG_ANSWERS,
        caught_by=frozenset({"log-probabilities"}),
    ),
    Scenario(
        "slow",
        "three times the latency",
        ServerImage.SLOW,
        caught_by=frozenset({"latency (probe)", "throughput (probe)"}),
    ),
    Scenario("errors", "20 % of requests answered with 500", ServerImage.ERRORS, caught_by=_ERRORS),
    Scenario("missing-image", "a digest that does not exist", ServerImage.MISSING, caught_by=frozenset({UPDATE_CHECK})),
    Scenario(
        "half-way",
        "good digests, and the canary can't get the gateway's: its update fails with the server changed already",
        ServerImage.GOOD,
        gateway_missing=True,
        caught_by=frozenset({UPDATE_CHECK}),
    ),
    Scenario(
        "cluster-lost",
        "a good digest, and the canary's cluster is killed in the middle of the update",
        ServerImage.GOOD,
        loses_cluster=True,
        caught_by=frozenset({UPDATE_CHECK}),
    ),
)
KILLED_AT: Final = ("update:done", "revert:announced")
"""Where the driver is killed by default: once on its way forth, once on its way back."""
_BACK: Final = (Step.RESTORE, Step.REVERT, Step.VERIFY, Step.NOTE)


def killed(point: str) -> Scenario:
    """Give the release whose driver is killed at a point, one of `release.steps.fault_points`."""
    back = point == "rollback:decided" or point.partition(":")[0] in _BACK
    return Scenario(
        f"killed-at-{point.replace(':', '-')}",
        f"{'20 % of errors' if back else 'a good digest'}, its driver killed at {point}, then --resume",
        ServerImage.ERRORS if back else ServerImage.GOOD,
        dies_at=point,
        caught_by=_ERRORS if back else frozenset(),
    )


def healthy(number: int) -> Iterator[Scenario]:
    """Give good releases beside bursts of clients."""
    for each in range(1, number + 1):
        yield Scenario(f"healthy-{each}", "a good digest, clients coming in bursts", ServerImage.GOOD, noisy=True)
