"""Which kinds the API server knows, under which path, and whether they live in a namespace."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from toolchain.kubernetes_provider.api_client import ApiClient, ApiError
from toolchain.provider.interface import ProviderError

DEFAULT_NAMESPACE: Final = "default"


class UnknownKindError(ProviderError):
    """The API server does not serve this kind: its CustomResourceDefinition is missing, or the version is."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of objects as the API server serves it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def collection_path(self, namespace: str | None) -> str:
        """Give the path that lists objects of this kind, in one namespace if the kind has one."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        if self.namespaced and namespace is not None:
            return f"{root}/namespaces/{namespace}/{self.plural}"
        return f"{root}/{self.plural}"

    def path(self, namespace: str | None, name: str) -> str:
        """Give the path of one object."""
        return f"{self.collection_path(namespace or DEFAULT_NAMESPACE)}/{name}"


class Discovery:
    """The kinds of one API server, read on first use and read again when a kind is not there."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._group_versions: dict[str, dict[str, Kind]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def resolve(self, api_version: str, kind: str) -> Kind:
        """Find a kind.

        Raises:
            UnknownKindError: the server does not serve it, even when asked again.
            UnavailableError: the server cannot be reached.
        """
        async with self._locks.setdefault(api_version, asyncio.Lock()):
            known = self._group_versions.get(api_version)
            if known is None or kind not in known:
                known = self._group_versions[api_version] = await self._read(api_version)
        if kind not in known:
            raise UnknownKindError(
                f"the API server serves no {api_version} {kind}. If it comes from a CustomResourceDefinition, "
                "create that first (depends_on), or check the version's name."
            )
        return known[kind]

    def forget(self) -> None:
        """Read everything again on the next use, as after a CustomResourceDefinition was changed."""
        self._group_versions.clear()

    async def _read(self, api_version: str) -> dict[str, Kind]:
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            answer: dict[str, Any] = await self._client.get(root)
        except ApiError as error:
            if error.code == 404:
                return {}
            raise
        return {
            each["kind"]: Kind(api_version, each["kind"], each["name"], bool(each["namespaced"]))
            for each in answer.get("resources") or ()
            if "/" not in each["name"]  # subresources such as deployments/status
        }


def selector_query(selector: dict[str, Any] | None) -> str | None:
    """Write a LabelSelector as the query parameter `labelSelector`; None for one that matches nothing."""
    if not selector:
        return None
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or ():
        key, values = expression["key"], ",".join(expression.get("values") or ())
        match expression["operator"]:
            case "In":
                parts.append(f"{key} in ({values})")
            case "NotIn":
                parts.append(f"{key} notin ({values})")
            case "Exists":
                parts.append(key)
            case "DoesNotExist":
                parts.append(f"!{key}")
    return ",".join(parts) or None
