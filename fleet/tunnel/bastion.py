"""Azure: a Bastion tunnel to the cluster's API server (`infra/clouds/azure/bastion.py`).

Bastion checks the caller's Entra identity: Reader on the host and on the cluster
(learn.microsoft.com/azure/bastion/bastion-connect-to-aks-private-cluster).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fleet.tunnel.api_server import ApiServer
from fleet.tunnel.errors import TunnelError
from fleet.tunnel.route import Tool

_HOST = re.compile(
    r"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"/providers/Microsoft\.Network/bastionHosts/(?P<name>[^/]+)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Bastion:
    """The route of an AKS cluster.

    Attributes:
        host: Resource id of the Bastion host.
        target: Resource id of the cluster.
        server: The API server.
        environment: The whole environment of the Azure command line, the identity in it.
    """

    host: str
    target: str
    server: ApiServer
    environment: Mapping[str, str] = field(repr=False)

    @property
    def title(self) -> str:
        """Bastion and its host."""
        return f"Bastion {self.host.rpartition('/')[2]}"

    @property
    def tools(self) -> Sequence[Tool]:
        """The Azure command line; it fetches its extension `bastion` by itself."""
        return (Tool("az", "the Azure CLI, learn.microsoft.com/cli/azure/install-azure-cli"),)

    def command(self, port: int) -> Sequence[str]:
        """Tunnel through the host."""
        found = _HOST.fullmatch(self.host)
        if found is None:
            raise TunnelError(f"the stack's output `tunnel` names {self.host!r}, which is no Bastion host's id")
        return [
            *("az", "network", "bastion", "tunnel", "--subscription", found["subscription"]),
            *("--resource-group", found["group"], "--name", found["name"], "--target-resource-id", self.target),
            *("--resource-port", str(self.server.port), "--port", str(port)),
        ]
