"""What a rehearsed region's `up` costs: from nothing, and with nothing to change, by whose time it is.

The bars are of seconds on two cores: 30 for a full one beyond the start of its API server, 12 where nothing is to
change. So API servers are left out here (`--clusters remembered`), the policy pack is on, and a private region's two
phases count as one. The peer is an empty program's `up` in the same kind of account: what the engine, a language host
and the pack cost by themselves. Where the seconds go is told of one more round, watched: that costs a few itself.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import report
from benchmarks.stand_ins import Watch, write_program
from fleet.policies import policy_arguments
from fleet.rehearse import Identity, Rehearsal
from fleet.stacks import stack_file
from infra.config import from_stack_file
from rehearsal.world import World

STACKS: Final = ("aws-us-east-1", "azure-westeurope", "gcp-europe-west4")
ROUNDS: Final = 3
BAR_FULL_S: Final = 30.0
BAR_SAME_S: Final = 12.0
_PEER: Final = "peer"


@dataclass(frozen=True)
class Took:
    """One operation.

    Attributes:
        wall_s: seconds from its call to its end.
        cpu_s: processor time of all that it started.
    """

    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class Ups:
    """An `up` from nothing, and another one after it.

    Attributes:
        full: the first.
        same: the second, which finds nothing to change.
        resources: how many the first made.
    """

    full: Took
    same: Took
    resources: int


def main() -> int:
    """Measure, print and write."""
    if os.getsid(0) != os.getpid():  # a session of its own, by which its processes are told from others
        return subprocess.run(
            [sys.executable, "-m", "benchmarks.region_up"], start_new_session=True, check=False
        ).returncode
    with tempfile.TemporaryDirectory(prefix="modelfleet-bench-") as name:
        folder = Path(name)
        write_program(folder / "program", [])
        peer = [_ups(folder, _PEER, project=folder / "program") for _ in range(ROUNDS)]
        measured = {stack: [_ups(folder, stack) for _ in range(ROUNDS)] for stack in STACKS}
        watched = {stack: _watched(folder, stack) for stack in STACKS}
    worst_full = max(statistics.median(each.full.wall_s for each in rounds) for rounds in measured.values())
    worst_same = max(statistics.median(each.same.wall_s for each in rounds) for rounds in measured.values())
    file = report.write(
        "region_up",
        {
            "rounds": ROUNDS,
            "load_before": round(os.getloadavg()[0], 1),
            "empty_program": _figures(peer),
            "regions": {stack: _figures(rounds) for stack, rounds in measured.items()},
            "ratio_to_empty_program": {
                stack: {
                    "full": round(_median(rounds, _full_s) / _median(peer, _full_s), 2),
                    "same": round(_median(rounds, _same_s) / _median(peer, _same_s), 2),
                }
                for stack, rounds in measured.items()
            },
            "cpu_by_part_s": watched,
            "bars": {"full_s": BAR_FULL_S, "same_s": BAR_SAME_S},
        },
    )
    for stack, rounds in measured.items():
        print(  # noqa: T201
            f"{stack}: {rounds[0].resources} resources in {_median(rounds, _full_s):.1f} s (bar: {BAR_FULL_S:.0f}), "
            f"nothing to change in {_median(rounds, _same_s):.1f} s (bar: {BAR_SAME_S:.0f})"
        )
    print(file)  # noqa: T201
    return 0 if worst_full <= BAR_FULL_S and worst_same <= BAR_SAME_S else 1


def _ups(folder: Path, stack: str, *, project: Path | None = None) -> Ups:
    """Bring a stack up in an empty account, and once more."""
    world = World(folder / f"world-{stack}")
    with world.held():
        world.forget()
        rehearsal = _opened(stack, world, project)
        full = _timed(rehearsal.up)
        resources = sum(each["number"] for each in rehearsal.holdings())
        return Ups(full, _timed(rehearsal.up), int(resources))


def _watched(folder: Path, stack: str) -> Mapping[str, Mapping[str, float]]:
    """Tell whose the processor time of both operations is."""
    world = World(folder / f"world-{stack}")
    told = {}
    with world.held():
        world.forget()
        rehearsal = _opened(stack, world, None)
        for name in ("full", "same"):
            with Watch(os.getsid(0)) as watch:
                rehearsal.up()
            told[name] = {part: round(used_s, 2) for part, used_s in sorted(watch.cpu_by_part_s().items())}
    return told


def _opened(stack: str, world: World, project: Path | None) -> Rehearsal:
    identity = Identity("111122223333", "us-east-1")
    if project is None:
        settings = from_stack_file(stack_file(stack))
        identity = Identity(settings.account, settings.region)
    return Rehearsal.open(stack, world, identity, project=project, policies=policy_arguments())


def _timed(operate: Callable[[], object]) -> Took:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    operate()
    wall_s, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Took(wall_s, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def _figures(rounds: list[Ups]) -> Mapping[str, object]:
    return {
        "resources": rounds[0].resources,
        "full": {**report.spread([each.full.wall_s for each in rounds]), "cpu_s": _median(rounds, _full_cpu_s)},
        "same": {**report.spread([each.same.wall_s for each in rounds]), "cpu_s": _median(rounds, _same_cpu_s)},
    }


def _median(rounds: list[Ups], of: Callable[[Ups], float]) -> float:
    return round(statistics.median(of(each) for each in rounds), 2)


def _full_s(ups: Ups) -> float:
    return ups.full.wall_s


def _same_s(ups: Ups) -> float:
    return ups.same.wall_s


def _full_cpu_s(ups: Ups) -> float:
    return ups.full.cpu_s


def _same_cpu_s(ups: Ups) -> float:
    return ups.same.cpu_s


if __name__ == "__main__":
    sys.exit(main())
