"""Names that both sides of the border rely on.

A cloud's identities trust a service account by its namespace and name before the cluster has either; `infra/cluster/`
makes both under these names.
"""

NAMESPACE = "modelfleet"
"""Where the gateway and the model servers run."""
SERVER_ACCOUNT = "model-server"
"""The model server's service account: it reads weights."""
GATEWAY_ACCOUNT = "gateway"
"""The gateway's service account: it logs in to the database and the cache."""
TENANT_ACCOUNT = "tenant"
"""The service account in each tenant's namespace: it reaches the tenant's own data."""

PROMETHEUS = "prometheus"
"""The region's own Prometheus: its Deployment and its Service."""


def tenant_namespace(tenant: str) -> str:
    """The namespace of a tenant's pods; also the name of its priority class."""
    return f"tenant-{tenant}"
