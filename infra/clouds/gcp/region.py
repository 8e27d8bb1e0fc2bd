"""The region on Google Cloud: its parts, in the order in which they need each other."""

from collections.abc import Mapping

import pulumi
import pulumi_gcp as gcp
import pulumi_kubernetes as k8s

from infra.clouds.egress import Destination, Egress
from infra.clouds.gcp.address_plan import AddressPlan
from infra.clouds.gcp.cache import PORT as CACHE_PORT
from infra.clouds.gcp.cache import Cache, CacheArgs
from infra.clouds.gcp.cluster import Cluster, ClusterArgs
from infra.clouds.gcp.cluster_access import ClusterAccess, ClusterAccessArgs
from infra.clouds.gcp.compute_classes import ComputeClasses, ComputeClassesArgs
from infra.clouds.gcp.database import PORT as DATABASE_PORT
from infra.clouds.gcp.database import Database, DatabaseArgs
from infra.clouds.gcp.firewall import Firewall, FirewallArgs
from infra.clouds.gcp.gpu_direct import GpuDirect, GpuDirectArgs
from infra.clouds.gcp.gpu_networks import GpuNetworks, GpuNetworksArgs
from infra.clouds.gcp.gpu_pools import CLASS_KEY, GPU_TAINT, GpuPools, GpuPoolsArgs, compute_class, fabrics
from infra.clouds.gcp.identity import (
    GatewayIdentity,
    NodeIdentity,
    WorkloadAccess,
    WorkloadAccessArgs,
    identity_endpoint,
)
from infra.clouds.gcp.ingress import Ingress, IngressArgs, Origin
from infra.clouds.gcp.keys import Keys, KeysArgs
from infra.clouds.gcp.logs import Logs, LogsArgs
from infra.clouds.gcp.multi_region import MultiRegion
from infra.clouds.gcp.network import Network, NetworkArgs
from infra.clouds.gcp.node_pools import NodePools, NodePoolsArgs, NodeTemplate
from infra.clouds.gcp.private_access import PrivateAccess, PrivateAccessArgs
from infra.clouds.gcp.registry import Registry, RegistryArgs
from infra.clouds.gcp.scope import Scope
from infra.clouds.gcp.storage import Storage, StorageArgs
from infra.clouds.gcp.storage_classes import StorageClasses, StorageClassesArgs
from infra.clouds.gcp.tenants import Tenants, TenantsArgs
from infra.clouds.gcp.zones import zones_of
from infra.clouds.region import ApiCallers, Endpoint, Identity, KeyPurpose, TenantPlace
from infra.clouds.region import Cluster as ClusterFacet
from infra.clouds.region import GpuPools as GpuPoolsFacet
from infra.clouds.region import Ingress as IngressFacet
from infra.clouds.region import Keys as KeysFacet
from infra.clouds.region import Network as NetworkFacet
from infra.clouds.region import Registry as RegistryFacet
from infra.clouds.region import Storage as StorageFacet
from infra.cluster.isolation import GATEWAY_PORT
from infra.config import Cloud, Phase, StackSettings

_API_AGENTS = {"k8s-app": "konnectivity-agent"}
"""Labels of the agents by which the API server reaches pods
(cloud.google.com/kubernetes-engine/docs/concepts/cluster-architecture)."""


