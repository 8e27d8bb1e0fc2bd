"""The records of all stacks."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import obstore
from obstore.exceptions import BaseError

from release.append_log import AppendLog, StoreError
from release.artefacts import Artefacts
from release.record import Record

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_STACKS: Final = "stacks"


class History:
    """Every stack's history.

    Args:
        store: The release store.
    """

    def __init__(self, store: "ObjectStore") -> None:
        self._store = store

    def stacks(self) -> list[str]:
        """Name the stacks that have a history.

        Raises:
            StoreError: it can't be read.
        """
        try:
            folders = obstore.list_with_delimiter(self._store, _STACKS)["common_prefixes"]
        except (BaseError, OSError) as error:
            raise StoreError(f"the release store can't be read: {error}") from error
        return sorted(folder.rpartition("/")[2] for folder in folders)

    def of(self, stack: str) -> list[Record]:
        """Give a stack's records, the oldest first.

        Raises:
            StoreError: they can't be read.
        """
        return [Record.model_validate_json(entry) for entry in self._log(stack).read()]

    def last_good(self, stack: str, *, before: int | None = None, artefacts: Artefacts | None = None) -> Record | None:
        """Give the newest record of a stack that the gate has passed, and that wasn't condemned later.

        Args:
            stack: The stack.
            before: Only records of rollouts before this one.
            artefacts: Only records of these, condemned or not.

        Raises:
            StoreError: as `of`.
        """
        records = [record for record in self.of(stack) if before is None or record.rollout < before]
        if artefacts is None:
            return next(uncondemned(records), None)
        return next((record for record in reversed(records) if record.good and record.artefacts == artefacts), None)

    def add(self, record: Record) -> None:
        """Append a record, unless the same rollout has written one of the same outcome last.

        Raises:
            NumberTakenError: somebody else's record came first.
            StoreError: it can't be written.
        """
        records = self.of(record.stack)
        if records and (records[-1].rollout, records[-1].outcome) == (record.rollout, record.outcome):
            return  # a resumed rollout comes here twice
        self._log(record.stack).append(len(records), record.model_dump_json().encode())

    def _log(self, stack: str) -> AppendLog:
        return AppendLog(self._store, f"{_STACKS}/{stack}")


def uncondemned(records: Sequence[Record]) -> Iterator[Record]:
    """Give a stack's good records, the newest first, but for those whose release a later one left for its faults.

    Args:
        records: All of its records, the oldest first.
    """
    condemned: list[Artefacts] = []
    for record in reversed(records):
        if record.good and record.artefacts not in condemned:
            yield record
        if record.attempted is not None and record.attempted != record.artefacts:
            condemned.append(record.attempted)
