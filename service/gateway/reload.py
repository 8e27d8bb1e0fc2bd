"""Noticing that a mounted file has changed.

Kubernetes replaces a mounted Secret by swapping a symbolic link, which changes what `stat` says of every file;
looking once a second needs no inotify watch that would have to follow those links.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from service.web import logs
from service.web.settings import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_log = logs.get("reload")


class ReloadOnChange:
    """Calls a loader when one of its files changes; what is unfit is reported and changes nothing."""

    def __init__(
        self, name: str, files: Sequence[Path], load: Callable[[], None], count: Callable[[str], None]
    ) -> None:
        self._name = name
        self._files = files
        self._load = load
        self._count = count
        self._seen = self._identity()

    async def watch(self, interval_s: float) -> None:
        """Looks every ``interval_s`` seconds, for ever."""
        while True:
            await asyncio.sleep(interval_s)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Loads if a file has changed since the last look."""
        now = self._identity()
        if now == self._seen:
            return
        self._seen = now
        try:
            self._load()
        except ConfigurationError as error:
            self._count("refused")
            _log.error("changed file refused, the old content stays", file=self._name, reason=str(error))
        else:
            self._count("loaded")
            _log.info("changed file loaded", file=self._name)

    def _identity(self) -> tuple[tuple[int, ...], ...]:
        found: list[tuple[int, ...]] = []
        for file in self._files:
            try:
                status = file.stat()
            except OSError:
                found.append(())
            else:
                found.append((status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size))
        return tuple(found)
