"""A controller in kube-system as all of ours are: two replicas on the system pool, hardened, under its own identity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as k8s

from infra.clouds.aws.identity import PodRole, PodRoleArgs, make_pod_role
from infra.clouds.aws.node_pools import POOL_LABEL, SYSTEM_TAINT
from infra.clouds.aws.policy_document import Statement
from infra.clouds.aws.scope import Scope
from infra.cluster.hardening import container_security, labels, pod_security, selector

SYSTEM_NAMESPACE = "kube-system"
_REPLICAS = 2
"""One works, by leader election; the other takes over when its node goes."""


@dataclass(frozen=True)
class ControllerArgs:
    """What a controller is made from.

    Attributes:
        name: Of its Deployment, service account and rules.
        image: By digest.
        command: What to run; None for the image's own.
        arguments: Its flags.
        cluster_rules: What it may do in the whole cluster.
        namespace_rules: What it may do in kube-system.
        ports: Container ports by name.
        health: Path and port's name of its liveness.
        cpu: CPU requested.
        memory: Memory requested, and its limit.
        volumes: Volumes of its pods.
        mounts: Where they are mounted.
        environment: Environment of the container.
    """

    name: str
    image: str
    arguments: Sequence[pulumi.Input[str]]
    cluster_rules: Sequence[k8s.rbac.v1.PolicyRuleArgs]
    namespace_rules: Sequence[k8s.rbac.v1.PolicyRuleArgs]
    ports: Mapping[str, int]
    health: tuple[str, str]
    cpu: str
    memory: str
    command: Sequence[str] | None = None
    volumes: Sequence[k8s.core.v1.VolumeArgs] = ()
    mounts: Sequence[k8s.core.v1.VolumeMountArgs] = ()
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


def rule(groups: Sequence[str], resources: Sequence[str], verbs: Sequence[str]) -> k8s.rbac.v1.PolicyRuleArgs:
    """What may be done to which kinds."""
    return k8s.rbac.v1.PolicyRuleArgs(api_groups=list(groups), resources=list(resources), verbs=list(verbs))


def metadata(name: str, namespace: str | None = SYSTEM_NAMESPACE) -> k8s.meta.v1.ObjectMetaArgs:
    """Name and labels of an object of a controller."""
    return k8s.meta.v1.ObjectMetaArgs(name=name, namespace=namespace, labels=dict(labels(name)))


def make_controller_role(
    name: str,
    *,
    scope: Scope,
    cluster: pulumi.Input[str],
    lifetime: pulumi.Resource,
    statements: Sequence[Statement],
    parent: pulumi.Resource,
) -> PodRole:
    """What a controller may do in AWS.

    Args:
        name: Of the controller and of its service account.
        scope: The stack's place.
        cluster: Name of the cluster.
        lifetime: The cluster.
        statements: Its permissions.
        parent: The component that it belongs to.
    """
    args = PodRoleArgs(
        scope=scope,
        cluster=cluster,
        namespace=SYSTEM_NAMESPACE,
        service_account=name,
        statements=statements,
        deleted_with=lifetime,
    )
    return make_pod_role(name, args, parent)


def make_controller(args: ControllerArgs, opts: pulumi.ResourceOptions) -> k8s.apps.v1.Deployment:
    """Service account, rules, disruption budget and Deployment."""
    account = k8s.core.v1.ServiceAccount(args.name, metadata=metadata(args.name), opts=opts)
    subject = k8s.rbac.v1.SubjectArgs(kind="ServiceAccount", name=args.name, namespace=SYSTEM_NAMESPACE)
    rules = k8s.rbac.v1
    everywhere = rules.ClusterRole(
        args.name, metadata=metadata(args.name, None), rules=list(args.cluster_rules), opts=opts
    )
    here = rules.Role(args.name, metadata=metadata(args.name), rules=list(args.namespace_rules), opts=opts)
    group = "rbac.authorization.k8s.io"
    bound = [
        rules.ClusterRoleBinding(
            args.name,
            metadata=metadata(args.name, None),
            role_ref=rules.RoleRefArgs(api_group=group, kind="ClusterRole", name=everywhere.metadata.name),
            subjects=[subject],
            opts=opts,
        ),
        rules.RoleBinding(
            args.name,
            metadata=metadata(args.name),
            role_ref=rules.RoleRefArgs(api_group=group, kind="Role", name=here.metadata.name),
            subjects=[subject],
            opts=opts,
        ),
    ]
    pods = k8s.meta.v1.LabelSelectorArgs(match_labels=dict(selector(args.name)))
    k8s.policy.v1.PodDisruptionBudget(
        args.name,
        metadata=metadata(args.name),
        spec=k8s.policy.v1.PodDisruptionBudgetSpecArgs(max_unavailable=1, selector=pods),
        opts=opts,
    )
    return k8s.apps.v1.Deployment(
        args.name,
        metadata=metadata(args.name),
        spec=k8s.apps.v1.DeploymentSpecArgs(
            replicas=_REPLICAS,
            selector=pods,
            template=k8s.core.v1.PodTemplateSpecArgs(
                metadata=k8s.meta.v1.ObjectMetaArgs(labels=dict(labels(args.name))),
                spec=k8s.core.v1.PodSpecArgs(
                    service_account_name=account.metadata.name,
                    priority_class_name="system-cluster-critical",
                    security_context=pod_security(),
                    node_selector={POOL_LABEL: "system"},
                    tolerations=[k8s.core.v1.TolerationArgs(key=SYSTEM_TAINT, operator="Exists")],
                    topology_spread_constraints=[
                        k8s.core.v1.TopologySpreadConstraintArgs(
                            max_skew=1,
                            topology_key="topology.kubernetes.io/zone",
                            when_unsatisfiable="ScheduleAnyway",
                            label_selector=pods,
                        )
                    ],
                    containers=[_container(args)],
                    volumes=list(args.volumes),
                ),
            ),
        ),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=bound)),
    )


def _container(args: ControllerArgs) -> k8s.core.v1.ContainerArgs:
    path, port = args.health
    return k8s.core.v1.ContainerArgs(
        name=args.name,
        image=args.image,
        command=None if args.command is None else list(args.command),
        args=list(args.arguments),
        env=[k8s.core.v1.EnvVarArgs(name=key, value=value) for key, value in args.environment.items()],
        ports=[k8s.core.v1.ContainerPortArgs(name=key, container_port=number) for key, number in args.ports.items()],
        resources=k8s.core.v1.ResourceRequirementsArgs(
            requests={"cpu": args.cpu, "memory": args.memory}, limits={"memory": args.memory}
        ),
        security_context=container_security(),
        liveness_probe=k8s.core.v1.ProbeArgs(
            http_get=k8s.core.v1.HTTPGetActionArgs(path=path, port=port),
            initial_delay_seconds=30,
            period_seconds=10,
            timeout_seconds=5,
        ),
        volume_mounts=list(args.mounts),
    )
