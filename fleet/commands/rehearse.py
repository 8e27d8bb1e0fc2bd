"""`fleet rehearse`: a stack's life against simulated clouds."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fleet import console
from rehearsal.clusters.mode import ClusterMode, usual_mode

if TYPE_CHECKING:
    from fleet.engine import Summary
    from fleet.faults import Weathered
    from fleet.life import Played
    from fleet.rehearse import Rehearsal
    from fleet.timeline import Timeline
    from infra.config import StackSettings
    from rehearsal.scenario import Scenario

_REHEARSE = """Bring a cloud's stack up in a simulated account; nothing outside of this machine is touched.

The real engine runs the real program: up, then a preview that must find nothing to change. Each rehearsal begins in an
empty account; --continue goes on from what the last one left.

With --lifecycle the last stack lives a whole life instead: up, nothing to change, a tenant added, a GPU pool's machine
changed, down with its data, up again. What each act must do and leave alone is checked; the stacks named before it are
brought up first, and must be untouched at the end.

With --scenario the simulated clouds refuse, stock out, time out or die as the file says; what it changes behind the
engine's back is found by a refresh and put right by another update. An update that fails is repeated until one doesn't,
as long as each met another fault.

With --faults each creation, change and deletion of the last stack fails once, in a way that --seed draws, and the
engine is killed at every tenth. The stack must become what it is without them; --sample fails so many of each only,
and with --isolated each of these in a life of its own, in which nothing else goes wrong.

Examples:

    fleet rehearse aws-us-east-1                    # from an empty account
    fleet rehearse aws-us-east-1 --continue         # again, on top of the last one
    fleet rehearse aws-us-east-1 --down             # and delete everything afterwards
    fleet rehearse aws-us-east-1 gcp-europe-west4 global --world front   # several stacks that read each other
    fleet rehearse aws-us-east-1 --export state.json
    fleet rehearse gcp-europe-west4 --lifecycle     # every act of a stack's life
    fleet rehearse aws-us-east-1 aws-us-west-2 --lifecycle --world pair   # the second one's, beside the first
    fleet rehearse aws-eu-central-1 --files examples/smallest-region --lifecycle --timeline life.html
    fleet rehearse gcp-europe-west4 --scenario rehearsal/scenarios/killed.yaml
    fleet rehearse gcp-europe-west4 --faults --sample 20 --seed 7
    fleet rehearse gcp-europe-west4 --faults --sample 3 --isolated   # each fault alone
