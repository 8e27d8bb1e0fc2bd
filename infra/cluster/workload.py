"""A Deployment as all of ours are: hardened pods that roll over without losing a request.

A rollout never takes capacity away (surge one, unavailable none). A pod that is asked to end first waits until
load balancers and proxies have forgotten it, then drains; it is killed only after both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as k8s

from infra.clouds import Region
from infra.cluster.hardening import container_security, labels, pod_security, selector

_ENDPOINT_LAG_S = 5
"""Seconds between a pod's deletion and its last new connection: proxies and load balancers learn of it meanwhile."""
_EXIT_LAG_S = 5
"""Seconds that a process has between the end of its drain and being killed."""


@dataclass(frozen=True)
class Mount:
    """A volume and where the container finds it.

    Attributes:
        name: Name of the volume.
        path: Where it is mounted.
        volume: Its source, under the name of a pod volume's field.
        read_only: Whether the container may not write.
        claimed: Whether it is a claim, which can't go before the pods that use it.
    """

    name: str
    path: str
    volume: k8s.core.v1.VolumeArgs
    read_only: bool = True
    claimed: bool = False

    @classmethod
    def scratch(cls, name: str, path: str, size_limit: str) -> "Mount":
        """An empty folder that lives as long as the pod."""
        source = k8s.core.v1.EmptyDirVolumeSourceArgs(size_limit=size_limit)
        return cls(name, path, k8s.core.v1.VolumeArgs(name=name, empty_dir=source), read_only=False)

    @classmethod
    def secret(cls, name: str, path: str, secret: pulumi.Input[str]) -> "Mount":
        """A Secret as a folder; changes reach the running pod."""
        source = k8s.core.v1.SecretVolumeSourceArgs(secret_name=secret, default_mode=0o440)
        return cls(name, path, k8s.core.v1.VolumeArgs(name=name, secret=source))

    @classmethod
    def external(cls, name: str, path: str, source: k8s.core.v1.CSIVolumeSourceArgs) -> "Mount":
        """A folder that a driver of the cluster fills; changes reach the running pod."""
        return cls(name, path, k8s.core.v1.VolumeArgs(name=name, csi=source))

    @classmethod
    def config(cls, name: str, path: str, config_map: pulumi.Input[str]) -> "Mount":
        """A ConfigMap as a folder."""
        source = k8s.core.v1.ConfigMapVolumeSourceArgs(name=config_map, default_mode=0o440)
        return cls(name, path, k8s.core.v1.VolumeArgs(name=name, config_map=source))

    @classmethod
    def claim(cls, name: str, path: str, claim: pulumi.Input[str], *, read_only: bool = True) -> "Mount":
        """A claim, which the container only reads unless it is its own."""
        source = k8s.core.v1.PersistentVolumeClaimVolumeSourceArgs(claim_name=claim, read_only=read_only)
        volume = k8s.core.v1.VolumeArgs(name=name, persistent_volume_claim=source)
        return cls(name, path, volume, read_only=read_only, claimed=True)


@dataclass(frozen=True)
class Pod:
    """What differs between our workloads.

    Attributes:
        image: Reference by digest.
        environment: Environment of the container.
        ports: Container ports by name.
        probe_port: Name of the port that answers the probes.
        start_limit_s: Seconds that a start may take before the pod counts as failed.
        drain_timeout_s: Seconds that running requests have once the process was asked to end.
        cpu: CPU requested; there is no limit, so that an idle core is used.
        memory: Memory requested, and its limit.
        gpus: nvidia.com/gpu.
        mounts: Volumes.
        service_account: Name of the service account; None for the namespace's default.
        arguments: Of the image's program.
        ready_path: Where the probe port says that requests are taken.
        alive_path: Where it says that the process need not be started again.
        annotations: Of each pod; changed ones make new pods.
    """

    image: pulumi.Input[str]
    environment: Mapping[str, pulumi.Input[str]]
    ports: Mapping[str, int]
    probe_port: str
    start_limit_s: int
    drain_timeout_s: int
    cpu: str
    memory: str
    gpus: int = 0
    mounts: Sequence[Mount] = field(default_factory=tuple)
    service_account: pulumi.Input[str] | None = None
    arguments: Sequence[str] = ()
    ready_path: str = "/readyz"
    alive_path: str = "/healthz"
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def writes_claim(self) -> bool:
        """Whether it writes a volume that only one pod may have at a time."""
        return any(mount.claimed and not mount.read_only for mount in self.mounts)


