"""What keeps AWS from deleting a resource, by the errors that the services' API references list for the deletion.

A KMS key isn't here: its deletion is scheduled whoever uses it, which is why it waits.
"""

from collections.abc import Mapping
from typing import Final

from rehearsal.table import Holder

HELD_ERROR: Final = (
    "deleting {class} ({id}): https response error StatusCode: 400, RequestID: {uuid:request}, api error "
    "DependencyViolation: {id} has a dependent object and cannot be deleted ({holder}, simulated)"
)


def _refusal(code: str, said: str) -> str:
    return (
        f"deleting {{class}} ({{id}}): https response error StatusCode: 400, RequestID: {{uuid:request}}, api error "
        f"{code}: {said} ({{holder}}, simulated)"
    )


def _in_use(code: str, *holders: tuple[str, str], names: tuple[str, ...] = ("id",)) -> tuple[Holder, ...]:
    error = _refusal(code, "{id} is in use")
    return tuple(Holder(type=kind, path=path, names=names, error=error) for kind, path in holders)


_IN_VPC: Final = (
    "aws:ec2/subnet:Subnet",
    "aws:ec2/internetGateway:InternetGateway",
    "aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/routeTable:RouteTable",
    "aws:ec2/networkAcl:NetworkAcl",
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:lb/loadBalancer:LoadBalancer",
)
_NETWORK_INTERFACE: Final = "aws:ec2/networkInterface:NetworkInterface"
_IN_SUBNET: Final = (
    (_NETWORK_INTERFACE, "subnetId"),
    ("aws:ec2/natGateway:NatGateway", "subnetId"),
    ("aws:ec2/instance:Instance", "subnetId"),
    ("aws:ec2/vpcEndpoint:VpcEndpoint", "subnetIds"),
    ("aws:eks/cluster:Cluster", "vpcConfig.subnetIds"),
    ("aws:eks/nodeGroup:NodeGroup", "subnetIds"),
    ("aws:lb/loadBalancer:LoadBalancer", "subnets"),
    ("aws:lb/loadBalancer:LoadBalancer", "subnetMappings.subnetId"),
    ("aws:fsx/lustreFileSystem:LustreFileSystem", "subnetIds"),
    ("aws:elasticache/serverlessCache:ServerlessCache", "subnetIds"),
)
_BEHIND_SECURITY_GROUP: Final = (
    (_NETWORK_INTERFACE, "securityGroups"),
    ("aws:ec2/instance:Instance", "vpcSecurityGroupIds"),
    ("aws:ec2/vpcEndpoint:VpcEndpoint", "securityGroupIds"),
    ("aws:eks/cluster:Cluster", "vpcConfig.securityGroupIds"),
    ("aws:lb/loadBalancer:LoadBalancer", "securityGroups"),
    ("aws:rds/instance:Instance", "vpcSecurityGroupIds"),
    ("aws:elasticache/replicationGroup:ReplicationGroup", "securityGroupIds"),
    ("aws:elasticache/serverlessCache:ServerlessCache", "securityGroupIds"),
    ("aws:fsx/lustreFileSystem:LustreFileSystem", "securityGroupIds"),
    ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "referencedSecurityGroupId"),
    ("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "referencedSecurityGroupId"),
)
_ATTACHED: Final = _refusal("DeleteConflict", "Cannot delete entity, must detach all policies first.")
_INLINE: Final = _refusal("DeleteConflict", "Cannot delete entity, must delete policies first.")
_ATTACHMENT: Final = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
_DISTRIBUTION: Final = "aws:cloudfront/distribution:Distribution"
_REPLICATION_GROUP: Final = "aws:elasticache/replicationGroup:ReplicationGroup"

