"""What runs inside every cluster, on whichever cloud it is."""

from infra.cluster.gateway import Gateway
from infra.cluster.isolation import Isolation
from infra.cluster.serving import Serving

__all__ = ["Gateway", "Isolation", "Serving"]
