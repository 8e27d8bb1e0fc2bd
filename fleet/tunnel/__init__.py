"""The way to a private API server: a cloud's own tunnel, kept open, and a proxy that leads every client through it.

A kubeconfig names the API server as the network knows it, and so does the stack's state: neither changes with the
machine that looks at it, and TLS is checked against the server's own name. What changes is the environment: clients
that honour HTTPS_PROXY (Pulumi's plugins, kubectl) ask a proxy on this machine, which sends the API server's
connections through the tunnel and passes all others on.
"""

from fleet.tunnel.api_server import ApiServer
from fleet.tunnel.errors import TunnelError
from fleet.tunnel.reach import reached
from fleet.tunnel.record import TunnelRecord, TunnelRecords
from fleet.tunnel.route import Route, route_of
from fleet.tunnel.tunnel import Tunnel

__all__ = [
    "ApiServer",
    "Route",
    "Tunnel",
    "TunnelError",
    "TunnelRecord",
    "TunnelRecords",
    "reached",
    "route_of",
]
