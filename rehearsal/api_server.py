"""Whether a simulated cluster's API server can be reached from here: a private one only through its tunnel.

A private EKS or AKS cluster's address means nothing outside of its network. So the simulated Kubernetes asks for the
server by name, as a client would, by the proxy that HTTPS_PROXY names; what answers at the end of a simulated tunnel
(`rehearsal/tunnel.py`) says which cluster it stands for. Only then objects are kept.
"""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from rehearsal.account import Resource
from rehearsal.clusters import managed_cluster

VERSION_PATH: Final = "/version"
"""What API servers answer without asking who is there (kubernetes.io/docs/reference/using-api/health-checks)."""
_ANSWER_LIMIT_S: Final = 60.0


class UnreachableError(Exception):
    """There is no way from here to an API server; the text says what to do."""


@dataclass(frozen=True)
class PrivateCluster:
    """A cluster whose API server answers inside of its network only.

    Attributes:
        identifier: What the cloud calls it: an ARN, a resource id.
        resource: The cluster, as the account knows it.
    """

    identifier: str
    resource: Resource


def private_cluster(memory: Path, identifier: str) -> PrivateCluster | None:
    """Find a private cluster by the identifier that programs give to the Kubernetes provider; None if it is none."""
    found = managed_cluster.find_cluster(memory, identifier)
    return PrivateCluster(identifier, found.resource) if found is not None and is_private(found.resource) else None


def require_reachable(cluster: PrivateCluster, kubeconfig: str, environment: Mapping[str, str]) -> None:
    """Ask for a private cluster's API server, as a client in this environment would.

    Raises:
        UnreachableError: it isn't reached.
    """
    server = urlsplit(_server(kubeconfig))
    host, port = server.hostname or "", server.port or 443
    proxy = environment.get("HTTPS_PROXY")
    if not proxy:
        raise UnreachableError(
            f"dial tcp: lookup {host}: no such host. The API server of {cluster.identifier} (simulated) is private: "
            "it answers through its tunnel only, which `fleet tunnel` opens"
        )
    way = urlsplit(proxy)
    connection = http.client.HTTPConnection(way.hostname or "", way.port, timeout=_ANSWER_LIMIT_S)
    connection.set_tunnel(host, port)
    try:
        connection.request("GET", VERSION_PATH)
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise UnreachableError(f"the API server of {cluster.identifier} (simulated) isn't reached: {error}") from error
    finally:
        connection.close()
    if answer.get("cluster") != cluster.identifier:
        raise UnreachableError(
            f"x509: the server behind {host} is {answer.get('cluster')}, not {cluster.identifier} (simulated)"
        )


def is_private(cluster: Resource) -> bool:
    """Tell whether a cluster's API server answers inside of its network only; GKE's have a DNS endpoint besides."""
    match cluster.type:
        case managed_cluster.EKS:
            return not cluster.inputs.get("vpcConfig", {}).get("endpointPublicAccess", True)
        case managed_cluster.AKS:
            return bool(cluster.inputs.get("apiServerAccessProfile", {}).get("enablePrivateCluster", False))
        case _:
            return False


def _server(kubeconfig: str) -> str:
    document: dict[str, Any] = yaml.safe_load(kubeconfig)
    return str(document["clusters"][0]["cluster"]["server"])
