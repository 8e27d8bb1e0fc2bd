"""Which calls meet which fault, counted in the world's memory so that what fails once does so across processes.

A rule says which calls it is for and how often each of them meets its fault. Rules are asked in their order, and a call
meets one fault at most. Nothing here fails anything: that is done around the simulator, in `troubled`.
"""

import fnmatch
import hashlib
import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from rehearsal.journal import Call, Operation, opened

_FILE: Final = "scenario.json"
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS mishaps (
  rule TEXT NOT NULL, counted TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (rule, counted)
) WITHOUT ROWID;
"""
_IN_ALL: Final = "in all"
_CALLS: Final = "calls"


class Fault(StrEnum):
    """What goes wrong."""

    DENIED = "denied"
    """The caller may not do this."""
    QUOTA = "quota"
    """The account has used up what it was granted."""
    CAPACITY = "capacity"
    """The cloud has no such machine left."""
    INTERNAL = "internal"
    """The service failed, and did nothing."""
    THROTTLED = "throttled"
    """The API answers that it is asked too often; the plugin tries again, as long as the real one does."""
    UNSEEN = "unseen"
    """What it names was just made, and isn't seen yet; the plugin tries again, as long as the real one does."""
    TIMEOUT = "timeout"
    """It was done, and wasn't ready when the plugin gave up waiting."""
    PLUGIN_KILLED = "plugin killed"
    """The plugin's process ends at once."""
    ENGINE_KILLED = "engine killed"
    """The engine's process gets SIGKILL."""


class Moment(StrEnum):
    """When a process is killed."""

    BEFORE = "before"
    """Nothing was done yet."""
    AFTER = "after"
    """It was done, and nobody knows."""


PASSING: Final = frozenset({Fault.THROTTLED, Fault.UNSEEN})
"""What a plugin tries again after."""
KILLS: Final = frozenset({Fault.PLUGIN_KILLED, Fault.ENGINE_KILLED})


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Which calls meet a fault.

    Attributes:
        id: tells this rule's counts from others': a world may get further rules.
        faults: which it is; of several, each call's own is drawn.
        type: pattern of the resource's type token, as in a shell.
        name: pattern of the resource's name in the program.
        operations: what is asked for.
        when: when a process is killed; drawn for each call where it is None.
        times: how often each resource's operation meets it.
        at_most: how often it is met in all; None where that isn't limited.
        at: numbers of the calls, among those that the rule is for, that meet it; all where it is empty.
        every: each call whose number is a multiple of this meets it; 0 for each one.
        attempts: how often in a row an API says no to what passes.
    """

    id: str
    faults: tuple[Fault, ...]
    type: str = "*"
    name: str = "*"
    operations: tuple[Operation, ...] = tuple(Operation)
    when: Moment | None = None
    times: int = 1
    at_most: int | None = None
    at: tuple[int, ...] = ()
    every: int = 0
    attempts: int = 3

    def is_for(self, call: Call) -> bool:
        """Tell whether a call is one of the rule's."""
        return (
            call.operation in self.operations
            and fnmatch.fnmatchcase(call.type, self.type)
            and fnmatch.fnmatchcase(call.name, self.name)
        )


@dataclass(frozen=True)
class Met:
    """A fault that a call meets.

    Attributes:
        fault: which.
        when: when a process is killed.
        attempts: how often an API says no to what passes.
    """

    fault: Fault
    when: Moment
    attempts: int

    def __str__(self) -> str:
        return f"{self.fault} {self.when}" if self.fault in KILLS else str(self.fault)


@dataclass(frozen=True)
class Plan:
    """What is to go wrong in a world.

    Attributes:
        seed: what is drawn from.
        rules: asked in this order.
    """

    seed: int = 0
    rules: tuple[Rule, ...] = ()

    def write(self, world: Path) -> None:
        """Make it the world's."""
        beside = world / f"{_FILE}.new"
        beside.write_text(json.dumps(asdict(self)), encoding="utf-8")
        beside.replace(world / _FILE)

    @classmethod
    def read(cls, world: Path) -> "Plan":
        """Give the world's; one in which nothing goes wrong if it has none."""
        try:
            found: dict[str, Any] = json.loads((world / _FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls()
        return cls(found["seed"], tuple(_rule(each) for each in found["rules"]))


@dataclass
class Mishaps:
    """What goes wrong in one world, as one process asks for it.

    Attributes:
        file: the world's memory.
        plan: what is to go wrong.
    """

    file: Path
    plan: Plan
    _database: Any = field(init=False)

    def __post_init__(self) -> None:
        self._database = opened(self.file, _TABLES)

    def meet(self, call: Call) -> Met | None:
        """Give the fault that a call meets, None if it meets none; it is counted as met."""
        if not any(rule.is_for(call) for rule in self.plan.rules):
            return None
        self._database.execute("BEGIN IMMEDIATE")
        try:
            met = next((met for rule in self.plan.rules if (met := self._met(rule, call)) is not None), None)
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")
        return met

    def close(self) -> None:
        """Let go of the memory."""
        self._database.close()

    def _met(self, rule: Rule, call: Call) -> Met | None:
        if not rule.is_for(call):
            return None
        if rule.at or rule.every:
            number = self._count(rule, _CALLS)
            if number not in rule.at and (not rule.every or number % rule.every):
                return None
        resource = f"{call.operation} {call.urn}"
        if self._counted(rule, resource) >= rule.times:
            return None
        if rule.at_most is not None and self._counted(rule, _IN_ALL) >= rule.at_most:
            return None
        attempt = self._count(rule, resource)
        self._count(rule, _IN_ALL)
        digest = hashlib.sha256(f"{self.plan.seed}/{rule.id}/{resource}/{attempt}".encode()).digest()
        moment = rule.when or (Moment.AFTER if digest[1] % 2 else Moment.BEFORE)
        return Met(rule.faults[digest[0] % len(rule.faults)], moment, rule.attempts)

    def _counted(self, rule: Rule, what: str) -> int:
        row = self._database.execute(
            "SELECT number FROM mishaps WHERE rule = ? AND counted = ?", (rule.id, what)
        ).fetchone()
        return row[0] if row else 0

    def _count(self, rule: Rule, what: str) -> int:
        return self._database.execute(
            "INSERT INTO mishaps VALUES (?, ?, 1) ON CONFLICT (rule, counted) DO UPDATE SET number = number + 1"
            " RETURNING number",
            (rule.id, what),
        ).fetchall()[0][0]


def _rule(found: dict[str, Any]) -> Rule:
    parsed: dict[str, Any] = {
        "faults": tuple(map(Fault, found["faults"])),
        "operations": tuple(map(Operation, found["operations"])),
        "when": None if found["when"] is None else Moment(found["when"]),
        "at": tuple(found["at"]),
    }
    return Rule(**{**found, **parsed})
