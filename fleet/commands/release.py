"""`fleet release`: which digests run where, and how they get there and back."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fleet import console
from fleet.commands import release_drill

if TYPE_CHECKING:
    from release.artefacts import Artefacts
    from release.journal import Concluded
    from release.progress import Progress
    from release.record import Record

app = typer.Typer(
    help="Releases: deploy digests wave by wave, judge them, take them back; what runs where.", no_args_is_help=True
)
app.command(name="drill", help=release_drill.HELP)(release_drill.drill)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask")]
Reason = Annotated[str, typer.Option(help="Why; kept with the record")]
Issue = Annotated[bool, typer.Option("--issue", help="Open an issue on GitHub if it is taken back (GH_TOKEN)")]
StackName = Annotated[str, typer.Argument(help="Region stack, as in Pulumi.<stack>.yaml")]

ROLLED_BACK_STATUS = 3
"""Exit status of a release that was taken back: every touched region runs what it ran before."""
STUCK_STATUS = 4
"""Exit status of a rollback that failed: a person has to run the commands that are printed."""

_HISTORY = ["at", "rollout", "outcome", "server", "gateway", "model", "who", "reason"]
_STATUS = ["stack", "outcome", "server", "gateway", "model", "since", "who", "file"]
_DIFF = ["component", "from", "to"]


@app.command()
def deploy(
    digests: Annotated[
        list[str] | None,
        typer.Argument(help="DIGEST of the server's image; gateway=DIGEST, model=DIGEST; or REPOSITORY@DIGEST"),
    ] = None,
    wave: Annotated[
        int | None, typer.Option(min=0, help="Only this wave, from 0 on; the ones before have passed")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Take the unfinished rollout to its end")] = False,
    rollout: Annotated[int | None, typer.Option(min=0, help="With --resume: only this rollout, by its number")] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Also to regions that are ill already")] = False,
    waves: Annotated[Path | None, typer.Option(help="Plan of the waves; by default release/waves.yaml")] = None,
    stack: Annotated[str | None, typer.Option(help="Only this region, judged at once, whatever the plan says")] = None,
    reason: Reason = "",
    issue: Issue = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Release digests to all regions, wave by wave; one that fails its health gate is taken back everywhere.

    Ends with 0 if released (or resting after --wave, or nothing to resume), 3 if taken back, 4 if that failed too.

    Examples:
        fleet release deploy sha256:6b1f… --reason 'faster prefill'

        fleet release deploy sha256:6b1f… gateway=sha256:90aa… --wave 0

        fleet release deploy --resume --rollout 7

        fleet release deploy registry.example/server@sha256:6b1f… --stack local --yes
    """
    from fleet.release_run import ReleaseDesk, plan_of  # noqa: PLC0415 - the engine's part, not needed for --help
    from release.artefacts import Target  # noqa: PLC0415
    from release.progress import Progress  # noqa: PLC0415
    from release.releases import NothingToResumeError  # noqa: PLC0415
    from release.waves import WavePlan  # noqa: PLC0415

    if resume == bool(digests):
        raise console.FleetError("name the digests to release, or --resume to go on with the unfinished rollout")
    if rollout is not None and not resume:
        raise console.FleetError("--rollout says which one to --resume; a new one gets its number when it begins")
    desk = ReleaseDesk.open()
    if resume:
        try:
            journal = desk.releases.unfinished(rollout)
        except NothingToResumeError as nothing:
            console.note(str(nothing))
            if as_json:
                console.json_result({"rollout": None, "end": None})
            return
        progress = Progress.of(journal.entries)
        through = progress.through if wave is None else wave
    else:
        target = Target.parse(digests or ())
        plan = plan_of(waves)
        if stack is not None:
            plan = WavePlan.of_one(stack, plan.gate)
        if not yes:
            names = " → ".join(", ".join(each.stacks) for each in plan.waves[: None if wave is None else wave + 1])
            typer.confirm(f"Release {target} to {names}?", abort=True)
        journal = desk.releases.start(target, plan, reason, wave=wave)
        through = len(plan.waves) - 1 if wave is None else wave
    console.step(f"rollout {journal.number}")
    end = desk.drive(journal, through, anyway=anyway)
    try:
        _tell_end(end, journal.number, as_json=as_json)
    finally:  # the end and its exit status are told first, and stay what they are
        if issue and end is not None:
            _report(journal.number, end)


@app.command(name="waves")
def list_waves(
    waves: Annotated[Path | None, typer.Option(help="Plan of the waves; by default release/waves.yaml")] = None,
    matrix: Annotated[bool, typer.Option(help="Print a job matrix, on one line, for $GITHUB_OUTPUT")] = False,
    as_json: AsJson = False,
) -> None:
    """Show which regions are released to, in which order.

    Examples:
        fleet release waves

        echo "matrix=$(fleet release waves --matrix)" >> "$GITHUB_OUTPUT"
    """
    import json  # noqa: PLC0415

    from fleet.release_run import environment_of, plan_of  # noqa: PLC0415

    rows = [
        {
            "wave": number,
            "name": wave.name,
            "stacks": ", ".join(wave.stacks),
            "bake_s": wave.bake_s,
            "environment": environment_of(wave),
        }
        for number, wave in enumerate(plan_of(waves).waves)
    ]
    if matrix:
        print(json.dumps({"include": rows}, separators=(",", ":")))  # noqa: T201 - a result
        return
    console.result(rows, ["wave", "name", "stacks", "bake_s", "environment"], as_json=as_json)


