"""What must be there before AWS makes a resource, of what takes minutes.

Each row is an input that the API requires (the API references of EC2, EKS, RDS, ElastiCache, FSx and Elastic Load
Balancing). A node group needs its cluster: CreateNodegroup waits for nothing else.
"""

from collections.abc import Mapping
from typing import Final

_SUBNET: Final = "aws:ec2/subnet:Subnet"

FORCED: Final[Mapping[str, tuple[str, ...]]] = {
    _SUBNET: ("aws:ec2/vpc:Vpc",),
    "aws:ec2/vpcEndpoint:VpcEndpoint": (_SUBNET,),
    "aws:ec2/natGateway:NatGateway": (_SUBNET,),
    "aws:eks/cluster:Cluster": (_SUBNET,),
    "aws:eks/nodeGroup:NodeGroup": ("aws:eks/cluster:Cluster",),
    "aws:rds/subnetGroup:SubnetGroup": (_SUBNET,),
    "aws:rds/instance:Instance": ("aws:rds/subnetGroup:SubnetGroup",),
    "aws:elasticache/subnetGroup:SubnetGroup": (_SUBNET,),
    "aws:elasticache/replicationGroup:ReplicationGroup": ("aws:elasticache/subnetGroup:SubnetGroup",),
    "aws:fsx/lustreFileSystem:LustreFileSystem": (_SUBNET,),
    "aws:fsx/dataRepositoryAssociation:DataRepositoryAssociation": ("aws:fsx/lustreFileSystem:LustreFileSystem",),
    "aws:lb/loadBalancer:LoadBalancer": (_SUBNET,),
}
"""By type token: the types of which it names one. A type that isn't here waits for nothing that takes long."""
