"""One small Prometheus a region: what the gateway and the model servers measure, kept for the releases' health gate.

It finds its targets by DNS, as the addresses of two headless Services: so it needs no rights in the cluster, no
token and no way to the API server, whose address a network policy could not name alike on all clouds. It reaches the
ports with the metrics and the name service, and is reached by whoever the API server speaks for (`services/proxy`):
who may look at a region's cluster may ask it, and nobody else.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import yaml

from infra.clouds import Region
from infra.clouds.names import GATEWAY_ACCOUNT, PROMETHEUS, SERVER_ACCOUNT
from infra.clouds.region import ApiCallers
from infra.cluster import traffic
from infra.cluster.hardening import labels, selector
from infra.cluster.isolation import GATEWAY_ADMIN_PORT, SERVER_PORT, Isolation
from infra.cluster.workload import Mount, Pod, Workload
from infra.config import MetricsVolume, MonitoringSettings, StackSettings

PORT = 9090
_TARGETS: Mapping[str, int] = {GATEWAY_ACCOUNT: GATEWAY_ADMIN_PORT, SERVER_ACCOUNT: SERVER_PORT}
"""Whose metrics are on which port."""
_CONFIG, _CONFIG_FILE, _DATA = "/etc/prometheus", "prometheus.yml", "/prometheus"
_START_LIMIT_S = 120
"""Seconds that reading the log of what was measured last may take."""
_DRAIN_TIMEOUT_S = 20
_USABLE = 0.7
"""Share of the volume that blocks and their log may take: what is being written and compacted comes on top
(prometheus.io/docs/prometheus/latest/storage)."""
_LARGEST_SCRAPE = 20_000
"""Values in one answer: a server gives some hundreds, a gateway some for each tenant. More would be a fault."""


class Monitoring(pulumi.ComponentResource):
    """Workload, configuration, Services to find targets and Prometheus by, network policies.

    Attributes:
        service: `namespace/name:port`, as the health gate asks for it; None where the region has none.
    """

    service: pulumi.Output[str] | None = None

    def __init__(
        self,
        name: str,
        *,
        region: Region,
        isolation: Isolation,
        settings: StackSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("modelfleet:cluster:Monitoring", name, None, opts)
        self._region, self._settings = region, settings.monitoring
        self._isolation, self._namespace = isolation, isolation.namespace
        self._inside = isolation.inside(self)
        if (image := region.registry.prometheus) is not None:
            for target, port in _TARGETS.items():
                self._make_discoverable(target, port)
            self._network_policies(region.cluster.callers)
            Workload(
                PROMETHEUS,
                region=region,
                namespace=isolation.namespace,
                pod=self._pod(image, settings.region),
                replicas=1,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[isolation]),
            )
            service = k8s.core.v1.Service(
                "prometheus-service",
                # One that waited for its pod would only make an update longer: nobody is served by it.
                metadata=self._metadata(PROMETHEUS, {"pulumi.com/skipAwait": "true"}),
                spec=k8s.core.v1.ServiceSpecArgs(
                    selector=dict(selector(PROMETHEUS)),
                    ports=[k8s.core.v1.ServicePortArgs(name="http", port=PORT, target_port="http")],
                ),
                opts=self._inside,
            )
            self.service = pulumi.Output.concat(self._namespace, "/", service.metadata.name, ":", str(PORT))
        self.register_outputs({"service": self.service})

    def _metadata(self, name: str, annotations: Mapping[str, str] | None = None) -> k8s.meta.v1.ObjectMetaArgs:
        return k8s.meta.v1.ObjectMetaArgs(
            name=name,
            namespace=self._namespace,
            labels=dict(labels(PROMETHEUS)),
            annotations=None if annotations is None else dict(annotations),
        )

    def _make_discoverable(self, target: str, port: int) -> None:
        """Give all pods of a component, ready or not, one name that stands for their addresses."""
        k8s.core.v1.Service(
            _discovery(target),
            metadata=self._metadata(_discovery(target), {"pulumi.com/skipAwait": "true"}),
            spec=k8s.core.v1.ServiceSpecArgs(
                cluster_ip="None",
                publish_not_ready_addresses=True,  # one that loads or drains is measured too
                selector=dict(selector(target)),
                ports=[k8s.core.v1.ServicePortArgs(name="metrics", port=port, target_port=port)],
            ),
            opts=self._inside,
        )

    def _pod(self, image: pulumi.Input[str], region: str) -> Pod:
        monitoring = self._settings
        config = configuration(monitoring, stack=pulumi.get_stack(), region=region)
        config_map = k8s.core.v1.ConfigMap(
            "prometheus-config", metadata=self._metadata(PROMETHEUS), data={_CONFIG_FILE: config}, opts=self._inside
        )
        return Pod(
            image=image,
            environment={},
            arguments=arguments(monitoring),
            ports={"http": PORT},
            probe_port="http",
            ready_path="/-/ready",
            alive_path="/-/healthy",
            start_limit_s=_START_LIMIT_S,
            drain_timeout_s=_DRAIN_TIMEOUT_S,
            cpu=monitoring.cpu,
            memory=monitoring.memory,
            mounts=[Mount.config("config", _CONFIG, config_map.metadata.name), self._data()],
            # It reads its configuration once, when it starts.
            annotations={"modelfleet.dev/configuration": hashlib.sha256(config.encode()).hexdigest()[:16]},
        )

    def _data(self) -> Mount:
        size = f"{self._settings.volume_gib}Gi"
        if self._settings.volume is MetricsVolume.SCRATCH:
            return Mount.scratch("data", _DATA, size)
        claim = k8s.core.v1.PersistentVolumeClaim(
            "prometheus-data",
            # Bound when its pod is scheduled, which comes after it.
            metadata=self._metadata(PROMETHEUS, {"pulumi.com/skipAwait": "true"}),
            spec=k8s.core.v1.PersistentVolumeClaimSpecArgs(
                access_modes=["ReadWriteOnce"],
                storage_class_name=self._settings.storage_class,
                resources=k8s.core.v1.VolumeResourceRequirementsArgs(requests={"storage": size}),
            ),
            # No `deleted_with`: its disk is outside of the cluster, and would stay.
            opts=pulumi.ResourceOptions(
                parent=self, provider=self._region.cluster.provider, depends_on=[self._isolation]
            ),
        )
        return Mount.claim("data", _DATA, claim.metadata.name, read_only=False)

    def _network_policies(self, callers: ApiCallers) -> None:
        """Open the way from Prometheus to the metrics, and from the API server's side to Prometheus."""
        net = k8s.networking.v1
        prometheus = [net.NetworkPolicyPeerArgs(pod_selector=traffic.pods(PROMETHEUS))]
        for target, port in _TARGETS.items():
            net.NetworkPolicy(
                f"allow-{_discovery(target)}",
                metadata=self._metadata(_discovery(target)),
                spec=net.NetworkPolicySpecArgs(
                    pod_selector=traffic.pods(target),
                    policy_types=["Ingress"],
                    ingress=[net.NetworkPolicyIngressRuleArgs(from_=prometheus, ports=[traffic.port(port)])],
                ),
                opts=self._inside,
            )
        asking = traffic.api_callers(callers)
        net.NetworkPolicy(
            "allow-prometheus",
            metadata=self._metadata(PROMETHEUS),
            spec=net.NetworkPolicySpecArgs(
                pod_selector=traffic.pods(PROMETHEUS),
                policy_types=["Ingress", "Egress"],
                # An empty list of peers would let everybody in.
                ingress=[net.NetworkPolicyIngressRuleArgs(from_=asking, ports=[traffic.port(PORT)])] if asking else [],
                egress=[
                    *(
                        net.NetworkPolicyEgressRuleArgs(
                            to=[net.NetworkPolicyPeerArgs(pod_selector=traffic.pods(target))],
                            ports=[traffic.port(port)],
                        )
                        for target, port in _TARGETS.items()
                    ),
                    traffic.to_name_service(),
                ],
            ),
            opts=self._inside,
        )