class GcpRegion(pulumi.ComponentResource):
    """`Region` on Google Cloud; see `infra.clouds.region`."""

    cloud = Cloud.GCP
    tunnel = None
    """None is needed: the DNS endpoint is reached from everywhere, and IAM says by whom."""

    def __init__(self, name: str, settings: StackSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        provider = gcp.Provider("gcp", project=settings.account, region=settings.region)
        super().__init__(
            "modelfleet:gcp:Region",
            name,
            None,
            pulumi.ResourceOptions.merge(pulumi.ResourceOptions(providers=[provider]), opts),
        )
        self._settings = settings
        self._invoke = pulumi.InvokeOptions(provider=provider)
        self._zones = zones_of(settings.region, settings.network.zones)
        self._plan = AddressPlan.of(settings.network.cidr)
        project = gcp.organizations.get_project_output(project_id=settings.account, opts=self._invoke)
        self._scope = Scope.of(pulumi.get_stack(), settings, project.number)
        self._inside = pulumi.ResourceOptions(parent=self)
        self._make_foundations()
        self._make_data()
        self._make_cluster()
        self._make_access()
        if settings.phase is Phase.COMPLETE:
            self._make_addons()
        self.register_outputs({"region": self.name})

    @property
    def name(self) -> str:
        """The region's name in outputs and labels."""
        return self._settings.region

    @property
    def network(self) -> NetworkFacet:
        """The VPC."""
        return NetworkFacet(identifier=self._network.network_id, zones=self._zones)

    @property
    def keys(self) -> KeysFacet:
        """Cloud KMS keys by purpose."""
        return KeysFacet(identifiers=self._keys.identifiers)

    @property
    def cluster(self) -> ClusterFacet:
        """The GKE cluster."""
        return ClusterFacet(
            provider=self._kubernetes,
            kubeconfig=self._cluster.kubeconfig,
            lifetime=self._cluster.resource,
            callers=ApiCallers(agents=_API_AGENTS),
        )

    @property
    def storage(self) -> StorageFacet:
        """The bucket's folder of weights."""
        model = self._settings.model
        return StorageFacet(
            model_uri=pulumi.Output.concat("gs://", self._storage.bucket, "/", self._storage.models_folder, model.name),
            model_digest=pulumi.Output.from_input(model.digest or ""),
        )

    @property
    def registry(self) -> RegistryFacet:
        """Images by digest, from the region's repository where the stack file names no other."""
        monitoring = self._settings.monitoring
        return RegistryFacet(
            server=self._image(self._settings.serving.image),
            gateway=self._image(self._settings.gateway.image),
            prometheus=self._image(monitoring.image) if monitoring.enabled else None,
        )

    @property
    def gpu_pools(self) -> GpuPoolsFacet:
        """The first ladder that no tenant has alone: pods name its ComputeClass."""
        shared = [ladder for ladder in self._gpu_pools.ladders if ladder.settings.tenant is None]
        if not shared:
            return GpuPoolsFacet()
        return GpuPoolsFacet(
            node_selector={CLASS_KEY: compute_class(shared[0].settings)}, tolerated_taints=(CLASS_KEY, GPU_TAINT)
        )

    @property
    def identity(self) -> Identity:
        """IAM knows the server's pods by namespace and service account; the gateway acts as a service account."""
        return Identity(gateway_annotations={"iam.gke.io/gcp-service-account": self._workloads.gateway_email})

    @property
    def database(self) -> Endpoint:
        """Cloud SQL."""
        database = self._database
        return Endpoint(host=database.host, port=database.port, user=database.user, name=database.name)

    @property
    def cache(self) -> Endpoint:
        """Memorystore for Valkey."""
        return Endpoint(host=self._cache.host, port=self._cache.port)

    @property
    def egress(self) -> Egress:
        """Google's APIs and the data services by their endpoints, and the node's metadata server."""
        plan = self._plan
        return Egress(
            object_store=Destination.at(f"{plan.google_apis}/32", ports=[443]),
            database=Destination.at(plan.endpoints, ports=[DATABASE_PORT]),
            cache=Destination.at(plan.endpoints, ports=[CACHE_PORT]),
            identity=identity_endpoint(),
        )

    @property
    def tenants(self) -> Mapping[str, TenantPlace]:
        """What each tenant has of its own."""
        return self._tenants.places

    @property
    def ingress(self) -> IngressFacet:
        """The internal load balancer."""
        ingress = self._ingress
        return IngressFacet(
            host=ingress.host,
            address=ingress.address,
            service_annotations=ingress.service_annotations,
            certificate=ingress.certificate,
        )

    @property
    def origin(self) -> Origin:
        """What the stack `global` makes a backend of."""
        return Origin.of(self._scope.stack, self._settings, self._ingress.certificate.ca_certificate)

    def _make_foundations(self) -> None:
        """Network, keys, logs."""
        settings, scope, plan = self._settings, self._scope, self._plan
        self._network = Network("network", scope, NetworkArgs(settings.network, plan, self._zones), self._inside)
        self._private_access = PrivateAccess(
            "private-access",
            scope,
            PrivateAccessArgs(self._network.network_id, self._network.self_link, plan.google_apis),
            self._inside,
        )
        self._firewall = Firewall(
            "firewall",
            scope,
            FirewallArgs(
                network=self._network.network_id,
                inner_ranges=(settings.network.cidr, settings.network.pod_cidr),
                google_apis=plan.google_apis,
                origin_ports=(GATEWAY_PORT,),  # endpoint groups lead to pods, not to the Service
                front_only=settings.ingress.front_only,
            ),
            self._inside,
        )
        wide = MultiRegion.around(settings.region).key_location if settings.storage.replica_region else None
        self._keys = Keys("keys", scope, KeysArgs(settings.encryption, self._invoke, wide), self._inside)
        identifiers = self._keys.identifiers
        self._logs = Logs(
            "logs",
            scope,
            LogsArgs(identifiers[KeyPurpose.LOGS], self._keys.granted(KeyPurpose.LOGS), settings.log_retention_days),
            self._inside,
        )

    def _make_data(self) -> None:
        """Bucket, images, database, cache."""
        settings, scope, keys, network = self._settings, self._scope, self._keys, self._network
        self._nodes = NodeIdentity("nodes", scope, self._inside)
        self._gateway = GatewayIdentity("gateway", scope, self._inside)
        stored, granted = keys.identifiers[KeyPurpose.STORAGE], keys.granted(KeyPurpose.STORAGE)
        self._storage = Storage(
            "storage", scope, StorageArgs(settings.storage, stored, keys.images_key, granted, self._zones), self._inside
        )
        self._registry = Registry(
            "registry", scope, RegistryArgs(keys.images_key, granted, {"nodes": self._nodes.member}), self._inside
        )
        data_key, data_granted = keys.identifiers[KeyPurpose.DATABASE], keys.granted(KeyPurpose.DATABASE)
        self._database = Database(
            "database",
            scope,
            DatabaseArgs(
                settings=settings.database,
                key=data_key,
                granted=data_granted,
                network=network.network_id,
                network_link=network.self_link,
                subnet=network.endpoints_subnet,
                user=self._gateway.email,
                zones=self._zones,
            ),
            self._inside,
        )
        self._cache = Cache(
            "cache",
            scope,
            CacheArgs(settings.cache, data_key, data_granted, network.network_id, network.endpoints_subnet),
            self._inside,
        )

    def _make_cluster(self) -> None:
        """Control plane, pools, and the provider that applies objects to it."""
        settings, scope, keys = self._settings, self._scope, self._keys
        disks = keys.identifiers[KeyPurpose.DISKS]
        self._cluster = Cluster(
            "cluster",
            scope,
            ClusterArgs(
                kubernetes=settings.kubernetes,
                api=settings.api,
                network=self._network.self_link,
                subnet=self._network.nodes_subnet,
                zones=self._zones,
                secrets_key=keys.identifiers[KeyPurpose.CLUSTER],
                disks_key=disks,
                granted=[*keys.granted(KeyPurpose.CLUSTER), *keys.granted(KeyPurpose.DISKS)],
                node_account=self._nodes.email,
                network_ready=[self._network.nat, self._private_access, self._firewall, self._nodes.grant],
            ),
            self._inside,
        )
        template = NodeTemplate(self._nodes.email, disks, scope.labels, scope.name("node"))
        confidential = settings.kubernetes.confidential_nodes
        cluster = self._cluster.cluster_id
        self._node_pools = NodePools(
            "node-pools",
            scope,
            NodePoolsArgs(settings.cpu_pools, cluster, self._zones, template, confidential),
            self._inside,
        )
        self._gpu_networks = GpuNetworks(
            "gpu-networks",
            scope,
            GpuNetworksArgs(fabrics(settings.gpu_pools), self._plan.gpu_networks),
            self._inside,
        )
        self._gpu_pools = GpuPools(
            "gpu-pools",
            scope,
            GpuPoolsArgs(settings.gpu_pools, cluster, self._zones, template, self._gpu_networks, confidential),
            self._inside,
        )
        self._kubernetes = k8s.Provider(
            "cluster",
            kubeconfig=self._cluster.kubeconfig,
            cluster_identifier=self._cluster.cluster_id,
            enable_server_side_apply=True,
            enable_secret_mutable=True,
            enable_config_map_mutable=True,
            # Everything in the cluster comes after its pools, and goes before them: pods are gone before nodes are.
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[*self._node_pools.resources, *self._gpu_pools.resources]
            ),
        )

    def _make_access(self) -> None:
        """The way in, and what workloads may reach."""
        settings, scope = self._settings, self._scope
        self._ingress = Ingress(
            "ingress",
            scope,
            IngressArgs(self._network.endpoints_subnet, scope.name("endpoints"), settings.ingress.host, self._zones),
            self._inside,
        )
        self._workloads = WorkloadAccess(
            "workloads",
            scope,
            WorkloadAccessArgs(
                bucket=self._storage.bucket,
                models_folder=self._storage.models_folder,
                database=self._database.instance,
                cache=self._cache.instance,
                gateway=self._gateway,
                cluster=self._cluster.resource,
            ),
            self._inside,
        )
        self._tenants = Tenants(
            "tenants",
            scope,
            TenantsArgs(settings.tenants, self._keys, self._storage.bucket, self._cluster.resource),
            self._inside,
        )

    def _make_addons(self) -> None:
        """What of Google's has objects in the cluster."""
        settings, scope = self._settings, self._scope
        # These leave nothing outside of the cluster: they may go with it.
        inside = pulumi.ResourceOptions(provider=self._kubernetes, deleted_with=self._cluster.resource)
        ComputeClasses("compute-classes", ComputeClassesArgs(self._gpu_pools.ladders, inside), self._inside)
        StorageClasses(
            "storage-classes",
            StorageClassesArgs(self._keys.identifiers[KeyPurpose.DISKS], dict(scope.labels), inside),
            self._inside,
        )
        ClusterAccess("cluster-access", scope, ClusterAccessArgs(settings.api.admins, inside), self._inside)
        images = {
            pool.name: self._registry.reference(pool.network_image) for pool in settings.gpu_pools if pool.network_image
        }
        GpuDirect(
            "gpu-direct",
            GpuDirectArgs(self._gpu_pools.ladders, self._gpu_networks.networks, images, self._kubernetes),
            self._inside,
        )

    def _image(self, image: str) -> pulumi.Output[str]:
        return pulumi.Output.from_input(self._registry.reference(image))
