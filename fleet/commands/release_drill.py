"""`fleet release drill`: good and bad releases through three regions that really serve."""

import os
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fleet import console

if TYPE_CHECKING:
    from fleet.release_drill.scenario import Scenario

_COLUMNS = ["release", "end", "caught in", "by", "after", "back in", "of it rollout", "untouched", ""]
HELP = """Release good and bad digests to three regions of this machine, and see what becomes of them.

Each region is a stack of its own with an embedded Kubernetes whose pods really serve; `fleet release deploy` goes
through them wave by wave. A good digest has to pass everywhere. Each bad one (a crash loop, one under load, wrong
answers, three times the latency, 20 % of errors, an image that doesn't exist, an update that fails half way, a cluster
that is lost meanwhile) has to be refused in the canary's wave, and the canary has to be back within 60 s beyond its
rollout's own time. A driver that is killed is taken up by --resume, to the same end.

Needs root, 8 GB of memory, and nothing else to do on the machine: latencies are judged. The regions live in a folder of
their own and are ended afterwards. Ends with 1 if anything isn't as it has to be.

Examples:

    fleet release drill
    fleet release drill --only slow --only errors
    fleet release drill --only good --healthy 20              # no false alarm?
    fleet release drill --kill-at gate:done --kill-at record:announced
    fleet release drill --report drill.json --json
"""


def drill(
    only: Annotated[list[str] | None, typer.Option(help="Only these, by name; see --list")] = None,
    kill_at: Annotated[
        list[str] | None, typer.Option(help="Points at which a driver is killed; by default one forth and one back")
    ] = None,
    healthy: Annotated[int, typer.Option(min=0, help="So many more good releases, clients coming in bursts")] = 0,
    waves: Annotated[Path | None, typer.Option(help="Plan whose gate judges; by default release/waves.yaml")] = None,
    report: Annotated[Path | None, typer.Option(help="Also write the findings to this file")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the regions up; the next drill ends them")] = False,
    list_only: Annotated[bool, typer.Option("--list", help="Only list what would be released")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program")] = False,
) -> None:
    """Drill."""
    from fleet.release_drill.drill import ReleaseDrill  # noqa: PLC0415 - the engine's part, not needed for --help
    from fleet.release_drill.report import written  # noqa: PLC0415
    from fleet.release_run import plan_of  # noqa: PLC0415
    from toolchain.locations import state_dir  # noqa: PLC0415

    scenarios = _chosen(only or (), kill_at, healthy)
    if list_only:
        rows = [{"scenario": each.name, "released": each.told} for each in scenarios]
        console.result(rows, ["scenario", "released"], as_json=as_json)
        return
    if os.geteuid() != 0:
        raise console.FleetError("a drill's regions have embedded clusters, which take namespaces and mounts: use sudo")
    rows: list[Mapping[str, Any]] = []
    try:
        with ReleaseDrill.raised(state_dir() / "release-drill", plan_of(waves).gate, console.step, keep=keep) as raised:
            for finding in raised.play(scenarios):
                rows.append(finding.row)
                for problem in finding.problems:
                    console.error(f"{finding.scenario.name}: {problem}")
    finally:  # what was found until it was interrupted, or failed
        if report is not None and rows:
            console.note(f"written: {written(report, rows)}")
        if as_json:
            console.json_result(rows)
        elif rows:
            console.table(_COLUMNS, [_cells(row) for row in rows])
    if bad := [row["scenario"] for row in rows if row["problems"]]:
        raise console.FleetError(f"{len(bad)} of {len(rows)} releases didn't end as they have to: {', '.join(bad)}")
    console.step(f"all of {len(rows)} releases ended as they have to")


def _chosen(only: Sequence[str], kill_at: Sequence[str] | None, healthy: int) -> "list[Scenario]":
    """Give the wanted scenarios in their order.

    Raises:
        FleetError: there is no scenario, or no point, of a name.
    """
    from fleet.release_drill import scenario  # noqa: PLC0415
    from release.steps import fault_points  # noqa: PLC0415

    points = scenario.KILLED_AT if kill_at is None else kill_at
    _check_names("--kill-at", points, list(fault_points()))
    every = [scenario.GOOD, *scenario.BAD, *(scenario.killed(point) for point in points)]
    _check_names("--only", only, [each.name for each in every])
    return [*(each for each in every if not only or each.name in only), *scenario.healthy(healthy)]


def _check_names(option: str, given: Sequence[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}"
            raise console.FleetError(f"{option} {name}: {hint}")


def _cells(row: Mapping[str, Any]) -> Sequence[str]:
    first, *others = row["caught_by"] or ["-"]
    return [
        row["scenario"],
        row["outcome"],
        row["caught_in"] or "-",
        first + (f" (+{len(others)})" if others else ""),
        *(_seconds(row[key]) for key in ("detected_s", "restored_s", "rollout_s")),
        f"{len(row['untouched'])} of {len(row['clients'])}",
        "as it has to be" if not row["problems"] else "WRONG",
    ]


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} s"