def configuration(monitoring: MonitoringSettings, *, stack: str, region: str) -> str:
    """Give Prometheus' configuration file.

    Options: https://prometheus.io/docs/prometheus/latest/configuration/configuration/.
    """
    jobs: list[dict[str, Any]] = [
        {
            "job_name": target,
            "dns_sd_configs": [
                {
                    "names": [_discovery(target)],
                    "type": "A",
                    "port": port,
                    "refresh_interval": f"{monitoring.scrape_s}s",
                }
            ],
            "sample_limit": _LARGEST_SCRAPE,
        }
        for target, port in _TARGETS.items()
    ]
    whole = {
        "global": {
            "scrape_interval": f"{monitoring.scrape_s}s",
            # Less than a window of the gate: a pod that doesn't answer is missed, not waited for.
            "scrape_timeout": f"{min(monitoring.scrape_s, 5)}s",
            "external_labels": {"stack": stack, "region": region},
        },
        "scrape_configs": jobs,
    }
    return yaml.safe_dump(whole, sort_keys=False)


def arguments(monitoring: MonitoringSettings) -> list[str]:
    """Give Prometheus' flags, which its second and third major version both know.

    The limits of queries keep one question from taking the memory that scrapes need.
    """
    usable_mib = int(monitoring.volume_gib * 1024 * _USABLE)
    return [
        f"--config.file={_CONFIG}/{_CONFIG_FILE}",
        f"--storage.tsdb.path={_DATA}",
        f"--storage.tsdb.retention.time={monitoring.retention_hours}h",
        f"--storage.tsdb.retention.size={usable_mib}MB",
        f"--web.listen-address=:{PORT}",
        "--query.max-concurrency=4",
        "--query.max-samples=5000000",
        "--query.timeout=20s",
        "--log.format=json",
    ]


def _discovery(target: str) -> str:
    """Name of the Service that stands for a component's pods."""
    return f"{target}-metrics"
