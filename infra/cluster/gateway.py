"""The gateway: the only way in. TLS, identity, and a stream to the model servers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from infra.clouds import Region
from infra.clouds.names import GATEWAY_ACCOUNT
from infra.clouds.region import VaultCertificate
from infra.cluster.hardening import labels, selector
from infra.cluster.isolation import GATEWAY_ADMIN_PORT, GATEWAY_PORT, Isolation
from infra.cluster.serving import Serving
from infra.cluster.workload import Mount, Pod, Workload
from infra.config import Cloud, StackSettings
from infra.plugin import ApiKey

_NAME = "gateway"
_START_LIMIT_S = 60
# Google's load balancers keep a connection for 600 s, fixed; the gateway's own default is longer than others do.
_KEEP_ALIVE: Mapping[Cloud, Mapping[str, str]] = {Cloud.GCP: {"MODELFLEET_KEEP_ALIVE_S": "620"}}
_TLS, _KEYS = "/etc/modelfleet/tls", "/etc/modelfleet/keys"


class Gateway(pulumi.ComponentResource):
    """Workload, load-balancer Service, certificate and API keys."""

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
        self._inside = isolation.inside(self)
        account = k8s.core.v1.ServiceAccount(
            "gateway-account",
            metadata=self._metadata(GATEWAY_ACCOUNT, region.identity.gateway_annotations),
            automount_service_account_token=False,
            opts=self._inside,
        )
        workload = Workload(
            _NAME,
            region=region,
            namespace=isolation.namespace,
            pod=self._pod(serving, account.metadata.name),
            replicas=settings.gateway.replicas,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[isolation]),
        )
        # Never `deleted_with` the cluster: in a cloud a load balancer outlives it.
        outside = pulumi.ResourceOptions(parent=self, provider=region.cluster.provider, depends_on=[workload])
        attach = region.ingress.attach
        self.service = k8s.core.v1.Service(
            "gateway-service",
            metadata=self._metadata(_NAME, region.ingress.service_annotations),
            spec=self._load_balancer() if attach is None else self._targets(),
            opts=outside,
        )
        if attach is not None:
            attach(self.service, outside)
        self.endpoint = pulumi.Output.concat("https://", region.ingress.host)
        self.register_outputs({"endpoint": self.endpoint})

    def _metadata(
        self, name: str, annotations: Mapping[str, pulumi.Input[str]] | None = None
    ) -> k8s.meta.v1.ObjectMetaArgs:
        return k8s.meta.v1.ObjectMetaArgs(
            name=name,
            namespace=self._namespace,
            labels=dict(labels(_NAME)),
            annotations=None if annotations is None else dict(annotations),
        )

    def _load_balancer(self) -> k8s.core.v1.ServiceSpecArgs:
        spec = self._targets()
        spec.type = "LoadBalancer"
        spec.load_balancer_ip = self._region.ingress.address
        spec.allocate_load_balancer_node_ports = False
        spec.external_traffic_policy = "Cluster"
        return spec

    def _targets(self) -> k8s.core.v1.ServiceSpecArgs:
        return k8s.core.v1.ServiceSpecArgs(
            selector=dict(selector(_NAME)),
            ports=[k8s.core.v1.ServicePortArgs(name="https", port=443, target_port="https")],
        )

    def _pod(self, serving: Serving, service_account: pulumi.Input[str]) -> Pod:
        gateway, tls = self._settings.gateway, self._tls()
        return Pod(
            image=self._region.registry.gateway,
            environment={
                "MODELFLEET_UPSTREAM": serving.url,
                "MODELFLEET_PORT": str(GATEWAY_PORT),
                "MODELFLEET_ADMIN_PORT": str(GATEWAY_ADMIN_PORT),
                "MODELFLEET_TLS_CERT_FILE": f"{_TLS}/{tls.chain}",
                "MODELFLEET_TLS_KEY_FILE": f"{_TLS}/{tls.key}",
                "MODELFLEET_KEYS_FILE": f"{_KEYS}/keys.json",
                "MODELFLEET_MAX_BODY_BYTES": str(gateway.max_body_bytes),
                "MODELFLEET_DRAIN_TIMEOUT_S": str(gateway.drain_timeout_s),
                **_KEEP_ALIVE.get(self._region.cloud, {}),
            },
            ports={"https": GATEWAY_PORT, "admin": GATEWAY_ADMIN_PORT},
            probe_port="admin",
            start_limit_s=_START_LIMIT_S,
            drain_timeout_s=gateway.drain_timeout_s,
            cpu=gateway.cpu,
            memory=gateway.memory,
            service_account=service_account,
            mounts=[
                Mount.scratch("scratch", "/tmp", "64Mi"),  # noqa: S108 - the pod's own
                tls.mount,
                Mount.secret("keys", _KEYS, self._key_file()),
            ],
        )

    def _tls(self) -> "_TlsFiles":
        """Give pods the certificate: from a Secret of ours, or from the cloud's vault."""
        certificate = self._region.ingress.certificate
        if isinstance(certificate, VaultCertificate):
            volume = certificate.volume(self._namespace, self._inside)
            return _TlsFiles(Mount.external("tls", _TLS, volume), certificate.file, certificate.file)
        secret = k8s.core.v1.Secret(
            "gateway-tls",
            metadata=self._metadata("gateway-tls"),
            type="kubernetes.io/tls",
            string_data={"tls.crt": certificate.certificate, "tls.key": certificate.private_key},
            opts=self._inside,
        )
        return _TlsFiles(Mount.secret("tls", _TLS, secret.metadata.name), "tls.crt", "tls.key")

    def _key_file(self) -> pulumi.Output[str]:
        """Make the API keys; the cluster learns their hashes only."""
        made = {
            key: ApiKey(f"key-{key.id}", key_id=key.id, tenant=key.tenant, opts=pulumi.ResourceOptions(parent=self))
            for key in self._settings.api_keys
        }
        self.keys = {key.id: resource.key for key, resource in made.items()}

        def content(hashes: list[str]) -> str:
            keys = [
                {"id": key.id, "tenant": key.tenant, "sha256": digest, "priority": key.priority.value}
                for key, digest in zip(made, hashes, strict=True)
                if self._settings.serves(key.tenant)  # a suspended tenant's key stays, but opens nothing
            ]
            return json.dumps({"keys": keys})

        hashes = pulumi.Output.all(*(resource.sha256 for resource in made.values()))
        secret = k8s.core.v1.Secret(
            "gateway-keys",
            metadata=self._metadata("gateway-keys"),
            string_data={"keys.json": pulumi.Output.secret(hashes.apply(content))},
            opts=self._inside,
        )
        return secret.metadata.name


@dataclass(frozen=True)
class _TlsFiles:
    """The folder of the certificate, and the names of the files with its chain and its key."""

    mount: Mount
    chain: str
    key: str
