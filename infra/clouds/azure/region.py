"""The region on Azure: its parts, in the order in which they need each other."""

from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as k8s
from pulumi_azure_native import Provider, authorization, resources

from infra.clouds.azure.addons import Addons, AddonsArgs
from infra.clouds.azure.bastion import Bastion, BastionArgs
from infra.clouds.azure.cache import PORT as CACHE_PORT
from infra.clouds.azure.cache import Cache, CacheArgs
from infra.clouds.azure.capacity import Capacity, CapacityArgs
from infra.clouds.azure.cluster import Cluster, ClusterArgs
from infra.clouds.azure.database import PORT as DATABASE_PORT
from infra.clouds.azure.database import Database, DatabaseArgs
from infra.clouds.azure.gpu_daemons import TOLERATED, GpuDaemons, GpuDaemonsArgs
from infra.clouds.azure.gpu_ladder import plan
from infra.clouds.azure.gpu_pools import ROLE_LABEL, SERVING_ROLE, GpuPools, GpuPoolsArgs
from infra.clouds.azure.identity import USE_LABEL, WorkloadIdentity, WorkloadIdentityArgs, identity_endpoint
from infra.clouds.azure.ingress import Ingress, IngressArgs, Origin
from infra.clouds.azure.keys import Keys, KeysArgs
from infra.clouds.azure.logs import Logs, LogsArgs
from infra.clouds.azure.network import Network, NetworkArgs
from infra.clouds.azure.node_pools import NodePools, NodePoolsArgs
from infra.clouds.azure.registry import Registry, RegistryArgs
from infra.clouds.azure.scope import Scope
from infra.clouds.azure.storage import Storage, StorageArgs
from infra.clouds.azure.tenants import Tenants, TenantsArgs
from infra.clouds.egress import Destination, Egress
from infra.clouds.names import GATEWAY_ACCOUNT, NAMESPACE, SERVER_ACCOUNT
from infra.clouds.region import ApiCallers, ApiTunnel, Endpoint, Identity, KeyPurpose, TenantPlace
from infra.clouds.region import Cluster as ClusterFacet
from infra.clouds.region import GpuPools as GpuPoolsFacet
from infra.clouds.region import Ingress as IngressFacet
from infra.clouds.region import Keys as KeysFacet
from infra.clouds.region import Network as NetworkFacet
from infra.clouds.region import Registry as RegistryFacet
from infra.clouds.region import Storage as StorageFacet
from infra.config import ApiAccess, Cloud, Phase, Rung, StackSettings, image_in

_API_AGENTS = {"app": "konnectivity-agent"}
"""Labels of the agents by which the API server reaches pods (learn.microsoft.com/azure/aks/core-aks-concepts)."""


