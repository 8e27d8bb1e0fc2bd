"""What EKS itself maintains in the cluster: networking, DNS, volumes, identities, node health, metrics.

Networking and the identity agent come before the first node, so that none starts without; what runs as ordinary pods
comes after the system pool.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.identity import PodRoleArgs, make_pod_role
from infra.clouds.aws.policy_document import Statement
from infra.clouds.aws.scope import Scope

_SYSTEM = "kube-system"
_DNS_REPLICAS = 3
"""One per zone."""
_CONTROLLERS = {"nodeSelector": {"modelfleet.io/pool": "system"}}


@dataclass(frozen=True)
class AddonsArgs:
    """What add-ons are made from.

    Attributes:
        scope: The stack's place.
        cluster: Name of the cluster.
        lifetime: The cluster.
        disk_key: Key of volumes.
        ready: What has to be there before the add-ons' pods can run; their roles don't wait for it.
    """

    scope: Scope
    cluster: pulumi.Input[str]
    lifetime: pulumi.Resource
    disk_key: pulumi.Input[str]
    ready: tuple[pulumi.Resource, ...] = ()


class NodeAddons(pulumi.ComponentResource):
    """What a node needs in order to become ready.

    Attributes:
        made: The add-ons, for `depends_on` of node groups.
    """

    made: list[pulumi.Resource]

    def __init__(self, name: str, args: AddonsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:aws:NodeAddons", name, None, opts)
        network = make_pod_role(
            "vpc-cni",
            PodRoleArgs(
                scope=args.scope,
                cluster=args.cluster,
                namespace=_SYSTEM,
                service_account="aws-node",
                managed_policies=["AmazonEKS_CNI_Policy"],
                associated=False,
            ),
            self,
        )
        # All at once: what matters is that they are there before the first node, whose pods need each of them.
        self.made = [
            _make_addon("eks-pod-identity-agent", args, self),
            _make_addon("kube-proxy", args, self),
            _make_addon(
                "vpc-cni",
                args,
                self,
                # docs.aws.amazon.com/eks/latest/userguide/cni-network-policy-configure.html: network policies are
                # enforced on the node; and a node gets /28 blocks, so that its pods' number isn't its interfaces'.
                values={"enableNetworkPolicy": "true", "env": {"ENABLE_PREFIX_DELEGATION": "true"}},
                identity=aws.eks.AddonPodIdentityAssociationArgs(role_arn=network.arn, service_account="aws-node"),
                depends_on=network.ready,
            ),
        ]
        self.register_outputs({})


class Addons(pulumi.ComponentResource):
    """What runs on the system pool, or on every node once there are some.

    Attributes:
        made: The add-ons.
    """

    made: list[pulumi.Resource]

    def __init__(self, name: str, args: AddonsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:aws:Addons", name, None, opts)
        volumes = make_pod_role(
            "ebs-csi",
            PodRoleArgs(
                scope=args.scope,
                cluster=args.cluster,
                namespace=_SYSTEM,
                service_account="ebs-csi-controller-sa",
                managed_policies=["service-role/AmazonEBSCSIDriverPolicy"],
                # docs.aws.amazon.com/eks/latest/userguide/ebs-csi.html: volumes under a key of ours need these.
                statements=[
                    Statement(
                        "Grants",
                        ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"],
                        [args.disk_key],
                        conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
                    ),
                    Statement(
                        "Volumes",
                        [
                            "kms:Decrypt",
                            "kms:DescribeKey",
                            "kms:Encrypt",
                            "kms:GenerateDataKey",
                            "kms:GenerateDataKeyWithoutPlaintext",
                            "kms:ReEncryptFrom",
                            "kms:ReEncryptTo",
                        ],
                        [args.disk_key],
                    ),
                ],
                associated=False,
            ),
            self,
        )
        self.made = [
            _make_addon("coredns", args, self, values={"replicaCount": _DNS_REPLICAS}),
            _make_addon("metrics-server", args, self, values=_CONTROLLERS),
            # Finds sick GPUs, disks and kernels (with NVIDIA's DCGM), which node repair then acts on:
            # docs.aws.amazon.com/eks/latest/userguide/node-health.html.
            _make_addon("eks-node-monitoring-agent", args, self),
            _make_addon(
                "aws-ebs-csi-driver",
                args,
                self,
                values={"controller": _CONTROLLERS},
                identity=aws.eks.AddonPodIdentityAssociationArgs(
                    role_arn=volumes.arn, service_account="ebs-csi-controller-sa"
                ),
                depends_on=volumes.ready,
            ),
        ]
        self.register_outputs({})


def _make_addon(
    name: str,
    args: AddonsArgs,
    parent: pulumi.Resource,
    *,
    values: Mapping[str, object] | None = None,
    identity: aws.eks.AddonPodIdentityAssociationArgs | None = None,
    depends_on: tuple[pulumi.Resource, ...] = (),
) -> aws.eks.Addon:
    """A managed add-on in the version that EKS takes for the cluster's."""
    return aws.eks.Addon(
        name,
        addon_name=name,
        cluster_name=args.cluster,
        configuration_values=None if values is None else json.dumps(values),
        pod_identity_associations=None if identity is None else [identity],
        resolve_conflicts_on_create="OVERWRITE",
        resolve_conflicts_on_update="OVERWRITE",
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[*args.ready, *depends_on], deleted_with=args.lifetime),
    )
