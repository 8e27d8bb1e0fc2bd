"""What was asked of the simulators in a rehearsal, call by call, kept in the world's memory.

A call is noted when it begins and again when it ends, so that one that ended with its plugin or its engine is still
there, as begun. The journal is for reports: it names resources as the engine does, and no simulated cloud reads it.
"""

import contextlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS journal (
  number INTEGER PRIMARY KEY AUTOINCREMENT, cloud TEXT NOT NULL, operation TEXT NOT NULL, type TEXT NOT NULL,
  urn TEXT NOT NULL, id TEXT NOT NULL, outcome TEXT NOT NULL, takes_s REAL NOT NULL, retries INTEGER NOT NULL,
  fault TEXT NOT NULL, error TEXT NOT NULL
);
"""
LOCK_TIMEOUT_S: Final = 30.0
"""Several plugins write at once; each holds the file for less than a millisecond."""


class Operation(StrEnum):
    """What changes a cloud."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class Outcome(StrEnum):
    """How a call ended."""

    BEGUN = "begun"
    """It hasn't: whoever answered or asked was killed."""
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Call:
    """One thing that the engine asks of a simulator.

    Attributes:
        cloud: the plugin's name.
        operation: what is asked for.
        type: the resource's type token.
        urn: what the engine calls the resource.
        id: the resource's id, empty where it is still to be made.
    """

    cloud: str
    operation: Operation
    type: str
    urn: str
    id: str = ""

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.urn.split("::", 3)[-1]


@dataclass(frozen=True)
class Entry:
    """A call as the journal has it.

    Attributes:
        number: its place in the journal, from 1.
        call: what was asked, with the resource's id where that became known.
        outcome: how it ended.
        takes_s: seconds on the virtual clock, waits between retries among them.
        retries: how often it was tried again, as the real plugin does, before it ended.
        fault: which fault of the scenario it met, empty if none.
        error: what the engine was told, empty if nothing was wrong.
    """

    number: int
    call: Call
    outcome: Outcome
    takes_s: float
    retries: int
    fault: str
    error: str

    def as_data(self) -> dict[str, Any]:
        """Give it for a program."""
        return {
            "number": self.number,
            "cloud": self.call.cloud,
            "operation": str(self.call.operation),
            "type": self.call.type,
            "name": self.call.name,
            "id": self.call.id,
            "outcome": str(self.outcome),
            "takes_s": round(self.takes_s, 1),
            "retries": self.retries,
            "fault": self.fault,
            "error": self.error,
        }


class Journal:
    """The journal of one rehearsal, as one process writes it.

    Args:
        file: the world's memory; made if it is missing.
    """

    def __init__(self, file: Path) -> None:
        self._database = opened(file, _TABLES)

    def begin(self, call: Call, *, fault: str = "") -> int:
        """Note a call, and give its number."""
        row = self._database.execute(
            "INSERT INTO journal (cloud, operation, type, urn, id, outcome, takes_s, retries, fault, error)"
            " VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?, '') RETURNING number",
            (call.cloud, call.operation, call.type, call.urn, call.id, Outcome.BEGUN, fault),
        ).fetchall()
        return row[0][0]

    def end(
        self,
        number: int,
        outcome: Outcome,
        *,
        takes_s: float,
        retries: int = 0,
        resource_id: str = "",
        error: str = "",
    ) -> None:
        """Note how a call ended.

        Args:
            number: the call's.
            outcome: how.
            takes_s: seconds on the virtual clock.
            retries: how often it was tried again.
            resource_id: the resource's id, if it is only known now.
            error: what the engine is told.
        """
        self._database.execute(
            "UPDATE journal SET outcome = ?, takes_s = ?, retries = ?, error = ?,"
            " id = CASE ? WHEN '' THEN id ELSE ? END WHERE number = ?",
            (outcome, takes_s, retries, error, resource_id, resource_id, number),
        )

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


def entries(file: Path, *, after: int = 0) -> Sequence[Entry]:
    """Give what a world's journal holds, in the order in which calls began.

    Args:
        file: the world's memory.
        after: number of the last entry that isn't wanted.
    """
    with contextlib.closing(opened(file, _TABLES)) as database:
        rows = database.execute(
            "SELECT number, cloud, operation, type, urn, id, outcome, takes_s, retries, fault, error FROM journal"
            " WHERE number > ? ORDER BY number",
            (after,),
        ).fetchall()
    return [_entry(row) for row in rows]


def last_number(file: Path) -> int:
    """Give the number of the journal's last entry, 0 if it has none."""
    with contextlib.closing(opened(file, _TABLES)) as database:
        return database.execute("SELECT coalesce(max(number), 0) FROM journal").fetchone()[0]


def opened(file: Path, tables: str) -> sqlite3.Connection:
    """Open the world's memory, in which every statement counts at once, and make tables in it."""
    database = sqlite3.connect(file, timeout=LOCK_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    # What was written survives the death of this process; only a power failure could lose it.
    database.execute("PRAGMA synchronous = OFF")
    database.executescript(tables)
    return database


def _entry(row: Sequence[Any]) -> Entry:
    number, cloud, operation, kind, urn, resource_id, outcome, takes_s, retries, fault, error = row
    call = Call(cloud, Operation(operation), kind, urn, resource_id)
    return Entry(number, call, Outcome(outcome), takes_s, retries, fault, error)
