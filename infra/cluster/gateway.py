"""The gateway: the only way in. TLS, identity, and a stream to the model servers."""

import json

import pulumi
import pulumi_kubernetes as k8s

from infra.clouds import Region
from infra.cluster.hardening import container_security, labels, pod_security, selector
from infra.cluster.isolation import GATEWAY_ADMIN_PORT, GATEWAY_PORT, Isolation
from infra.cluster.serving import Serving
from infra.config import StackSettings
from infra.plugin import ApiKey

_NAME = "gateway"
_ENDPOINT_LAG_S = 5
"""Seconds between a pod's deletion and its last new connection: load balancers learn of it meanwhile."""
_MOUNTS = {"tls": "/etc/modelfleet/tls", "keys": "/etc/modelfleet/keys"}


class Gateway(pulumi.ComponentResource):
    """Deployment, load-balancer Service, PodDisruptionBudget, certificate and API keys."""

    endpoint: pulumi.Output[str]
    keys: dict[str, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        *,
        region: Region,
        isolation: Isolation,
        serving: Serving,
        settings: StackSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("modelfleet:cluster:Gateway", name, None, opts)
        self._region, self._settings, self._namespace = region, settings, isolation.namespace
        self._inside = pulumi.ResourceOptions(
            parent=self,
            provider=region.cluster.provider,
            deleted_with=region.cluster.lifetime,
            depends_on=[isolation],
        )
        keys = [
            (key, ApiKey(f"key-{key.id}", key_id=key.id, tenant=key.tenant, opts=pulumi.ResourceOptions(parent=self)))
            for key in settings.keys
        ]
        self.keys = {key.id: resource.key for key, resource in keys}
        hashes = pulumi.Output.all(*(resource.sha256 for _, resource in keys)).apply(
            lambda digests: json.dumps(
                {
                    "keys": [
                        {"id": key.id, "tenant": key.tenant, "sha256": digest}
                        for (key, _), digest in zip(keys, digests, strict=True)
                    ]
                }
            )
        )
        tls = k8s.core.v1.Secret(
            "gateway-tls",
            metadata=self._metadata("gateway-tls"),
            type="kubernetes.io/tls",
            string_data={"tls.crt": region.ingress.certificate, "tls.key": region.ingress.private_key},
            opts=self._inside,
        )
        key_file = k8s.core.v1.Secret(
            "gateway-keys",
            metadata=self._metadata("gateway-keys"),
            string_data={"keys.json": pulumi.Output.secret(hashes)},
            opts=self._inside,
        )
        k8s.policy.v1.PodDisruptionBudget(
            "gateway-disruption",
            metadata=self._metadata(_NAME),
            spec=k8s.policy.v1.PodDisruptionBudgetSpecArgs(
                max_unavailable=1, selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selector(_NAME))
            ),
            opts=self._inside,
        )
        self.deployment = self._deployment(serving, {"tls": tls.metadata.name, "keys": key_file.metadata.name})
        # Never `deleted_with` the cluster: in a cloud a load balancer outlives it.
        self.service = k8s.core.v1.Service(
            "gateway-service",
            metadata=self._metadata(_NAME, annotations=dict(region.ingress.service_annotations)),
            spec=k8s.core.v1.ServiceSpecArgs(
                type="LoadBalancer",
                load_balancer_ip=region.ingress.address,
                allocate_load_balancer_node_ports=False,
                external_traffic_policy="Cluster",
                selector=selector(_NAME),
                ports=[k8s.core.v1.ServicePortArgs(name="https", port=443, target_port="https")],
            ),
            opts=pulumi.ResourceOptions(
                parent=self, provider=region.cluster.provider, depends_on=[isolation, self.deployment]
            ),
        )
        self.endpoint = pulumi.Output.concat("https://", region.ingress.host)
        self.register_outputs({"endpoint": self.endpoint})

    def _metadata(self, name: str, annotations: "dict[str, str] | None" = None) -> k8s.meta.v1.ObjectMetaArgs:
        return k8s.meta.v1.ObjectMetaArgs(
            name=name, namespace=self._namespace, labels=dict(labels(_NAME)), annotations=annotations
        )

    def _deployment(self, serving: Serving, secrets: dict[str, pulumi.Output[str]]) -> k8s.apps.v1.Deployment:
        gateway = self._settings.gateway
        return k8s.apps.v1.Deployment(
            "gateway",
            metadata=self._metadata(_NAME),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=gateway.replicas,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selector(_NAME)),
                strategy=k8s.apps.v1.DeploymentStrategyArgs(
                    rolling_update=k8s.apps.v1.RollingUpdateDeploymentArgs(max_surge=1, max_unavailable=0)
                ),
                template=k8s.core.v1.PodTemplateSpecArgs(
                    metadata=k8s.meta.v1.ObjectMetaArgs(labels=dict(labels(_NAME))),
                    spec=k8s.core.v1.PodSpecArgs(
                        automount_service_account_token=False,
                        enable_service_links=False,
                        security_context=pod_security(),
                        termination_grace_period_seconds=_ENDPOINT_LAG_S + gateway.drain_timeout_s + 5,
                        containers=[self._container(serving)],
                        volumes=[
                            k8s.core.v1.VolumeArgs(
                                name=volume,
                                secret=k8s.core.v1.SecretVolumeSourceArgs(secret_name=secret, default_mode=0o440),
                            )
                            for volume, secret in secrets.items()
                        ]
                        + [
                            k8s.core.v1.VolumeArgs(
                                name="scratch", empty_dir=k8s.core.v1.EmptyDirVolumeSourceArgs(size_limit="64Mi")
                            )
                        ],
                    ),
                ),
            ),
            opts=self._inside,
        )

    def _container(self, serving: Serving) -> k8s.core.v1.ContainerArgs:
        gateway = self._settings.gateway
        environment = {
            "MODELFLEET_UPSTREAM": serving.url,
            "MODELFLEET_PORT": str(GATEWAY_PORT),
            "MODELFLEET_ADMIN_PORT": str(GATEWAY_ADMIN_PORT),
            "MODELFLEET_TLS_CERT_FILE": f"{_MOUNTS['tls']}/tls.crt",
            "MODELFLEET_TLS_KEY_FILE": f"{_MOUNTS['tls']}/tls.key",
            "MODELFLEET_KEYS_FILE": f"{_MOUNTS['keys']}/keys.json",
            "MODELFLEET_MAX_BODY_BYTES": str(gateway.max_body_bytes),
            "MODELFLEET_DRAIN_TIMEOUT_S": str(gateway.drain_timeout_s),
        }

        def probe(path: str, period_s: int, failures: int) -> k8s.core.v1.ProbeArgs:
            return k8s.core.v1.ProbeArgs(
                http_get=k8s.core.v1.HTTPGetActionArgs(path=path, port="admin"),
                period_seconds=period_s,
                timeout_seconds=2,
                failure_threshold=failures,
            )

        return k8s.core.v1.ContainerArgs(
            name=_NAME,
            image=self._region.registry.gateway,
            image_pull_policy="IfNotPresent",
            env=[k8s.core.v1.EnvVarArgs(name=key, value=value) for key, value in environment.items()],
            ports=[
                k8s.core.v1.ContainerPortArgs(name="https", container_port=GATEWAY_PORT),
                k8s.core.v1.ContainerPortArgs(name="admin", container_port=GATEWAY_ADMIN_PORT),
            ],
            resources=k8s.core.v1.ResourceRequirementsArgs(
                requests={"cpu": gateway.cpu, "memory": gateway.memory}, limits={"memory": gateway.memory}
            ),
            security_context=container_security(),
            volume_mounts=[
                k8s.core.v1.VolumeMountArgs(name=name, mount_path=path, read_only=True)
                for name, path in _MOUNTS.items()
            ]
            + [k8s.core.v1.VolumeMountArgs(name="scratch", mount_path="/tmp")],  # noqa: S108 - the pod's own
            startup_probe=probe("/readyz", 1, 60),
            readiness_probe=probe("/readyz", 2, 2),
            liveness_probe=probe("/healthz", 10, 3),
            lifecycle=k8s.core.v1.LifecycleArgs(
                pre_stop=k8s.core.v1.LifecycleHandlerArgs(sleep=k8s.core.v1.SleepActionArgs(seconds=_ENDPOINT_LAG_S))
            ),
        )
