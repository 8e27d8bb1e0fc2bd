"""The region's origin: a network load balancer that ends TLS and takes connections from CloudFront's servers alone.

Its security group names CloudFront's published addresses by their managed prefix list
(docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/LocationsOfEdgeServers.html), so that clients can't go
around the WAF. Without `frontOnly` it is an internal one for clients of the private network, never a public one.

A network load balancer and not an application one: it keeps a stream open for 350 s without a byte
(docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-listeners.html), of which the gateway's comment
every 10 s is far, and neither buffers nor reads what passes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s
from pulumi_kubernetes.apiextensions import CustomResource

from infra.clouds.aws.load_balancer_controller import GROUP
from infra.clouds.aws.scope import Scope
from infra.cluster.isolation import GATEWAY_HEALTH_PATH, GATEWAY_PORT
from infra.plugin import Certificate

_HTTPS = 443
_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
"""TLS 1.3 and 1.2 (docs.aws.amazon.com/elasticloadbalancing/latest/network/describe-ssl-policies.html)."""
_CLOUDFRONT = "com.amazonaws.global.cloudfront.origin-facing"
_PRIVATE_RANGES = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")  # RFC 1918
_HEALTH_INTERVAL_S = 10


@dataclass(frozen=True)
class Origin:
    """What a front needs to know of this region's load balancer; nothing in it is secret.

    Attributes:
        region: Region code.
        dns_name: The load balancer's own name.
        zone_id: The zone of that name, for alias records.
        listener_arn: Where the front's certificate is added.
    """

    region: str
    dns_name: pulumi.Input[str]
    zone_id: pulumi.Input[str]
    listener_arn: pulumi.Input[str]

    def as_output(self) -> Mapping[str, pulumi.Input[str]]:
        """As a stack gives it out."""
        return {
            "region": self.region,
            "dnsName": self.dns_name,
            "zoneId": self.zone_id,
            "listenerArn": self.listener_arn,
        }

    @classmethod
    def from_output(cls, region: str, output: pulumi.Output[Mapping[str, str]]) -> "Origin":
        """As another stack reads it."""
        return cls(
            region=region,
            dns_name=output.apply(lambda origin: origin["dnsName"]),
            zone_id=output.apply(lambda origin: origin["zoneId"]),
            listener_arn=output.apply(lambda origin: origin["listenerArn"]),
        )


@dataclass(frozen=True)
class IngressArgs:
    """What the origin is made from.

    Attributes:
        scope: The stack's place.
        vpc_id: The region's VPC.
        public_subnets: Where a load balancer for the front lies.
        private_subnets: Where one for private clients lies.
        pods: Security group of the gateway's pods.
        logs_bucket: Bucket of access logs.
        host: A further name that its certificate is for; None for the load balancer's own only.
        front_only: Whether only the front may connect.
        drain_timeout_s: Seconds that streams have before a pod that ends is forgotten.
    """

    scope: Scope
    vpc_id: pulumi.Input[str]
    public_subnets: Sequence[pulumi.Input[str]]
    private_subnets: Sequence[pulumi.Input[str]]
    pods: pulumi.Input[str]
    logs_bucket: pulumi.Input[str]
    host: str | None
    front_only: bool
    drain_timeout_s: int


class Ingress(pulumi.ComponentResource):
    """Load balancer, its certificate and the target group that the gateway's pods join.

    Attributes:
        host: What clients of this region connect to.
        load_balancer: The load balancer: what a front sends requests to.
        listener_arn: Its TLS listener; the front adds its own name's certificate to it.
        target_group: ARN of the target group.
        certificate: Under a private authority of ours; the gateway serves it too.
    """

    host: pulumi.Output[str]
    load_balancer: aws.lb.LoadBalancer
    listener_arn: pulumi.Output[str]
    target_group: pulumi.Output[str]
    certificate: Certificate

    def __init__(self, name: str, args: IngressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:aws:Ingress", name, None, opts)
        self._args, self._own = args, pulumi.ResourceOptions(parent=self)
        scope = args.scope
        group = self._make_security_group()
        self.load_balancer = aws.lb.LoadBalancer(
            "origin",
            name=load_balancer_name(scope),
            load_balancer_type="network",
            internal=not args.front_only,
            subnets=list(args.public_subnets if args.front_only else args.private_subnets),
            security_groups=[group.id],
            enable_cross_zone_load_balancing=True,
            enable_deletion_protection=not scope.delete_data,
            access_logs=aws.lb.LoadBalancerAccessLogsArgs(bucket=args.logs_bucket, prefix="nlb", enabled=True),
            opts=self._own,
        )
        self.host = pulumi.Output.from_input(args.host or self.load_balancer.dns_name)
        targets = aws.lb.TargetGroup(
            "gateway",
            name=load_balancer_name(scope),
            vpc_id=args.vpc_id,
            target_type="ip",  # pods themselves: no node port is opened
            protocol="TLS",
            port=GATEWAY_PORT,
            deregistration_delay=args.drain_timeout_s,
            connection_termination=False,
            # Of what a gateway says, not of its port: one that drains still listens. Certificates aren't looked at
            # (docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html).
            health_check=aws.lb.TargetGroupHealthCheckArgs(
                protocol="HTTPS",
                port="traffic-port",
                path=GATEWAY_HEALTH_PATH,
                matcher="200",
                interval=_HEALTH_INTERVAL_S,
            ),
            opts=self._own,
        )
        self.target_group = targets.arn
        self.certificate = Certificate(
            "certificate",
            hosts=[self.load_balancer.dns_name, *([args.host] if args.host else [])],
            opts=self._own,
        )
        imported = aws.acm.Certificate(
            "origin",
            certificate_body=self.certificate.certificate,
            certificate_chain=self.certificate.ca_certificate,
            private_key=self.certificate.private_key,
            tags={"Name": scope.name("origin")},
            opts=self._own,
        )
        listener = aws.lb.Listener(
            "https",
            load_balancer_arn=self.load_balancer.arn,
            port=_HTTPS,
            protocol="TLS",
            ssl_policy=_POLICY,
            certificate_arn=imported.arn,
            default_actions=[aws.lb.ListenerDefaultActionArgs(type="forward", target_group_arn=targets.arn)],
            opts=self._own,
        )
        self.listener_arn = listener.arn
        self.register_outputs({"host": self.host, "listenerArn": self.listener_arn})

    def _make_security_group(self) -> aws.ec2.SecurityGroup:
        args = self._args
        group = aws.ec2.SecurityGroup(
            "origin",
            name=args.scope.name("origin"),
            description="Origin load balancer: TLS from the front",
            vpc_id=args.vpc_id,
            opts=self._own,
        )

        def allow(name: str, *, prefix_list: pulumi.Input[str] | None = None, cidr: str | None = None) -> None:
            aws.vpc.SecurityGroupIngressRule(
                name,
                security_group_id=group.id,
                description="TLS",
                ip_protocol="tcp",
                from_port=_HTTPS,
                to_port=_HTTPS,
                prefix_list_id=prefix_list,
                cidr_ipv4=cidr,
                opts=self._own,
            )

        if args.front_only:
            front = aws.ec2.get_managed_prefix_list_output(
                name=_CLOUDFRONT, opts=pulumi.InvokeOutputOptions(parent=self)
            )
            allow("origin-from-front", prefix_list=front.id)
        else:
            for index, cidr in enumerate(_PRIVATE_RANGES):
                allow(f"origin-from-private-{index}", cidr=cidr)
        for name, rule, own, peer in (
            ("origin-to-pods", aws.vpc.SecurityGroupEgressRule, group.id, args.pods),
            ("pods-from-origin", aws.vpc.SecurityGroupIngressRule, args.pods, group.id),
        ):
            rule(
                name,
                security_group_id=own,
                description="The gateway's port",
                ip_protocol="tcp",
                from_port=GATEWAY_PORT,
                to_port=GATEWAY_PORT,
                referenced_security_group_id=peer,
                opts=self._own,
            )
        return group

    def attach(self, service: k8s.core.v1.Service, opts: pulumi.ResourceOptions) -> None:
        """Make the pods behind a Service the load balancer's targets."""
        CustomResource(
            "gateway-targets",
            api_version=f"{GROUP}/v1beta1",
            kind="TargetGroupBinding",
            metadata=k8s.meta.v1.ObjectMetaArgs(name="gateway", namespace=service.metadata.namespace),
            spec={
                "serviceRef": {"name": service.metadata.name, "port": "https"},
                "targetGroupARN": self.target_group,
                "targetType": "ip",
            },
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[service])),
        )


def load_balancer_name(scope: Scope) -> str:
    """Name of load balancer and target group (at most 32 characters, not ending in '-')."""
    return f"mf-{scope.stack}"[:32].rstrip("-")
