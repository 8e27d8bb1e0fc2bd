"""The model server: pods that load the region's model and answer the gateway."""

import pulumi
import pulumi_kubernetes as k8s

from infra.clouds import Region
from infra.cluster.hardening import container_security, labels, pod_security, selector
from infra.cluster.isolation import SERVER_PORT, Isolation
from infra.config import StackSettings

_NAME = "model-server"
_ENDPOINT_LAG_S = 5
"""Seconds between a pod's deletion and its last new connection: kube-proxy and the gateway learn of it meanwhile."""
_START_LIMIT_S = 600
"""Seconds that loading a model may take before its pod counts as failed."""


class Serving(pulumi.ComponentResource):
    """Deployment, Service, PodDisruptionBudget and the model's volume."""

    url: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        region: Region,
        isolation: Isolation,
        settings: StackSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("modelfleet:cluster:Serving", name, None, opts)
        self._region, self._settings, self._namespace = region, settings, isolation.namespace
        self._inside = pulumi.ResourceOptions(
            parent=self,
            provider=region.cluster.provider,
            deleted_with=region.cluster.lifetime,
            depends_on=[isolation],
        )
        account = k8s.core.v1.ServiceAccount(
            "server-account",
            metadata=self._metadata(_NAME, annotations=dict(region.identity.server_annotations)),
            automount_service_account_token=False,
            opts=self._inside,
        )
        claim = self._model_claim()
        # A Service that waits for its endpoints would wait for the Deployment, which comes after it.
        service = k8s.core.v1.Service(
            "server-service",
            metadata=self._metadata(_NAME, annotations={"pulumi.com/skipAwait": "true"}),
            spec=k8s.core.v1.ServiceSpecArgs(
                selector=selector(_NAME),
                ports=[k8s.core.v1.ServicePortArgs(name="http", port=SERVER_PORT, target_port="http")],
            ),
            opts=self._inside,
        )
        k8s.policy.v1.PodDisruptionBudget(
            "server-disruption",
            metadata=self._metadata(_NAME),
            spec=k8s.policy.v1.PodDisruptionBudgetSpecArgs(
                max_unavailable=1, selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selector(_NAME))
            ),
            opts=self._inside,
        )
        self.deployment = self._deployment(account, claim)
        self.url = pulumi.Output.concat("http://", _NAME, ".", self._namespace, ":", str(SERVER_PORT))
        self.register_outputs({"url": self.url, "service": service.metadata.name})

    def _metadata(
        self, name: str, annotations: "pulumi.Input[dict[str, pulumi.Input[str]]] | None" = None
    ) -> k8s.meta.v1.ObjectMetaArgs:
        return k8s.meta.v1.ObjectMetaArgs(
            name=name, namespace=self._namespace, labels=dict(labels(_NAME)), annotations=annotations
        )

    def _model_claim(self) -> k8s.core.v1.PersistentVolumeClaim | None:
        """Claim on the region's model folder; a claim, since "restricted" pods may not name a node's path."""
        volume = self._region.storage.volume
        if volume is None:
            return None
        # The digest in the name: another model is another volume, and pods of both can run during a rollout.
        suffix = self._region.storage.model_digest.apply(lambda digest: digest.removeprefix("sha256:")[:12])
        name = pulumi.Output.concat("model-", suffix)
        once = pulumi.ResourceOptions.merge(self._inside, pulumi.ResourceOptions(deleted_with=None))
        persistent = k8s.core.v1.PersistentVolume(
            "model-volume",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=name, labels=dict(labels(_NAME))),
            spec=k8s.core.v1.PersistentVolumeSpecArgs(
                capacity={"storage": "1Gi"},  # informative: the folder is there already
                access_modes=["ReadOnlyMany"],
                persistent_volume_reclaim_policy="Retain",
                storage_class_name="",
                claim_ref=k8s.core.v1.ObjectReferenceArgs(namespace=self._namespace, name=name),
                host_path=k8s.core.v1.HostPathVolumeSourceArgs(path=volume.path, type="Directory"),
            ),
            opts=self._inside,
        )
        return k8s.core.v1.PersistentVolumeClaim(
            "model-claim",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=name, namespace=self._namespace, labels=dict(labels(_NAME))),
            spec=k8s.core.v1.PersistentVolumeClaimSpecArgs(
                access_modes=["ReadOnlyMany"],
                storage_class_name="",
                volume_name=name,
                resources=k8s.core.v1.VolumeResourceRequirementsArgs(requests={"storage": "1Gi"}),
            ),
            opts=pulumi.ResourceOptions.merge(once, pulumi.ResourceOptions(depends_on=[persistent])),
        )

    def _deployment(
        self, account: k8s.core.v1.ServiceAccount, claim: k8s.core.v1.PersistentVolumeClaim | None
    ) -> k8s.apps.v1.Deployment:
        serving = self._settings.serving
        return k8s.apps.v1.Deployment(
            "server",
            metadata=self._metadata(_NAME),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=serving.replicas,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selector(_NAME)),
                # A new pod serves before an old one goes: capacity never falls during a rollout.
                strategy=k8s.apps.v1.DeploymentStrategyArgs(
                    rolling_update=k8s.apps.v1.RollingUpdateDeploymentArgs(max_surge=1, max_unavailable=0)
                ),
                template=k8s.core.v1.PodTemplateSpecArgs(
                    metadata=k8s.meta.v1.ObjectMetaArgs(labels=dict(labels(_NAME))),
                    spec=k8s.core.v1.PodSpecArgs(
                        service_account_name=account.metadata.name,
                        automount_service_account_token=False,
                        enable_service_links=False,
                        security_context=pod_security(),
                        node_selector=dict(self._region.gpu_pools.node_selector),
                        tolerations=[
                            k8s.core.v1.TolerationArgs(key=key, operator="Exists", effect="NoSchedule")
                            for key in self._region.gpu_pools.tolerated_taints
                        ],
                        termination_grace_period_seconds=_ENDPOINT_LAG_S + serving.drain_timeout_s + 5,
                        containers=[self._container(claim is not None)],
                        volumes=self._volumes(claim),
                    ),
                ),
            ),
            opts=self._inside,
        )

    def _container(self, mounts_model: bool) -> k8s.core.v1.ContainerArgs:
        serving, storage = self._settings.serving, self._region.storage
        environment = {
            "MODELFLEET_MODEL_NAME": self._settings.model.name,
            "MODELFLEET_MODEL_URI": storage.model_uri,
            "MODELFLEET_MODEL_DIGEST": storage.model_digest,
            "MODELFLEET_PORT": str(SERVER_PORT),
            "MODELFLEET_DRAIN_TIMEOUT_S": str(serving.drain_timeout_s),
        }
        mounts = [("scratch", "/tmp", False), ("cache", "/var/cache/modelfleet", False)]  # noqa: S108 - the pod's own
        if mounts_model:
            mounts.append(("model", "/models", True))
        gpus = {"nvidia.com/gpu": str(serving.gpus)} if serving.gpus else {}
        return k8s.core.v1.ContainerArgs(
            name=_NAME,
            image=self._region.registry.server,
            image_pull_policy="IfNotPresent",
            env=[k8s.core.v1.EnvVarArgs(name=key, value=value) for key, value in environment.items()],
            ports=[k8s.core.v1.ContainerPortArgs(name="http", container_port=SERVER_PORT)],
            resources=k8s.core.v1.ResourceRequirementsArgs(
                requests={"cpu": serving.cpu, "memory": serving.memory, **gpus},
                limits={"memory": serving.memory, **gpus},
            ),
            security_context=container_security(),
            volume_mounts=[
                k8s.core.v1.VolumeMountArgs(name=name, mount_path=path, read_only=read_only)
                for name, path, read_only in mounts
            ],
            startup_probe=_http_probe("/readyz", period_s=1, failures=_START_LIMIT_S),
            readiness_probe=_http_probe("/readyz", period_s=2, failures=2),
            liveness_probe=_http_probe("/healthz", period_s=10, failures=6),
            lifecycle=k8s.core.v1.LifecycleArgs(
                pre_stop=k8s.core.v1.LifecycleHandlerArgs(sleep=k8s.core.v1.SleepActionArgs(seconds=_ENDPOINT_LAG_S))
            ),
        )

    @staticmethod
    def _volumes(claim: k8s.core.v1.PersistentVolumeClaim | None) -> list[k8s.core.v1.VolumeArgs]:
        volumes = [
            k8s.core.v1.VolumeArgs(name=name, empty_dir=k8s.core.v1.EmptyDirVolumeSourceArgs(size_limit=limit))
            for name, limit in (("scratch", "1Gi"), ("cache", "500Gi"))
        ]
        if claim is not None:
            source = k8s.core.v1.PersistentVolumeClaimVolumeSourceArgs(claim_name=claim.metadata.name, read_only=True)
            volumes.append(k8s.core.v1.VolumeArgs(name="model", persistent_volume_claim=source))
        return volumes


def _http_probe(path: str, *, period_s: int, failures: int) -> k8s.core.v1.ProbeArgs:
    return k8s.core.v1.ProbeArgs(
        http_get=k8s.core.v1.HTTPGetActionArgs(path=path, port="http"),
        period_seconds=period_s,
        timeout_seconds=2,
        failure_threshold=failures,
    )