class Workload(pulumi.ComponentResource):
    """Deployment and PodDisruptionBudget of one component."""

    deployment: k8s.apps.v1.Deployment

    def __init__(
        self,
        name: str,
        *,
        region: Region,
        namespace: pulumi.Input[str],
        pod: Pod,
        replicas: int,
        on_gpu_pools: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("modelfleet:cluster:Workload", name, None, opts)
        # Claims are deleted and waited for, so what uses one has to be deleted before it.
        uses_claims = any(mount.claimed for mount in pod.mounts)
        inside = pulumi.ResourceOptions(
            parent=self,
            provider=region.cluster.provider,
            deleted_with=None if uses_claims else region.cluster.lifetime,
        )
        metadata = k8s.meta.v1.ObjectMetaArgs(name=name, namespace=namespace, labels=dict(labels(name)))
        own_pods = k8s.meta.v1.LabelSelectorArgs(match_labels=dict(selector(name)))
        k8s.policy.v1.PodDisruptionBudget(
            name,
            metadata=metadata,
            spec=k8s.policy.v1.PodDisruptionBudgetSpecArgs(max_unavailable=1, selector=own_pods),
            opts=inside,
        )
        pools = region.gpu_pools if on_gpu_pools else None
        self.deployment = k8s.apps.v1.Deployment(
            name,
            metadata=metadata,
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=replicas,
                selector=own_pods,
                strategy=_strategy(pod),
                template=k8s.core.v1.PodTemplateSpecArgs(
                    metadata=k8s.meta.v1.ObjectMetaArgs(
                        labels={**labels(name), **region.identity.pod_labels},
                        annotations=dict(pod.annotations) or None,
                    ),
                    spec=k8s.core.v1.PodSpecArgs(
                        service_account_name=pod.service_account,
                        automount_service_account_token=False,
                        enable_service_links=False,  # their variables would collide with our settings
                        security_context=pod_security(),
                        node_selector=dict(pools.node_selector) if pools else None,
                        tolerations=[
                            k8s.core.v1.TolerationArgs(key=key, operator="Exists", effect="NoSchedule")
                            for key in (pools.tolerated_taints if pools else ())
                        ],
                        termination_grace_period_seconds=_ENDPOINT_LAG_S + pod.drain_timeout_s + _EXIT_LAG_S,
                        containers=[_container(name, pod)],
                        volumes=[mount.volume for mount in pod.mounts],
                    ),
                ),
            ),
            opts=inside,
        )
        self.register_outputs({})


def _strategy(pod: Pod) -> k8s.apps.v1.DeploymentStrategyArgs:
    if pod.writes_claim:
        return k8s.apps.v1.DeploymentStrategyArgs(type="Recreate")
    return k8s.apps.v1.DeploymentStrategyArgs(
        rolling_update=k8s.apps.v1.RollingUpdateDeploymentArgs(max_surge=1, max_unavailable=0)
    )


def _container(name: str, pod: Pod) -> k8s.core.v1.ContainerArgs:
    gpus = {"nvidia.com/gpu": str(pod.gpus)} if pod.gpus else {}

    def probe(path: str, *, period_s: int, failures: int) -> k8s.core.v1.ProbeArgs:
        return k8s.core.v1.ProbeArgs(
            http_get=k8s.core.v1.HTTPGetActionArgs(path=path, port=pod.probe_port),
            period_seconds=period_s,
            timeout_seconds=2,
            failure_threshold=failures,
        )

    return k8s.core.v1.ContainerArgs(
        name=name,
        image=pod.image,
        image_pull_policy="IfNotPresent",
        args=list(pod.arguments) or None,
        env=[k8s.core.v1.EnvVarArgs(name=key, value=value) for key, value in pod.environment.items()] or None,
        ports=[k8s.core.v1.ContainerPortArgs(name=key, container_port=port) for key, port in pod.ports.items()],
        resources=k8s.core.v1.ResourceRequirementsArgs(
            requests={"cpu": pod.cpu, "memory": pod.memory, **gpus}, limits={"memory": pod.memory, **gpus}
        ),
        security_context=container_security(),
        volume_mounts=[
            k8s.core.v1.VolumeMountArgs(name=mount.name, mount_path=mount.path, read_only=mount.read_only)
            for mount in pod.mounts
        ],
        startup_probe=probe(pod.ready_path, period_s=1, failures=pod.start_limit_s),
        readiness_probe=probe(pod.ready_path, period_s=2, failures=2),
        liveness_probe=probe(pod.alive_path, period_s=10, failures=6),
        lifecycle=k8s.core.v1.LifecycleArgs(
            pre_stop=k8s.core.v1.LifecycleHandlerArgs(sleep=k8s.core.v1.SleepActionArgs(seconds=_ENDPOINT_LAG_S))
        ),
    )
