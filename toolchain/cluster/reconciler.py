"""Runs a controller's work after changes: one round for a burst of them, and again after a failure."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)

_GATHER_S = 0.02  # changes come in bursts (a rollout): one reconciliation answers all of one
_RETRY_S = 1.0


class Reconciler:
    """Runs one controller's ``reconcile`` after changes, and again after a failure."""

    def __init__(self, name: str, reconcile: Callable[[], Awaitable[None]]) -> None:
        self._name = name
        self._reconcile = reconcile
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Ask for a reconciliation."""
        self._changed.set()

    async def run(self) -> None:
        """Reconcile for ever."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(_GATHER_S)
            self._changed.clear()
            try:
                await self._reconcile()
            except Exception:  # noqa: BLE001 - the loop outlives every failure: logged, and tried again
                _log.exception("%s: reconciliation failed; again in %.0f s", self._name, _RETRY_S)
                await asyncio.sleep(_RETRY_S)
                self._changed.set()