HELD_BY: Final[Mapping[str, tuple[Holder, ...]]] = {
    # Network
    "aws:ec2/vpc:Vpc": tuple(Holder(type=kind, path="vpcId") for kind in _IN_VPC),
    "aws:ec2/subnet:Subnet": tuple(Holder(type=kind, path=path) for kind, path in _IN_SUBNET),
    "aws:ec2/securityGroup:SecurityGroup": tuple(Holder(type=kind, path=path) for kind, path in _BEHIND_SECURITY_GROUP),
    "aws:ec2/eip:Eip": _in_use("InvalidIPAddress.InUse", ("aws:ec2/natGateway:NatGateway", "allocationId")),
    "aws:lb/targetGroup:TargetGroup": _in_use(
        "ResourceInUse", ("aws:lb/listener:Listener", "defaultActions.targetGroupArn")
    ),
    "aws:lb/loadBalancer:LoadBalancer": _in_use(
        "ResourceInUse", ("aws:ec2/vpcEndpointService:VpcEndpointService", "networkLoadBalancerArns")
    ),
    # Storage
    "aws:s3/bucket:Bucket": tuple(
        Holder(
            type=f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}",
            path="bucket",
            unless="forceDestroy",
            error=_refusal("BucketNotEmpty", "The bucket you tried to delete is not empty"),
        )
        for kind in ("BucketObject", "BucketObjectv2")
    ),
    # Cluster
    "aws:eks/cluster:Cluster": (
        Holder(
            type="aws:eks/nodeGroup:NodeGroup",
            path="clusterName",
            names=("name",),
            error=_refusal("ResourceInUseException", "Cluster has nodegroups attached"),
        ),
    ),
    # Identity
    "aws:iam/role:Role": (
        Holder(type=_ATTACHMENT, path="role", names=("name",), unless="forceDetachPolicies", error=_ATTACHED),
        Holder(
            type="aws:iam/rolePolicy:RolePolicy",
            path="role",
            names=("name",),
            unless="forceDetachPolicies",
            error=_INLINE,
        ),
    ),
    "aws:iam/policy:Policy": (Holder(type=_ATTACHMENT, path="policyArn", names=("arn",), error=_ATTACHED),),
    # Data services
    "aws:rds/subnetGroup:SubnetGroup": _in_use(
        "InvalidDBSubnetGroupStateFault", ("aws:rds/instance:Instance", "dbSubnetGroupName"), names=("name",)
    ),
    "aws:rds/parameterGroup:ParameterGroup": _in_use(
        "InvalidDBParameterGroupState", ("aws:rds/instance:Instance", "parameterGroupName"), names=("name",)
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": _in_use(
        "CacheSubnetGroupInUse", (_REPLICATION_GROUP, "subnetGroupName"), names=("name",)
    ),
    "aws:elasticache/parameterGroup:ParameterGroup": _in_use(
        "InvalidCacheParameterGroupState", (_REPLICATION_GROUP, "parameterGroupName"), names=("name",)
    ),
    "aws:elasticache/userGroup:UserGroup": _in_use(
        "InvalidUserGroupState", (_REPLICATION_GROUP, "userGroupIds"), names=("userGroupId",)
    ),
    # Alarms
    "aws:cloudwatch/eventRule:EventRule": (
        Holder(
            type="aws:cloudwatch/eventTarget:EventTarget",
            path="rule",
            names=("name",),
            unless="forceDestroy",
            error=_refusal("ValidationException", "Rule can't be deleted since it has targets."),
        ),
    ),
    # Front
    "aws:acm/certificate:Certificate": _in_use(
        "ResourceInUseException",
        ("aws:lb/listener:Listener", "certificateArn"),
        (_DISTRIBUTION, "viewerCertificate.acmCertificateArn"),
        names=("arn",),
    ),
    "aws:wafv2/webAcl:WebAcl": _in_use(
        "WAFAssociatedItemException",
        (_DISTRIBUTION, "webAclId"),
        ("aws:wafv2/webAclAssociation:WebAclAssociation", "webAclArn"),
        names=("arn",),
    ),
    "aws:route53/zone:Zone": (
        Holder(
            type="aws:route53/record:Record",
            path="zoneId",
            unless="forceDestroy",
            error=_refusal(
                "HostedZoneNotEmpty", "The specified hosted zone contains non-required resource record sets"
            ),
        ),
    ),
    "aws:cloudfront/cachePolicy:CachePolicy": _in_use(
        "CachePolicyInUse", (_DISTRIBUTION, "defaultCacheBehavior.cachePolicyId")
    ),
    "aws:cloudfront/originRequestPolicy:OriginRequestPolicy": _in_use(
        "OriginRequestPolicyInUse", (_DISTRIBUTION, "defaultCacheBehavior.originRequestPolicyId")
    ),
    "aws:cloudfront/originAccessControl:OriginAccessControl": _in_use(
        "OriginAccessControlInUse", (_DISTRIBUTION, "origins.originAccessControlId")
    ),
    "aws:cloudfront/vpcOrigin:VpcOrigin": _in_use(
        "CannotDeleteEntityWhileInUse", (_DISTRIBUTION, "origins.vpcOriginConfig.vpcOriginId")
    ),
}
