"""What every region, account and front has to have, and by which resources of a stack's state it is seen.

The rows are those of the table in docs/clouds.md, in their order; a test holds the two together. A rehearsal looks for
every part in the state of the stack that it brought up.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from rehearsal.template import look_up


class Home(StrEnum):
    """The kind of stack, or the part of one, that has something."""

    REGION = "region"
    ACCOUNT = "account"
    GLOBAL = "global"
    TENANT = "tenant"


@dataclass(frozen=True)
class _Given:
    """Any value but none, an empty one or false."""


_GIVEN: Final = _Given()


@dataclass(frozen=True)
class Sign:
    """A resource by which a part is seen.

    Attributes:
        type: its type token.
        where: inputs that it must have, by dotted path.
    """

    type: str
    where: Mapping[str, Any] = field(default_factory=dict)

    def fits(self, resource: Mapping[str, Any]) -> bool:
        """Tell whether a resource of a checkpoint is one."""
        return resource["type"] == self.type and all(
            bool(found) if isinstance(value, _Given) else found == value
            for path, value in self.where.items()
            for found in (look_up(resource["inputs"], path),)
        )

    def __str__(self) -> str:
        wanted = (f"{path} {'given' if isinstance(value, _Given) else value}" for path, value in self.where.items())
        return f"{self.type} ({', '.join(wanted)})" if self.where else self.type


@dataclass(frozen=True)
class Part:
    """A row of the table.

    Attributes:
        title: as in docs/clouds.md.
        home: where it is.
        signs: the resources by which it is seen, by cloud; one of each must be there.
    """

    title: str
    home: Home
    signs: Mapping[str, tuple[Sign, ...]]


def missing(home: Home, cloud: str, resources: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Name the parts that a stack's resources don't show.

    Args:
        home: what kind of stack it is.
        cloud: which cloud's parts are looked for.
        resources: of the stack's checkpoint.
    """
    for part in PARTS:
        for sign in part.signs[cloud] if part.home is home else ():
            if not any(map(sign.fits, resources)):
                yield f"{part.title}: there is no {sign}"


_SERVICE: Final = Sign("kubernetes:core/v1:Service", {"spec.type": "LoadBalancer"})
_GPU_DAEMON: Final = Sign("kubernetes:apps/v1:DaemonSet")

