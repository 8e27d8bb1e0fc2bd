"""The region's private network: a VPC over several zones from which everything is reached without the internet.

Nodes and pods live in private subnets. What they need of AWS comes through VPC endpoints; the NAT gateways carry only
what has no endpoint (images of other registries).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.policy_document import Statement, document, service_trust
from infra.clouds.aws.scope import Scope
from infra.clouds.aws.subnets import ZoneSubnets, cut
from infra.config import NatMode

_INTERFACE_ENDPOINTS = (
    "autoscaling",  # cluster autoscaler
    "ec2",  # CNI, EBS driver, load balancer controller
    "ecr.api",
    "ecr.dkr",
    "eks",
    "eks-auth",  # Pod Identity
    "elasticloadbalancing",
    "kms",
    "logs",
    "secretsmanager",
    "ssm",  # the three of Session Manager: the tunnel to a private API server
    "ssmmessages",
    "ec2messages",
    "sts",
)
"""What a private EKS cluster calls (docs.aws.amazon.com/eks/latest/userguide/private-clusters.html), and SSM's own."""

_ZONES_WITHOUT_EKS = ("use1-az3", "usw1-az2", "cac1-az3")
"""Zones in which EKS can't place a control plane (docs.aws.amazon.com/eks/latest/userguide/network-reqs.html)."""

_ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True)
class NetworkArgs:
    """What a network is made from.

    Attributes:
        scope: The stack's place.
        cidr: Range of nodes and private endpoints.
        pod_cidr: The VPC's second range.
        zones: How many zones.
        nat: A NAT gateway per zone, or one for all.
        log_key: Key of the flow logs.
        flow_log_retention_days: How long flow logs are kept.
    """

    scope: Scope
    cidr: str
    pod_cidr: str
    zones: int
    nat: NatMode
    log_key: pulumi.Input[str]
    flow_log_retention_days: int


