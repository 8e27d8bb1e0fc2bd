"""The way to a private API server: a small machine that Session Manager forwards a port through.

It has no public address, no open port and no key: who may start a session is IAM's to say, and each one is in
CloudTrail (docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-sessions-start.html,
AWS-StartPortForwardingSessionToRemoteHost). `fleet tunnel STACK` finds it by its name.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.policy_document import Statement, trust
from infra.clouds.aws.scope import Scope

_MACHINE = "t4g.nano"
_IMAGE = "al2023-ami-minimal-2023.*-arm64"
"""Amazon Linux 2023, which has Session Manager's agent; the newest when the tunnel is made, the same from then on."""
_DISK_GB = 8
_LIFETIME_S = 30 * 86_400
"""A month, then a fresh machine takes over, whatever became of the old one."""
_HTTPS = 443


@dataclass(frozen=True)
class TunnelArgs:
    """What the tunnel is made from.

    Attributes:
        scope: The stack's place.
        vpc_id: The region's VPC.
        subnets: Private subnets.
        cluster_security_group: Security group of the API server.
        disk_key: Key of its disk.
    """

    scope: Scope
    vpc_id: pulumi.Input[str]
    subnets: Sequence[pulumi.Input[str]]
    cluster_security_group: pulumi.Input[str]
    disk_key: pulumi.Input[str]


class Tunnel(pulumi.ComponentResource):
    """One machine that replaces itself.

    Attributes:
        name: Tag `Name` of the machine.
    """

    name: str

    def __init__(self, name: str, args: TunnelArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:aws:Tunnel", name, None, opts)
        scope, own = args.scope, pulumi.ResourceOptions(parent=self)
        self.name = scope.name("tunnel")
        group = aws.ec2.SecurityGroup(
            "tunnel",
            name=self.name,
            description="Tunnel: out to the API server and Session Manager, nothing in",
            vpc_id=args.vpc_id,
            opts=own,
        )
        aws.vpc.SecurityGroupEgressRule(
            "tunnel",
            security_group_id=group.id,
            description="TLS to the API server and VPC endpoints",
            ip_protocol="tcp",
            from_port=_HTTPS,
            to_port=_HTTPS,
            cidr_ipv4="0.0.0.0/0",
            opts=own,
        )
        aws.vpc.SecurityGroupIngressRule(
            "api-from-tunnel",
            security_group_id=args.cluster_security_group,
            description="The API server from the tunnel",
            ip_protocol="tcp",
            from_port=_HTTPS,
            to_port=_HTTPS,
            referenced_security_group_id=group.id,
            opts=own,
        )
        image = aws.ec2.get_ami_output(
            owners=["amazon"],
            most_recent=True,
            filters=[aws.ec2.GetAmiFilterArgs(name="name", values=[_IMAGE])],
            opts=pulumi.InvokeOutputOptions(parent=self),
        )
        template = aws.ec2.LaunchTemplate(
            "tunnel",
            name=self.name,
            update_default_version=True,
            image_id=image.id,
            instance_type=_MACHINE,
            iam_instance_profile=aws.ec2.LaunchTemplateIamInstanceProfileArgs(arn=self._make_profile(scope)),
            vpc_security_group_ids=[group.id],
            metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            block_device_mappings=[
                aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
                    device_name="/dev/xvda",
                    ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                        volume_type="gp3",
                        volume_size=_DISK_GB,
                        encrypted="true",
                        kms_key_id=args.disk_key,
                        delete_on_termination="true",
                    ),
                )
            ],
            tag_specifications=[
                aws.ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags={**scope.tags, "Name": self.name})
                for kind in ("instance", "volume")
            ],
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["imageId"]),
        )
        aws.autoscaling.Group(
            "tunnel",
            name=self.name,
            min_size=1,
            max_size=1,
            desired_capacity=1,
            max_instance_lifetime=_LIFETIME_S,
            vpc_zone_identifiers=list(args.subnets),
            launch_template=aws.autoscaling.GroupLaunchTemplateArgs(
                id=template.id, version=template.latest_version.apply(str)
            ),
            tags=[
                aws.autoscaling.GroupTagArgs(key=key, value=value, propagate_at_launch=False)
                for key, value in {**scope.tags, "Name": self.name}.items()
            ],
            opts=own,
        )
        self.register_outputs({"name": self.name})

    def _make_profile(self, scope: Scope) -> pulumi.Output[str]:
        own = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            "tunnel",
            name=self.name,
            assume_role_policy=trust(
                Statement("Machine", ["sts:AssumeRole"], principals={"Service": "ec2.amazonaws.com"})
            ),
            permissions_boundary=scope.boundary_arn(),
            opts=own,
        )
        aws.iam.RolePolicyAttachment(
            "tunnel",
            role=role.name,
            policy_arn=scope.managed_policy("AmazonSSMManagedInstanceCore"),
            opts=own,
        )
        return aws.iam.InstanceProfile("tunnel", name=self.name, role=role.name, opts=own).arn
