"""Which schemas of Google's discovery documents describe which resource type's inputs, and where names differ."""

from collections.abc import Mapping
from typing import Final

from rehearsal.published import Join


def _compute(schema: str, **names: str) -> Join:
    return Join((f"compute.v1.{schema}",), names)


_BINDING: Final = Join(("cloudkms.v1.Binding",), {"member": "Members", "condition": "Condition"})

JOINS: Final[Mapping[str, Join]] = {
    # Network
    "gcp:compute/network:Network": Join(
        ("compute.v1.Network", "compute.v1.NetworkRoutingConfig"),
        {"routingMode": "/compute.v1.NetworkRoutingConfig.routingMode"},
    ),
    "gcp:compute/subnetwork:Subnetwork": _compute("Subnetwork", privateIpGoogleAccess="privateIpGoogleAccess"),
    "gcp:compute/router:Router": _compute("Router"),
    "gcp:compute/routerNat:RouterNat": _compute(
        "RouterNat",
        subnetworks="subnetworks",
        natIps="natIps",
        sourceSubnetworkIpRangesToNat="sourceSubnetworkIpRangesToNat",
    ),
    "gcp:compute/route:Route": _compute("Route"),
    "gcp:compute/firewall:Firewall": Join(
        ("compute.v1.Firewall",), {"allows": "allowed", "denies": "denied", "allows.protocol": "IPProtocol"}
    ),
    "gcp:compute/networkFirewallPolicy:NetworkFirewallPolicy": _compute("FirewallPolicy"),
    "gcp:compute/networkFirewallPolicyRule:NetworkFirewallPolicyRule": _compute("FirewallPolicyRule"),
    "gcp:compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation": _compute(
        "FirewallPolicyAssociation"
    ),
    "gcp:compute/address:Address": _compute("Address"),
    "gcp:compute/globalAddress:GlobalAddress": _compute("Address"),
    "gcp:compute/forwardingRule:ForwardingRule": Join(
        ("compute.v1.ForwardingRule",),
        {"ipAddress": "IPAddress", "ipProtocol": "IPProtocol", "loadBalancingScheme": ""},
    ),
    "gcp:compute/globalForwardingRule:GlobalForwardingRule": Join(
        ("compute.v1.ForwardingRule",),
        {"ipAddress": "IPAddress", "ipProtocol": "IPProtocol", "loadBalancingScheme": ""},
    ),
    "gcp:compute/securityPolicy:SecurityPolicy": _compute("SecurityPolicy"),
    "gcp:compute/regionSecurityPolicy:RegionSecurityPolicy": _compute("SecurityPolicy"),
    "gcp:compute/backendService:BackendService": _compute("BackendService"),
    "gcp:compute/regionBackendService:RegionBackendService": _compute("BackendService"),
    "gcp:compute/healthCheck:HealthCheck": _compute("HealthCheck"),
    "gcp:compute/uRLMap:URLMap": _compute("UrlMap"),
    "gcp:compute/targetHttpsProxy:TargetHttpsProxy": _compute("TargetHttpsProxy"),
    "gcp:compute/targetHttpProxy:TargetHttpProxy": _compute("TargetHttpProxy"),
    "gcp:compute/sSLPolicy:SSLPolicy": _compute("SslPolicy"),
    "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup": _compute("NetworkEndpointGroup"),
    "gcp:compute/networkEndpointGroup:NetworkEndpointGroup": _compute("NetworkEndpointGroup"),
    "gcp:compute/globalNetworkEndpointGroup:GlobalNetworkEndpointGroup": _compute("NetworkEndpointGroup"),
    "gcp:compute/serviceAttachment:ServiceAttachment": _compute("ServiceAttachment"),
    "gcp:compute/reservation:Reservation": _compute("Reservation"),
    "gcp:compute/resourcePolicy:ResourcePolicy": _compute("ResourcePolicy"),
    "gcp:networkconnectivity/serviceConnectionPolicy:ServiceConnectionPolicy": Join(
        ("networkconnectivity.v1.ServiceConnectionPolicy",)
    ),
    "gcp:dns/managedZone:ManagedZone": Join(("dns.v1.ManagedZone",)),
    "gcp:dns/recordSet:RecordSet": Join(("dns.v1.ResourceRecordSet",)),
    "gcp:dns/policy:Policy": Join(("dns.v1.Policy",)),
    "gcp:certificatemanager/certificate:Certificate": Join(("certificatemanager.v1.Certificate",)),
    "gcp:certificatemanager/certificateMapEntry:CertificateMapEntry": Join(
        ("certificatemanager.v1.CertificateMapEntry",)
    ),
    "gcp:certificatemanager/dnsAuthorization:DnsAuthorization": Join(("certificatemanager.v1.DnsAuthorization",)),
    # Keys
    "gcp:kms/keyRing:KeyRing": Join(("cloudkms.v1.KeyRing",)),
    "gcp:kms/cryptoKey:CryptoKey": Join(("cloudkms.v1.CryptoKey",)),
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": _BINDING,
    # Storage
    "gcp:storage/bucket:Bucket": Join(
        ("storage.v1.Bucket", "storage.v1.Bucket.iamConfiguration"),
        {
            "publicAccessPrevention": "/storage.v1.Bucket.iamConfiguration.publicAccessPrevention",
            "uniformBucketLevelAccess": "/storage.v1.Bucket.iamConfiguration.uniformBucketLevelAccess.enabled",
            "lifecycleRules": "lifecycle.rule",
            "lifecycleRules.condition.withState": "isLive",
            "softDeletePolicy.retentionDurationSeconds": "retentionDurationSeconds",
        },
    ),
    "gcp:storage/managedFolder:ManagedFolder": Join(("storage.v1.ManagedFolder",)),
    "gcp:storage/anywhereCache:AnywhereCache": Join(("storage.v1.AnywhereCache",)),
    "gcp:parallelstore/instance:Instance": Join(("parallelstore.v1.Instance",)),
    # Registry
    "gcp:artifactregistry/repository:Repository": Join(("artifactregistry.v1.Repository",)),
    # Cluster
    "gcp:container/cluster:Cluster": Join(
        ("container.v1.Cluster",),
        {
            "nodeConfig": "/container.v1.NodeConfig",
            "nodePools": "/container.v1.NodePool",
            "releaseChannel": "releaseChannel",
            "ipAllocationPolicy": "ipAllocationPolicy",
            "datapathProvider": "/container.v1.NetworkConfig.datapathProvider",
            "clusterAutoscaling.autoscalingProfile": "/container.v1.ClusterAutoscaling.autoscalingProfile",
            "clusterAutoscaling.autoProvisioningDefaults": "/container.v1.AutoprovisioningNodePoolDefaults",
            "loggingConfig.enableComponents": "/container.v1.LoggingComponentConfig.enableComponents",
            "monitoringConfig.enableComponents": "/container.v1.MonitoringComponentConfig.enableComponents",
            "gatewayApiConfig": "/container.v1.GatewayAPIConfig",
            "dnsConfig": "/container.v1.DNSConfig",
        },
    ),
    "gcp:container/nodePool:NodePool": Join(
        ("container.v1.NodePool",),
        {
            "nodeConfig": "config",
            "nodeConfig.guestAccelerators": "accelerators",
            "nodeConfig.guestAccelerators.type": "acceleratorType",
            "nodeConfig.guestAccelerators.count": "acceleratorCount",
            "nodeConfig.localSsdCount": "localSsdCount",
        },
    ),
    # Identity
    "gcp:serviceaccount/account:Account": Join(("iam.v1.CreateServiceAccountRequest", "iam.v1.ServiceAccount")),
    "gcp:projects/iAMCustomRole:IAMCustomRole": Join(("iam.v1.Role",)),
    "gcp:iam/workloadIdentityPool:WorkloadIdentityPool": Join(("iam.v1.WorkloadIdentityPool",)),
    "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": Join(("iam.v1.WorkloadIdentityPoolProvider",)),
    # Data services
    "gcp:sql/databaseInstance:DatabaseInstance": Join(
        ("sqladmin.v1.DatabaseInstance",),
        {
            "settings.ipConfiguration.sslMode": "sslMode",
            "settings.diskType": "dataDiskType",
            "settings.diskSize": "dataDiskSizeGb",
        },
    ),
    "gcp:sql/database:Database": Join(("sqladmin.v1.Database",)),
    "gcp:sql/user:User": Join(("sqladmin.v1.User",)),
    "gcp:secretmanager/secret:Secret": Join(("secretmanager.v1.Secret",)),
    # Logs, guard rails
    "gcp:logging/projectSink:ProjectSink": Join(("logging.v2.LogSink",)),
    "gcp:logging/projectExclusion:ProjectExclusion": Join(("logging.v2.LogExclusion",)),
    "gcp:logging/projectBucketConfig:ProjectBucketConfig": Join(("logging.v2.LogBucket",)),
    "gcp:monitoring/notificationChannel:NotificationChannel": Join(("monitoring.v3.NotificationChannel",)),
    "gcp:monitoring/alertPolicy:AlertPolicy": Join(("monitoring.v3.AlertPolicy",)),
    "gcp:billing/budget:Budget": Join(
        ("billingbudgets.v1.GoogleCloudBillingBudgetsV1Budget",),
        {"allUpdatesRule": "notificationsRule"},
    ),
    "gcp:orgpolicy/policy:Policy": Join(("orgpolicy.v2.GoogleCloudOrgpolicyV2Policy",)),
}
