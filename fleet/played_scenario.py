"""A stack that is brought up while what a scenario says goes wrong, and put right where somebody changed it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from fleet import console
from fleet.console import FleetError
from fleet.engine import Summary, UpdateFailedError
from fleet.rehearse import Rehearsal
from rehearsal import drift
from rehearsal.journal import Entry, entries, last_number
from rehearsal.mishaps import Plan
from rehearsal.scenario import Scenario

_MOST_RUNS: Final = 50
"""A scenario in which each run meets another fault after so many doesn't come to an end."""


def play(rehearsal: Rehearsal, scenario: Scenario) -> Mapping[str, Any]:
    """Bring a stack up, again after each fault, then make and heal the scenario's drift.

    Args:
        rehearsal: the stack in its world.
        scenario: what goes wrong.

    Returns:
        What happened, for a program.

    Raises:
        UpdateFailedError: an update failed and met no fault.
        FleetError: drift was made that the engine doesn't find, or the stack doesn't come up.
    """
    memory, before = rehearsal.world.memory, last_number(rehearsal.world.memory)
    scenario.plant(rehearsal.world.folder)
    failures, run = _brought_up(rehearsal)
    Plan().write(rehearsal.world.folder)
    met = [entry for entry in entries(memory, after=before) if entry.fault]
    for entry in met:
        console.note(f"  {_told(entry)}")
    drifted = [told for each in scenario.drift for told in drift.make(memory, each)]
    healed = _healed(rehearsal, drifted)
    rehearsal.preview_nothing()
    console.step(f"up of {rehearsal.stack} (simulated): {run}, after {len(failures)} failures and {len(met)} faults")
    return {
        "stack": rehearsal.stack,
        "simulated": True,
        "up": {"changes": dict(run.changes), "duration_s": run.duration_s},
        "failures": failures,
        "faults": dict(sorted(Counter(entry.fault for entry in met).items())),
        "met": [entry.as_data() for entry in met],
        "drift": drifted,
        "healed": healed,
    }


def _brought_up(rehearsal: Rehearsal) -> tuple[list[str], Summary]:
    """Bring it up, again after each run that met a fault; give what the failed ones were told, and the last one."""
    goes_on, memory = replace(rehearsal, goes_on=True), rehearsal.world.memory
    failures: list[str] = []
    for _ in range(_MOST_RUNS):
        before = last_number(memory)
        try:
            return failures, goes_on.up()
        except UpdateFailedError as error:
            if not any(entry.fault for entry in entries(memory, after=before)):
                raise
            failures.append(str(error))
            console.note(str(error))
    raise FleetError(f"{rehearsal.stack} didn't come up in {_MOST_RUNS} runs, each of which met another fault")


def _healed(rehearsal: Rehearsal, drifted: list[str]) -> dict[str, int]:
    """Let the engine find what was changed behind its back, and put it right."""
    if not drifted:
        return {}
    for told in drifted:
        console.note(f"  behind the engine's back: {told}")
    found = rehearsal.refresh()
    if found.changed < len(drifted):
        raise FleetError(
            f"{len(drifted)} resources were changed behind the engine's back, and it found {found.changed}"
        )
    console.step(f"found by a refresh (simulated): {found}")
    healed = rehearsal.up()
    console.step(f"put right (simulated): {healed}")
    return dict(healed.changes)


def _told(entry: Entry) -> str:
    return f"{entry.call.operation} {entry.call.type.rsplit(':', 1)[-1]} {entry.call.name}: {entry.fault}"
