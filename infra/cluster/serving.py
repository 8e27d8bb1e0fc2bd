"""The model server: pods that load the region's model and answer the gateway."""

from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as k8s

from infra.clouds import Region
from infra.clouds.names import SERVER_ACCOUNT
from infra.clouds.region import NodeFolder
from infra.cluster import traffic
from infra.cluster.hardening import labels, selector
from infra.cluster.isolation import SERVER_PORT, Isolation
from infra.cluster.workload import Mount, Pod, Workload
from infra.config import StackSettings
from infra.config.workloads import TracesSettings

_NAME = SERVER_ACCOUNT
_START_LIMIT_S = 600
"""Seconds that loading a model may take before its pod counts as failed."""


class Serving(pulumi.ComponentResource):
    """Workload, Service and the model's volume."""

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
        self._inside = isolation.inside(self)
        account = k8s.core.v1.ServiceAccount(
            "server-account",
            metadata=self._metadata(region.identity.server_annotations),
            automount_service_account_token=False,
            opts=self._inside,
        )
        # A Service that waits for its endpoints would wait for the Deployment, which comes after it.
        service = k8s.core.v1.Service(
            "server-service",
            metadata=self._metadata({"pulumi.com/skipAwait": "true"}),
            spec=k8s.core.v1.ServiceSpecArgs(
                selector=dict(selector(_NAME)),
                ports=[k8s.core.v1.ServicePortArgs(name="http", port=SERVER_PORT, target_port="http")],
            ),
            opts=self._inside,
        )
        Workload(
            _NAME,
            region=region,
            namespace=isolation.namespace,
            pod=self._pod(account.metadata.name),
            replicas=settings.serving.replicas,
            on_gpu_pools=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[isolation]),
        )
        if settings.serving.traces is not None:
            self._let_spans_out(settings.serving.traces)
        self.url = pulumi.Output.concat("http://", _NAME, ".", self._namespace, ":", str(SERVER_PORT))
        self.register_outputs({"url": self.url, "service": service.metadata.name})

    def _metadata(self, annotations: Mapping[str, pulumi.Input[str]]) -> k8s.meta.v1.ObjectMetaArgs:
        return k8s.meta.v1.ObjectMetaArgs(
            name=_NAME, namespace=self._namespace, labels=dict(labels(_NAME)), annotations=dict(annotations)
        )

    def _pod(self, service_account: pulumi.Input[str]) -> Pod:
        serving, storage = self._settings.serving, self._region.storage
        mounts = [
            Mount.scratch("scratch", "/tmp", "1Gi"),  # noqa: S108 - the pod's own
            Mount.scratch("cache", "/var/cache/modelfleet", "500Gi"),
        ]
        if storage.volume is not None:
            mounts.append(Mount.claim("model", "/models", self._model_claim(storage.volume)))
        return Pod(
            image=self._region.registry.server,
            environment={
                "MODELFLEET_MODEL_NAME": self._settings.model.name,
                "MODELFLEET_MODEL_URI": storage.model_uri,
                "MODELFLEET_MODEL_DIGEST": storage.model_digest,
                "MODELFLEET_PORT": str(SERVER_PORT),
                "MODELFLEET_DRAIN_TIMEOUT_S": str(serving.drain_timeout_s),
                **self._tracing(),
            },
            ports={"http": SERVER_PORT},
            probe_port="http",
            start_limit_s=_START_LIMIT_S,
            drain_timeout_s=serving.drain_timeout_s,
            cpu=serving.cpu,
            memory=serving.memory,
            gpus=serving.gpus,
            mounts=mounts,
            service_account=service_account,
        )

    def _tracing(self) -> dict[str, pulumi.Input[str]]:
        """What makes the server send spans.

        OpenTelemetry's own variables: opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables.
        """
        traces = self._settings.serving.traces
        if traces is None:
            return {}
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{traces.service}.{traces.namespace}:{traces.port}",
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": str(traces.share),
            "OTEL_RESOURCE_ATTRIBUTES": pulumi.Output.concat(
                "k8s.namespace.name=", self._namespace, ",deployment.environment.name=", pulumi.get_stack()
            ),
        }

    def _let_spans_out(self, traces: TracesSettings) -> None:
        """Let the servers reach the collector, and the names to find it by."""
        collector = k8s.networking.v1.NetworkPolicyPeerArgs(namespace_selector=traffic.namespace(traces.namespace))
        k8s.networking.v1.NetworkPolicy(
            "allow-traces",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name="model-server-traces", namespace=self._namespace, labels=dict(labels(_NAME))
            ),
            spec=k8s.networking.v1.NetworkPolicySpecArgs(
                pod_selector=traffic.pods(_NAME),
                policy_types=["Egress"],
                egress=[
                    k8s.networking.v1.NetworkPolicyEgressRuleArgs(to=[collector], ports=[traffic.port(traces.port)]),
                    traffic.to_name_service(),
                ],
            ),
            opts=self._inside,
        )

    def _model_claim(self, folder: NodeFolder) -> pulumi.Output[str]:
        """Claim the region's model folder; a claim, since "restricted" pods may not name a node's path.

        The digest is in the name: another model is another volume, and pods of both can run during a rollout.
        """
        digest = self._region.storage.model_digest.apply(lambda digest: digest.removeprefix("sha256:")[:12])
        name = pulumi.Output.concat("model-", digest)
        volume = k8s.core.v1.PersistentVolume(
            "model-volume",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=name, labels=dict(labels(_NAME))),
            spec=k8s.core.v1.PersistentVolumeSpecArgs(
                capacity={"storage": "1Gi"},  # informative: the folder is there already
                access_modes=["ReadOnlyMany"],
                persistent_volume_reclaim_policy="Retain",
                storage_class_name="",
                claim_ref=k8s.core.v1.ObjectReferenceArgs(namespace=self._namespace, name=name),
                host_path=k8s.core.v1.HostPathVolumeSourceArgs(path=folder.path, type="Directory"),
            ),
            opts=self._inside,
        )
        claim = k8s.core.v1.PersistentVolumeClaim(
            "model-claim",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=name, namespace=self._namespace, labels=dict(labels(_NAME))),
            spec=k8s.core.v1.PersistentVolumeClaimSpecArgs(
                access_modes=["ReadOnlyMany"],
                storage_class_name="",
                volume_name=name,
                resources=k8s.core.v1.VolumeResourceRequirementsArgs(requests={"storage": "1Gi"}),
            ),
            # No `deleted_with`: a claim may have a footprint outside of the cluster, so it is deleted, after its pods.
            opts=pulumi.ResourceOptions(parent=self, provider=self._region.cluster.provider, depends_on=[volume]),
        )
        return claim.metadata.name
