"""Eventual consistency: what was just made isn't seen yet by those that name it.

A few calls of dependants come too early and are told that there is no such thing; the plugins try again, as the real
ones do. An API's answer about the resource itself is always right.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from rehearsal.journal import opened
from toolchain.provider.properties import Secret

_TABLES: Final = "CREATE TABLE IF NOT EXISTS unseen (name TEXT PRIMARY KEY, calls INTEGER NOT NULL) WITHOUT ROWID;"
_NAMES: Final = ("arn", "email", "principalId", "name")
"""Outputs by which others name a resource, besides its id."""
_SHORTEST: Final = 8
"""Shorter names are words that inputs have for other reasons too."""


class Settling:
    """What in one world isn't seen by everybody yet.

    Args:
        file: the world's memory.
    """

    def __init__(self, file: Path) -> None:
        self._database = opened(file, _TABLES)

    def begin(self, resource_id: str, outputs: Mapping[str, Any], calls: int) -> None:
        """Let a new resource be unseen.

        Args:
            resource_id: its id.
            outputs: its outputs.
            calls: how many calls that name it come too early.
        """
        found = [resource_id, *(outputs[name] for name in _NAMES if isinstance(outputs.get(name), str))]
        self._database.executemany(
            "INSERT OR REPLACE INTO unseen VALUES (?, ?)", [(name, calls) for name in found if len(name) >= _SHORTEST]
        )

    def too_early(self, inputs: Mapping[str, Any]) -> int:
        """Give how many attempts of a call come too early for what its inputs name; after these all of it is seen.

        Args:
            inputs: the inputs of the resource that is made or changed.
        """
        unseen = self._database.execute("SELECT name, calls FROM unseen").fetchall()
        if not unseen:
            return 0
        texts = list(_texts(inputs))
        named = [(name, calls) for name, calls in unseen if any(name in text for text in texts)]
        self._database.executemany("DELETE FROM unseen WHERE name = ?", [(name,) for name, _ in named])
        return max((calls for _, calls in named), default=0)

    def close(self) -> None:
        """Let go of the memory."""
        self._database.close()


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Secret(value=inner):
            yield from _texts(inner)
        case Mapping():
            for item in value.values():
                yield from _texts(item)
        case list() | tuple():
            for item in value:
                yield from _texts(item)
