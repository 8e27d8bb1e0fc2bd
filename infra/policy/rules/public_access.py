"""Nothing that holds data or runs the cluster can be reached from the internet."""

import ipaddress
from collections.abc import Iterator

from infra.policy.iam_document import allows_everybody, statements
from infra.policy.inputs import Inputs
from infra.policy.requirement import is_false, is_true, none_of, not_true, one_of, table
from infra.policy.rule import Member, Rule, Severity, Stack, Subject

_EVERYWHERE = {"0.0.0.0/0", "::/0", "*", "internet", "any"}
_PUBLIC_MEMBERS = {"allusers", "allauthenticatedusers"}
"""Who Google Cloud takes for everybody (cloud.google.com/iam/docs/principals-overview)."""
_LARGEST_PRIVATE = {4: 8, 6: 7}
"""Prefix lengths of 10.0.0.0/8 and fc00::/7 (RFC 1918, RFC 4193): what is wider takes in a part of the internet, and a
few of them all of it."""
_PORTS = ("destinationPortRange", "destinationPortRanges")
_GCP_IAM_SUFFIXES = ("IAMMember", "IAMBinding", "IamMember", "IamBinding", "IAMPolicy", "IamPolicy")


def opens_to_everybody(ranges: Iterator[object] | list[object]) -> bool:
    """Tell whether a list of address ranges has one without any restriction, or one of the halves of it."""
    return any(str(given).lower() in _EVERYWHERE or _takes_in_internet(str(given)) for given in ranges)


def _takes_in_internet(text: str) -> bool:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return network.prefixlen < _LARGEST_PRIVATE[network.version]


# Storage.


_DOCUMENTS = ("policy", "policyDocument", "accessPolicies", "resourcePolicy")
"""Arguments in which AWS's resources take a policy about themselves."""
_JUDGED_ELSEWHERE = ("aws:iam/", "aws:kms/", "aws:ec2/vpcEndpoint")
"""Identities and keys have a rule of their own; an endpoint's policy says what passes through, and grants nothing."""


def _resource_policy(subject: Subject) -> Iterator[str]:
    if subject.kind.startswith(_JUDGED_ELSEWHERE):
        return
    for path in _DOCUMENTS:
        for statement in statements(subject.inputs, path):
            if allows_everybody(statement):
                yield f"{statement.path} allows everybody (Principal *) without a condition that says whom"


def _acl(subject: Subject) -> Iterator[str]:
    acl = subject.inputs.text("acl")
    if acl.startswith("public-") or acl == "authenticated-read":
        yield f"acl is {acl!r}"


def _gcp_members(subject: Subject) -> Iterator[str]:
    if not subject.kind.endswith(_GCP_IAM_SUFFIXES):
        return
    members = [*subject.inputs.known("member"), *subject.inputs.known("members")]
    for document in subject.inputs.documents("policyData"):
        members += document.known("bindings.members")
    for member in members:
        if str(member).lower() in _PUBLIC_MEMBERS:
            yield f"{member} is granted {subject.inputs.text('role') or 'a role'}"