class AzureRegion(pulumi.ComponentResource):
    """`Region` on Azure; see `infra.clouds.region`."""

    cloud = Cloud.AZURE

    def __init__(self, name: str, settings: StackSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        self._settings = settings
        self._scope = Scope.of(pulumi.get_stack(), settings)
        provider = Provider(
            "azure",
            subscription_id=self._scope.subscription,
            location=self._scope.location,
            disable_pulumi_partner_id=True,
        )
        super().__init__(
            "modelfleet:azure:Region",
            name,
            None,
            pulumi.ResourceOptions.merge(
                pulumi.ResourceOptions(providers=[provider], transformations=[self._scope.placing]), opts
            ),
        )
        self._inside = pulumi.ResourceOptions(parent=self)
        client = authorization.get_client_config_output(opts=pulumi.InvokeOutputOptions(provider=provider))
        self._tenant_id = client.tenant_id
        # Its deletion would take along all that is inside.
        group = resources.ResourceGroup("group", resource_group_name=self._scope.name(), opts=self._scope.data(self))
        self._group = group.name
        self._make_foundations()
        self._make_data_services()
        self._make_cluster()
        self._make_access()
        self._make_addons()
        self.register_outputs({"region": self.name})

    @property
    def name(self) -> str:
        """Azure's name of the region."""
        return self._settings.region

    @property
    def network(self) -> NetworkFacet:
        """The virtual network."""
        return NetworkFacet(identifier=self._network.identifier, zones=self._network.zones)

    @property
    def keys(self) -> KeysFacet:
        """URIs of the keys by purpose, without a version."""
        return KeysFacet({purpose: key.uri for purpose, key in self._keys.keys.items()})

    @property
    def cluster(self) -> ClusterFacet:
        """The AKS cluster."""
        return ClusterFacet(
            provider=self._kubernetes,
            kubeconfig=self._cluster.kubeconfig,
            lifetime=self._cluster.managed,
            callers=ApiCallers(agents=_API_AGENTS),
        )

    @property
    def storage(self) -> StorageFacet:
        """The container of weights."""
        model = self._settings.model
        return StorageFacet(
            model_uri=self._storage.model_uri(model.name), model_digest=pulumi.Output.from_input(model.digest or "")
        )

    @property
    def registry(self) -> RegistryFacet:
        """Images by digest, from the region's registry where the stack file names no other."""
        monitoring = self._settings.monitoring
        return RegistryFacet(
            server=self._image(self._settings.serving.image),
            gateway=self._image(self._settings.gateway.image),
            prometheus=self._image(monitoring.image) if monitoring.enabled else None,
        )

    @property
    def gpu_pools(self) -> GpuPoolsFacet:
        """Nodes of every pool that no tenant has alone."""
        if all(pool.tenant is not None for pool in self._settings.gpu_pools):
            return GpuPoolsFacet()
        return GpuPoolsFacet(node_selector={ROLE_LABEL: SERVING_ROLE}, tolerated_taints=TOLERATED)

    @property
    def identity(self) -> Identity:
        """The model server's and the gateway's."""
        return Identity(
            server_annotations=self._server.annotations,
            gateway_annotations=self._gateway.annotations,
            pod_labels={USE_LABEL: "true"},
        )

    @property
    def database(self) -> Endpoint:
        """PostgreSQL flexible server."""
        return Endpoint(
            host=self._database.host,
            port=pulumi.Output.from_input(DATABASE_PORT),
            user=self._database.user,
            name=self._database.database,
        )

    @property
    def cache(self) -> Endpoint:
        """Azure Managed Redis."""
        return Endpoint(host=self._cache.host, port=self._cache.port)

    @property
    def egress(self) -> Egress:
        """Data services by their private endpoints, and Entra's own addresses."""
        endpoints = self._network.ranges.endpoints
        return Egress(
            object_store=Destination.at(endpoints, ports=[443]),
            database=Destination.at(endpoints, ports=[DATABASE_PORT]),
            cache=Destination.at(endpoints, ports=[CACHE_PORT]),
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
            address=pulumi.Output.from_input(ingress.address),
            service_annotations=ingress.service_annotations,
            certificate=ingress.certificate,
        )

    @property
    def origin(self) -> Origin:
        """What the stack `global` joins by private link."""
        return self._ingress.origin

    @property
    def tunnel(self) -> ApiTunnel | None:
        """A tunnel of Bastion's."""
        if self._bastion is None:
            return None
        return {"kind": "bastion", "host": self._bastion.identifier, "target": self._cluster.managed.id}

    def _make_foundations(self) -> None:
        """Network, keys, logs, and the identities that data services know."""
        settings, scope = self._settings, self._scope
        self._network = Network(
            "network",
            NetworkArgs(scope, self._group, settings.network.cidr, settings.network.zones, settings.network.nat),
            self._inside,
        )
        self._keys = Keys(
            "keys",
            KeysArgs(
                scope=scope,
                resource_group=self._group,
                tenant_id=self._tenant_id,
                encryption=settings.encryption,
                endpoints_subnet=self._network.platform_endpoints_subnet,
                dns=self._network.dns,
            ),
            self._inside,
        )
        self._logs = Logs(
            "logs",
            LogsArgs(
                scope=scope,
                resource_group=self._group,
                key=self._keys.keys[KeyPurpose.LOGS],
                retention_days=settings.log_retention_days,
                flow_retention_days=settings.network.flow_log_retention_days,
                network_id=self._network.identifier,
                endpoints_subnet=self._network.platform_endpoints_subnet,
                dns=self._network.dns,
            ),
            self._inside,
        )
        self._logs.record("vault-logs", of=self._keys.vault.identifier, categories=["AuditEvent"], parent=self._keys)
        self._server = WorkloadIdentity("server", WorkloadIdentityArgs(scope, self._group), self._inside)
        self._gateway = WorkloadIdentity("gateway", WorkloadIdentityArgs(scope, self._group), self._inside)

    def _make_data_services(self) -> None:
        """What keeps data."""
        settings, scope = self._settings, self._scope
        subnet, dns = self._network.endpoints_subnet, self._network.dns
        self._storage = Storage(
            "storage",
            StorageArgs(
                scope=scope,
                resource_group=self._group,
                key=self._keys.keys[KeyPurpose.STORAGE],
                settings=settings.storage,
                readers=[("server", self._server.identity.principal_id)],
                endpoints_subnet=subnet,
                dns=dns,
            ),
            self._inside,
        )
        self._logs.record(
            "models-logs",
            of=self._storage.blob_service_id,
            categories=["StorageRead", "StorageWrite", "StorageDelete"],
            parent=self._storage,
        )
        self._registry = Registry(
            "registry",
            RegistryArgs(
                scope=scope,
                resource_group=self._group,
                key=self._keys.keys[KeyPurpose.STORAGE],
                replica_region=settings.storage.replica_region,
                endpoints_subnet=self._network.platform_endpoints_subnet,
                dns=dns,
                logs=self._logs,
            ),
            self._inside,
        )
        self._database = Database(
            "database",
            DatabaseArgs(
                scope=scope,
                resource_group=self._group,
                tenant_id=self._tenant_id,
                key=self._keys.keys[KeyPurpose.DATABASE],
                settings=settings.database,
                administrator=self._gateway.identity,
                endpoints_subnet=subnet,
                dns=dns,
                logs=self._logs,
            ),
            self._inside,
        )
        self._cache = Cache(
            "cache",
            CacheArgs(
                scope=scope,
                resource_group=self._group,
                key=self._keys.keys[KeyPurpose.DATABASE],
                settings=settings.cache,
                users=[("gateway", self._gateway.identity)],
                endpoints_subnet=subnet,
                dns=dns,
            ),
            self._inside,
        )

    def _make_cluster(self) -> None:
        """Control plane, CPU pools, the ladders of GPU pools."""
        settings, scope = self._settings, self._scope
        self._plans = plan(settings.gpu_pools, self._network.zones)
        reservations = {planned.pool.reservation: None for planned in self._plans if planned.rung is Rung.RESERVATION}
        self._cluster = Cluster(
            "cluster",
            ClusterArgs(
                scope=scope,
                resource_group=self._group,
                tenant_id=self._tenant_id,
                network=self._network,
                ranges=settings.network,
                keys=self._keys,
                logs=self._logs,
                registry_id=self._registry.identifier,
                settings=settings.kubernetes,
                api=settings.api,
                system=settings.cpu_pools.system,
                hands_secrets=settings.ingress.certificate is not None,
                reservations=[reservation for reservation in reservations if reservation is not None],
            ),
            self._inside,
        )
        self._node_pools = NodePools(
            "node-pools",
            NodePoolsArgs(
                scope=scope,
                resource_group=self._group,
                cluster=self._cluster.managed.name,
                general=settings.cpu_pools.general,
                confidential=settings.kubernetes.confidential_nodes,
                node_subnets=self._network.node_subnets,
            ),
            self._inside,
        )
        self._gpu_pools = GpuPools(
            "gpu-pools",
            GpuPoolsArgs(
                scope=scope,
                resource_group=self._group,
                cluster=self._cluster.managed.name,
                cluster_identity=self._cluster.identity_principal,
                node_subnets=self._network.node_subnets,
                plans=self._plans,
            ),
            self._inside,
        )
        self._bastion = (
            Bastion("bastion", BastionArgs(scope, self._group, self._network, self._logs), self._inside)
            if settings.api.access is ApiAccess.PRIVATE
            else None
        )
        # Everything in the cluster comes after its pools and the way to it, and goes before them: pods are gone before
        # nodes are.
        around = [*self._node_pools.pools.values(), *self._gpu_pools.pools.values()]
        self._kubernetes = k8s.Provider(
            "cluster",
            kubeconfig=self._cluster.kubeconfig,
            cluster_identifier=self._cluster.managed.id,
            enable_server_side_apply=True,
            enable_secret_mutable=True,
            enable_config_map_mutable=True,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=around if self._bastion is None else [*around, self._bastion]
            ),
        )

    def _make_access(self) -> None:
        """The ways in, and what workloads and tenants may reach."""
        settings, scope = self._settings, self._scope
        self._ingress = Ingress(
            "ingress",
            IngressArgs(
                scope=scope,
                ranges=self._network.ranges,
                node_resource_group=self._cluster.node_resource_group,
                settings=settings.ingress,
                tenant_id=self._tenant_id,
                gateway=self._gateway.identity,
            ),
            self._inside,
        )
        for identity, account in ((self._server, SERVER_ACCOUNT), (self._gateway, GATEWAY_ACCOUNT)):
            identity.trust(issuer=self._cluster.oidc_issuer, namespace=NAMESPACE, service_account=account)
        self._tenants = Tenants(
            "tenants",
            TenantsArgs(
                scope=scope,
                resource_group=self._group,
                tenant_id=self._tenant_id,
                tenants=settings.tenants,
                encryption=settings.encryption,
                storage=settings.storage,
                endpoints_subnet=self._network.endpoints_subnet,
                dns=self._network.dns,
                oidc_issuer=self._cluster.oidc_issuer,
            ),
            self._inside,
        )

    def _make_addons(self) -> None:
        """What of Azure's and NVIDIA's has objects in the cluster; those, once it can be reached."""
        reachable = self._settings.phase is Phase.COMPLETE
        Addons(
            "addons",
            AddonsArgs(
                resource_group=self._group,
                cluster=self._cluster.managed.name,
                lifetime=self._cluster.managed,
                plans=self._plans,
                provider=self._kubernetes if reachable else None,
            ),
            self._inside,
        )
        if reachable:
            inside = pulumi.ResourceOptions(provider=self._kubernetes, deleted_with=self._cluster.managed)
            GpuDaemons(
                "gpu-daemons",
                GpuDaemonsArgs(inside, any(planned.infiniband for planned in self._plans)),
                self._inside,
            )
            Capacity("capacity", CapacityArgs(inside, self._plans), self._inside)

    def _image(self, image: str) -> pulumi.Output[str]:
        return self._registry.login_server.apply(lambda host: image_in(host, image))
