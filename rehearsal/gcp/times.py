"""How long Google Cloud takes for what isn't done at once.

Google publishes no such times. The medians are of the order that people report, each below the time after which the
provider gives up waiting (`Timeouts` in its documentation of the resource).
"""

from collections.abc import Mapping
from typing import Final

from rehearsal.clock import Takes

_PROVIDER: Final = "Timeouts of the resource, https://registry.terraform.io/providers/hashicorp/google/latest/docs"
_GKE: Final = "https://cloud.google.com/kubernetes-engine/docs/how-to/creating-a-regional-cluster, and " + _PROVIDER
_SQL: Final = "https://cloud.google.com/sql/docs/postgres/create-instance: takes several minutes, and " + _PROVIDER

TIMES: Final[Mapping[str, Takes]] = {
    "gcp:container/cluster:Cluster": Takes(create=480, update=180, delete=240, source=_GKE),
    "gcp:container/nodePool:NodePool": Takes(create=90, update=120, delete=150, spread=1.4, source=_GKE),
    "gcp:sql/databaseInstance:DatabaseInstance": Takes(create=720, update=240, delete=60, spread=1.3, source=_SQL),
    "gcp:memorystore/instance:Instance": Takes(create=600, update=300, delete=420, source=_PROVIDER),
    "gcp:parallelstore/instance:Instance": Takes(create=600, update=300, delete=300, source=_PROVIDER),
    "gcp:servicenetworking/connection:Connection": Takes(create=60, delete=20, source=_PROVIDER),
    "gcp:networkconnectivity/serviceConnectionPolicy:ServiceConnectionPolicy": Takes(
        create=30, delete=30, source=_PROVIDER
    ),
    "gcp:compute/network:Network": Takes(create=25, update=15, delete=35, source=_PROVIDER),
    "gcp:compute/subnetwork:Subnetwork": Takes(create=20, update=15, delete=20, source=_PROVIDER),
    "gcp:compute/router:Router": Takes(create=11, delete=11, source=_PROVIDER),
    "gcp:compute/routerNat:RouterNat": Takes(create=15, delete=15, source=_PROVIDER),
    "gcp:compute/firewall:Firewall": Takes(create=11, update=11, delete=11, source=_PROVIDER),
    "gcp:compute/globalAddress:GlobalAddress": Takes(create=11, delete=11, source=_PROVIDER),
    "gcp:compute/address:Address": Takes(create=11, delete=11, source=_PROVIDER),
    "gcp:compute/backendService:BackendService": Takes(create=45, update=45, delete=45, source=_PROVIDER),
    "gcp:compute/globalForwardingRule:GlobalForwardingRule": Takes(create=22, delete=22, source=_PROVIDER),
    "gcp:compute/serviceAttachment:ServiceAttachment": Takes(create=25, delete=25, source=_PROVIDER),
    "gcp:projects/service:Service": Takes(create=25, delete=5, spread=1.5, source=_PROVIDER),
    "gcp:projects/iAMMember:IAMMember": Takes(create=9, delete=9, source=_PROVIDER),
    "gcp:artifactregistry/repository:Repository": Takes(create=12, update=3, delete=5, source=_PROVIDER),
    "gcp:certificatemanager/certificate:Certificate": Takes(create=15, delete=12, source=_PROVIDER),
}
"""By type token. A type that isn't here answers at once."""
