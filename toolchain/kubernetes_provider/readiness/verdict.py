"""What one look at an object says: ready, not yet and why, or never."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from toolchain.kubernetes_provider.api_client import ApiClient


@dataclass(frozen=True, slots=True)
class Verdict:
    """One look at an object.

    Attributes:
        ready: nothing more to wait for.
        message: what is missing, one line; shown while waiting.
        failed: waiting longer cannot help.
    """

    ready: bool
    message: str = ""
    failed: bool = False


READY = Verdict(ready=True)


def waiting(message: str) -> Verdict:
    """Say that the object is not ready yet, and why."""
    return Verdict(ready=False, message=message)


def failed(message: str) -> Verdict:
    """Say that the object will not become ready."""
    return Verdict(ready=False, message=message, failed=True)


Assess = Callable[[ApiClient, Mapping[str, Any]], Awaitable[Verdict]]
"""Looks at a live object, and through the client at what belongs to it."""


def condition(live: Mapping[str, Any], kind: str) -> dict[str, Any] | None:
    """Give the condition of a type from an object's status, None if it has none."""
    for each in (live.get("status") or {}).get("conditions") or ():
        if each.get("type") == kind:
            return each
    return None


def condition_holds(live: Mapping[str, Any], kind: str) -> bool:
    """Tell whether a condition is True."""
    found = condition(live, kind)
    return found is not None and found.get("status") == "True"


def is_observed(live: Mapping[str, Any]) -> bool:
    """Tell whether the controller has seen the present version of the object."""
    return (live.get("status") or {}).get("observedGeneration", 0) >= live["metadata"].get("generation", 0)
