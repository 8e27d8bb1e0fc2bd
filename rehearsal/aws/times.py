"""How long AWS takes for what isn't done at once.

AWS publishes no such times. The medians are of the order that people report (sources below), each below the time after
which the provider gives up waiting (`timeouts` in its documentation of the resource).
"""

from collections.abc import Mapping
from typing import Final

from rehearsal.clock import Takes

_PROVIDER: Final = "timeouts of the resource, https://registry.terraform.io/providers/hashicorp/aws/latest/docs"
_EKS: Final = "https://github.com/aws/containers-roadmap/issues/1227: 15 minutes on average before it was made faster"
_RDS: Final = "https://github.com/hashicorp/terraform/issues/498: 15 to 20 minutes with a standby"
_CACHE: Final = (
    "https://github.com/hashicorp/terraform/pull/8275: 7 to 14 minutes for a test of making and deleting one"
)
_FRONT: Final = (
    "https://aws.amazon.com/blogs/networking-and-content-delivery/"
    "slashing-cloudfront-change-propagation-times-in-2020-recent-changes-and-looking-forward/: about five minutes"
)

TIMES: Final[Mapping[str, Takes]] = {
    "aws:eks/cluster:Cluster": Takes(create=720, update=300, delete=240, source=_EKS),
    "aws:eks/nodeGroup:NodeGroup": Takes(create=150, update=240, delete=240, spread=1.4, source=_PROVIDER),
    "aws:eks/addon:Addon": Takes(create=40, update=40, delete=20, spread=1.5, source=_PROVIDER),
    "aws:ec2/natGateway:NatGateway": Takes(create=110, delete=60, source=_PROVIDER),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Takes(create=60, delete=30, spread=1.5, source=_PROVIDER),
    "aws:ec2/vpcEndpointService:VpcEndpointService": Takes(create=15, delete=15, source=_PROVIDER),
    "aws:ec2/internetGateway:InternetGateway": Takes(create=5, delete=20, source=_PROVIDER),
    "aws:ec2/vpc:Vpc": Takes(create=12, delete=2, source=_PROVIDER),
    "aws:ec2/instance:Instance": Takes(create=15, delete=45, source=_PROVIDER),
    "aws:lb/loadBalancer:LoadBalancer": Takes(create=150, delete=15, source=_PROVIDER),
    "aws:rds/instance:Instance": Takes(create=900, update=300, delete=300, spread=1.3, source=_RDS),
    "aws:rds/cluster:Cluster": Takes(create=60, update=60, delete=120, source=_PROVIDER),
    "aws:rds/clusterInstance:ClusterInstance": Takes(create=480, update=120, delete=300, source=_PROVIDER),
    "aws:elasticache/replicationGroup:ReplicationGroup": Takes(create=600, update=420, delete=300, source=_CACHE),
    "aws:elasticache/serverlessCache:ServerlessCache": Takes(create=120, update=120, delete=180, source=_PROVIDER),
    "aws:fsx/lustreFileSystem:LustreFileSystem": Takes(create=480, update=480, delete=180, source=_PROVIDER),
    "aws:fsx/dataRepositoryAssociation:DataRepositoryAssociation": Takes(create=120, delete=120, source=_PROVIDER),
    "aws:acm/certificateValidation:CertificateValidation": Takes(create=120, spread=2.0, source=_PROVIDER),
    "aws:cloudfront/distribution:Distribution": Takes(create=240, update=240, delete=240, source=_FRONT),
    "aws:cloudfront/vpcOrigin:VpcOrigin": Takes(create=300, update=300, delete=300, source=_PROVIDER),
    "aws:route53/record:Record": Takes(create=35, update=35, delete=35, source=_PROVIDER),
    "aws:route53/zone:Zone": Takes(create=40, delete=1, source=_PROVIDER),
    "aws:kms/replicaKey:ReplicaKey": Takes(create=15, source=_PROVIDER),
}
"""By type token. A type that isn't here answers at once."""
