"""How each resource type is found again when nobody saw the end of its creation."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from rehearsal.aws import CLOUD as AWS
from rehearsal.azure import CLOUD as AZURE
from rehearsal.gcp import CLOUD as GCP
from rehearsal.table import Cloud
from rehearsal.template import draws, fill, places

CLOUDS: Final[Mapping[str, Cloud]] = {cloud.plugin: cloud for cloud in (AWS, AZURE, GCP)}
"""What is known of each cloud's resource types, by the first part of their tokens."""


class Way(StrEnum):
    """What finds a resource."""

    ID = "its id follows from its inputs"
    TAG = "a list by tag"
    LIST = "a list of what belongs to its parent"
    AGAIN = "making it again is the same"
    PERSON = "a person has to look"


@dataclass(frozen=True)
class ById:
    """Its id, or what an import calls it, follows from its inputs.

    Attributes:
        templates: what it is called; the first whose places are all known counts.
    """

    templates: tuple[str, ...]
    way: Way = Way.ID


@dataclass(frozen=True)
class ByTag:
    """The cloud draws its id; the list of all that has a tag knows it, by its ARN.

    Attributes:
        service: third part of its ARN.
        kind: what the part of its ARN after the account begins with; that of a global resource may have a scope before.
        called: template of what an import calls it, from its inputs, and `{arn}`.
    """

    service: str
    kind: str
    called: str = "{last:arn}"
    way: Way = Way.TAG

    @property
    def listed(self) -> bool:
        """Whether its ARN says enough to ask for it: nothing of its inputs is needed."""
        return set(places(self.called)) <= {"arn", "last:arn"}

    def id_of(self, arn: str) -> str:
        """Give what an import calls it, from its ARN."""
        return fill(self.called, {"arn": arn}, "")

    def fits(self, arn: str) -> bool:
        """Tell whether an ARN is one of this kind."""
        parts = arn.split(":", 5)
        return parts[2:3] == [self.service] and parts[-1].removeprefix("global/").startswith(self.kind)


@dataclass(frozen=True)
class InList:
    """The cloud draws its id; a function that tells of its parent knows it.

    Attributes:
        function: the plugin's function.
        arguments: its arguments, templates of inputs.
        list: name of the answer's list.
        where: what the list's entry must have, templates of inputs by key.
        id: the entry's key with the id.
    """

    function: str
    arguments: Mapping[str, str]
    list: str
    where: Mapping[str, str]
    id: str
    way: Way = Way.LIST


@dataclass(frozen=True)
class MadeAgain:
    """A second creation finds what the first one made and is no error: nothing is made twice.

    Attributes:
        why: what the cloud does, and where it says so.
    """

    why: str
    way: Way = Way.AGAIN


@dataclass(frozen=True)
class Unknowable:
    """No function of the plugin lists it, and its id is drawn by the cloud.

    Attributes:
        where: where a person finds it.
    """

    where: str
    way: Way = Way.PERSON


Trace: TypeAlias = ById | ByTag | InList | MadeAgain | Unknowable

_ADOPTING: Final = MadeAgain("the plugin applies server-side, or finds what it made before (ADR 5)")
_SETTING: Final = MadeAgain("a setting that a region has anyway: it is written, not made")
_BINDING: Final = MadeAgain("it is there or not: several that say the same are one")

