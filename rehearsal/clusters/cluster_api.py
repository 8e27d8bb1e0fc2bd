"""Writes of the controllers: what is there already, or gone already, is as good as done."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

_MERGE_PATCH: Final = {"Content-Type": "application/merge-patch+json"}
_STRATEGIC_PATCH: Final = {"Content-Type": "application/strategic-merge-patch+json"}
_MANAGER: Final = {"fieldManager": "simulated-cloud"}


@dataclass(frozen=True, slots=True)
class ClusterApi:
    """One API server."""

    http: httpx.AsyncClient

    async def get(self, path: str) -> dict[str, Any] | None:
        """Read an object or a list; None if there is none, or no such kind."""
        answer = await self.http.get(path)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        answer.raise_for_status()
        return answer.json()

    async def create(self, path: str, content: Mapping[str, Any]) -> None:
        """Make an object, unless there is one of its name."""
        answer = await self.http.post(path, params=_MANAGER, json=dict(content))
        if answer.status_code != httpx.codes.CONFLICT:
            answer.raise_for_status()

    async def merge(self, path: str, patch: Mapping[str, Any], *, strategic: bool = False) -> None:
        """Change parts of an object; one that is gone is left alone.

        Args:
            path: of the object, or of its status.
            patch: what changes.
            strategic: whether lists are merged by their keys; custom resources know no such keys.
        """
        headers = _STRATEGIC_PATCH if strategic else _MERGE_PATCH
        answer = await self.http.patch(path, params=_MANAGER, json=dict(patch), headers=headers)
        if answer.status_code != httpx.codes.NOT_FOUND:
            answer.raise_for_status()

    async def delete(self, path: str, *, uid: str, grace_s: int | None = None) -> None:
        """Delete an object, but no other one of its name."""
        options: dict[str, Any] = {"preconditions": {"uid": uid}}
        if grace_s is not None:
            options["gracePeriodSeconds"] = grace_s
        answer = await self.http.request("DELETE", path, json=options)
        if answer.status_code not in {httpx.codes.NOT_FOUND, httpx.codes.CONFLICT}:
            answer.raise_for_status()

    async def evict(self, namespace: str, pod: str) -> bool:
        """Ask a pod to go; False where a disruption budget keeps it for now."""
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": namespace},
        }
        answer = await self.http.post(f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction", json=eviction)
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            return False
        if answer.status_code != httpx.codes.NOT_FOUND:
            answer.raise_for_status()
        return True


def path_of(kind: str, item: Mapping[str, Any]) -> str:
    """Give the path of an object of Kubernetes' core group, by the plural of its kind."""
    metadata = item["metadata"]
    place = f"/namespaces/{metadata['namespace']}" if metadata.get("namespace") else ""
    return f"/api/v1{place}/{kind}/{metadata['name']}"
