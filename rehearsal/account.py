"""What a simulated account holds: every resource by region, type and id, kept on disk between processes.

One SQLite file is the memory of all simulated clouds of a rehearsal. An account knows what a cloud's API knows: ids,
inputs, outputs, what was deleted but not forgotten. It doesn't know the engine, its URNs or who asked. Secret inputs
are kept as hashes only: enough to see that one changed behind the engine's back, and nothing to read.
"""

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from catalog import Afterlife
from toolchain.provider.properties import Secret

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS resources (
  cloud TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, type TEXT NOT NULL, id TEXT NOT NULL,
  claim TEXT, inside TEXT, inputs TEXT NOT NULL, outputs TEXT NOT NULL, afterlife TEXT,
  PRIMARY KEY (cloud, account, region, type, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS claims ON resources (cloud, account, region, type, claim) WHERE claim IS NOT NULL;
CREATE TABLE IF NOT EXISTS evidence (
  cloud TEXT NOT NULL, type TEXT NOT NULL, property TEXT NOT NULL, evidence TEXT NOT NULL,
  PRIMARY KEY (cloud, type, property)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS draws (seed TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
"""
_LOCK_TIMEOUT_S: Final = 30.0
"""Several plugins write at once; each holds the file for less than a millisecond."""
_COLUMNS: Final = "region, type, id, inputs, outputs, afterlife"
_SEALED: Final = "simulated:sealed"


class TakenError(Exception):
    """There is such a resource already; its text says what keeps the name."""


class MissingError(Exception):
    """There is no such resource."""


@dataclass(frozen=True)
class Resource:
    """A resource as an account knows it; secrets in it are sealed.

    Attributes:
        type: its type token.
        id: its id.
        region: where it is, empty where ids are unique in the whole account.
        inputs: what it was last made or changed with.
        outputs: its live state.
        afterlife: what it is after its deletion, None while it lives.
    """

    type: str
    id: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    region: str = ""
    afterlife: Afterlife | None = None


class Recovery(StrEnum):
    """Whether making a resource may bring back the soft-deleted one of its name."""

    NEVER = "never"
    IF_KEPT = "if kept"
    ONLY = "only"


@dataclass(frozen=True)
class Claim:
    """What a new resource may stand beside, and what it belongs to.

    Attributes:
        unique: what no second resource of its type may claim.
        shared: whether one that is there already is no error.
        recovery: whether it may be the recovery of a soft-deleted one.
        inside: type and id, joined by a space, of the resource whose deletion takes it along.
    """

    unique: str | None = None
    shared: bool = False
    recovery: Recovery = Recovery.NEVER
    inside: str | None = None


_NO_CLAIM: Final = Claim()


class Account:
    """One account of one simulated cloud.

    Args:
        file: the memory of the rehearsal; made if it is missing.
        cloud: the plugin's name.
        account: what the cloud calls the account.
    """

    def __init__(self, file: Path, cloud: str, account: str) -> None:
        self._cloud = cloud
        self._account = account
        self._noted: dict[tuple[str, str], str] = {}  # evidence that this process has written
        self._database = sqlite3.connect(file, timeout=_LOCK_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = WAL")
        # What was written survives the death of this process; only a power failure could lose it.
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.executescript(_TABLES)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def draw(self, seed: str) -> str:
        """Give a seed for random values that no earlier resource got, yet the same one in the same rehearsal."""
        with self._transaction():
            row = self._database.execute(
                "INSERT INTO draws VALUES (?, 1) ON CONFLICT (seed) DO UPDATE SET number = number + 1 RETURNING number",
                (f"{self._cloud}/{self._account}/{seed}",),
            ).fetchone()
        return f"{self._cloud}/{self._account}/{seed}/{row[0]}"

    def note_evidence(self, kind: str, evidence: Mapping[str, str]) -> None:
        """Note how well each input of a type could be checked."""
        fresh = {path: str(found) for path, found in evidence.items() if self._noted.get((kind, path)) != str(found)}
        if not fresh:
            return  # dozens of resources of a type say the same, and each write waits for those of other plugins
        with self._transaction():
            self._database.executemany(
                "INSERT OR REPLACE INTO evidence VALUES (?, ?, ?, ?)",
                [(self._cloud, kind, path, found) for path, found in fresh.items()],
            )
        self._noted.update({(kind, path): found for path, found in fresh.items()})

    def create(self, made: Resource, claim: Claim = _NO_CLAIM) -> None:
        """Add a resource.

        Args:
            made: the resource.
            claim: what it may stand beside, and what it belongs to.

        Raises:
            TakenError: its id or claim is taken.
            MissingError: it is to be recovered, and there is none.
        """
        with self._transaction():
            found = self._database.execute(
                "SELECT id, afterlife FROM resources WHERE cloud = ? AND account = ? AND region = ? AND type = ?"
                " AND (id = ? OR claim = ?)",
                (*self._place(made.region, made.type), made.id, claim.unique),
            ).fetchone()
            kept = found is not None and found[1] == Afterlife.SOFT_DELETED
            if claim.recovery is Recovery.ONLY and not kept:
                raise MissingError(f"{made.type} {made.id} is to be recovered, and none of that name is soft-deleted")
            if found and not claim.shared and not (kept and claim.recovery is not Recovery.NEVER):
                raise TakenError(_taken(made.type, found[0], found[1]))
            self._write(made, claim.unique, claim.inside)
            if kept:
                self._database.execute(
                    "UPDATE resources SET afterlife = NULL"
                    " WHERE cloud = ? AND account = ? AND region = ? AND afterlife = ? AND substr(id, 1, ?) = ?",
                    (*self._place(made.region), Afterlife.SOFT_DELETED, *_below(made.id)),
                )

    def update(self, changed: Resource) -> None:
        """Change a resource; one that was taken over although it can't be deleted lives from now on.

        Raises:
            MissingError: there is none.
        """
        with self._transaction():
            found = self._database.execute(
                "SELECT claim, inside FROM resources WHERE cloud = ? AND account = ? AND region = ? AND type = ?"
                " AND id = ? AND (afterlife IS NULL OR afterlife = ?)",
                (*self._place(changed.region, changed.type), changed.id, Afterlife.PERMANENT),
            ).fetchone()
            if found is None:
                raise MissingError(f"{changed.type} {changed.id} does not exist")
            self._write(changed, *found)

    def read(self, kind: str, resource_id: str, region: str = "") -> Resource | None:
        """Give a living or permanent resource, None if there is none."""
        row = self._database.execute(
            f"SELECT {_COLUMNS} FROM resources"  # noqa: S608 - no value in it
            " WHERE cloud = ? AND account = ? AND region = ? AND type = ? AND id = ?"
            " AND (afterlife IS NULL OR afterlife = ?)",
            (*self._place(region, kind), resource_id, Afterlife.PERMANENT),
        ).fetchone()
        return None if row is None else _resource(row)

    def of_type(self, kind: str) -> list[Resource]:
        """Give everything of a type, what was deleted and is kept among it, by id."""
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM resources"  # noqa: S608 - no value in it
            " WHERE cloud = ? AND account = ? AND type = ? ORDER BY id",
            (self._cloud, self._account, kind),
        ).fetchall()
        return [_resource(row) for row in rows]

    def living(self) -> list[Resource]:
        """Give all that lives, by type and id."""
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM resources"  # noqa: S608 - no value in it
            " WHERE cloud = ? AND account = ? AND afterlife IS NULL ORDER BY type, id",
            (self._cloud, self._account),
        ).fetchall()
        return [_resource(row) for row in rows]

    def delete(self, gone: Resource, *, nested: bool = False, cluster: str = "") -> None:
        """Delete a resource, or let it live on as its `afterlife` says; one that is gone already is no error.

        Args:
            gone: the resource, with what becomes of it.
            nested: whether ids are paths, so that what is below it goes with it.
            cluster: the Kubernetes cluster that it is, if it is one: its objects go with it.
        """
        key = (*self._place(gone.region, gone.type), gone.id)
        where = "WHERE cloud = ? AND account = ? AND region = ? AND type = ? AND id = ?"
        with self._transaction():
            if gone.afterlife is None:
                self._database.execute(f"DELETE FROM resources {where}", key)  # noqa: S608 - no value in it
            else:
                self._database.execute(
                    f"UPDATE resources SET afterlife = ? {where}",  # noqa: S608 - no value in it
                    (gone.afterlife, *key),
                )
            self._database.execute(
                "DELETE FROM resources WHERE cloud = ? AND account = ? AND region = ? AND inside = ?",
                (*self._place(gone.region), f"{gone.type} {gone.id}"),
            )
            if nested:
                self._delete_below(gone)
            if cluster:
                self._database.execute("DELETE FROM resources WHERE cloud = 'kubernetes' AND account = ?", (cluster,))

    def _delete_below(self, gone: Resource) -> None:
        """Let what is below a path go with it: its parts share its afterlife, what is attached to it has none."""
        below = (*self._place(gone.region), *_below(gone.id))
        where = "WHERE cloud = ? AND account = ? AND region = ? AND substr(id, 1, ?) = ?"
        if gone.afterlife is not None:
            self._database.execute(
                f"DELETE FROM resources {where} AND instr(substr(id, ?), '/providers/') > 0",  # noqa: S608 - no value
                (*below, len(gone.id)),
            )
            self._database.execute(
                f"UPDATE resources SET afterlife = ? {where}",  # noqa: S608 - no value in it
                (gone.afterlife, *below),
            )
        else:
            self._database.execute(
                f"DELETE FROM resources {where} AND afterlife IS NULL",  # noqa: S608 - no value in it
                below,
            )

    def _place(self, region: str, *kind: str) -> tuple[str, ...]:
        return (self._cloud, self._account, region, *kind)

    def _write(self, resource: Resource, unique: str | None, inside: str | None) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            (
                *self._place(resource.region, resource.type),
                resource.id,
                unique,
                inside,
                json.dumps(sealed(resource.inputs), sort_keys=True),
                json.dumps(sealed(resource.outputs), sort_keys=True),
            ),
        )

    @contextlib.contextmanager
    def _transaction(self) -> Generator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


def holdings(file: Path) -> Sequence[tuple[str, str, Resource]]:
    """Give everything that all accounts of a rehearsal hold: cloud, account, resource."""
    if not file.exists():
        return []
    with contextlib.closing(sqlite3.connect(file, timeout=_LOCK_TIMEOUT_S)) as database:
        rows = database.execute(
            f"SELECT cloud, account, {_COLUMNS} FROM resources"  # noqa: S608 - no value in it
            " ORDER BY cloud, account, region, type, id"
        ).fetchall()
    return [(row[0], row[1], _resource(row[2:])) for row in rows]


def evidence(file: Path) -> Sequence[tuple[str, str, str, str]]:
    """Give how well the inputs of a rehearsal could be checked: cloud, type, property, evidence."""
    if not file.exists():
        return []
    with contextlib.closing(sqlite3.connect(file, timeout=_LOCK_TIMEOUT_S)) as database:
        return database.execute("SELECT * FROM evidence ORDER BY cloud, type, property").fetchall()


def fingerprint(value: Any) -> str:
    """Give a hash of a tree of properties; secrets in it count, and can't be read from it."""
    return hashlib.sha256(json.dumps(sealed(value), sort_keys=True, default=str).encode()).hexdigest()


def sealed(value: Any) -> Any:
    """Give a tree in which every secret is replaced by its hash."""
    match value:
        case Secret(value=inner):
            return {_SEALED: fingerprint(inner)}
        case Mapping():
            return {key: sealed(item) for key, item in value.items()}
        case list() | tuple():
            return [sealed(item) for item in value]
        case _:
            return value


def unsealed(value: Any, like: Any) -> Any:
    """Give a tree in which every sealed secret is the one of `like` at the same place.

    One that isn't there, or isn't the same any more, becomes a secret that says so: a cloud doesn't hand out what it
    was once given either.
    """
    if isinstance(value, Mapping) and _SEALED in value:
        inner = like.value if isinstance(like, Secret) else like
        return Secret(
            inner if inner is not None and fingerprint(inner) == value[_SEALED] else "simulated: not readable"
        )
    if isinstance(like, Secret):
        return Secret(unsealed(value, like.value))
    if isinstance(value, Mapping):
        theirs = like if isinstance(like, Mapping) else {}
        return {key: unsealed(item, theirs.get(key)) for key, item in value.items()}
    if isinstance(value, list):
        others = like if isinstance(like, list) else []
        return [unsealed(item, others[place] if place < len(others) else None) for place, item in enumerate(value)]
    return value


def _resource(row: Sequence[Any]) -> Resource:
    region, kind, resource_id, inputs, outputs, afterlife = row
    return Resource(
        kind,
        resource_id,
        json.loads(inputs),
        json.loads(outputs),
        region,
        None if afterlife is None else Afterlife(afterlife),
    )


def _below(path: str) -> tuple[int, str]:
    """Give the length and the text of what the ids of everything below a path begin with."""
    return len(path) + 1, f"{path}/"


def _taken(kind: str, resource_id: str, afterlife: str | None) -> str:
    text = f"{kind} {resource_id} exists already"
    match afterlife:
        case Afterlife.SOFT_DELETED:
            return f"{text}: it was deleted and is kept for its retention time; recover it, or choose another name"
        case Afterlife.PERMANENT:
            return f"{text}: it can't be deleted; import it, or choose another name"
        case Afterlife.SCHEDULED:
            return f"{text}: its deletion is scheduled; cancel that, or choose another name"
        case _:
            return text