TRACES: Final[Mapping[str, Trace]] = {
    # IAM, S3 and whatever else has a name of the program's is found by that. What EC2 and others draw has tags, and
    # docs.aws.amazon.com/service-authorization says how its ARN begins.
    **{
        f"aws:{token}": ByTag(service, kind, called)
        for token, service, kind, called in (
            ("acm/certificate:Certificate", "acm", "certificate/", "{arn}"),
            ("cloudfront/distribution:Distribution", "cloudfront", "distribution/", "{last:arn}"),
            ("cloudfront/vpcOrigin:VpcOrigin", "cloudfront", "vpcorigin/", "{last:arn}"),
            ("ec2/capacityReservation:CapacityReservation", "ec2", "capacity-reservation/", "{last:arn}"),
            ("ec2/eip:Eip", "ec2", "elastic-ip/", "{last:arn}"),
            (
                "ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway",
                "ec2",
                "egress-only-internet-gateway/",
                "{last:arn}",
            ),
            ("ec2/flowLog:FlowLog", "ec2", "vpc-flow-log/", "{last:arn}"),
            ("ec2/instance:Instance", "ec2", "instance/", "{last:arn}"),
            ("ec2/internetGateway:InternetGateway", "ec2", "internet-gateway/", "{last:arn}"),
            ("ec2/launchTemplate:LaunchTemplate", "ec2", "launch-template/", "{last:arn}"),
            ("ec2/natGateway:NatGateway", "ec2", "natgateway/", "{last:arn}"),
            ("ec2/networkAcl:NetworkAcl", "ec2", "network-acl/", "{last:arn}"),
            ("ec2/routeTable:RouteTable", "ec2", "route-table/", "{last:arn}"),
            ("ec2/securityGroup:SecurityGroup", "ec2", "security-group/", "{last:arn}"),
            ("ec2/subnet:Subnet", "ec2", "subnet/", "{last:arn}"),
            ("ec2/vpc:Vpc", "ec2", "vpc/", "{last:arn}"),
            ("ec2/vpcEndpoint:VpcEndpoint", "ec2", "vpc-endpoint/", "{last:arn}"),
            ("ec2/vpcEndpointService:VpcEndpointService", "ec2", "vpc-endpoint-service/", "{last:arn}"),
            (
                "eks/podIdentityAssociation:PodIdentityAssociation",
                "eks",
                "podidentityassociation/",
                "{clusterName},{last:arn}",
            ),
            ("fsx/dataRepositoryAssociation:DataRepositoryAssociation", "fsx", "association/", "{last:arn}"),
            ("fsx/lustreFileSystem:LustreFileSystem", "fsx", "file-system/", "{last:arn}"),
            ("guardduty/detector:Detector", "guardduty", "detector/", "{last:arn}"),
            ("kms/key:Key", "kms", "key/", "{last:arn}"),
            ("kms/replicaKey:ReplicaKey", "kms", "key/", "{last:arn}"),
            ("lb/listener:Listener", "elasticloadbalancing", "listener/", "{arn}"),
            ("lb/listenerRule:ListenerRule", "elasticloadbalancing", "listener-rule/", "{arn}"),
            ("lb/loadBalancer:LoadBalancer", "elasticloadbalancing", "loadbalancer/", "{arn}"),
            ("lb/targetGroup:TargetGroup", "elasticloadbalancing", "targetgroup/", "{arn}"),
            ("route53/healthCheck:HealthCheck", "route53", "healthcheck/", "{last:arn}"),
            ("route53/zone:Zone", "route53", "hostedzone/", "{last:arn}"),
            ("vpc/securityGroupEgressRule:SecurityGroupEgressRule", "ec2", "security-group-rule/", "{last:arn}"),
            ("vpc/securityGroupIngressRule:SecurityGroupIngressRule", "ec2", "security-group-rule/", "{last:arn}"),
            ("wafv2/ipSet:IpSet", "wafv2", "ipset/", "{last:arn}/{name}/{scope}"),
            ("wafv2/webAcl:WebAcl", "wafv2", "webacl/", "{last:arn}/{name}/{scope}"),
        )
    },
    "aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway": ByTag("ec2", "egress-only-internet-gateway/"),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": ByTag(
        "eks", "podidentityassociation/", "{clusterName},{last:arn}"
    ),
    "aws:ec2/vpcIpv4CidrBlockAssociation:VpcIpv4CidrBlockAssociation": InList(
        function="aws:ec2/getVpc:getVpc",
        arguments={"id": "{vpcId}"},
        list="cidrBlockAssociations",
        where={"cidrBlock": "{cidrBlock}"},
        id="associationId",
    ),
    "aws:ebs/encryptionByDefault:EncryptionByDefault": _SETTING,
    "aws:ebs/snapshotBlockPublicAccess:SnapshotBlockPublicAccess": _SETTING,
    "aws:ec2/imageBlockPublicAccess:ImageBlockPublicAccess": _SETTING,
    "aws:ec2/instanceMetadataDefaults:InstanceMetadataDefaults": _SETTING,
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": MadeAgain("a network has it: it is taken over"),
    "gcp:billing/budget:Budget": Unknowable("`gcloud billing budgets list --billing-account=…`"),
    "gcp:essentialcontacts/contact:Contact": Unknowable("`gcloud essential-contacts list --project=…`"),
    "gcp:monitoring/alertPolicy:AlertPolicy": Unknowable("`gcloud monitoring policies list`"),
    "gcp:monitoring/notificationChannel:NotificationChannel": Unknowable("`gcloud beta monitoring channels list`"),
}
"""Types whose id says too little, or for which asking is not needed. All others are found by id."""


def trace_of(token: str) -> Trace:
    """Tell how resources of a type are found again."""
    if (known := TRACES.get(token)) is not None:
        return known
    package = token.partition(":")[0]
    cloud = CLOUDS.get(package)
    if cloud is None:
        return _ADOPTING
    row = cloud.row(token)
    if row.shared:
        return _BINDING
    if row.imports:
        return ById(row.imports)
    if draws(row.id):
        return Unknowable("the cloud's console")
    return ById((row.id,))