@app.command()
def rollback(
    stack: StackName,
    to: Annotated[
        list[str] | None,
        typer.Option(help="Digest of a good release of this stack, or its first 12 digits; component=DIGEST; all fit"),
    ] = None,
    reason: Reason = "by hand",
    supersede: Annotated[bool, typer.Option("--supersede", help="Give an unfinished rollout up as it is")] = False,
    waves: Annotated[Path | None, typer.Option(help="Plan whose gate judges it; by default release/waves.yaml")] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Bring one region back to a release that was good there: by default the last other than what runs.

    What a rollback has left for its faults is never gone back to, unless --to names it.

    Examples:
        fleet release rollback aws-us-east-1

        fleet release rollback aws-us-east-1 --to sha256:6b1f… --reason 'wrong answers in Portuguese' --yes

        fleet release rollback aws-us-east-1 --to server=sha256:6b1f… --to gateway=sha256:90aa…
    """
    from fleet.release_pins import pinned  # noqa: PLC0415
    from fleet.release_run import ReleaseDesk, plan_of  # noqa: PLC0415
    from fleet.stacks import stack_file  # noqa: PLC0415
    from infra.config import from_stack_file  # noqa: PLC0415
    from release.artefacts import short  # noqa: PLC0415

    desk = ReleaseDesk.open()
    in_file = pinned(from_stack_file(stack_file(stack)))
    present = desk.releases.runs(stack) or in_file
    chosen = desk.releases.chosen(stack, to or (), in_file)
    if not yes:
        servers = f"{short(present.server)} → {short(chosen.artefacts.server)}"
        typer.confirm(f"Take {stack} back to rollout {chosen.rollout} ({servers})?", abort=True)
    journal = desk.releases.back(stack, chosen.artefacts, plan_of(waves).gate, reason, supersede=supersede)
    _tell_end(desk.drive(journal, 0), journal.number, as_json=as_json, asked_back=True)


@app.command()
def history(
    stack: StackName,
    limit: Annotated[int, typer.Option(min=1, help="Records at most, the newest")] = 20,
    as_json: AsJson = False,
) -> None:
    """List what ran in a region, the newest first.

    Example:
        fleet release history aws-us-east-1 --json
    """
    from fleet.release_run import ReleaseDesk  # noqa: PLC0415

    records = ReleaseDesk.open().releases.history.of(stack)[::-1][:limit]
    if as_json:
        console.json_result([record.model_dump(mode="json", exclude={"fingerprint"}) for record in records])
        return
    console.table(_HISTORY, [_history_row(record) for record in records])


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show what runs in every region, how the last rollout stands, and where a stack's file says something else.

    Example:
        fleet release status
    """
    from fleet.release_run import ReleaseDesk, region_stacks  # noqa: PLC0415
    from release.progress import Progress  # noqa: PLC0415

    desk = ReleaseDesk.open()
    latest = desk.releases.journals.latest()
    progress = None if latest is None else Progress.of(latest.entries)
    stacks = sorted({*region_stacks(), *desk.releases.history.stacks()})
    rows = [_status_row(stack, desk.releases.history.of(stack)) for stack in stacks]
    if as_json:
        rollout = None if latest is None or progress is None else _rollout(latest.number, progress)
        console.json_result({"rollout": rollout, "stacks": rows})
        return
    console.result(rows, _STATUS, as_json=False)
    if latest is not None and progress is not None:
        console.note(
            f"rollout {latest.number}: {progress.phase} ({progress.begun.target}, since "
            f"{progress.began_at:%Y-%m-%d %H:%M} UTC, by {progress.who or '?'})"
        )
        if progress.concluded is not None and progress.concluded.commands:
            console.note("go on with:\n" + "\n".join(f"  {each}" for each in progress.concluded.commands))


@app.command()
def diff(
    stack: StackName,
    other: Annotated[str | None, typer.Argument(help="Another region; by default what the stack's file pins")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare what was last released to a region with its file, or with another region.

    Examples:
        fleet release diff aws-us-east-1

        fleet release diff aws-us-east-1 gcp-europe-west4 --json
    """
    from fleet.release_pins import pinned  # noqa: PLC0415
    from fleet.release_run import ReleaseDesk  # noqa: PLC0415
    from fleet.stacks import stack_file  # noqa: PLC0415
    from infra.config import from_stack_file  # noqa: PLC0415

    records = ReleaseDesk.open().releases.history
    before = _released(records.of(stack), stack)
    after = pinned(from_stack_file(stack_file(stack))) if other is None else _released(records.of(other), other)
    rows = [
        {"component": str(each.component), "from": each.before or "-", "to": each.after or "-"}
        for each in before.differences(after)
    ]
    console.result(rows, _DIFF, as_json=as_json)
    if not rows:
        console.note(f"no difference: {stack} and {other or 'its file'}")


@app.command(name="pin")
def pin_released(
    stacks: Annotated[
        list[str] | None, typer.Argument(help="Region stacks; all that were released to by default")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write what was last released into the stack files, as a release from another checkout has left them behind.

    Examples:
        fleet release pin

        fleet release pin aws-us-east-1 && git commit --all --message 'what runs there'
    """
    from fleet.release_pins import pin, pinned  # noqa: PLC0415
    from fleet.release_run import ReleaseDesk  # noqa: PLC0415
    from fleet.stacks import known_stacks, stack_file  # noqa: PLC0415
    from infra.config import from_stack_file  # noqa: PLC0415

    history = ReleaseDesk.open().releases.history
    rows = []
    for stack in stacks or sorted({*history.stacks()} & {*known_stacks()}):
        released = _released(history.of(stack), stack)
        differences = pinned(from_stack_file(stack_file(stack))).differences(released)
        pin(stack_file(stack), released)
        rows += [
            {"stack": stack, "component": str(each.component), "from": each.before or "-", "to": each.after or "-"}
            for each in differences
        ]
    console.result(rows, ["stack", *_DIFF], as_json=as_json)
    if not rows:
        console.note("every stack file says what was released")


def _report(number: int, end: "Concluded") -> None:
    """Tell of a release that was taken back where the team reads; where that fails, the rollout's end stands."""
    from fleet.release_issue import report  # noqa: PLC0415
    from fleet.review.github import GitHub, GitHubError, job_address  # noqa: PLC0415
    from release.record import Outcome  # noqa: PLC0415

    if end.outcome is Outcome.RELEASED:
        return
    try:
        with GitHub.of_environment() as github:
            console.note(f"the rollout's issue is at {report(github, number, end, job_address())}")
    except GitHubError as error:
        console.note(f"warning: the rollout's issue could not be opened: {error}")


def _tell_end(end: "Concluded | None", number: int, *, as_json: bool, asked_back: bool = False) -> None:
    """Tell how a rollout ended, and end with the status that says it.

    Raises:
        typer.Exit: with a status other than 0, unless what was asked for is what happened.
    """
    from release.record import Outcome  # noqa: PLC0415

    if as_json:
        console.json_result({"rollout": number, "end": None if end is None else end.model_dump(mode="json")})
    if end is None:
        console.step(f"rollout {number} rests: the next wave goes on with it")
        return
    told = f"rollout {number}: {end.outcome}" + (f" ({end.reason})" if end.reason else "")
    if end.outcome is Outcome.RELEASED or (asked_back and end.outcome is Outcome.ROLLED_BACK):
        console.step(told)
        return
    console.error(told)
    if end.commands:
        console.note("run, one after the other:\n" + "\n".join(f"  {command}" for command in end.commands))
    raise typer.Exit(STUCK_STATUS if end.outcome is Outcome.STUCK else ROLLED_BACK_STATUS)


def _released(records: "Sequence[Record]", stack: str) -> "Artefacts":
    if not records:
        raise console.FleetError(f"nothing was ever released to {stack}: `fleet release status` lists the regions")
    return records[-1].artefacts


def _history_row(record: "Record") -> list[str]:
    return [
        f"{record.at:%Y-%m-%d %H:%M}", str(record.rollout), str(record.outcome), *_shorts(record.artefacts),
        record.who, record.reason,
    ]  # fmt: skip


def _shorts(artefacts: "Artefacts") -> list[str]:
    from release.artefacts import short  # noqa: PLC0415

    return [short(artefacts.server), short(artefacts.gateway), short(artefacts.model)]


def _status_row(stack: str, records: "Sequence[Record]") -> Mapping[str, Any]:
    if not records:
        return {**dict.fromkeys(_STATUS, "-"), "stack": stack, "outcome": "never released"}
    last = records[-1]
    server, gateway, model = _shorts(last.artefacts)
    return {
        "stack": stack,
        "outcome": str(last.outcome),
        "server": server,
        "gateway": gateway,
        "model": model,
        "since": f"{last.at:%Y-%m-%d %H:%M}",
        "who": last.who,
        "file": _file_says(stack, last.artefacts),
    }


def _file_says(stack: str, artefacts: "Artefacts") -> str:
    from fleet.release_pins import pinned  # noqa: PLC0415
    from fleet.stacks import stack_file  # noqa: PLC0415
    from infra.config import SettingsError, from_stack_file  # noqa: PLC0415

    try:
        different = [str(each.component) for each in artefacts.differences(pinned(from_stack_file(stack_file(stack))))]
    except SettingsError:
        return "can't be read"
    return f"other {', '.join(different)}" if different else "the same"


def _rollout(number: int, progress: "Progress") -> Mapping[str, Any]:
    end = progress.concluded
    return {
        "number": number,
        "phase": progress.phase,
        "target": {str(component): value for component, value in progress.begun.target.wanted.items()},
        "since": progress.began_at,
        "who": progress.who,
        "touched": sorted(progress.before),
        "end": None if end is None else end.model_dump(mode="json"),
    }
