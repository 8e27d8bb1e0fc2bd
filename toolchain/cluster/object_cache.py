"""A live copy of the objects of one API path: list, then watch, and begin again when the watch breaks."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx

_log = logging.getLogger(__name__)

_RETRY_S = 0.5
_LONGEST_RETRY_S = 10.0
_WATCH_S = 300  # then the server ends the watch and it is begun again
_PAGE = 500


class ObjectCache:
    """The objects of one path, kept equal to the API server's.

    Args:
        http: a client of the API server.
        path: the list's path, as ``/api/v1/pods``.
        changed: called after every change, and after the first list.
        field_selector: which of the objects, as ``metadata.name=local``; all of them if it is empty.
    """

    def __init__(
        self, http: httpx.AsyncClient, path: str, changed: Callable[[], None], *, field_selector: str = ""
    ) -> None:
        self._http = http
        self._path = path
        self._selection = {"fieldSelector": field_selector} if field_selector else {}
        self._changed = changed
        self._objects: dict[str, dict[str, Any]] = {}
        self.listed = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(list(self._objects.values()))

    async def keep(self) -> None:
        """Keep the copy for ever."""
        retry_s = _RETRY_S
        while True:
            try:
                version = await self._list()
                retry_s = _RETRY_S
                while version:
                    version = await self._watch(version)
            except (httpx.HTTPError, json.JSONDecodeError) as error:
                _log.warning("%s: %s; again in %.1f s", self._path, error or type(error).__name__, retry_s)
                await asyncio.sleep(retry_s)
                retry_s = min(2 * retry_s, _LONGEST_RETRY_S)

    async def _list(self) -> str:
        found: dict[str, dict[str, Any]] = {}
        query: dict[str, str | int] = {"limit": _PAGE, **self._selection}
        while True:
            answer = await self._http.get(self._path, params=query)
            answer.raise_for_status()
            page = answer.json()
            found |= {item["metadata"]["uid"]: item for item in page["items"]}
            if not page["metadata"].get("continue"):
                break
            query["continue"] = page["metadata"]["continue"]
        self._objects = found
        self.listed = True
        self._changed()
        return page["metadata"]["resourceVersion"]

    async def _watch(self, version: str) -> str:
        """Follow changes; return the version to go on from, or an empty string to list again."""
        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCH_S),
            **self._selection,
        }
        # The server is silent while nothing changes, but for a bookmark about every minute.
        timeout = httpx.Timeout(10.0, read=_WATCH_S + 30)
        async with self._http.stream("GET", self._path, params=query, timeout=timeout) as answer:
            if answer.status_code == httpx.codes.GONE:
                return ""
            answer.raise_for_status()
            async for line in answer.aiter_lines():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return ""
                item = event["object"]
                version = item["metadata"]["resourceVersion"]
                if event["type"] == "BOOKMARK":
                    continue
                if event["type"] == "DELETED":
                    self._objects.pop(item["metadata"]["uid"], None)
                else:
                    self._objects[item["metadata"]["uid"]] = item
                self._changed()
        return version