"""

_APART: Mapping[str, set[str]] = {
    "--faults": {"--scenario", "--lifecycle", "--down", "--export", "--continue", "--timeline"},
    "--scenario": {"--lifecycle", "--down"},
}
"""Options that play lives of their own, and what has no place in these."""


def register(app: typer.Typer) -> None:
    """Add the command to the top level."""
    app.command(help=_REHEARSE)(rehearse)


def rehearse(
    stacks: Annotated[list[str], typer.Argument(help="Stacks, as in Pulumi.<stack>.yaml, in this order")],
    world: Annotated[str, typer.Option(help="Name of the simulated world; by default the last stack's")] = "",
    files: Annotated[Path | None, typer.Option(help="Folder of the stack and tenant files, such as an example")] = None,
    lifecycle: Annotated[bool, typer.Option("--lifecycle", help="Play the last stack's whole life")] = False,
    goes_on: Annotated[bool, typer.Option("--continue", help="Go on from what the last rehearsal left")] = False,
    down: Annotated[bool, typer.Option("--down", help="Afterwards delete everything")] = False,
    scenario: Annotated[Path | None, typer.Option(help="File that says what goes wrong")] = None,
    faults: Annotated[bool, typer.Option("--faults", help="Let each of the last stack's operations fail once")] = False,
    seed: Annotated[int, typer.Option(help="What --faults draws from")] = 0,
    sample: Annotated[int | None, typer.Option(min=1, help="With --faults: so many operations of each kind")] = None,
    isolated: Annotated[
        bool, typer.Option("--isolated", help="With --sample: each fault in a life of its own")
    ] = False,
    timeline: Annotated[
        Path | None, typer.Option(help="Write what waited on what: a chart (.html), data (.json), or text (-)")
    ] = None,
    export: Annotated[Path | None, typer.Option(help="Write the last stack's state to this file")] = None,
    policies: Annotated[bool, typer.Option(help="Apply the policy pack")] = True,
    clusters: Annotated[
        ClusterMode | None,
        typer.Option(help="Clusters are real API servers (as root), or remembered: usual with --faults, --lifecycle"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program")] = False,
) -> None:
    """Rehearse stacks."""
    from fleet.policies import policy_arguments  # noqa: PLC0415
    from fleet.rehearse import Identity, Rehearsal  # noqa: PLC0415 - the engine's part, not needed for --help
    from rehearsal.mishaps import Plan  # noqa: PLC0415
    from rehearsal.world import World  # noqa: PLC0415

    together = {
        "--faults": faults, "--scenario": scenario, "--lifecycle": lifecycle, "--down": down, "--export": export,
        "--continue": goes_on, "--timeline": timeline, "--sample": sample, "--seed": seed, "--isolated": isolated,
    }  # fmt: skip
    _check({option for option, given in together.items() if given})
    settings = _settings(stacks, files)
    *before, last = settings
    place = World.named(world or last)
    planted = _scenario(scenario)
    mode = clusters or (ClusterMode.REMEMBERED if faults or lifecycle else usual_mode())
    if faults:
        from fleet.drill import Drill  # noqa: PLC0415

        drill = Drill(settings, files=files, policies=policy_arguments() if policies else (), clusters=mode)
        _tell_faults(last, drill.play(place, seed=seed, sample=sample, isolated=isolated), as_json=as_json)
        return
    report: list[Mapping[str, Any]] = []
    timelines: list[Timeline] = []
    with ExitStack() as held:
        held.enter_context(place.held())
        if not goes_on:
            place.forget()

        def opened(stack: str) -> "Rehearsal":
            console.step(f"stack {stack} is rehearsed in {place.folder}, against simulators only")
            return Rehearsal.open(
                stack,
                place,
                Identity(settings[stack].account, settings[stack].region),
                files=files,
                policies=policy_arguments() if policies else (),
                clusters=mode,
                continues=goes_on,
            )

        neighbours = []
        for stack in before:
            neighbours.append(opened(stack))
            report.append(_brought_up(neighbours[-1], down=down, timelines=timelines))
        rehearsal, problems = opened(last), ()
        Plan().write(place.folder)  # what an earlier scenario here has left is over
        if planted is not None:
            report.append(_met(rehearsal, planted, timelines))
        elif lifecycle:
            played, problems = _lived(rehearsal, settings[last], neighbours, timelines)
            report.append(played)
        else:
            report.append(_brought_up(rehearsal, down=down, timelines=timelines))
        if export is not None:
            rehearsal.export(export)
        if timeline is not None:
            _write(timeline, timelines)
        _tell(rehearsal, report, lifecycle=lifecycle, as_json=as_json)
    if problems:
        raise console.FleetError("\n".join(f"{place.folder.name}: {problem}" for problem in problems))


def _settings(stacks: Sequence[str], files: Path | None) -> "dict[str, StackSettings]":
    """Read the stacks' files; only clouds' stacks can be rehearsed."""
    from fleet.life import plays  # noqa: PLC0415
    from fleet.stacks import stack_file  # noqa: PLC0415
    from infra.config import from_stack_file  # noqa: PLC0415

    settings = {
        stack: from_stack_file(stack_file(stack) if files is None else files / stack_file(stack).name)
        for stack in stacks
    }
    for stack, each in settings.items():
        if not plays(each):
            raise console.FleetError(f"stack {stack} is this machine itself, and nothing simulated: `fleet up {stack}`")
    return settings


def _check(given: set[str]) -> None:
    """Refuse options that mean nothing together.

    Raises:
        FleetError: which ones.
    """
    for option, others in _APART.items():
        if option in given and (wrong := sorted(given & others)):
            raise console.FleetError(f"{option} and {', '.join(wrong)} don't go together: leave one out")
    if "--faults" not in given and (wrong := sorted(given & {"--sample", "--seed", "--isolated"})):
        raise console.FleetError(f"{', '.join(wrong)} says what --faults draws: add --faults, or leave it out")
    if "--isolated" in given and "--sample" not in given:
        raise console.FleetError("--isolated takes a life for each fault: add --sample with how many of each kind")


def _scenario(file: Path | None) -> "Scenario | None":
    """Read what is to go wrong, before anything begins."""
    if file is None:
        return None
    from rehearsal.scenario import Scenario  # noqa: PLC0415

    return Scenario.read(file)


def _met(rehearsal: "Rehearsal", planted: "Scenario", timelines: "list[Timeline]") -> Mapping[str, Any]:
    """Bring a stack up while what a scenario says goes wrong."""
    from fleet.played_scenario import play  # noqa: PLC0415
    from fleet.timeline import timed  # noqa: PLC0415

    played, timeline = timed(rehearsal, "up", lambda: play(rehearsal, planted))
    timelines.append(timeline)
    console.note(f"  {timeline}")
    return played


def _tell_faults(stack: str, played: "Iterable[Weathered]", *, as_json: bool) -> None:
    """Show stage by stage what was met and healed.

    Raises:
        FleetError: a stage isn't what it is without faults.
    """
    stages = []
    for stage in played:
        met = f"{stage.faulted} of {stage.possible} operations met a fault"
        console.step(f"{stage.stage} of {stack} (simulated): {met}, {_healed(stage)}")
        for problem in stage.problems:
            console.note(f"  problem: {problem}")
        stages.append(stage)
    kinds = sum((Counter(stage.met) for stage in stages), Counter[str]())
    if as_json:
        console.json_result({"stack": stack, "simulated": True, "stages": [stage.as_data() for stage in stages]})
    else:
        console.table(
            ["stage", "possible", "planned", "met a fault", "runs", "seconds", "result"],
            [
                (
                    str(stage.stage),
                    stage.possible,
                    stage.planned,
                    stage.faulted,
                    stage.runs,
                    round(stage.duration_s),
                    _healed(stage),
                )
                for stage in stages
            ],
        )
        console.note(
            f"{stack}: {sum(kinds.values())} faults met at {sum(stage.faulted for stage in stages)} of "
            f"{sum(stage.possible for stage in stages)} operations: "
            f"{', '.join(f'{number} {kind}' for kind, number in sorted(kinds.items()))}"
        )
    if problems := [f"{stage.stage}: {problem}" for stage in stages for problem in stage.problems]:
        raise console.FleetError("\n".join(f"{stack}: {problem}" for problem in problems))


def _healed(stage: "Weathered") -> str:
    return f"{len(stage.problems)} problems" if stage.problems else "all healed"


def _brought_up(rehearsal: "Rehearsal", *, down: bool, timelines: "list[Timeline]") -> Mapping[str, Any]:
    """Bring a stack up and look that nothing is left to change."""
    from fleet.timeline import timed  # noqa: PLC0415

    runs: dict[str, Summary] = {}
    for name, operate in (("up", rehearsal.up), ("preview", rehearsal.preview_nothing), ("down", rehearsal.down)):
        if name == "preview":
            runs[name] = operate()
        elif name == "up" or down:
            runs[name], timeline = timed(rehearsal, name, operate)
            timelines.append(timeline)
            console.note(f"  {timeline}")
        else:
            continue
        console.step(f"{name} of {rehearsal.stack} (simulated): {runs[name]}")
    own = [each for each in timelines if each.stack == rehearsal.stack]
    return {
        "stack": rehearsal.stack,
        "simulated": True,
        **{name: {"changes": dict(run.changes), "duration_s": run.duration_s} for name, run in runs.items()},
        "inACloud_s": {each.operation: round(each.takes_s) for each in own},
        "criticalPath": {each.operation: each.measured() for each in own if each.measured()},
    }


def _lived(
    rehearsal: "Rehearsal", settings: "StackSettings", neighbours: "Sequence[Rehearsal]", timelines: "list[Timeline]"
) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Play a stack's life, then look that its neighbours in the world are as they were."""
    from fleet.life import Life  # noqa: PLC0415
    from fleet.timeline import timed  # noqa: PLC0415

    played: list[Played] = []
    acts = Life(rehearsal, settings).play()
    while True:
        act, timeline = timed(rehearsal, "act", lambda: next(acts, None))
        if act is None:
            break
        timelines.append(replace(timeline, operation=str(act.act)))
        console.step(f"{act.act} of {rehearsal.stack} (simulated): {act.run}")
        for told in (*act.told, *(f"problem: {problem}" for problem in act.problems)):
            console.note(f"  {told}")
        console.note(f"  {timeline}")
        played.append(act)
    for neighbour in neighbours:
        neighbour.preview_nothing()
        neighbour.refresh_nothing()
        console.step(f"{neighbour.stack} is as it was")
    problems = tuple(f"{act.act}: {problem}" for act in played for problem in act.problems)
    return {
        "stack": rehearsal.stack,
        "simulated": True,
        "acts": [act.as_data() for act in played],
        "untouched": [neighbour.stack for neighbour in neighbours],
    }, problems