def _blocked_bucket(bucket: Member, stack: Stack) -> Iterator[str]:
    blocks = stack.of("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
    if not any(stack.leads(block, "bucket", bucket.urn) for block in blocks):
        yield "no BucketPublicAccessBlock names this bucket"


STORAGE_NOT_PUBLIC = Rule(
    id="storage-not-public",
    severity=Severity.CRITICAL,
    demand="Buckets, accounts and registries can't be read from the internet; no resource's policy admits everybody.",
    why="Weights, prompts and backups of every tenant lie there; one public switch shows them to everybody.",
    remedy="Block public access on the bucket or account itself, and grant named identities only.",
    checks={
        **table(
            {
                "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": (
                    is_true("blockPublicAcls"),
                    is_true("blockPublicPolicy"),
                    is_true("ignorePublicAcls"),
                    is_true("restrictPublicBuckets"),
                ),
                "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock": (
                    is_true("blockPublicAcls"),
                    is_true("blockPublicPolicy"),
                    is_true("ignorePublicAcls"),
                    is_true("restrictPublicBuckets"),
                ),
                "azure-native:storage:StorageAccount": (
                    is_false("allowBlobPublicAccess"),
                    one_of("publicNetworkAccess", "Disabled", "SecuredByPerimeter"),
                ),
                "azure-native:storage:BlobContainer": (one_of("publicAccess", "None"),),
                "azure-native:containerregistry:Registry": (
                    is_false("anonymousPullEnabled"),
                    one_of("publicNetworkAccess", "Disabled"),
                ),
                "gcp:storage/bucket:Bucket": (
                    one_of("publicAccessPrevention", "enforced"),
                    is_true("uniformBucketLevelAccess"),
                ),
            }
        ),
        "aws:s3/bucket:Bucket": _acl,
        "aws:s3/bucketAcl:BucketAcl": _acl,
        "aws:*": _resource_policy,
        "gcp:*": _gcp_members,
    },
    member_checks={"aws:s3/bucket:Bucket": _blocked_bucket},
    sources=(
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html",
        "https://learn.microsoft.com/azure/storage/blobs/anonymous-read-access-prevent",
        "https://cloud.google.com/storage/docs/public-access-prevention",
    ),
)

DATA_SERVICES_NOT_PUBLIC = Rule(
    id="data-services-not-public",
    severity=Severity.CRITICAL,
    demand="Databases, caches and key vaults answer inside the region's network only.",
    why="The ledger and the keys must not be one guessed password away from the internet.",
    remedy="Give them private endpoints or subnets, and turn their public address off.",
    checks=table(
        {
            "aws:rds/instance:Instance": (is_false("publiclyAccessible"),),
            "aws:rds/clusterInstance:ClusterInstance": (is_false("publiclyAccessible"),),
            "azure-native:dbforpostgresql:Server": (one_of("network.publicNetworkAccess", "Disabled"),),
            "azure-native:redisenterprise:RedisEnterprise": (one_of("publicNetworkAccess", "Disabled"),),
            "azure-native:keyvault:Vault": (
                one_of("properties.publicNetworkAccess", "Disabled", "SecuredByPerimeter"),
            ),
            "gcp:sql/databaseInstance:DatabaseInstance": (is_false("settings.ipConfiguration.ipv4Enabled"),),
        }
    ),
    sources=(
        "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html",
        "https://learn.microsoft.com/azure/postgresql/flexible-server/concepts-networking-private-link",
        "https://cloud.google.com/sql/docs/postgres/private-ip",
    ),
)


# The Kubernetes API.


def _restricted(ranges: list[object], where: str) -> Iterator[str]:
    """Yield what is wrong with a public endpoint's authorised ranges (the `restricted` way)."""
    if not ranges:
        yield f"the API endpoint is public and {where} is empty"
    elif opens_to_everybody(ranges):
        yield f"the API endpoint is public and {where} lets everybody in"


def _eks_endpoint(subject: Subject) -> Iterator[str]:
    access = subject.inputs
    if access.value("vpcConfig.endpointPrivateAccess") is not True:
        yield "vpcConfig.endpointPrivateAccess must be true"
    if access.value("vpcConfig.endpointPublicAccess") is not False:
        yield from _restricted(list(access.known("vpcConfig.publicAccessCidrs")), "vpcConfig.publicAccessCidrs")


def _aks_endpoint(subject: Subject) -> Iterator[str]:
    profile = subject.inputs
    if profile.value("apiServerAccessProfile.enablePrivateCluster") is True:
        if profile.value("apiServerAccessProfile.enablePrivateClusterPublicFQDN") is not False:
            yield "apiServerAccessProfile.enablePrivateClusterPublicFQDN must be false"
        return
    ranges = list(profile.known("apiServerAccessProfile.authorizedIPRanges"))
    yield from _restricted(ranges, "apiServerAccessProfile.authorizedIPRanges")


def _gke_endpoint(subject: Subject) -> Iterator[str]:
    cluster = subject.inputs
    endpoints = "controlPlaneEndpointsConfig"
    # The DNS endpoint admits by IAM, not by address: it passes
    # (cloud.google.com/kubernetes-engine/docs/concepts/network-isolation).
    by_address = cluster.value(f"{endpoints}.ipEndpointsConfig.enabled") is not False
    if not by_address or cluster.value("privateClusterConfig.enablePrivateEndpoint") is True:
        return
    ranges = list(cluster.known("masterAuthorizedNetworksConfig.cidrBlocks.cidrBlock"))
    yield from _restricted(ranges, "masterAuthorizedNetworksConfig.cidrBlocks")


API_ENDPOINT_PRIVATE = Rule(
    id="api-endpoint-private",
    severity=Severity.CRITICAL,
    demand=(
        "A cluster's API endpoint is private, or GKE's DNS endpoint with IAM, or (`api: restricted`) admits a list of "
        "ranges that is neither empty nor everybody."
    ),
    why="Whoever reaches the API server can try every stolen token and every new flaw of Kubernetes.",
    remedy="Set `modelfleet:api` to private and use `fleet tunnel`, or list the ranges that may reach it.",
    checks={
        "aws:eks/cluster:Cluster": _eks_endpoint,
        "azure-native:containerservice:ManagedCluster": _aks_endpoint,
        "gcp:container/cluster:Cluster": _gke_endpoint,
    },
    sources=(
        "https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html",
        "https://learn.microsoft.com/azure/aks/private-clusters",
        "https://cloud.google.com/kubernetes-engine/docs/concepts/network-isolation",
    ),
)


# Nodes.


def _gke_private_nodes(subject: Subject) -> Iterator[str]:
    own = subject.inputs.value("networkConfig.enablePrivateNodes")
    if subject.kind.endswith(":Cluster"):
        if subject.inputs.value("privateClusterConfig.enablePrivateNodes") is not True:
            yield "privateClusterConfig.enablePrivateNodes must be true"
    elif own is False:
        yield "networkConfig.enablePrivateNodes must not be false"


def _no_access_config(subject: Subject) -> Iterator[str]:
    for interface in subject.inputs.blocks("networkInterfaces[]"):
        if interface.given("accessConfigs"):
            yield f"{interface.path}.accessConfigs gives the machine a public address"


NODES_PRIVATE = Rule(
    id="nodes-private",
    severity=Severity.HIGH,
    demand="Machines have no public address.",
    why="A node with an address of its own is reached around the load balancer, the WAF and the gateway.",
    remedy="Put nodes into private subnets behind the NAT gateway.",
    checks={
        **table(
            {
                "aws:ec2/subnet:Subnet": (not_true("mapPublicIpOnLaunch"),),
                "aws:ec2/instance:Instance": (not_true("associatePublicIpAddress"),),
                "aws:ec2/launchTemplate:LaunchTemplate": (
                    none_of("networkInterfaces[].associatePublicIpAddress", "true"),
                ),
                "azure-native:containerservice:ManagedCluster": (not_true("agentPoolProfiles[].enableNodePublicIP"),),
                "azure-native:containerservice:AgentPool": (not_true("enableNodePublicIP"),),
            }
        ),
        "gcp:container/cluster:Cluster": _gke_private_nodes,
        "gcp:container/nodePool:NodePool": _gke_private_nodes,
        "gcp:compute/instance:Instance": _no_access_config,
        "gcp:compute/instanceTemplate:InstanceTemplate": _no_access_config,
    },
    sources=("https://docs.aws.amazon.com/eks/latest/best-practices/subnets.html",),
)


# Firewalls.


def _security_group(subject: Subject) -> Iterator[str]:
    for rule in subject.inputs.blocks("ingress[]"):
        if opens_to_everybody([*rule.known("cidrBlocks[]"), *rule.known("ipv6CidrBlocks[]")]):
            yield f"{rule.path} lets everybody in"


def _prefix_list(subject: Subject) -> Iterator[str]:
    """A rule that names a list says nothing of what is in it."""
    if opens_to_everybody([*subject.inputs.known("cidr"), *subject.inputs.known("entries.cidr")]):
        yield "it takes in everybody, and so do the rules that name it"


def _security_group_rule(subject: Subject) -> Iterator[str]:
    rule = subject.inputs
    if rule.text("type") == "egress":
        return
    paths = ("cidrBlocks", "ipv6CidrBlocks", "cidrIpv4", "cidrIpv6")
    if opens_to_everybody([value for path in paths for value in rule.known(path)]):
        yield "it lets everybody in"


def _open_nsg_rule(rule: Inputs) -> bool:
    inbound = rule.text("direction").lower() == "inbound" and rule.text("access").lower() == "allow"
    return inbound and opens_to_everybody([*rule.known("sourceAddressPrefix"), *rule.known("sourceAddressPrefixes")])


def _network_security_group(subject: Subject) -> Iterator[str]:
    rules = list(subject.inputs.blocks("securityRules[]"))
    # Bastion's own subnet must admit the internet to port 443, where it signs people in, and its control plane
    # (learn.microsoft.com/azure/bastion/bastion-nsg).
    bastion = any(rule.text("sourceAddressPrefix") == "GatewayManager" for rule in rules)
    for rule in rules:
        ports = {str(port) for path in _PORTS for port in rule.known(path)}
        if _open_nsg_rule(rule) and not (bastion and ports == {"443"}):
            yield f"{rule.path} lets everybody in"


def _network_security_rule(subject: Subject) -> Iterator[str]:
    if _open_nsg_rule(subject.inputs):
        yield "it lets everybody in"


def _firewall_policy(subject: Subject) -> Iterator[str]:
    for rule in (subject.inputs, *subject.inputs.blocks("rules[]")):
        admits = rule.text("direction") == "INGRESS" and rule.text("action") != "deny"
        if admits and opens_to_everybody(list(rule.known("match.srcIpRanges"))):
            yield f"{f'{rule.path}.' if rule.path else ''}match.srcIpRanges lets everybody in"


def _firewall(subject: Subject) -> Iterator[str]:
    inputs = subject.inputs
    ingress = inputs.text("direction").upper() != "EGRESS"
    ranges = list(inputs.known("sourceRanges"))
    narrowed = inputs.given("sourceTags") or inputs.given("sourceServiceAccounts")
    if ingress and inputs.given("allows") and (opens_to_everybody(ranges) or not (ranges or narrowed)):
        yield "sourceRanges lets everybody in"


INGRESS_NOT_OPEN = Rule(
    id="ingress-not-open",
    severity=Severity.HIGH,
    demand="No firewall rule lets the whole internet into a network.",
    why="Origins accept the front only; everything else is reached from inside.",
    remedy="Name the front's ranges (CloudFront's prefix list, Google's front ends), a private link, or a subnet.",
    checks={
        "aws:ec2/securityGroup:SecurityGroup": _security_group,
        "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": _security_group,
        "aws:ec2/managedPrefixList:ManagedPrefixList": _prefix_list,
        "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry": _prefix_list,
        "aws:ec2/securityGroupRule:SecurityGroupRule": _security_group_rule,
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _security_group_rule,
        "azure-native:network:NetworkSecurityGroup": _network_security_group,
        "azure-native:network:SecurityRule": _network_security_rule,
        "gcp:compute/firewall:Firewall": _firewall,
        "gcp:compute/firewallPolicyRule:FirewallPolicyRule": _firewall_policy,
        "gcp:compute/networkFirewallPolicyRule:NetworkFirewallPolicyRule": _firewall_policy,
        "gcp:compute/regionNetworkFirewallPolicyRule:RegionNetworkFirewallPolicyRule": _firewall_policy,
        "gcp:compute/firewallPolicyWithRules:FirewallPolicyWithRules": _firewall_policy,
        "gcp:compute/networkFirewallPolicyWithRules:NetworkFirewallPolicyWithRules": _firewall_policy,
        "gcp:compute/regionNetworkFirewallPolicyWithRules:RegionNetworkFirewallPolicyWithRules": _firewall_policy,
    },
    sources=("https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/LocationsOfEdgeServers.html",),
)

RULES = (STORAGE_NOT_PUBLIC, DATA_SERVICES_NOT_PUBLIC, API_ENDPOINT_PRIVATE, NODES_PRIVATE, INGRESS_NOT_OPEN)
