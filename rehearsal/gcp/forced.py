"""What must be there before Google Cloud makes a resource, of what takes minutes.

Each row is a field that the API requires (the REST references of Compute Engine, Kubernetes Engine, Memorystore and
Network Connectivity). A Cloud SQL instance that is reached by Private Service Connect names no network.
"""

from collections.abc import Mapping
from typing import Final

_NETWORK: Final = "gcp:compute/network:Network"
_SUBNET: Final = "gcp:compute/subnetwork:Subnetwork"
_POLICY: Final = "gcp:networkconnectivity/serviceConnectionPolicy:ServiceConnectionPolicy"

FORCED: Final[Mapping[str, tuple[str, ...]]] = {
    _SUBNET: (_NETWORK,),
    "gcp:compute/router:Router": (_NETWORK,),
    "gcp:compute/routerNat:RouterNat": ("gcp:compute/router:Router",),
    "gcp:container/cluster:Cluster": (_SUBNET,),
    "gcp:container/nodePool:NodePool": ("gcp:container/cluster:Cluster",),
    _POLICY: (_SUBNET,),
    "gcp:memorystore/instance:Instance": (_POLICY,),
    "gcp:parallelstore/instance:Instance": (_NETWORK,),
    "gcp:compute/forwardingRule:ForwardingRule": (_SUBNET, "gcp:sql/databaseInstance:DatabaseInstance"),
}
"""By type token: the types of which it names one. A type that isn't here waits for nothing that takes long."""
