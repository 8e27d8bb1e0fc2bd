"""The AWS Load Balancer Controller, kept to one task: the gateway's pods are the load balancer's targets.

The load balancer itself is the program's (`ingress.py`): it has its address before the first pod, is seen by previews
and policies, and is never left behind by a cluster that went first. So the controller's own making of load balancers
is off, and it may register targets in one target group and change nothing else.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from infra.clouds.aws.controllers import (
    SYSTEM_NAMESPACE,
    ControllerArgs,
    make_controller,
    make_controller_role,
    metadata,
    rule,
)
from infra.clouds.aws.images import LOAD_BALANCER_CONTROLLER
from infra.clouds.aws.policy_document import Statement
from infra.clouds.aws.scope import Scope
from infra.plugin import Certificate

NAME = "aws-load-balancer-controller"
GROUP = "elbv2.k8s.aws"
_CERTIFICATES = "/tmp/k8s-webhook-server/serving-certs"  # noqa: S108 - where the controller looks
_READ = ("get", "list", "watch")


@dataclass(frozen=True)
class LoadBalancerControllerArgs:
    """What the controller is made from.

    Attributes:
        scope: The stack's place.
        cluster: Name of the cluster.
        lifetime: The cluster.
        vpc_id: The region's VPC: pods can't ask the node's metadata for it.
        target_group: ARN of the target group that it fills.
        provider: Applies objects to the cluster; None in the phase before its API can be reached.
        ready: What has to be there before its pods can run; its role doesn't wait for it.
    """

    scope: Scope
    cluster: pulumi.Input[str]
    lifetime: aws.eks.Cluster
    vpc_id: pulumi.Input[str]
    target_group: pulumi.Input[str]
    provider: k8s.Provider | None
    ready: tuple[pulumi.Resource, ...]


class LoadBalancerController(pulumi.ComponentResource):
    """Identity, resource definitions and the controller."""

    def __init__(self, name: str, args: LoadBalancerControllerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:aws:LoadBalancerController", name, None, opts)
        role = make_controller_role(
            NAME,
            scope=args.scope,
            cluster=args.cluster,
            lifetime=args.lifetime,
            statements=_permissions(args.target_group),
            parent=self,
        )
        if args.provider is not None:
            inside = pulumi.ResourceOptions(
                parent=self, provider=args.provider, deleted_with=args.lifetime, depends_on=[*args.ready, *role.ready]
            )
            definitions = [
                _make_definition("TargetGroupBinding", "targetgroupbindings", "Namespaced", inside),
                # The controller doesn't start without it, although nothing here makes one.
                _make_definition("IngressClassParams", "ingressclassparams", "Cluster", inside),
            ]
            secret = self._make_certificate(inside)
            make_controller(
                _controller(args, secret),
                pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=definitions)),
            )
        self.register_outputs({})

    def _make_certificate(self, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
        """A certificate of the webhook server, which can't be switched off; no webhook is registered."""
        certificate = Certificate(
            "load-balancer-webhook",
            hosts=[f"{NAME}.{SYSTEM_NAMESPACE}.svc"],
            opts=pulumi.ResourceOptions(parent=self),
        )
        secret = k8s.core.v1.Secret(
            NAME,
            metadata=metadata(f"{NAME}-tls"),
            type="kubernetes.io/tls",
            string_data={"tls.crt": certificate.certificate, "tls.key": certificate.private_key},
            opts=opts,
        )
        return secret.metadata.name


def _permissions(target_group: pulumi.Input[str]) -> list[Statement]:
    return [
        Statement(
            "Look",
            [
                "ec2:DescribeAvailabilityZones",
                "ec2:DescribeInstances",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
                "elasticloadbalancing:DescribeTargetGroups",
                "elasticloadbalancing:DescribeTargetHealth",
            ],
        ),
        Statement(
            "Register",
            ["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"],
            [target_group],
        ),
    ]


def _make_definition(
    kind: str, plural: str, scope: str, opts: pulumi.ResourceOptions
) -> k8s.apiextensions.v1.CustomResourceDefinition:
    """A resource definition that leaves the checking of fields to the controller."""
    free = k8s.apiextensions.v1.JSONSchemaPropsArgs(type="object", x_kubernetes_preserve_unknown_fields=True)
    return k8s.apiextensions.v1.CustomResourceDefinition(
        plural,
        metadata=metadata(f"{plural}.{GROUP}", None),
        spec=k8s.apiextensions.v1.CustomResourceDefinitionSpecArgs(
            group=GROUP,
            names=k8s.apiextensions.v1.CustomResourceDefinitionNamesArgs(
                kind=kind, list_kind=f"{kind}List", plural=plural, singular=kind.lower()
            ),
            scope=scope,
            versions=[
                k8s.apiextensions.v1.CustomResourceDefinitionVersionArgs(
                    name="v1beta1",
                    served=True,
                    storage=True,
                    subresources=k8s.apiextensions.v1.CustomResourceSubresourcesArgs(status={}),
                    schema=k8s.apiextensions.v1.CustomResourceValidationArgs(
                        open_apiv3_schema=k8s.apiextensions.v1.JSONSchemaPropsArgs(
                            type="object", properties={"spec": free, "status": free}
                        )
                    ),
                )
            ],
        ),
        opts=opts,
    )


def _controller(args: LoadBalancerControllerArgs, secret: pulumi.Output[str]) -> ControllerArgs:
    ours = ["targetgroupbindings", "targetgroupbindings/status", "targetgroupbindings/finalizers"]
    return ControllerArgs(
        name=NAME,
        image=LOAD_BALANCER_CONTROLLER,
        # kubernetes-sigs.github.io/aws-load-balancer-controller/latest/deploy/configurations
        arguments=[
            pulumi.Output.concat("--cluster-name=", args.cluster),
            f"--aws-region={args.scope.region}",
            pulumi.Output.concat("--aws-vpc-id=", args.vpc_id),
            "--feature-gates=EnableServiceController=false",
            "--enable-backend-security-group=false",
            "--enable-pod-readiness-gate-inject=false",
            "--enable-shield=false",
            "--enable-waf=false",
            "--enable-wafv2=false",
            f"--webhook-cert-dir={_CERTIFICATES}",
        ],
        cluster_rules=[
            rule([GROUP], ours, [*_READ, "create", "delete", "patch", "update"]),
            rule([GROUP], ["ingressclassparams"], _READ),
            rule([""], ["endpoints", "namespaces", "nodes", "pods", "services"], _READ),
            rule([""], ["pods/status"], ["patch", "update"]),
            rule([""], ["events"], ["create", "patch"]),
            rule(["discovery.k8s.io"], ["endpointslices"], _READ),
            rule(["networking.k8s.io"], ["ingresses", "ingressclasses"], _READ),
        ],
        namespace_rules=[
            rule([""], ["configmaps"], ["create", "get", "patch", "update"]),
            rule(["coordination.k8s.io"], ["leases"], ["create", "get", "patch", "update"]),
        ],
        ports={"webhook": 9443, "health": 61779},
        health=("/healthz", "health"),
        cpu="100m",
        memory="256Mi",
        volumes=[
            k8s.core.v1.VolumeArgs(
                name="certificate", secret=k8s.core.v1.SecretVolumeSourceArgs(secret_name=secret, default_mode=0o440)
            )
        ],
        mounts=[k8s.core.v1.VolumeMountArgs(name="certificate", mount_path=_CERTIFICATES, read_only=True)],
    )