def _tell(rehearsal: "Rehearsal", report: Sequence[Mapping[str, Any]], *, lifecycle: bool, as_json: bool) -> None:
    held, proved, unproved = rehearsal.holdings(), rehearsal.proved(), rehearsal.unproved()
    if as_json:
        console.json_result({"stacks": list(report), "holds": held, "inputs": proved, "uncheckedInputs": unproved})
        return
    if lifecycle:
        _show_life(report[-1]["acts"])
    else:
        console.result(held, ["cloud", "type", "state", "number"], as_json=False)
    console.note(
        f"inputs by how well they could be checked: {proved.get('values', 0)} against published values, "
        f"{proved.get('free', 0)} free by their service's description, {proved.get('type', 0)} by type only "
        "(--json lists these)"
    )


def _show_life(acts: Sequence[Mapping[str, Any]]) -> None:
    console.table(
        ["act", "result", "changes", "seconds"],
        [
            (
                act["act"],
                "green" if act["green"] else f"{len(act['problems'])} problems",
                ", ".join(f"{number} {kind}" for kind, number in sorted(act["changes"].items())) or "none",
                act["duration_s"],
            )
            for act in acts
        ],
    )
    remains = [row for act in acts for row in act["remains"]]
    if remains:
        console.note("what the clouds kept after the end:")
        console.result(remains, list(remains[0]), as_json=False)


def _write(file: Path, timelines: "Sequence[Timeline]") -> None:
    """Write timelines to a file, or show them where it is called `-`."""
    from fleet.timeline import lines, write  # noqa: PLC0415

    if file != Path("-"):
        write(file, timelines)
        console.note(f"timeline written to {file}")
        return
    for timeline in timelines:
        console.step(f"{timeline.operation} of {timeline.stack} (simulated): {timeline}")
        for row in lines(timeline, width=console.err.width):
            console.note(row)
