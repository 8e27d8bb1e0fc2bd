"""Why a pod is not ready, told as its owner would ask: scheduling, images, configuration, crashes, probes."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from toolchain.kubernetes_provider.api_client import ApiClient, ApiError
from toolchain.kubernetes_provider.discovery import selector_query
from toolchain.kubernetes_provider.readiness.verdict import (
    READY,
    Verdict,
    condition,
    condition_holds,
    failed,
    waiting,
)

LOG_LINES: Final = 10
LOG_CHARACTERS: Final = 2000
"""A crash is told with its last lines; the whole log is one `kubectl logs` away."""
LOG_LIMIT_S: Final = 1.5
"""A node that is there hands out a few lines at once; one that is gone must not hide why its pod crashed."""
PODS_EXPLAINED: Final = 3
"""Of many pods with the same trouble, a few say it all."""
_NO_MACHINE: Final = "FailedScaleUp"
"""The cluster autoscaler's word for a node pool that a cloud has no machine for."""
_STARTING: Final = frozenset({"ContainerCreating", "PodInitializing"})


async def assess_pod(client: ApiClient, pod: Mapping[str, Any]) -> Verdict:
    """A pod is ready when its condition says so, or when it has run to its end."""
    phase = (pod.get("status") or {}).get("phase")
    if phase == "Succeeded" or condition_holds(pod, "Ready"):
        return READY
    trouble = await pod_trouble(client, pod)
    if phase == "Failed":
        return failed(trouble or (pod.get("status") or {}).get("message") or "the pod failed")
    return waiting(trouble or f"phase {phase or 'unknown'}")


async def selected_pods(client: ApiClient, namespace: str, selector: dict[str, Any] | None) -> list[dict[str, Any]]:
    """List the pods that a workload's selector selects."""
    query = selector_query(selector)
    if query is None:
        return []
    answer = await client.get(f"/api/v1/namespaces/{namespace}/pods", labelSelector=query)
    return answer.get("items") or []


async def troubles(client: ApiClient, pods: list[dict[str, Any]]) -> str:
    """Say what keeps pods from being ready, those of a few of them; empty if nothing is known to be wrong."""
    told: list[str] = []
    for pod in pods:
        if pod["metadata"].get("deletionTimestamp") or condition_holds(pod, "Ready"):
            continue
        text = await pod_trouble(client, pod)
        if text:
            told.append(f"pod {pod['metadata']['name']}: {text}")
        if len(told) == PODS_EXPLAINED:
            break
    return "; ".join(told)


async def pod_trouble(client: ApiClient, pod: Mapping[str, Any]) -> str:
    """Say what keeps one pod from being ready."""
    status = pod.get("status") or {}
    scheduled = condition(pod, "PodScheduled")
    if scheduled is not None and scheduled.get("status") == "False":
        text = f"{scheduled.get('reason', 'Unschedulable').lower()}: {scheduled.get('message', '')}"
        # Why there are no more nodes, the autoscaler tells apart from why the scheduler can't use those that are there.
        refused = await last_warning(client, pod, reason=_NO_MACHINE)
        return f"{text}; {refused}" if refused else text
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    for container in containers:
        if text := await _container_trouble(client, pod, container):
            return text
    for container in containers:
        reason = ((container.get("state") or {}).get("waiting") or {}).get("reason")
        if reason in _STARTING:
            mounts = await last_warning(client, pod)
            return mounts or f"container {container['name']} is being created"
    for container in containers:
        if "running" in (container.get("state") or {}) and not container.get("ready"):
            probe = await last_warning(client, pod)
            return f"container {container['name']} runs but is not ready{f': {probe}' if probe else ''}"
    return status.get("message") or ""


async def _container_trouble(client: ApiClient, pod: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    state = container.get("state") or {}
    name = container["name"]
    if (held := state.get("waiting")) and held.get("reason") not in _STARTING:
        reason = held.get("reason") or "waiting"
        if reason == "CrashLoopBackOff":
            ended = (container.get("lastState") or {}).get("terminated") or {}
            return await _crash(client, pod, name, ended, reason, previous=True)
        return f"container {name}: {reason}: {held.get('message') or 'no message'}"
    if (ended := state.get("terminated")) and ended.get("exitCode") != 0:
        return await _crash(client, pod, name, ended, "ended", previous=False)
    return ""


async def _crash(
    client: ApiClient,
    pod: Mapping[str, Any],
    container: str,
    ended: Mapping[str, Any],
    reason: str,
    *,
    previous: bool,
) -> str:
    text = f"container {container}: {reason}, exit code {ended.get('exitCode', 'unknown')}"
    if (why := ended.get("reason")) and why != "Error":
        text += f" ({why})"
    lines = await _last_lines(client, pod, container, previous=previous)
    return f"{text}; its last lines:\n{lines}" if lines else text


async def _last_lines(client: ApiClient, pod: Mapping[str, Any], container: str, *, previous: bool) -> str:
    metadata = pod["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/log"
    parameters = {"container": container, "tailLines": str(LOG_LINES)}
    if previous:
        parameters["previous"] = "true"
    try:
        async with asyncio.timeout(LOG_LIMIT_S):
            text = await client.text(path, **parameters)
    except (ApiError, TimeoutError):
        return ""  # the log is a courtesy: it may be gone, not ours to read, or on a node that doesn't answer
    lines = text.strip()[-LOG_CHARACTERS:].splitlines()
    return "\n".join(f"    {line}" for line in lines)


async def last_warning(client: ApiClient, live: Mapping[str, Any], *, reason: str = "") -> str:
    """Give the newest warning event about an object; empty if there is none or events cannot be read.

    Args:
        client: the API server.
        live: the object.
        reason: which events count, all warnings if empty.
    """
    metadata = live["metadata"]
    selector = f"involvedObject.uid={metadata['uid']},type=Warning"
    try:
        answer = await client.get(
            f"/api/v1/namespaces/{metadata.get('namespace') or 'default'}/events",
            fieldSelector=f"{selector},reason={reason}" if reason else selector,
        )
    except ApiError:
        return ""  # as with logs
    events = answer.get("items") or []
    if not events:
        return ""
    newest = max(events, key=lambda each: each.get("lastTimestamp") or each.get("eventTime") or "")
    return f"{newest.get('reason')}: {newest.get('message', '').strip()}"
