"""AWS's resource types of networks, load balancers and machines."""

from collections.abc import Mapping
from typing import Final

from rehearsal.table import Row
from rehearsal.template import From


def _arn(resource: str) -> dict[str, str]:
    return {"arn": f"arn:aws:ec2:{{region}}:{{account}}:{resource}"}


_RULE: Final = Row(
    id="sgr-{hex:17}",
    outputs=_arn("security-group-rule/{id}") | {"securityGroupRuleId": "{id}"},
    replaces=("securityGroupId",),
)

NETWORK_ROWS: Final[Mapping[str, Row]] = {
    "aws:ec2/vpc:Vpc": Row(
        id="vpc-{hex:17}",
        outputs=_arn("vpc/{id}")
        | {
            "enableDnsSupport": True,
            "instanceTenancy": "default",
            "defaultSecurityGroupId": "sg-{hex:17}",
            "defaultRouteTableId": "rtb-{hex:17}",
            "mainRouteTableId": "rtb-{hex:17}",
            "defaultNetworkAclId": "acl-{hex:17}",
            "dhcpOptionsId": "dopt-{hex:17}",
        },
        replaces=("cidrBlock", "ipv4IpamPoolId", "ipv4NetmaskLength"),
    ),
    "aws:ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation": Row(
        id="vpc-cidr-assoc-{hex:17}", replaces=("vpcId", "cidrBlock")
    ),
    "aws:ec2/subnet:Subnet": Row(
        id="subnet-{hex:17}",
        outputs=_arn("subnet/{id}") | {"availabilityZoneId": "{?availabilityZone}-id"},
        replaces=("vpcId", "cidrBlock", "availabilityZone", "availabilityZoneId"),
        unique="{vpcId}/{?cidrBlock}",
    ),
    "aws:ec2/internetGateway:InternetGateway": Row(id="igw-{hex:17}", outputs=_arn("internet-gateway/{id}")),
    "aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway": Row(id="eigw-{hex:17}", replaces=("vpcId",)),
    "aws:ec2/eip:Eip": Row(
        id="eipalloc-{hex:17}",
        outputs=_arn("elastic-ip/{id}") | {"allocationId": "{id}", "publicIp": "{address:203.0}", "domain": "vpc"},
        replaces=("domain", "publicIpv4Pool"),
    ),
    "aws:ec2/natGateway:NatGateway": Row(
        id="nat-{hex:17}",
        outputs={"publicIp": "{address:203.0}", "privateIp": "{address:10.0}", "networkInterfaceId": "eni-{hex:17}"},
        replaces=("subnetId", "allocationId", "connectivityType"),
        arn="arn:aws:ec2:{region}:{account}:natgateway/{id}",
    ),
    "aws:ec2/routeTable:RouteTable": Row(id="rtb-{hex:17}", outputs=_arn("route-table/{id}"), replaces=("vpcId",)),
    "aws:ec2/route:Route": Row(
        id="r-{routeTableId}{digits:10}",
        unique="{routeTableId}/{?destinationCidrBlock}{?destinationIpv6CidrBlock}{?destinationPrefixListId}",
        outputs={"origin": "CreateRoute", "state": "active"},
        replaces=("routeTableId", "destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId"),
        imports=(
            "{routeTableId}_{destinationCidrBlock}",
            "{routeTableId}_{destinationIpv6CidrBlock}",
            "{routeTableId}_{destinationPrefixListId}",
        ),
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Row(
        id="rtbassoc-{hex:17}",
        replaces=("subnetId", "gatewayId"),
        imports=("{subnetId}/{routeTableId}", "{gatewayId}/{routeTableId}"),
    ),
    "aws:ec2/securityGroup:SecurityGroup": Row(
        id="sg-{hex:17}",
        name="name",
        unique="{?vpcId}/{name}",
        outputs=_arn("security-group/{id}"),
        replaces=("vpcId", "description"),
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": Row(
        id="sg-{hex:17}", unique="{vpcId}", outputs=_arn("security-group/{id}"), replaces=("vpcId",), shared=True
    ),
    "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl": Row(id="{defaultNetworkAclId}", replaces=("defaultNetworkAclId",)),
    "aws:ec2/defaultRouteTable:DefaultRouteTable": Row(id="{defaultRouteTableId}", replaces=("defaultRouteTableId",)),
    "aws:ec2/networkAcl:NetworkAcl": Row(id="acl-{hex:17}", outputs=_arn("network-acl/{id}"), replaces=("vpcId",)),
    "aws:ec2/securityGroupRule:SecurityGroupRule": Row(
        id="sgrule-{digits:10}",
        outputs={"securityGroupRuleId": "sgr-{hex:17}"},
        replaces=("securityGroupId", "type", "protocol", "fromPort", "toPort", "cidrBlocks", "sourceSecurityGroupId"),
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _RULE,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _RULE,
    "aws:ec2/vpcEndpoint:VpcEndpoint": Row(
        id="vpce-{hex:17}",
        outputs=_arn("vpc-endpoint/{id}")
        | {
            "dnsEntries": [{"dnsName": "{id}.simulated.invalid", "hostedZoneId": "Z{capitals:13}"}],
            "networkInterfaceIds": ["eni-{hex:17}"],
            "prefixListId": "pl-{hex:8}",
            "cidrBlocks": [],
            "state": "available",
        },
        replaces=("vpcId", "serviceName", "vpcEndpointType"),
    ),
    "aws:ec2/vpcEndpointService:VpcEndpointService": Row(
        id="vpce-svc-{hex:17}",
        outputs=_arn("vpc-endpoint-service/{id}") | {"serviceName": "com.amazonaws.vpce.{region}.{id}"},
    ),
    "aws:ec2/flowLog:FlowLog": Row(
        id="fl-{hex:17}",
        outputs=_arn("vpc-flow-log/{id}"),
        replaces=(
            "vpcId",
            "subnetId",
            "eniId",
            "trafficType",
            "logDestination",
            "logDestinationType",
            "iamRoleArn",
            "maxAggregationInterval",
            "logFormat",
        ),
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": Row(
        id="lt-{hex:17}",
        name="name",
        unique="{name}",
        outputs=_arn("launch-template/{id}") | {"latestVersion": 1, "defaultVersion": 1},
    ),
    "aws:ec2/placementGroup:PlacementGroup": Row(
        id="{name}",
        name="name",
        outputs=_arn("placement-group/{name}") | {"placementGroupId": "pg-{hex:17}"},
        replaces=("strategy", "partitionCount", "spreadLevel"),
    ),
    "aws:ec2/capacityReservation:CapacityReservation": Row(
        id="cr-{hex:17}",
        outputs=_arn("capacity-reservation/{id}"),
        replaces=("availabilityZone", "instanceType", "instancePlatform", "tenancy"),
    ),
    "aws:ebs/encryptionByDefault:EncryptionByDefault": Row(id="terraform-{hex:26}", unique="{region}", shared=True),
    "aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess": Row(id="{region}", shared=True),
    "aws:ec2/imageBlockPublicAccess:ImageBlockPublicAccess": Row(id="{region}", shared=True),
    "aws:ec2/instanceMetadataDefaults:InstanceMetadataDefaults": Row(id="{region}", shared=True),
    "aws:ebs/defaultKmsKey:DefaultKmsKey": Row(id="{keyArn}", unique="{region}", replaces=("keyArn",)),
    "aws:ec2/instance:Instance": Row(
        id="i-{hex:17}",
        outputs=_arn("instance/{id}") | {"privateIp": "{address:10.0}", "instanceState": "running"},
        replaces=("ami", "subnetId", "availabilityZone", "keyName"),
    ),
    "aws:ec2/tag:Tag": Row(id="{resourceId},{key}", replaces=("resourceId", "key")),
    "aws:lb/loadBalancer:LoadBalancer": Row(
        id="arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/net/{name}/{hex:16}",
        name="name",
        unique="{name}",
        outputs={
            "arn": "{id}",
            "arnSuffix": "net/{name}/{hex:16}",
            "dnsName": "{name}-{hex:16}.elb.{region}.simulated.invalid",
            "zoneId": "Z{capitals:13}",
        },
        replaces=("internal", "loadBalancerType"),
        protected_by=("enableDeletionProtection",),
    ),
    "aws:lb/targetGroup:TargetGroup": Row(
        id="arn:aws:elasticloadbalancing:{region}:{account}:targetgroup/{name}/{hex:16}",
        name="name",
        unique="{name}",
        outputs={"arn": "{id}", "arnSuffix": "targetgroup/{name}/{hex:16}"},
        replaces=("port", "protocol", "vpcId", "targetType", "protocolVersion", "ipAddressType"),
    ),
    "aws:lb/listener:Listener": Row(
        id="{loadBalancerArn}/{hex:16}", outputs={"arn": "{id}"}, replaces=("loadBalancerArn",)
    ),
    "aws:lb/listenerCertificate:ListenerCertificate": Row(
        id="{listenerArn}_{certificateArn}", replaces=("listenerArn", "certificateArn")
    ),
    "aws:lb/listenerRule:ListenerRule": Row(id="{listenerArn}/{hex:16}", outputs={"arn": "{id}"}),
    "aws:lb/targetGroupAttachment:TargetGroupAttachment": Row(
        id="{targetGroupArn}-{hex:26}", replaces=("targetGroupArn", "targetId", "port", "availabilityZone")
    ),
    "aws:autoscaling/group:Group": Row(
        id="{name}",
        name="name",
        outputs={"arn": "arn:aws:autoscaling:{region}:{account}:autoScalingGroup:{uuid:g}:autoScalingGroupName/{name}"},
    ),
    "aws:autoscaling/tag:Tag": Row(
        id="{autoscalingGroupName},{tag.key}",
        replaces=("autoscalingGroupName", "tag.key"),
        outputs={"tag": From("tag")},
    ),
}