class Network(pulumi.ComponentResource):
    """VPC, subnets, routes, endpoints and flow logs.

    Attributes:
        vpc_id: The VPC.
        zones: Names of its zones, in the order of the subnets.
        node_subnets: Private subnets of nodes, one per zone.
        data_subnets: Subnets of databases and caches.
        control_subnets: Subnets of the API server's network interfaces.
        public_subnets: Subnets of the load balancer and the NAT gateways.
        data_ranges: Ranges of the data subnets.
        control_ranges: Ranges of the control subnets.
        object_store_ranges: Ranges that S3 answers from in this Region, which the gateway endpoint leads to.
    """

    vpc_id: pulumi.Output[str]
    zones: pulumi.Output[list[str]]
    node_subnets: list[pulumi.Output[str]]
    data_subnets: list[pulumi.Output[str]]
    control_subnets: list[pulumi.Output[str]]
    public_subnets: list[pulumi.Output[str]]
    data_ranges: tuple[str, ...]
    control_ranges: tuple[str, ...]
    object_store_ranges: pulumi.Output[Sequence[str]]

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:aws:Network", name, None, opts)
        self._args, self._scope = args, args.scope
        self._own = pulumi.ResourceOptions(parent=self)
        available = aws.get_availability_zones_output(
            state="available",
            # Neither local nor wavelength zones.
            filters=[aws.GetAvailabilityZonesFilterArgs(name="opt-in-status", values=["opt-in-not-required"])],
            exclude_zone_ids=list(_ZONES_WITHOUT_EKS),
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        self.zones = available.names.apply(lambda names: list(names)[: args.zones])
        self._vpc = self._make_vpc()
        self.vpc_id = self._vpc.id
        ranges = cut(args.cidr, args.pod_cidr, args.zones)
        self.data_ranges = tuple(zone.data for zone in ranges)
        self.control_ranges = tuple(zone.control for zone in ranges)
        self._make_subnets(ranges)
        self._make_routes()
        self._make_endpoints()
        self._make_flow_log()
        self.register_outputs({"vpcId": self.vpc_id, "zones": self.zones})

    def _make_vpc(self) -> aws.ec2.Vpc:
        vpc = aws.ec2.Vpc(
            "vpc",
            cidr_block=self._args.cidr,
            enable_dns_hostnames=True,  # private names of endpoints need both
            enable_dns_support=True,
            tags={"Name": self._scope.name()},
            opts=self._own,
        )
        # Takes the rules away that AWS gives it: what names no security group gets no connection.
        aws.ec2.DefaultSecurityGroup("default", vpc_id=vpc.id, ingress=[], egress=[], opts=self._own)
        return vpc

    def _make_subnets(self, ranges: tuple[ZoneSubnets, ...]) -> None:
        cluster = {f"kubernetes.io/cluster/{self._scope.name()}": "shared"}
        inner = {"kubernetes.io/role/internal-elb": "1", **cluster}
        pods = aws.ec2.VpcIpv4CidrBlockAssociation(
            "pods", vpc_id=self._vpc.id, cidr_block=self._args.pod_cidr, opts=self._own
        )

        def make(kind: str, cidrs: list[str], tags: dict[str, str]) -> list[aws.ec2.Subnet]:
            return [
                aws.ec2.Subnet(
                    f"{kind}-{index}",
                    vpc_id=self._vpc.id,
                    availability_zone=self.zones.apply(lambda zones, index=index: zones[index]),
                    cidr_block=cidr,
                    map_public_ip_on_launch=False,
                    tags={"Name": self._scope.name(f"{kind}-{index}"), **tags},
                    # A zone that AWS opens later may sort before the others: it must not move a subnet that is there.
                    opts=pulumi.ResourceOptions(
                        parent=self, ignore_changes=["availabilityZone"], depends_on=[pods] if kind == "pods" else []
                    ),
                )
                for index, cidr in enumerate(cidrs)
            ]

        # Subnets are found by tags: docs.aws.amazon.com/eks/latest/userguide/network-load-balancing.html.
        self._nodes = make("nodes", [zone.nodes for zone in ranges], inner)
        # The CNI gives pods addresses of subnets with this tag: github.com/aws/amazon-vpc-cni-k8s, subnet discovery.
        self._pods = make("pods", [zone.pods for zone in ranges], {"kubernetes.io/role/cni": "1", **cluster})
        self._public = make("public", [zone.public for zone in ranges], {"kubernetes.io/role/elb": "1", **cluster})
        self._data = make("data", [zone.data for zone in ranges], {})
        self._control = make("control", [zone.control for zone in ranges], {})
        self.node_subnets = [subnet.id for subnet in self._nodes]
        self.data_subnets = [subnet.id for subnet in self._data]
        self.control_subnets = [subnet.id for subnet in self._control]
        self.public_subnets = [subnet.id for subnet in self._public]

    def _make_routes(self) -> None:
        def table(kind: str, subnets: list[aws.ec2.Subnet]) -> aws.ec2.RouteTable:
            made = aws.ec2.RouteTable(kind, vpc_id=self._vpc.id, tags={"Name": self._scope.name(kind)}, opts=self._own)
            for index, subnet in enumerate(subnets):
                aws.ec2.RouteTableAssociation(
                    f"{kind}-{index}", subnet_id=subnet.id, route_table_id=made.id, opts=self._own
                )
            return made

        internet = aws.ec2.InternetGateway(
            "internet", vpc_id=self._vpc.id, tags={"Name": self._scope.name()}, opts=self._own
        )
        public = table("public", self._public)
        aws.ec2.Route(
            "public",
            route_table_id=public.id,
            destination_cidr_block=_ANYWHERE,
            gateway_id=internet.id,
            opts=self._own,
        )
        nats = [
            self._make_nat(index, self._public[index], internet)
            for index in range(len(self._public) if self._args.nat is NatMode.ZONAL else 1)
        ]
        private = []
        for index, (nodes, pods) in enumerate(zip(self._nodes, self._pods, strict=True)):
            zone = table(f"private-{index}", [nodes, pods])
            aws.ec2.Route(
                f"private-{index}",
                route_table_id=zone.id,
                destination_cidr_block=_ANYWHERE,
                nat_gateway_id=nats[index % len(nats)].id,
                opts=self._own,
            )
            private.append(zone)
        closed = table("closed", [*self._data, *self._control])  # only the VPC's own addresses
        self._route_tables = [*private, closed]

    def _make_nat(self, index: int, subnet: aws.ec2.Subnet, internet: aws.ec2.InternetGateway) -> aws.ec2.NatGateway:
        address = aws.ec2.Eip(
            f"nat-{index}", domain="vpc", tags={"Name": self._scope.name(f"nat-{index}")}, opts=self._own
        )
        return aws.ec2.NatGateway(
            f"nat-{index}",
            allocation_id=address.id,
            subnet_id=subnet.id,
            tags={"Name": self._scope.name(f"nat-{index}")},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[internet]),
        )

    def _make_endpoints(self) -> None:
        scope = self._scope
        aws.ec2.VpcEndpoint(
            "s3",
            vpc_id=self._vpc.id,
            service_name=f"com.amazonaws.{scope.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in self._route_tables],
            tags={"Name": scope.name("s3")},
            opts=self._own,
        )
        # The list that the endpoint's route goes by: docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html.
        answering = aws.ec2.get_managed_prefix_list_output(
            name=f"com.amazonaws.{scope.region}.s3", opts=pulumi.InvokeOutputOptions(parent=self)
        )
        self.object_store_ranges = answering.entries.apply(lambda entries: sorted(entry.cidr for entry in entries))
        group = aws.ec2.SecurityGroup(
            "endpoints",
            name=scope.name("endpoints"),
            description="VPC endpoints: TLS from the region's own addresses",
            vpc_id=self._vpc.id,
            opts=self._own,
        )
        for kind, cidr in {"nodes": self._args.cidr, "pods": self._args.pod_cidr}.items():
            aws.vpc.SecurityGroupIngressRule(
                f"endpoints-{kind}",
                security_group_id=group.id,
                description=f"TLS from {kind}",
                ip_protocol="tcp",
                from_port=443,
                to_port=443,
                cidr_ipv4=cidr,
                opts=self._own,
            )
        for service in _INTERFACE_ENDPOINTS:
            aws.ec2.VpcEndpoint(
                service.replace(".", "-"),
                vpc_id=self._vpc.id,
                service_name=f"com.amazonaws.{scope.region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=self.control_subnets,
                security_group_ids=[group.id],
                tags={"Name": scope.name(service)},
                opts=self._own,
            )

    def _make_flow_log(self) -> None:
        scope = self._scope
        logs = aws.cloudwatch.LogGroup(
            "flow-logs",
            name=f"/modelfleet/{scope.stack}/flow-logs",
            kms_key_id=self._args.log_key,
            retention_in_days=self._args.flow_log_retention_days,
            opts=self._own,
        )
        role = aws.iam.Role(
            "flow-logs",
            name=scope.name("flow-logs"),
            assume_role_policy=service_trust("vpc-flow-logs.amazonaws.com", account=scope.account),
            permissions_boundary=scope.boundary_arn(),
            opts=self._own,
        )
        # docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
        policy = aws.iam.RolePolicy(
            "flow-logs",
            role=role.name,
            policy=document(
                Statement(
                    "WriteFlowLogs",
                    ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                    [pulumi.Output.concat(logs.arn, ":*")],
                )
            ),
            opts=self._own,
        )
        aws.ec2.FlowLog(
            "flow-logs",
            vpc_id=self._vpc.id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=logs.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=60,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