PARTS: Final[Sequence[Part]] = (
    Part(
        "network",
        Home.REGION,
        {
            "aws": (
                Sign("aws:ec2/vpc:Vpc"),
                Sign("aws:ec2/subnet:Subnet"),
                Sign("aws:ec2/natGateway:NatGateway"),
                Sign("aws:ec2/vpcEndpoint:VpcEndpoint", {"vpcEndpointType": "Interface"}),
                Sign("aws:ec2/flowLog:FlowLog"),
            ),
            "azure": (
                Sign("azure-native:network:VirtualNetwork"),
                Sign("azure-native:network:NatGateway"),
                Sign("azure-native:network:PrivateEndpoint"),
                Sign("azure-native:privatedns:PrivateZone"),
                Sign("azure-native:network:NetworkSecurityGroup"),
                Sign("azure-native:network:FlowLog"),
            ),
            "gcp": (
                Sign("gcp:compute/network:Network", {"autoCreateSubnetworks": False}),
                Sign("gcp:compute/subnetwork:Subnetwork", {"privateIpGoogleAccess": True, "logConfig": _GIVEN}),
                Sign("gcp:compute/routerNat:RouterNat"),
                Sign("gcp:compute/globalForwardingRule:GlobalForwardingRule"),
            ),
        },
    ),
    Part(
        "keys",
        Home.REGION,
        {
            "aws": (Sign("aws:kms/key:Key", {"enableKeyRotation": True, "policy": _GIVEN}),),
            "azure": (
                Sign(
                    "azure-native:keyvault:Vault",
                    {"properties.enablePurgeProtection": True, "properties.enableRbacAuthorization": True},
                ),
                Sign("azure-native:keyvault:Key", {"properties.rotationPolicy": _GIVEN}),
                Sign("azure-native:compute:DiskEncryptionSet"),
            ),
            "gcp": (
                Sign("gcp:kms/keyRing:KeyRing"),
                Sign("gcp:kms/cryptoKey:CryptoKey", {"rotationPeriod": _GIVEN}),
                Sign("gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember"),
            ),
        },
    ),
    Part(
        "encrypted storage",
        Home.REGION,
        {
            "aws": (
                Sign(
                    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
                    {"rules.0.bucketKeyEnabled": True},
                ),
                Sign(
                    "aws:s3/bucketVersioning:BucketVersioning",
                    {"versioningConfiguration.status": "Enabled"},
                ),
                Sign(
                    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
                    {"blockPublicPolicy": True, "restrictPublicBuckets": True},
                ),
                Sign("aws:s3/bucketPolicy:BucketPolicy"),
                Sign("aws:s3/bucketLogging:BucketLogging"),
                Sign("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"),
                Sign("kubernetes:storage.k8s.io/v1:StorageClass"),
            ),
            "azure": (
                Sign(
                    "azure-native:storage:StorageAccount",
                    {"allowSharedKeyAccess": False, "encryption.keySource": "Microsoft.Keyvault"},
                ),
                Sign("azure-native:storage:BlobServiceProperties", {"isVersioningEnabled": True}),
            ),
            "gcp": (
                Sign(
                    "gcp:storage/bucket:Bucket",
                    {
                        "uniformBucketLevelAccess": True,
                        "publicAccessPrevention": "enforced",
                        "versioning.enabled": True,
                        "encryption.defaultKmsKeyName": _GIVEN,
                    },
                ),
                Sign("kubernetes:storage.k8s.io/v1:StorageClass"),
            ),
        },
    ),
    Part(
        "fast local storage",
        Home.REGION,
        {
            "aws": (Sign("aws:ec2/launchTemplate:LaunchTemplate", {"userData": _GIVEN}),),
            "azure": (Sign("azure-native:kubernetesconfiguration:Extension"),),
            "gcp": (Sign("gcp:container/nodePool:NodePool", {"nodeConfig.ephemeralStorageLocalSsdConfig": _GIVEN}),),
        },
    ),
    Part(
        "registry",
        Home.REGION,
        {
            "aws": (
                Sign(
                    "aws:ecr/repository:Repository",
                    {"imageTagMutability": "IMMUTABLE", "encryptionConfigurations.0.encryptionType": "KMS"},
                ),
            ),
            "azure": (
                Sign(
                    "azure-native:containerregistry:Registry",
                    {"sku.name": "Premium", "anonymousPullEnabled": False, "encryption.status": "enabled"},
                ),
            ),
            "gcp": (
                Sign(
                    "gcp:artifactregistry/repository:Repository",
                    {"kmsKeyName": _GIVEN, "dockerConfig.immutableTags": True},
                ),
            ),
        },
    ),
    Part(
        "cluster",
        Home.REGION,
        {
            "aws": (
                Sign(
                    "aws:eks/cluster:Cluster",
                    {"encryptionConfig": _GIVEN, "enabledClusterLogTypes": _GIVEN, "deletionProtection": True},
                ),
                Sign("aws:eks/accessEntry:AccessEntry"),
                Sign("aws:eks/podIdentityAssociation:PodIdentityAssociation"),
            ),
            "azure": (
                Sign(
                    "azure-native:containerservice:ManagedCluster",
                    {
                        "disableLocalAccounts": True,
                        "diskEncryptionSetID": _GIVEN,
                        "aadProfile.enableAzureRBAC": True,
                        "securityProfile.azureKeyVaultKms.enabled": True,
                        "networkProfile.networkDataplane": "cilium",
                    },
                ),
            ),
            "gcp": (
                Sign(
                    "gcp:container/cluster:Cluster",
                    {
                        "privateClusterConfig.enablePrivateNodes": True,
                        "databaseEncryption.state": "ENCRYPTED",
                        "workloadIdentityConfig": _GIVEN,
                        "datapathProvider": "ADVANCED_DATAPATH",
                        "controlPlaneEndpointsConfig.dnsEndpointConfig": _GIVEN,
                    },
                ),
            ),
        },
    ),
    Part(
        "GPU pools",
        Home.REGION,
        {
            "aws": (Sign("aws:eks/nodeGroup:NodeGroup", {"taints": _GIVEN, "nodeRepairConfig.enabled": True}),),
            "azure": (Sign("azure-native:containerservice:AgentPool", {"nodeTaints": _GIVEN}),),
            "gcp": (Sign("gcp:container/nodePool:NodePool", {"nodeConfig.guestAccelerators": _GIVEN}),),
        },
    ),
    Part(
        "CPU pools, autoscaler",
        Home.REGION,
        {
            "aws": (
                Sign("aws:eks/nodeGroup:NodeGroup"),
                Sign("kubernetes:apps/v1:Deployment", {"metadata.name": "cluster-autoscaler"}),
            ),
            "azure": (
                Sign("azure-native:containerservice:AgentPool", {"enableAutoScaling": True}),
                Sign("kubernetes:core/v1:ConfigMap", {"metadata.name": "cluster-autoscaler-priority-expander"}),
            ),
            "gcp": (
                Sign("gcp:container/nodePool:NodePool", {"autoscaling": _GIVEN}),
                Sign("kubernetes:cloud.google.com/v1:ComputeClass"),
            ),
        },
    ),
    Part(
        "GPU enablement, controllers",
        Home.REGION,
        {
            "aws": (
                _GPU_DAEMON,
                Sign("aws:eks/addon:Addon"),
                Sign("kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding"),
            ),
            "azure": (_GPU_DAEMON,),
            "gcp": (
                Sign(
                    "gcp:container/nodePool:NodePool",
                    {"nodeConfig.guestAccelerators.0.gpuDriverInstallationConfig.gpuDriverVersion": _GIVEN},
                ),
            ),
        },
    ),
    Part(
        "origin load balancer",
        Home.REGION,
        {
            "aws": (
                Sign("aws:lb/loadBalancer:LoadBalancer", {"loadBalancerType": "network"}),
                Sign("aws:lb/listener:Listener", {"protocol": "TLS"}),
            ),
            "azure": (_SERVICE,),
            "gcp": (_SERVICE, Sign("gcp:compute/address:Address")),
        },
    ),
    Part(
        "front (stack `global`)",
        Home.GLOBAL,
        {
            "aws": (
                Sign("aws:cloudfront/distribution:Distribution", {"webAclId": _GIVEN}),
                Sign("aws:wafv2/webAcl:WebAcl", {"scope": "CLOUDFRONT"}),
                Sign("aws:acm/certificate:Certificate"),
                Sign("aws:route53/zone:Zone"),
                Sign("aws:route53/healthCheck:HealthCheck"),
            ),
            "azure": (
                Sign("azure-native:cdn:Profile", {"sku.name": "Premium_AzureFrontDoor"}),
                Sign("azure-native:frontdoor:Policy"),
                Sign("azure-native:cdn:SecurityPolicy"),
                Sign("azure-native:cdn:AFDCustomDomain", {"tlsSettings.certificateType": "ManagedCertificate"}),
            ),
            "gcp": (
                Sign("gcp:compute/targetHttpsProxy:TargetHttpsProxy"),
                Sign("gcp:compute/securityPolicy:SecurityPolicy"),
                Sign("gcp:compute/backendService:BackendService"),
                Sign("gcp:certificatemanager/dnsAuthorization:DnsAuthorization"),
                Sign("gcp:dns/managedZone:ManagedZone"),
            ),
        },
    ),
    Part(
        "data services",
        Home.REGION,
        {
            "aws": (
                Sign(
                    "aws:rds/instance:Instance",
                    {
                        "multiAz": True,
                        "kmsKeyId": _GIVEN,
                        "iamDatabaseAuthenticationEnabled": True,
                        "deletionProtection": True,
                        "backupRetentionPeriod": _GIVEN,
                    },
                ),
                Sign(
                    "aws:elasticache/replicationGroup:ReplicationGroup",
                    {"transitEncryptionEnabled": True, "engine": "valkey"},
                ),
            ),
            "azure": (
                Sign(
                    "azure-native:dbforpostgresql:Server",
                    {"highAvailability.mode": "ZoneRedundant", "dataEncryption.type": "AzureKeyVault"},
                ),
                Sign("azure-native:redisenterprise:RedisEnterprise"),
            ),
            "gcp": (
                Sign(
                    "gcp:sql/databaseInstance:DatabaseInstance",
                    {"settings.availabilityType": "REGIONAL", "encryptionKeyName": _GIVEN},
                ),
                Sign("gcp:memorystore/instance:Instance", {"transitEncryptionMode": "SERVER_AUTHENTICATION"}),
            ),
        },
    ),
    Part(
        "identity for CI (stack `*-account`)",
        Home.ACCOUNT,
        {
            "aws": (Sign("aws:iam/openIdConnectProvider:OpenIdConnectProvider"), Sign("aws:iam/role:Role")),
            "azure": (
                Sign("azure-native:managedidentity:FederatedIdentityCredential"),
                Sign("azure-native:authorization:RoleDefinition"),
            ),
            "gcp": (
                Sign("gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"),
                Sign("gcp:serviceaccount/account:Account"),
            ),
        },
    ),
    Part(
        "guard rails (stack `*-account`)",
        Home.ACCOUNT,
        {
            "aws": (
                Sign("aws:budgets/budget:Budget"),
                Sign("aws:ebs/encryptionByDefault:EncryptionByDefault"),
                Sign("aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"),
            ),
            "azure": (
                Sign("azure-native:consumption:Budget"),
                Sign("azure-native:authorization:PolicyAssignment"),
            ),
            "gcp": (
                Sign("gcp:projects/service:Service"),
                Sign("gcp:orgpolicy/policy:Policy"),
                Sign("gcp:projects/iAMAuditConfig:IAMAuditConfig"),
            ),
        },
    ),
    Part(
        "tenants",
        Home.TENANT,
        {
            "aws": (
                Sign("aws:kms/key:Key"),
                Sign("aws:iam/role:Role"),
                Sign("aws:eks/podIdentityAssociation:PodIdentityAssociation"),
                Sign("kubernetes:core/v1:Namespace"),
            ),
            "azure": (
                Sign("azure-native:keyvault:Vault"),
                Sign("azure-native:storage:StorageAccount"),
                Sign("azure-native:managedidentity:UserAssignedIdentity"),
                Sign("kubernetes:core/v1:Namespace"),
            ),
            "gcp": (
                Sign("gcp:kms/cryptoKey:CryptoKey"),
                Sign("gcp:storage/managedFolder:ManagedFolder"),
                Sign("gcp:storage/managedFolderIamMember:ManagedFolderIamMember"),
                Sign("kubernetes:core/v1:Namespace"),
            ),
        },
    ),
)
