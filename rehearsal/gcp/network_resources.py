"""Google Cloud's resource types of networks, load balancers, certificates and names."""

from collections.abc import Mapping
from typing import Any, Final

from rehearsal.table import Row

_GLOBAL: Final = "projects/{project}/global"
_REGIONAL: Final = "projects/{project}/regions/{region}"
_ZONAL: Final = "projects/{project}/zones/{zone}"


def _compute(collection: str, *, within: str = _GLOBAL, **row: Any) -> Row:
    return Row(id=f"{within}/{collection}/{{name}}", name="name", **row)


NETWORK_ROWS: Final[Mapping[str, Row]] = {
    "gcp:compute/network:Network": _compute(
        "networks",
        outputs={"networkId": "{digits:19}", "numericId": "{digits:19}", "gatewayIpv4": ""},
        replaces=("autoCreateSubnetworks", "description", "networkProfile"),
    ),
    "gcp:compute/subnetwork:Subnetwork": _compute(
        "subnetworks",
        within=_REGIONAL,
        outputs={"gatewayAddress": "{address:10.0}", "subnetworkId": 0},
        replaces=("network", "purpose"),
    ),
    "gcp:compute/router:Router": _compute("routers", within=_REGIONAL, replaces=("network",)),
    "gcp:compute/routerNat:RouterNat": Row(
        id="{project}/{region}/{?router}/{name}", name="name", replaces=("router", "type")
    ),
    "gcp:compute/route:Route": _compute("routes", replaces=("network", "destRange", "priority", "nextHopGateway")),
    "gcp:compute/firewall:Firewall": _compute("firewalls", replaces=("network", "direction")),
    "gcp:compute/networkFirewallPolicy:NetworkFirewallPolicy": _compute(
        "firewallPolicies", outputs={"networkFirewallPolicyId": "{digits:12}"}
    ),
    "gcp:compute/networkFirewallPolicyRule:NetworkFirewallPolicyRule": Row(
        id=f"{_GLOBAL}/firewallPolicies/{{firewallPolicy}}/rules/{{priority}}", replaces=("firewallPolicy", "priority")
    ),
    "gcp:compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation": Row(
        id=f"{_GLOBAL}/firewallPolicies/{{firewallPolicy}}/associations/{{name}}",
        name="name",
        replaces=("firewallPolicy", "attachmentTarget"),
    ),
    "gcp:compute/address:Address": _compute(
        "addresses",
        within=_REGIONAL,
        outputs={"address": "{address:10.0}"},
        replaces=("address", "addressType", "purpose"),
    ),
    "gcp:compute/globalAddress:GlobalAddress": _compute(
        "addresses",
        outputs={"address": "{address:203.0}"},
        replaces=("address", "addressType", "purpose", "network", "prefixLength", "ipVersion"),
    ),
    "gcp:compute/serviceAttachment:ServiceAttachment": _compute("serviceAttachments", within=_REGIONAL),
    "gcp:compute/forwardingRule:ForwardingRule": _compute(
        "forwardingRules",
        within=_REGIONAL,
        outputs={"ipAddress": "{address:10.0}", "pscConnectionId": "{digits:17}", "pscConnectionStatus": "ACCEPTED"},
        replaces=("ipAddress", "network", "subnetwork", "loadBalancingScheme", "ipProtocol"),
    ),
    "gcp:compute/globalForwardingRule:GlobalForwardingRule": _compute(
        "forwardingRules",
        outputs={"ipAddress": "{address:203.0}"},
        replaces=("ipAddress", "loadBalancingScheme", "ipProtocol", "portRange"),
    ),
    "gcp:compute/securityPolicy:SecurityPolicy": _compute("securityPolicies", outputs={"fingerprint": "{hex:8}"}),
    "gcp:compute/regionSecurityPolicy:RegionSecurityPolicy": _compute("securityPolicies", within=_REGIONAL),
    "gcp:compute/backendService:BackendService": _compute(
        "backendServices", outputs={"generatedId": 0, "fingerprint": "{hex:8}"}, replaces=("loadBalancingScheme",)
    ),
    "gcp:compute/regionBackendService:RegionBackendService": _compute(
        "backendServices", within=_REGIONAL, replaces=("loadBalancingScheme", "network")
    ),
    "gcp:compute/backendBucket:BackendBucket": _compute("backendBuckets"),
    "gcp:compute/healthCheck:HealthCheck": _compute("healthChecks"),
    "gcp:compute/regionHealthCheck:RegionHealthCheck": _compute("healthChecks", within=_REGIONAL),
    "gcp:compute/uRLMap:URLMap": _compute("urlMaps", outputs={"mapId": 0}),
    "gcp:compute/regionUrlMap:RegionUrlMap": _compute("urlMaps", within=_REGIONAL),
    "gcp:compute/targetHttpsProxy:TargetHttpsProxy": _compute("targetHttpsProxies", outputs={"proxyId": 0}),
    "gcp:compute/targetHttpProxy:TargetHttpProxy": _compute("targetHttpProxies", outputs={"proxyId": 0}),
    "gcp:compute/regionTargetHttpsProxy:RegionTargetHttpsProxy": _compute("targetHttpsProxies", within=_REGIONAL),
    "gcp:compute/sSLPolicy:SSLPolicy": _compute("sslPolicies"),
    "gcp:compute/managedSslCertificate:ManagedSslCertificate": _compute("sslCertificates", replaces=("managed",)),
    "gcp:compute/networkEndpointGroup:NetworkEndpointGroup": _compute(
        "networkEndpointGroups", within=_ZONAL, replaces=("network", "subnetwork", "networkEndpointType", "defaultPort")
    ),
    "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup": _compute(
        "networkEndpointGroups",
        within=_REGIONAL,
        replaces=("network", "subnetwork", "networkEndpointType", "pscTargetService"),
    ),
    "gcp:compute/globalNetworkEndpointGroup:GlobalNetworkEndpointGroup": _compute(
        "networkEndpointGroups", replaces=("networkEndpointType", "defaultPort")
    ),
    "gcp:compute/globalNetworkEndpoint:GlobalNetworkEndpoint": Row(
        id="{globalNetworkEndpointGroup}/{?ipAddress}/{?fqdn}/{port}",
        replaces=("globalNetworkEndpointGroup", "ipAddress", "fqdn", "port"),
    ),
    "gcp:compute/reservation:Reservation": _compute("reservations", within=_ZONAL),
    "gcp:compute/resourcePolicy:ResourcePolicy": _compute(
        "resourcePolicies",
        within=_REGIONAL,
        replaces=("groupPlacementPolicy", "workloadPolicy", "snapshotSchedulePolicy"),
    ),
    "gcp:compute/projectMetadataItem:ProjectMetadataItem": Row(id="{key}", replaces=("key",)),
    "gcp:networkconnectivity/serviceConnectionPolicy:ServiceConnectionPolicy": Row(
        id="projects/{project}/locations/{location}/serviceConnectionPolicies/{name}",
        name="name",
        outputs={"infrastructure": "PSC"},
        replaces=("network", "serviceClass"),
    ),
    "gcp:servicenetworking/connection:Connection": Row(
        id="{network}:{service}",
        outputs={"peering": "servicenetworking-googleapis-com"},
        replaces=("network", "service"),
    ),
    "gcp:dns/managedZone:ManagedZone": Row(
        id="projects/{project}/managedZones/{name}",
        name="name",
        outputs={
            "managedZoneId": "{digits:19}",
            "nameServers": [f"ns-{number}.simulated.invalid." for number in range(1, 5)],
        },
        replaces=("dnsName", "visibility"),
    ),
    "gcp:dns/recordSet:RecordSet": Row(
        id="projects/{project}/managedZones/{managedZone}/rrsets/{name}/{type}", replaces=("managedZone", "type")
    ),
    "gcp:dns/policy:Policy": Row(id="projects/{project}/policies/{name}", name="name"),
    "gcp:certificatemanager/trustConfig:TrustConfig": Row(
        id="projects/{project}/locations/{location}/trustConfigs/{name}", name="name"
    ),
    "gcp:networksecurity/backendAuthenticationConfig:BackendAuthenticationConfig": Row(
        id="projects/{project}/locations/{?location}/backendAuthenticationConfigs/{name}", name="name"
    ),
    "gcp:certificatemanager/dnsAuthorization:DnsAuthorization": Row(
        id="projects/{project}/locations/{?location}/dnsAuthorizations/{name}",
        name="name",
        outputs={
            "dnsResourceRecords": [
                {
                    "name": "_acme-challenge.{domain}.",
                    "type": "CNAME",
                    "data": "{uuid:record}.authorize.simulated.invalid.",
                }
            ]
        },
        replaces=("domain",),
    ),
    "gcp:certificatemanager/certificate:Certificate": Row(
        id="projects/{project}/locations/{?location}/certificates/{name}", name="name", replaces=("managed", "scope")
    ),
    "gcp:certificatemanager/certificateMap:CertificateMap": Row(
        id="projects/{project}/locations/global/certificateMaps/{name}", name="name"
    ),
    "gcp:certificatemanager/certificateMapEntry:CertificateMapEntry": Row(
        id="projects/{project}/locations/global/certificateMaps/{map}/certificateMapEntries/{name}",
        name="name",
        replaces=("map", "hostname", "matcher"),
    ),
}
