"""Waits of bounded length, with the reason shown while they last: for readiness, and for objects to be gone."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from toolchain.kubernetes_provider.api_client import ApiClient, ApiError
from toolchain.kubernetes_provider.discovery import Kind
from toolchain.kubernetes_provider.following import ANSWER_LIMIT_S, Following
from toolchain.kubernetes_provider.manifest import Annotation, ObjectId, annotation, describe
from toolchain.kubernetes_provider.readiness.kinds import rule_for
from toolchain.kubernetes_provider.readiness.verdict import Assess, Verdict, condition, waiting
from toolchain.provider.interface import Context, ProviderError, UnavailableError

DEFAULT_TIMEOUT_S: Final = 600.0
"""The official plugin's default."""
SILENCE_LIMIT_S: Final = 60.0
"""How long an API server may be silent: a restart takes seconds, and a cluster that ended is told before long."""
LOOK_INTERVAL_S: Final = 2.0
"""How often what belongs to the object (pods, endpoints, events) is looked at when the object itself is still."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a wait for readiness ended: the object as last seen, and why it is not ready (empty if it is)."""

    live: dict[str, Any]
    reasons: list[str]


def timeout_for(obj: Mapping[str, Any], custom_timeout_s: float | None) -> float:
    """Give the seconds to wait: the resource's custom timeout, else its annotation, else ten minutes.

    Raises:
        ProviderError: the annotation is no positive number.
    """
    if custom_timeout_s is not None:
        return custom_timeout_s
    text = annotation(obj, Annotation.TIMEOUT_SECONDS)
    if text is None:
        return DEFAULT_TIMEOUT_S
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise ProviderError(f"{Annotation.TIMEOUT_SECONDS.value}: {text!r} is no positive number of seconds")
    return seconds


async def until_ready(
    client: ApiClient, kind: Kind, object_id: ObjectId, live: dict[str, Any], *, timeout_s: float, context: Context
) -> Outcome:
    """Wait until an object is ready, has failed for good, or the time is over."""
    rule = rule_for(live)
    if rule is None:
        return Outcome(live, [])
    verdict = await rule(client, live)
    if verdict.ready:
        return Outcome(live, [])
    deadline = time.monotonic() + timeout_s
    shown = ""
    async with Following(client, kind, object_id, live) as following:
        while True:
            if following.current is None:
                return Outcome(live, [f"{describe(live)} was deleted by someone else while it was waited for"])
            live = following.current
            verdict = await _assessed(rule, client, live, following.lost)
            if verdict.ready:
                return Outcome(live, [])
            if verdict.failed:
                return Outcome(live, [f"{describe(live)} failed: {verdict.message}"])
            if verdict.message != shown:
                shown = verdict.message
                await context.status(f"waiting: {shown.splitlines()[0]}")
            remaining = deadline - time.monotonic()
            if ending := _ending(following, context, remaining, timeout_s):
                return Outcome(live, [f"{describe(live)} is not ready ({ending}): {verdict.message}"])
            await following.changed(min(LOOK_INTERVAL_S, remaining), context.cancelled)


def _ending(following: Following, context: Context, remaining_s: float, timeout_s: float) -> str:
    """Say why a wait ends without what it waited for; empty while it goes on."""
    if context.cancelled.is_set():
        return "cancelled while waiting for it"
    if following.silent_s > SILENCE_LIMIT_S:
        return f"the API server has been silent for {following.silent_s:.0f} s"
    return f"after {timeout_s:g} s" if remaining_s <= 0 else ""


async def _assessed(rule: Assess, client: ApiClient, live: dict[str, Any], lost: str) -> Verdict:
    if lost:
        return waiting(lost)
    try:
        async with asyncio.timeout(ANSWER_LIMIT_S):
            return await rule(client, live)
    except TimeoutError:
        return waiting(f"no answer from the Kubernetes API server within {ANSWER_LIMIT_S:g} s")
    except UnavailableError as error:
        return waiting(str(error))  # an API server that restarts; the time limit still holds


async def until_gone(
    client: ApiClient,
    kind: Kind,
    object_id: ObjectId,
    live: dict[str, Any],
    *,
    timeout_s: float,
    context: Context,
) -> None:
    """Wait until an object does not exist any more; one of the same name with another uid is another object.

    Raises:
        ProviderError: it is still there when the time is over; the text says what holds it.
    """
    deadline = time.monotonic() + timeout_s
    uid, shown = live["metadata"]["uid"], ""
    async with Following(client, kind, object_id, live) as following:
        while True:
            current = following.current
            if current is None or current["metadata"]["uid"] != uid:
                return
            why = following.lost or holding(current)
            if why and why != shown:
                shown = why
                await context.status(f"deleting: {why.splitlines()[0]}")
            remaining = deadline - time.monotonic()
            if ending := _ending(following, context, remaining, timeout_s):
                raise ProviderError(
                    f"{kind.kind} {object_id} is being deleted but still there ({ending}): {why or 'no reason known'}"
                )
            await following.changed(min(LOOK_INTERVAL_S, remaining), context.cancelled)


def holding(live: Mapping[str, Any]) -> str:
    """Say what keeps an object that is being deleted: what a namespace still holds, finalizers, a grace period."""
    told = [
        str(found.get("message"))
        for name in ("NamespaceContentRemaining", "NamespaceFinalizersRemaining", "NamespaceDeletionContentFailure")
        if (found := condition(live, name)) is not None and found.get("status") == "True"
    ]
    finalizers = [*(live["metadata"].get("finalizers") or ())]
    if "foregroundDeletion" in finalizers:
        finalizers.remove("foregroundDeletion")
        told.append("what it owns is deleted first")
    if finalizers:
        told.append(f"finalizers that their controllers have not removed: {', '.join(finalizers)}")
    grace = live["metadata"].get("deletionGracePeriodSeconds")
    if not told and grace:
        told.append(f"grace period of {grace} s")
    return "; ".join(told)


async def delete(client: ApiClient, kind: Kind, object_id: ObjectId, propagation: str) -> dict[str, Any] | None:
    """Ask for an object's deletion; give it as it was, None if there is no such object."""
    path = kind.path(object_id.namespace, object_id.name)
    try:
        live = await client.get(path)
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
            "preconditions": {"uid": live["metadata"]["uid"]},
        }
        await client.request("DELETE", path, None, body)
    except ApiError as error:
        if error.code == 404:
            return None
        raise
    return live
