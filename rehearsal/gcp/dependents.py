"""What keeps Google Cloud from deleting a resource.

Compute Engine answers `resourceInUseByAnotherResource` (https://cloud.google.com/compute/docs/troubleshooting); a
cluster's node pools go with it, and a key's versions are destroyed whoever uses them.
"""

from collections.abc import Mapping
from typing import Final

from rehearsal.table import Holder

HELD_ERROR: Final = (
    "Error waiting for deleting {class}: The {class} resource '{id}' is already being used by '{holder}' (simulated), "
    "resourceInUseByAnotherResource"
)


def _by(*holders: tuple[str, str], names: tuple[str, ...] = ("id", "selfLink")) -> tuple[Holder, ...]:
    return tuple(Holder(type=f"gcp:{kind}", path=path, names=names) for kind, path in holders)


_NOT_EMPTY: Final = "googleapi: Error 409: The bucket you tried to delete is not empty ({holder}, simulated), conflict"
_HAS_RECORDS: Final = (
    "googleapi: Error 400: The resource named '{id}' cannot be deleted because it is not empty ({holder}, simulated), "
    "containerNotEmpty"
)

HELD_BY: Final[Mapping[str, tuple[Holder, ...]]] = {
    # Network
    "gcp:compute/network:Network": _by(
        ("compute/subnetwork:Subnetwork", "network"),
        ("compute/firewall:Firewall", "network"),
        ("compute/router:Router", "network"),
        ("compute/route:Route", "network"),
        ("compute/globalAddress:GlobalAddress", "network"),
        ("compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation", "attachmentTarget"),
        ("container/cluster:Cluster", "network"),
        ("networkconnectivity/serviceConnectionPolicy:ServiceConnectionPolicy", "network"),
        ("servicenetworking/connection:Connection", "network"),
    ),
    "gcp:compute/subnetwork:Subnetwork": _by(
        ("container/cluster:Cluster", "subnetwork"),
        ("compute/address:Address", "subnetwork"),
        ("compute/forwardingRule:ForwardingRule", "subnetwork"),
        ("compute/serviceAttachment:ServiceAttachment", "natSubnets"),
        ("compute/networkEndpointGroup:NetworkEndpointGroup", "subnetwork"),
        ("networkconnectivity/serviceConnectionPolicy:ServiceConnectionPolicy", "pscConfig.subnetworks"),
    ),
    "gcp:compute/networkFirewallPolicy:NetworkFirewallPolicy": _by(
        ("compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation", "firewallPolicy"),
        names=("id", "name"),
    ),
    "gcp:compute/address:Address": _by(
        ("compute/forwardingRule:ForwardingRule", "ipAddress"), names=("id", "selfLink", "address")
    ),
    "gcp:compute/globalAddress:GlobalAddress": _by(
        ("compute/globalForwardingRule:GlobalForwardingRule", "ipAddress"), names=("id", "selfLink", "address")
    ),
    "gcp:compute/resourcePolicy:ResourcePolicy": _by(
        ("container/nodePool:NodePool", "placementPolicy.policyName"), names=("name",)
    ),
    # Front
    "gcp:compute/healthCheck:HealthCheck": _by(("compute/backendService:BackendService", "healthChecks")),
    "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup": _by(
        ("compute/backendService:BackendService", "backends.group")
    ),
    "gcp:compute/securityPolicy:SecurityPolicy": _by(
        ("compute/backendService:BackendService", "securityPolicy"), names=("id", "selfLink", "name")
    ),
    "gcp:compute/backendService:BackendService": _by(("compute/uRLMap:URLMap", "defaultService")),
    "gcp:compute/uRLMap:URLMap": _by(
        ("compute/targetHttpsProxy:TargetHttpsProxy", "urlMap"), ("compute/targetHttpProxy:TargetHttpProxy", "urlMap")
    ),
    "gcp:compute/sSLPolicy:SSLPolicy": _by(("compute/targetHttpsProxy:TargetHttpsProxy", "sslPolicy")),
    "gcp:compute/targetHttpsProxy:TargetHttpsProxy": _by(
        ("compute/globalForwardingRule:GlobalForwardingRule", "target")
    ),
    "gcp:compute/targetHttpProxy:TargetHttpProxy": _by(("compute/globalForwardingRule:GlobalForwardingRule", "target")),
    "gcp:certificatemanager/certificateMap:CertificateMap": _by(
        ("compute/targetHttpsProxy:TargetHttpsProxy", "certificateMap"),
        ("certificatemanager/certificateMapEntry:CertificateMapEntry", "map"),
        names=("id", "name"),
    ),
    "gcp:certificatemanager/certificate:Certificate": _by(
        ("certificatemanager/certificateMapEntry:CertificateMapEntry", "certificates")
    ),
    "gcp:certificatemanager/dnsAuthorization:DnsAuthorization": _by(
        ("certificatemanager/certificate:Certificate", "managed.dnsAuthorizations")
    ),
    # Names and storage
    "gcp:dns/managedZone:ManagedZone": (
        Holder(
            type="gcp:dns/recordSet:RecordSet",
            path="managedZone",
            names=("name",),
            unless="forceDestroy",
            error=_HAS_RECORDS,
        ),
    ),
    "gcp:storage/bucket:Bucket": (
        Holder(
            type="gcp:storage/bucketObject:BucketObject",
            path="bucket",
            names=("name",),
            unless="forceDestroy",
            error=_NOT_EMPTY,
        ),
    ),
}
