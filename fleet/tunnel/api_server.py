"""An API server's address and authority, as a kubeconfig gives them, and that kubeconfig seen through a tunnel."""

import base64
import binascii
import socket
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import yaml

from fleet.tunnel.errors import TunnelError

_HTTPS = 443
_ANSWER_LIMIT_S = 3.0
"""Within one network an API server answers in milliseconds; an address that isn't routed never does."""


@dataclass(frozen=True)
class ApiServer:
    """Where a cluster's API server is, inside its network.

    Attributes:
        host: Its own name, which its certificate is for.
        port: TCP port.
        authority: PEM of the authority that signed its certificate; empty where the kubeconfig has none.
    """

    host: str
    port: int
    authority: str = ""

    @classmethod
    def of(cls, kubeconfig: str) -> "ApiServer":
        """Read the active context's server.

        Raises:
            TunnelError: the text is no kubeconfig with an https:// server.
        """
        cluster = _active_cluster(_parsed(kubeconfig))
        address = urlsplit(str(cluster.get("server", "")))
        if address.scheme != "https" or address.hostname is None:
            raise TunnelError(
                f"the stack's kubeconfig names the server {cluster.get('server')!r}, which is no https:// address: "
                "`fleet refresh` reads it from the cloud again"
            )
        try:
            authority = base64.b64decode(cluster.get("certificate-authority-data", ""), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            authority = ""
        return cls(address.hostname, address.port or _HTTPS, authority)

    def answers_directly(self) -> bool:
        """Tell whether it is reached from here without a tunnel: from a runner in its network, or over a VPN.

        Private ranges repeat from network to network, so whoever answers has to prove that it is this server.
        """
        try:
            context = ssl.create_default_context(cadata=self.authority or None)
            with (
                socket.create_connection((self.host, self.port), timeout=_ANSWER_LIMIT_S) as connection,
                context.wrap_socket(connection, server_hostname=self.host),
            ):
                return True
        except (OSError, ValueError):  # ValueError: an authority that is no certificate proves nothing
            return False


def through(kubeconfig: str, server: ApiServer, port: int) -> str:
    """Give a kubeconfig whose active context goes to a tunnel's local port, TLS checked against the server's own name.

    Args:
        kubeconfig: The cluster's own.
        server: Its API server.
        port: The tunnel's port on 127.0.0.1.
    """
    document = _parsed(kubeconfig)
    cluster = _active_cluster(document)
    cluster["server"] = f"https://127.0.0.1:{port}"
    cluster["tls-server-name"] = server.host
    return yaml.safe_dump(document, sort_keys=False)


def _parsed(kubeconfig: str) -> dict[str, Any]:
    try:
        document = yaml.safe_load(kubeconfig)
    except yaml.YAMLError as error:
        raise TunnelError(f"the stack's kubeconfig is no YAML: {error}") from error
    if not isinstance(document, dict):
        raise TunnelError("the stack's kubeconfig is empty: has the stack's first update been through?")
    return document


def _active_cluster(document: dict[str, Any]) -> dict[str, Any]:
    current = document.get("current-context")
    contexts = {entry["name"]: entry["context"] for entry in document.get("contexts") or []}
    clusters = {entry["name"]: entry["cluster"] for entry in document.get("clusters") or []}
    try:
        return clusters[contexts[current]["cluster"]]
    except KeyError as error:
        raise TunnelError(f"the stack's kubeconfig has no entry {error} that its current context asks for") from error
