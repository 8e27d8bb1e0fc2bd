"""How every node starts: encrypted disks, metadata out of pods' reach, local NVMe disks as one fast volume.

Nodes run Amazon Linux 2023, whose `nodeadm` joins all instance-store disks to a RAID0 that containers' layers and
scratch volumes live on (awslabs.github.io/amazon-eks-ami/nodeadm/doc/api): weights that a pod fetched stay on it. A
machine without such disks ignores the setting.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.scope import Scope
from infra.marks import of_tenant

_NODE_CONFIG = """\
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="//"

--//
Content-Type: application/node.eks.aws

---
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  instance:
    localStorage:
      strategy: RAID0

--//--
"""
_ROOT_DEVICE = "/dev/xvda"
_ROOT_IOPS, _ROOT_MIB_S = 3000, 250
"""gp3's included operations a second, and twice its included throughput: nodes pull images of many GB when they start
(docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html)."""


@dataclass(frozen=True)
class NodeTemplateArgs:
    """What a launch template is made from.

    Attributes:
        scope: The stack's place.
        name: Name of the pool, in tags.
        instance_type: The machine; here, not in the node group, so that changing it can roll through a pool.
        disk_gb: Size of the root disk.
        disk_key: Its key.
        security_groups: Of the node's network interfaces.
        network_cards: Cards with an EFA interface each, for machines that are placed together; 0 for ordinary ones.
        placement_group: Name of the group that keeps machines close; None for none.
        reservation: Capacity reservation to launch into: its id, or the ARN of a group of them; None for none.
        capacity_block: Whether the reservation is a Capacity Block for ML.
        tenant: Whose machines they are alone; None where all share them.
    """

    scope: Scope
    name: str
    instance_type: str
    disk_gb: int
    disk_key: pulumi.Input[str]
    security_groups: Sequence[pulumi.Input[str]]
    network_cards: int = 0
    placement_group: pulumi.Input[str] | None = None
    reservation: str | None = None
    capacity_block: bool = False
    tenant: str | None = None


def make_template(name: str, args: NodeTemplateArgs, opts: pulumi.ResourceOptions) -> aws.ec2.LaunchTemplate:
    """A launch template; each change makes a new version of it, which its node group then rolls out."""
    tags = {**args.scope.tags, **of_tenant(args.tenant), "Name": args.scope.name(args.name)}
    groups = list(args.security_groups)
    return aws.ec2.LaunchTemplate(
        name,
        name=args.scope.name(args.name),
        update_default_version=True,
        instance_type=args.instance_type,
        user_data=base64.b64encode(_NODE_CONFIG.encode()).decode(),
        block_device_mappings=[
            aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
                device_name=_ROOT_DEVICE,
                ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                    volume_type="gp3",
                    volume_size=args.disk_gb,
                    iops=_ROOT_IOPS,
                    throughput=_ROOT_MIB_S,
                    encrypted="true",
                    kms_key_id=args.disk_key,
                    delete_on_termination="true",
                ),
            )
        ],
        # One hop: a pod's packets to the node's metadata die on the way (docs.aws.amazon.com/eks/latest/
        # best-practices/identity-and-access-management.html). Pods have identities of their own.
        metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
            http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
        ),
        monitoring=aws.ec2.LaunchTemplateMonitoringArgs(enabled=True),
        vpc_security_group_ids=None if args.network_cards else groups,
        network_interfaces=_interfaces(args.network_cards, groups) if args.network_cards else None,
        placement=None
        if args.placement_group is None
        else aws.ec2.LaunchTemplatePlacementArgs(group_name=args.placement_group),
        capacity_reservation_specification=_reservation(args.reservation),
        instance_market_options=aws.ec2.LaunchTemplateInstanceMarketOptionsArgs(market_type="capacity-block")
        if args.capacity_block
        else None,
        tag_specifications=[
            aws.ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=tags)
            for kind in ("instance", "volume", "network-interface")
        ],
        tags={"Name": args.scope.name(args.name)},
        opts=opts,
    )


def _interfaces(cards: int, groups: list[pulumi.Input[str]]) -> list[aws.ec2.LaunchTemplateNetworkInterfaceArgs]:
    """An EFA interface per card, of which the first also carries IP.

    Kubernetes has no use for the others' addresses
    (docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-acc-inst-types.html).
    """
    return [
        aws.ec2.LaunchTemplateNetworkInterfaceArgs(
            device_index=0 if card == 0 else 1,
            network_card_index=card,
            interface_type="efa" if card == 0 else "efa-only",
            security_groups=groups,
            delete_on_termination="true",
        )
        for card in range(cards)
    ]


def _reservation(reservation: str | None) -> aws.ec2.LaunchTemplateCapacityReservationSpecificationArgs | None:
    if reservation is None:
        return None
    target = aws.ec2.LaunchTemplateCapacityReservationSpecificationCapacityReservationTargetArgs
    return aws.ec2.LaunchTemplateCapacityReservationSpecificationArgs(
        capacity_reservation_target=target(capacity_reservation_resource_group_arn=reservation)
        if reservation.startswith("arn:")
        else target(capacity_reservation_id=reservation)
    )
