"""Readiness of what runs pods. The conditions are those of `kubectl rollout status`."""

from collections.abc import Mapping
from typing import Any

from toolchain.kubernetes_provider.api_client import ApiClient
from toolchain.kubernetes_provider.readiness.pods import last_warning, selected_pods, troubles
from toolchain.kubernetes_provider.readiness.verdict import (
    READY,
    Verdict,
    condition,
    condition_holds,
    failed,
    is_observed,
    waiting,
)


async def assess_deployment(client: ApiClient, live: Mapping[str, Any]) -> Verdict:
    """All replicas are of the present template and available, and no old one is left."""
    if live["spec"].get("paused"):
        return READY  # it does not roll out until someone resumes it
    if not is_observed(live):
        return waiting("the controller has not seen it yet")
    status, wanted = live.get("status") or {}, live["spec"].get("replicas", 1)
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    old = status.get("replicas", 0) - updated
    if updated >= wanted and available >= wanted and old <= 0:
        return READY
    progress = f"{min(updated, wanted)}/{wanted} updated, {available}/{wanted} available"
    if old > 0:
        progress += f", {old} old to end"
    message = await _with_trouble(client, live, progress)
    stuck = condition(live, "Progressing")
    if stuck is not None and stuck.get("reason") == "ProgressDeadlineExceeded" and not _is_of_earlier(stuck, live):
        return failed(f"{message} (no progress within progressDeadlineSeconds)")
    return waiting(message)


def _is_of_earlier(stuck: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Tell whether a condition was recorded before the present template was applied.

    The controller leaves it as it was until the new rollout makes progress: a template that is taken back after the
    deadline would be said to have failed at once.
    """
    changes = [
        entry["time"]
        for entry in live["metadata"].get("managedFields") or ()
        if not entry.get("subresource") and "time" in entry
    ]
    recorded = stuck.get("lastUpdateTime")
    return bool(changes and recorded) and recorded <= max(changes)  # RFC 3339 in UTC, whole seconds: sorts as text


async def assess_stateful_set(client: ApiClient, live: Mapping[str, Any]) -> Verdict:
    """All replicas run the present revision (those that the rolling update's partition lets) and are ready."""
    spec, status = live["spec"], live.get("status") or {}
    strategy = spec.get("updateStrategy") or {}
    if not is_observed(live):
        return waiting("the controller has not seen it yet")
    wanted, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
    partition = (strategy.get("rollingUpdate") or {}).get("partition") or 0
    updated = status.get("updatedReplicas", 0)
    rolled = (
        strategy.get("type") == "OnDelete"
        or status.get("currentRevision") == status.get("updateRevision")
        or (partition > 0 and updated >= wanted - partition)
    )
    if ready >= wanted and rolled:
        return READY
    return waiting(await _with_trouble(client, live, f"{updated}/{wanted} updated, {ready}/{wanted} ready"))


async def assess_daemon_set(client: ApiClient, live: Mapping[str, Any]) -> Verdict:
    """Every node that should run it runs the present template, available."""
    if not is_observed(live):
        return waiting("the controller has not seen it yet")
    status = live.get("status") or {}
    wanted, available = status.get("desiredNumberScheduled", 0), status.get("numberAvailable", 0)
    updated = status.get("updatedNumberScheduled", 0)
    on_delete = (live["spec"].get("updateStrategy") or {}).get("type") == "OnDelete"
    if available >= wanted and (updated >= wanted or on_delete):
        return READY
    progress = f"{updated}/{wanted} nodes updated, {available}/{wanted} available"
    return waiting(await _with_trouble(client, live, progress))


async def assess_replica_set(client: ApiClient, live: Mapping[str, Any]) -> Verdict:
    """All replicas are available; also for ReplicationController."""
    if not is_observed(live):
        return waiting("the controller has not seen it yet")
    wanted = live["spec"].get("replicas", 1)
    available = (live.get("status") or {}).get("availableReplicas", 0)
    if available >= wanted:
        return READY
    return waiting(await _with_trouble(client, live, f"{available}/{wanted} available"))


async def assess_job(client: ApiClient, live: Mapping[str, Any]) -> Verdict:
    """It has completed; a suspended one is left alone."""
    if condition_holds(live, "Complete") or live["spec"].get("suspend"):
        return READY
    status = live.get("status") or {}
    progress = (
        f"{status.get('succeeded', 0)}/{live['spec'].get('completions', 1)} succeeded, "
        f"{status.get('active', 0)} active, {status.get('failed', 0)} failed"
    )
    message = await _with_trouble(client, live, progress)
    if condition_holds(live, "Failed"):
        reason = condition(live, "Failed") or {}
        return failed(f"{reason.get('reason', 'Failed')}: {reason.get('message', '')} ({message})")
    return waiting(message)


async def _with_trouble(client: ApiClient, live: Mapping[str, Any], progress: str) -> str:
    refused = condition(live, "ReplicaFailure")
    if refused is not None and refused.get("status") == "True":
        return f"{progress}: {refused.get('message')}"  # a quota or an admission rule refuses the pods
    pods = await selected_pods(client, live["metadata"]["namespace"], _selector(live))
    trouble = await troubles(client, pods)
    if not trouble and not pods:
        trouble = await last_warning(client, live)
    return f"{progress}: {trouble}" if trouble else progress


def _selector(live: Mapping[str, Any]) -> dict[str, Any] | None:
    selector = live["spec"].get("selector")
    if live["kind"] == "ReplicationController" and selector:
        return {"matchLabels": selector}
    return selector
