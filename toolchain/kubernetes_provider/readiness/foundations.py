"""Readiness of what other objects stand on: storage claims, namespaces, definitions of kinds, API services."""

from collections.abc import Mapping
from typing import Any

from toolchain.kubernetes_provider.api_client import ApiClient, ApiError
from toolchain.kubernetes_provider.readiness.pods import last_warning
from toolchain.kubernetes_provider.readiness.verdict import (
    READY,
    Verdict,
    condition,
    condition_holds,
    failed,
    waiting,
)

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


async def assess_claim(client: ApiClient, live: Mapping[str, Any]) -> Verdict:
    """It is bound; where the storage class binds on first use, waiting for the first pod would be for ever."""
    phase = (live.get("status") or {}).get("phase")
    if phase == "Bound":
        return READY
    if phase == "Lost":
        return failed("the volume that it was bound to is gone")
    if await _binds_on_first_use(client, live["spec"].get("storageClassName")):
        return READY
    why = await last_warning(client, live)
    return waiting(f"phase {phase or 'unknown'}{f': {why}' if why else ''}")


async def _binds_on_first_use(client: ApiClient, name: str | None) -> bool:
    path = "/apis/storage.k8s.io/v1/storageclasses"
    try:
        if name:
            classes = [await client.get(f"{path}/{name}")]
        elif name is None:
            listed = await client.get(path)
            classes = [
                each
                for each in listed.get("items") or ()
                if (each["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true"
            ]
        else:
            classes = []  # the empty string asks for no class: a volume made by hand
    except ApiError:
        return False  # not there yet, or not ours to read: then the claim's own phase decides
    return any(each.get("volumeBindingMode") == "WaitForFirstConsumer" for each in classes)


async def assess_namespace(client: ApiClient, live: Mapping[str, Any]) -> Verdict:
    """It is active."""
    del client
    phase = (live.get("status") or {}).get("phase")
    return READY if phase == "Active" else waiting(f"phase {phase or 'unknown'}")


async def assess_definition(client: ApiClient, live: Mapping[str, Any]) -> Verdict:
    """A CustomResourceDefinition is served."""
    del client
    names = condition(live, "NamesAccepted")
    if names is not None and names.get("status") == "False":
        return failed(f"names not accepted: {names.get('message')}")
    return READY if condition_holds(live, "Established") else waiting("not established yet")


async def assess_api_service(client: ApiClient, live: Mapping[str, Any]) -> Verdict:
    """The aggregated API answers."""
    del client
    if condition_holds(live, "Available"):
        return READY
    found = condition(live, "Available") or {}
    return waiting(f"not available: {found.get('message') or 'not probed yet'}")
