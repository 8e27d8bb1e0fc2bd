"""The local region: cluster, images, weights and a private certificate authority on one machine."""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import pulumi
import pulumi_kubernetes as k8s
import yaml

from documents.values import BUILD
from infra.clouds.egress import Egress
from infra.clouds.region import (
    Cluster,
    GpuPools,
    Identity,
    Ingress,
    Keys,
    Network,
    NodeFolder,
    Registry,
    Storage,
    TenantPlace,
)
from infra.config import Cloud, Finding, SettingsError, StackSettings
from infra.plugin import Certificate, EmbeddedCluster, Image, ModelWeights

MODEL_MOUNT = "/models"
"""Where pods find the bucket's model folder."""


class LocalRegion(pulumi.ComponentResource):
    """`Region` on one machine; see `infra.clouds.region`."""

    cloud = Cloud.LOCAL
    network = Network(identifier=None)
    keys = Keys()
    database = None
    cache = None
    egress = Egress()
    origin = None
    tunnel = None
    tenants: ClassVar[Mapping[str, TenantPlace]] = {}

    def __init__(self, name: str, settings: StackSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:local:Region", name, None, opts)
        self._settings = settings
        self._embedded = None if settings.kube_context else self._make_cluster()
        self.register_outputs({"region": self.name})

    @property
    def name(self) -> str:
        """The region's name in outputs and labels."""
        return self._settings.region

    @cached_property
    def cluster(self) -> Cluster:
        """The embedded cluster, or the one that `modelfleet:kubeContext` names."""
        if self._embedded is not None:
            kubeconfig = self._embedded.kubeconfig
            identifier = pulumi.Output.from_input(self._embedded.cluster_id)
        else:
            kubeconfig = pulumi.Output.secret(_kubeconfig_of(self._settings.kube_context))
            identifier = pulumi.Output.from_input(self._settings.kube_context)
        provider = k8s.Provider(
            "cluster",
            kubeconfig=kubeconfig,
            cluster_identifier=identifier,
            enable_server_side_apply=True,
            # In place: the gateway reads new keys and certificates while it runs, and a name is never free.
            enable_secret_mutable=True,
            enable_config_map_mutable=True,
            # What was in an embedded cluster ended with it: one that was reset or is broken must not keep its stack
            # from being taken down or brought up anew. Somebody else's cluster may only be out of reach for a while.
            delete_unreachable=self._embedded is not None,
            opts=pulumi.ResourceOptions(parent=self, deleted_with=self._embedded),
        )
        return Cluster(provider=provider, kubeconfig=kubeconfig, lifetime=self._embedded)

    @cached_property
    def storage(self) -> Storage:
        """This machine's bucket: a folder that the cluster's nodes see."""
        model = self._settings.model
        weights = ModelWeights("model", model=model.name, source=model.source, opts=pulumi.ResourceOptions(parent=self))
        return Storage(
            model_uri=pulumi.Output.from_input(f"file://{MODEL_MOUNT}"),
            model_digest=weights.digest,
            volume=NodeFolder(path=weights.folder),
        )

    @cached_property
    def registry(self) -> Registry:
        """Images built from this checkout, or the ones that the stack file names."""
        monitoring = self._settings.monitoring
        return Registry(
            server=self._image("server", self._settings.serving.image),
            gateway=self._image("gateway", self._settings.gateway.image),
            prometheus=self._image("prometheus", monitoring.image) if monitoring.enabled else None,
        )

    @property
    def gpu_pools(self) -> GpuPools:
        """One node serves everything: nothing to select."""
        return GpuPools()

    @property
    def identity(self) -> Identity:
        """No cloud, no cloud identity."""
        return Identity()

    @cached_property
    def ingress(self) -> Ingress:
        """The cluster's load balancer under a certificate of a private authority."""
        if self._embedded is not None:
            address = self._embedded.gateway_address
            host = address
        else:
            address = None
            host = pulumi.Output.from_input(self._settings.host or "localhost")
        certificate = Certificate(
            "certificate", hosts=["localhost", "127.0.0.1", host], opts=pulumi.ResourceOptions(parent=self)
        )
        return Ingress(
            host=host,
            address=address,
            service_annotations={},
            certificate=certificate,
        )

    def _make_cluster(self) -> EmbeddedCluster:
        cluster = self._settings.cluster
        return EmbeddedCluster(
            "cluster",
            cluster_name=cluster.name,
            simulated_gpus=cluster.simulated_gpus,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _image(self, name: str, image: str) -> pulumi.Output[str]:
        if image != BUILD:
            return pulumi.Output.from_input(image)
        built = Image(
            name,
            image=name,
            cluster=self._embedded,
            registry=self._settings.registry or None,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return built.reference


def _context_error(problem: str) -> SettingsError:
    return SettingsError([Finding(f"Pulumi.{pulumi.get_stack()}.yaml", None, "modelfleet:kubeContext", problem)])


def _kubeconfig_of(context: str) -> str:
    """The user's kubeconfig, with `context` as its current one."""
    file = Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    try:
        kubeconfig = yaml.safe_load(file.read_text(encoding="utf-8"))
        known = [entry["name"] for entry in kubeconfig.get("contexts") or []]
    except OSError as error:
        raise _context_error(
            f"{context!r}: no kubeconfig at {file} ({error.strerror}); set KUBECONFIG, or remove kubeContext"
        ) from error
    except (UnicodeDecodeError, yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise _context_error(
            f"{context!r}: {file} is no kubeconfig; set KUBECONFIG to one, or remove kubeContext"
        ) from error
    if context not in known:
        raise _context_error(f"no context {context!r} in {file}; there are: {', '.join(known) or 'none'}")
    return yaml.safe_dump({**kubeconfig, "current-context": context})
