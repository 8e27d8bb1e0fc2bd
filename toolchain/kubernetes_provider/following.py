"""One object followed as it changes: a watch with a memory of the last state, restarted whenever it breaks."""

import asyncio
import time
from types import TracebackType
from typing import Any, Final, Self

from toolchain.kubernetes_provider.api_client import ApiClient, ApiError
from toolchain.kubernetes_provider.discovery import Kind
from toolchain.kubernetes_provider.manifest import ObjectId
from toolchain.provider.interface import UnavailableError

RECONNECT_DELAY_S: Final = 0.5
BEAT_INTERVAL_S: Final = 5.0
"""How often the server is asked even though the watch is open: one whose machine is gone leaves it open, silently."""
ANSWER_LIMIT_S: Final = 10.0
"""How long one answer may take before the server counts as silent."""
_GONE: Final = 410
_NOT_FOUND: Final = 404


class Following:
    """The present state of one object.

    Attributes:
        current: the object as last seen; None once it is gone.
        lost: why the server cannot be asked at the moment; empty while the watch runs.
    """

    def __init__(self, client: ApiClient, kind: Kind, object_id: ObjectId, seen: dict[str, Any] | None) -> None:
        self._client = client
        self._kind = kind
        self._object_id = object_id
        self._change = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._heard_at = time.monotonic()
        self.current = seen
        self.lost = ""

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._beat())]
        return self

    @property
    def silent_s(self) -> float:
        """Seconds since the server last answered."""
        return time.monotonic() - self._heard_at

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def changed(self, timeout_s: float, cancelled: asyncio.Event) -> None:
        """Return when the object has changed, the user has cancelled, or the time is over."""
        waits = [asyncio.create_task(self._change.wait()), asyncio.create_task(cancelled.wait())]
        try:
            await asyncio.wait(waits, timeout=max(timeout_s, 0), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        self._change.clear()

    async def _follow(self) -> None:
        version = (self.current or {}).get("metadata", {}).get("resourceVersion")
        while True:
            try:
                if version is None:
                    version = await self._read()
            except (ApiError, UnavailableError) as error:
                self.lost = str(error)
                await asyncio.sleep(RECONNECT_DELAY_S)
                continue
            try:
                await self._watch(version)
                version = self._version()
            except (ApiError, UnavailableError):
                version = None  # too old, not allowed, or cut off: reading again tells, and serves as a poll
            await asyncio.sleep(RECONNECT_DELAY_S)

    async def _beat(self) -> None:
        """Notice a server that doesn't answer any more, and one that does again."""
        path = self._kind.path(self._object_id.namespace, self._object_id.name)
        while True:
            await asyncio.sleep(BEAT_INTERVAL_S)
            try:
                async with asyncio.timeout(ANSWER_LIMIT_S):
                    await self._client.get(path)
            except TimeoutError:
                self.lost = f"the Kubernetes API server has not answered for {self.silent_s:.0f} s"
            except UnavailableError as error:
                self.lost = str(error)
            except ApiError:
                self._heard()
            else:
                self._heard()

    def _heard(self) -> None:
        self._heard_at = time.monotonic()
        self.lost = ""

    def _version(self) -> str | None:
        return None if self.current is None else self.current["metadata"]["resourceVersion"]

    async def _read(self) -> str:
        """Read the object; give the version from which to watch on."""
        try:
            self._see(await self._client.get(self._kind.path(self._object_id.namespace, self._object_id.name)))
        except ApiError as error:
            if error.code != _NOT_FOUND:
                raise
            self._see(None)
            return "0"
        return str(self._version())

    async def _watch(self, version: str) -> None:
        collection = self._kind.collection_path(self._object_id.namespace or "default")
        selector = f"metadata.name={self._object_id.name}"
        async for event in self._client.watch(collection, fieldSelector=selector, resourceVersion=version):
            match event["type"]:
                case "ADDED" | "MODIFIED":
                    self._see(event["object"])
                case "DELETED":
                    self._see(None)
                case "ERROR":
                    status = event["object"]
                    raise ApiError(status.get("code", _GONE), status.get("reason", ""), status.get("message", ""))

    def _see(self, live: dict[str, Any] | None) -> None:
        self._heard()
        self.current = live
        self._change.set()
