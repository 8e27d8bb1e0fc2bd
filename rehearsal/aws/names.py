"""AWS's naming rules that its service models leave to words."""

from collections.abc import Mapping
from typing import Final

from rehearsal.rules import Rule

_EKS: Final = "https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html"
_ELB: Final = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html"
_LOAD_BALANCER: Final = Rule(
    source=_ELB, pattern=r"(?!internal-)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", min_length=1, max_length=32
)
_DATABASE: Final = Rule(
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html",
    pattern=r"[a-z](?!.*--)[a-z0-9-]*(?<!-)",
    min_length=1,
    max_length=63,
)
NAMES: Final[Mapping[str, Mapping[str, Rule]]] = {
    "aws:s3/bucket:Bucket": {
        "bucket": Rule(
            source="https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html",
            pattern=r"(?!xn--|sthree-|amzn-s3-demo-)(?!.*(\.\.|-s3alias$|--ol-s3$))[a-z0-9][a-z0-9.-]*[a-z0-9]",
            min_length=3,
            max_length=63,
        )
    },
    "aws:eks/cluster:Cluster": {
        "name": Rule(source=_EKS, pattern=r"[0-9A-Za-z][A-Za-z0-9_-]*", min_length=1, max_length=100)
    },
    "aws:eks/nodeGroup:NodeGroup": {
        "nodeGroupName": Rule(
            source="https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html",
            pattern=r"[0-9A-Za-z][A-Za-z0-9_-]*",
            min_length=1,
            max_length=63,
        )
    },
    "aws:lb/loadBalancer:LoadBalancer": {"name": _LOAD_BALANCER},
    "aws:lb/targetGroup:TargetGroup": {"name": _LOAD_BALANCER},
    "aws:rds/instance:Instance": {
        "identifier": _DATABASE,
        "instanceClass": Rule(
            source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Types.html",
            pattern=r"db\.[a-z][a-z0-9-]*\.([0-9]*x?large|micro|small|medium|[a-z0-9.]+)",
        ),
        "engine": Rule(
            source="https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html",
            pattern=r"(aurora-)?(mysql|mariadb|postgres|postgresql)|oracle-.+|sqlserver-.+|custom-.+|db2-(ae|se)",
        ),
        "storageType": Rule(
            source="https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html",
            values=("gp2", "gp3", "io1", "io2", "standard"),
        ),
        "backupRetentionPeriod": Rule(
            source="https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html",
            minimum=0,
            maximum=35,
        ),
    },
    "aws:rds/cluster:Cluster": {"clusterIdentifier": _DATABASE},
    "aws:elasticache/replicationGroup:ReplicationGroup": {
        "replicationGroupId": Rule(
            source="https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_CreateReplicationGroup.html",
            pattern=r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]*(?<!-)",
            min_length=1,
            max_length=40,
        )
    },
    "aws:ec2/securityGroup:SecurityGroup": {
        "name": Rule(
            source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html",
            pattern=r"(?!sg-)[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]+",
            min_length=1,
            max_length=255,
        )
    },
    "aws:kms/alias:Alias": {
        "name": Rule(
            source="https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html",
            pattern=r"alias/(?!aws/)[a-zA-Z0-9/_-]+",
            max_length=256,
        )
    },
}
