"""The ways by which clouds lead a local port to a private API server: one `Route` each."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fleet.tunnel.api_server import ApiServer
from fleet.tunnel.errors import TunnelError


@dataclass(frozen=True)
class Tool:
    """A program that a route is opened with.

    Attributes:
        name: Of its executable.
        install: Where it is had.
    """

    name: str
    install: str


class Route(Protocol):
    """A cloud's tunnel, as far as it is the cloud's: which program opens it, and with which words."""

    @property
    def title(self) -> str:
        """What people call it, and through what it goes."""
        ...

    @property
    def tools(self) -> Sequence[Tool]:
        """The programs that it needs."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """The whole environment of those programs."""
        ...

    def command(self, port: int) -> Sequence[str]:
        """Give the command that forwards a port of 127.0.0.1 to the API server until it is ended.

        Raises:
            NotReadyError: the cloud's end isn't there yet.
            TunnelError: it can't be had.
        """
        ...


def route_of(tunnel: Mapping[str, Any], server: ApiServer, environment: Mapping[str, str]) -> Route:
    """Give the route that a stack's output `tunnel` describes.

    Args:
        tunnel: The output.
        server: The stack's API server.
        environment: The whole environment of the cloud's tools.

    Raises:
        TunnelError: the output is of a kind that this version doesn't know.
    """
    from fleet.tunnel.bastion import Bastion  # noqa: PLC0415 - they import this module
    from fleet.tunnel.session_manager import SessionManager  # noqa: PLC0415

    match tunnel:
        case {"kind": "session-manager", "region": str(region), "machine": str(machine)}:
            return SessionManager(region, machine, server, environment)
        case {"kind": "bastion", "host": str(host), "target": str(target)}:
            return Bastion(host, target, server, environment)
        case _:
            raise TunnelError(
                f"the stack's output `tunnel` is {dict(tunnel)}, which is no way that this `fleet` knows: "
                "bring the stack up with the version that you have"
            )


def require_tools(route: Route) -> None:
    """Look whether a route's programs are there.

    Raises:
        TunnelError: it names every one that is missing, and where to get it.
    """
    path = route.environment.get("PATH")
    missing = [tool for tool in route.tools if shutil.which(tool.name, path=path) is None]
    if missing:
        wanted = "\n".join(f"  {tool.name}: {tool.install}" for tool in missing)
        raise TunnelError(f"{route.title} needs programs that are not on PATH:\n{wanted}")
