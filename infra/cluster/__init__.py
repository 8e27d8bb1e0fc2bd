"""What runs inside every cluster, on whichever cloud it is."""

from infra.cluster.gateway import Gateway
from infra.cluster.isolation import Isolation
from infra.cluster.monitoring import Monitoring
from infra.cluster.serving import Serving
from infra.cluster.tenancy import Tenancy

__all__ = ["Gateway", "Isolation", "Monitoring", "Serving", "Tenancy"]
