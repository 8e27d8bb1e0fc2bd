"""The one way in to a data service: its port, from the cluster's pods."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.scope import Scope


@dataclass(frozen=True)
class DataDoorArgs:
    """What the door is made from.

    Attributes:
        scope: The stack's place.
        service: What is behind it, as people call it.
        port: TCP port.
        vpc_id: The VPC.
        clients: The security group that pods have.
    """

    scope: Scope
    service: str
    port: int
    vpc_id: pulumi.Input[str]
    clients: pulumi.Input[str]


def make_data_door(name: str, args: DataDoorArgs, opts: pulumi.ResourceOptions) -> aws.ec2.SecurityGroup:
    """A security group that lets pods in and nobody else."""
    group = aws.ec2.SecurityGroup(
        name,
        name=args.scope.name(name),
        description=f"{args.service}: the cluster's pods",
        vpc_id=args.vpc_id,
        opts=opts,
    )
    aws.vpc.SecurityGroupIngressRule(
        name,
        security_group_id=group.id,
        description=f"{args.service} from the cluster",
        ip_protocol="tcp",
        from_port=args.port,
        to_port=args.port,
        referenced_security_group_id=args.clients,
        opts=opts,
    )
    return group
