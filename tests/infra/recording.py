"""Runs a program without an engine (Pulumi's own mocks), and keeps what it asked for.

A cloud's tests say what its resources answer (`outputs`) and what its functions do (`call`); all else is here.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi

ROOT = Path(__file__).parents[2]
"""The repository."""

_SECRET_MARK = "4dabf18193072939515e22adb298388d"
"""Marks a secret on the engine's wire."""

CERTIFICATE = {"certificate": "CERT", "privateKey": "PRIVATE", "caCertificate": "CA", "notAfter": ""}
"""What a certificate of our own plugin answers."""


@dataclass
class Recorder(pulumi.runtime.Mocks):
    """What was registered, by type and name."""

    made: dict[tuple[str, str], pulumi.runtime.MockResourceArgs] = field(default_factory=dict)

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        assert (args.typ, args.name) not in self.made, f"{args.typ} {args.name} is there twice"
        self.made[args.typ, args.name] = args
        return self.identifier(args), {**args.inputs, **self.outputs(args)}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(args.token)

    def identifier(self, args: pulumi.runtime.MockResourceArgs) -> str:
        """The id that a resource gets."""
        return f"{args.name}-id"

    def outputs(self, args: pulumi.runtime.MockResourceArgs) -> dict[str, Any]:
        """The outputs that a program reads and an input doesn't give."""
        return CERTIFICATE if args.typ == "modelfleet:local:Certificate" else {}

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Inputs by name of every resource of a type, given whole or by its last part."""
        return {
            name: dict(args.inputs)
            for (typ, name), args in self.made.items()
            if typ == kind or typ.endswith(f":{kind}")
        }

    def one(self, kind: str, name: str | None = None) -> dict[str, Any]:
        """Inputs of the only resource of a type, or of the one with this name."""
        found = self.of(kind)
        if name is not None:
            return found[name]
        (only,) = found.values()
        return only


def run(
    program: Callable[[], object],
    mocks: pulumi.runtime.Mocks,
    *,
    stack: str,
    monitor: pulumi.runtime.mocks.MockMonitor | None = None,
) -> None:
    """Run a program to its end; what it returns is none of its outputs."""
    asyncio.set_event_loop(asyncio.new_event_loop())
    pulumi.runtime.set_mocks(mocks, project="modelfleet", stack=stack, monitor=monitor)

    @pulumi.runtime.test
    def whole() -> None:
        program()

    whole()


def is_secret(value: Any) -> bool:
    """Tell whether the engine would be told that a value is secret."""
    return isinstance(value, dict) and _SECRET_MARK in value


def revealed(value: Any) -> Any:
    """What the engine sees of a value: without the marks of secrets, at any depth."""
    if isinstance(value, dict):
        return revealed(value["value"]) if is_secret(value) else {key: revealed(one) for key, one in value.items()}
    return [revealed(one) for one in value] if isinstance(value, list) else value
