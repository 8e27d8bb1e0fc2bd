"""Clients that each send one request after the other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from benchmarks.soak.cases import Case


async def ask_all(cases: Sequence[Case], clients: int, ask: Callable[[Case], Awaitable[None]]) -> None:
    """Have all cases asked by that many clients, each with its next one as soon as its last has ended."""
    left = iter(cases)

    async def client() -> None:
        for case in left:
            await ask(case)

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client())
