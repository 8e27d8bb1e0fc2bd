"""A client of the cluster's API server for the cluster's own parts: typed just enough, and quick to import."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from toolchain.cluster.errors import ApiError

FIELD_MANAGER = "modelfleet-cluster"
_TIMEOUT_S = 10.0

# Where each kind that the cluster itself applies lives: (group and version) -> plural, namespaced
_RESOURCES: dict[str, tuple[str, bool]] = {
    "ServiceAccount": ("serviceaccounts", True),
    "ConfigMap": ("configmaps", True),
    "Service": ("services", True),
    "Deployment": ("deployments", True),
    "ClusterRole": ("clusterroles", False),
    "ClusterRoleBinding": ("clusterrolebindings", False),
    "StorageClass": ("storageclasses", False),
    "Namespace": ("namespaces", False),
}


def tls_context(pki: Path, identity: str) -> ssl.SSLContext:
    """Return the TLS settings by which ``identity`` speaks to the API server."""
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / f"{identity}.crt", pki / f"{identity}.key")
    return context


@dataclass(frozen=True, slots=True)
class ApiClient:
    """Requests to one API server."""

    http: httpx.Client

    @classmethod
    def connect(cls, server: str, pki: Path, identity: str = "admin") -> "ApiClient":
        """Return a client that presents ``<identity>.crt`` of ``pki``. Nothing is sent yet."""
        # trust_env: a proxy meant for the outside must not get the cluster's own requests.
        client = httpx.Client(base_url=server, verify=tls_context(pki, identity), timeout=_TIMEOUT_S, trust_env=False)
        return cls(client)

    def get(self, path: str) -> dict[str, Any] | None:
        """Return an object, ``None`` if there is none.

        Raises:
            ApiError: the API server refused, or can't be reached.
        """
        try:
            answer = self.http.get(path)
        except httpx.HTTPError as error:
            raise ApiError(f"GET {path}: the API server can't be reached: {error}") from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return _content(answer)

    def apply(self, manifest: dict[str, Any]) -> None:
        """Apply an object on the server's side.

        Raises:
            ApiError: the API server refused, or can't be reached.
        """
        path = _path_of(manifest)
        try:
            answer = self.http.patch(
                path,
                params={"fieldManager": FIELD_MANAGER, "force": "true"},
                content=yaml.safe_dump(manifest),
                headers={"Content-Type": "application/apply-patch+yaml"},
            )
        except httpx.HTTPError as error:
            raise ApiError(f"PATCH {path}: the API server can't be reached: {error}") from error
        _content(answer)

    def close(self) -> None:
        """Close the connections."""
        self.http.close()


def _path_of(manifest: dict[str, Any]) -> str:
    plural, namespaced = _RESOURCES[manifest["kind"]]
    version, metadata = manifest["apiVersion"], manifest["metadata"]
    root = f"/api/{version}" if "/" not in version else f"/apis/{version}"
    place = f"/namespaces/{metadata['namespace']}" if namespaced else ""
    return f"{root}{place}/{plural}/{metadata['name']}"


def _content(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise ApiError(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:500]}")
    return answer.json()
