"""The AWS region, put together: network, keys, storage, data services, cluster, pools, identities and the way in.

Teardown is the order of making, turned round: whatever `infra/cluster` applies goes through the provider `workloads`,
which comes after the pools and the controllers, so that Services and workloads are gone before the load balancer's
targets, those before the pools, the pools before the cluster, and the cluster before the network.
"""

from collections.abc import Mapping
from functools import cached_property

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from infra.clouds.aws.addons import Addons, AddonsArgs, NodeAddons
from infra.clouds.aws.autoscaler import Autoscaler, AutoscalerArgs
from infra.clouds.aws.cache import PORT as CACHE_PORT
from infra.clouds.aws.cache import Cache, CacheArgs
from infra.clouds.aws.capacity import Capacity, CapacityArgs
from infra.clouds.aws.cluster import Cluster, ClusterArgs
from infra.clouds.aws.database import NAME as DATABASE_NAME
from infra.clouds.aws.database import PORT as DATABASE_PORT
from infra.clouds.aws.database import USER as DATABASE_USER
from infra.clouds.aws.database import Database, DatabaseArgs
from infra.clouds.aws.gpu_enablement import GpuEnablement, GpuEnablementArgs
from infra.clouds.aws.gpu_pools import GPU_TAINT, ROLE_LABEL, SERVING_ROLE, GpuPools, GpuPoolsArgs
from infra.clouds.aws.identity import Identity, IdentityArgs, identity_endpoint
from infra.clouds.aws.ingress import Ingress, IngressArgs, Origin
from infra.clouds.aws.keys import Keys, KeysArgs
from infra.clouds.aws.load_balancer_controller import LoadBalancerController, LoadBalancerControllerArgs
from infra.clouds.aws.network import Network, NetworkArgs
from infra.clouds.aws.node_pools import NodePools, NodePoolsArgs
from infra.clouds.aws.policy_document import Statement
from infra.clouds.aws.registry import Registry, RegistryArgs
from infra.clouds.aws.scope import Scope
from infra.clouds.aws.storage import MODELS_PREFIX, Storage, StorageArgs, read_statements
from infra.clouds.aws.tenants import Tenants, TenantsArgs
from infra.clouds.aws.tunnel import Tunnel, TunnelArgs
from infra.clouds.aws.volumes import make_volume_class
from infra.clouds.egress import Destination, Egress
from infra.clouds.region import ApiCallers, ApiTunnel, Endpoint, KeyPurpose, TenantPlace
from infra.clouds.region import Cluster as ClusterFacet
from infra.clouds.region import GpuPools as GpuPoolsFacet
from infra.clouds.region import Identity as IdentityFacet
from infra.clouds.region import Ingress as IngressFacet
from infra.clouds.region import Keys as KeysFacet
from infra.clouds.region import Network as NetworkFacet
from infra.clouds.region import Registry as RegistryFacet
from infra.clouds.region import Storage as StorageFacet
from infra.config import ApiAccess, Cloud, Phase, StackSettings, image_in


class AwsRegion(pulumi.ComponentResource):
    """`Region` on AWS; see `infra.clouds.region`."""

    cloud = Cloud.AWS

    def __init__(self, name: str, settings: StackSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        scope = Scope.of(pulumi.get_stack(), settings)
        provider = aws.Provider("aws", region=scope.region, allowed_account_ids=[scope.account])
        own = pulumi.ResourceOptions(provider=provider, transformations=[scope.tagging])
        super().__init__("modelfleet:aws:Region", name, None, pulumi.ResourceOptions.merge(opts, own))
        self._scope, self._settings = scope, settings
        self._keys = self._make_keys()
        self._network = self._make_network()
        self._cluster = self._make_cluster()
        self._node_addons = NodeAddons("node-addons", self._addon_args(), opts=self._child())
        self._node_pools = self._make_node_pools()
        self._addons = Addons("addons", self._addon_args(self._node_pools), opts=self._child())
        self._storage = self._make_storage()
        self._registry = Registry("registry", RegistryArgs(scope, self._arn(KeyPurpose.CLUSTER)), opts=self._child())
        self._database = self._make_database()
        self._cache = self._make_cache()
        self._gpu_pools = self._make_gpu_pools()
        self._identity = self._make_identity()
        self._ingress = self._make_ingress()
        self._tenants = self._make_tenants()
        self._tunnel = self._make_tunnel()
        self._workloads = self._make_controllers()
        self.register_outputs({"region": self.name})

    @property
    def name(self) -> str:
        """Region code, such as us-east-1."""
        return self._scope.region

    @property
    def network(self) -> NetworkFacet:
        """The VPC; its zones are the account's to name and known only once it is asked."""
        return NetworkFacet(identifier=self._network.vpc_id)

    @property
    def keys(self) -> KeysFacet:
        """KMS keys."""
        return KeysFacet(identifiers=self._keys.arns)

    @cached_property
    def cluster(self) -> ClusterFacet:
        """EKS."""
        return ClusterFacet(
            provider=self._workloads,
            kubeconfig=self._cluster.kubeconfig,
            lifetime=self._cluster.resource,
            callers=ApiCallers(ranges=self._network.control_ranges),
        )

    @cached_property
    def storage(self) -> StorageFacet:
        """The region's bucket."""
        model = self._settings.model
        return StorageFacet(
            model_uri=pulumi.Output.concat("s3://", self._storage.bucket, f"/{MODELS_PREFIX}/{model.name}"),
            model_digest=pulumi.Output.from_input(model.digest or ""),
        )

    @cached_property
    def registry(self) -> RegistryFacet:
        """Images by digest: those without a host are in the region's own registry."""
        monitoring = self._settings.monitoring
        return RegistryFacet(
            server=self._image(self._settings.serving.image),
            gateway=self._image(self._settings.gateway.image),
            prometheus=self._image(monitoring.image) if monitoring.enabled else None,
        )

    @property
    def database(self) -> Endpoint:
        """RDS."""
        return Endpoint(
            host=self._database.host,
            port=self._database.port,
            user=pulumi.Output.from_input(DATABASE_USER),
            name=pulumi.Output.from_input(DATABASE_NAME),
        )

    @property
    def cache(self) -> Endpoint:
        """ElastiCache."""
        return Endpoint(host=self._cache.host, port=self._cache.port, user=self._cache.user)

    @cached_property
    def egress(self) -> Egress:
        """S3 by the gateway endpoint, the data subnets, and the node's identity agent."""
        data = self._network.data_ranges
        return Egress(
            object_store=Destination(self._network.object_store_ranges, (443,)),
            database=Destination.at(*data, ports=[DATABASE_PORT]),
            cache=Destination.at(*data, ports=[CACHE_PORT]),
            identity=identity_endpoint(),
        )

    @property
    def tenants(self) -> Mapping[str, TenantPlace]:
        """Key, prefix and identity of each tenant."""
        return self._tenants.places

    @property
    def gpu_pools(self) -> GpuPoolsFacet:
        """Any shared GPU node, whatever its rung; without pools, ordinary nodes serve."""
        if not self._gpu_pools.plans:
            return GpuPoolsFacet()
        return GpuPoolsFacet(node_selector={ROLE_LABEL: SERVING_ROLE}, tolerated_taints=(GPU_TAINT,))

    @property
    def identity(self) -> IdentityFacet:
        """Pod Identity goes by the service account's name: there is nothing to annotate."""
        return IdentityFacet()

    @cached_property
    def ingress(self) -> IngressFacet:
        """The origin load balancer; the gateway's Service needs none of its own."""
        return IngressFacet(
            host=self._ingress.host,
            address=None,
            service_annotations={},
            certificate=self._ingress.certificate,
            attach=self._ingress.attach,
        )

    @property
    def origin(self) -> Origin:
        """What a front needs to know of this region."""
        balancer = self._ingress.load_balancer
        return Origin(self.name, balancer.dns_name, balancer.zone_id, self._ingress.listener_arn)

    @property
    def tunnel(self) -> ApiTunnel | None:
        """A session through a machine of the region's."""
        if self._tunnel is None:
            return None
        return {"kind": "session-manager", "region": self.name, "machine": self._tunnel.name}

    def _child(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(after))

    def _arn(self, purpose: KeyPurpose) -> pulumi.Output[str]:
        return self._keys.arns[purpose]

    def _make_keys(self) -> Keys:
        encryption = self._settings.encryption
        args = KeysArgs(
            scope=self._scope,
            rotation_days=encryption.rotation_days,
            deletion_window_days=encryption.deletion_window_days,
            multi_region=encryption.multi_region,
            replica_region=self._settings.storage.replica_region,
        )
        return Keys("keys", args, opts=self._child())

    def _make_network(self) -> Network:
        network = self._settings.network
        args = NetworkArgs(
            scope=self._scope,
            cidr=network.cidr,
            pod_cidr=network.pod_cidr,
            zones=network.zones,
            nat=network.nat,
            log_key=self._arn(KeyPurpose.LOGS),
            flow_log_retention_days=network.flow_log_retention_days,
        )
        return Network("network", args, opts=self._child())

    def _make_cluster(self) -> Cluster:
        args = ClusterArgs(
            scope=self._scope,
            version=self._settings.kubernetes.version,
            subnets=self._network.control_subnets,
            service_cidr=self._settings.network.service_cidr,
            secrets_key=self._arn(KeyPurpose.CLUSTER),
            log_key=self._arn(KeyPurpose.LOGS),
            log_retention_days=self._settings.log_retention_days,
            api=self._settings.api,
        )
        return Cluster("cluster", args, opts=self._child())

    def _addon_args(self, *ready: pulumi.Resource) -> AddonsArgs:
        return AddonsArgs(self._scope, self._cluster.name, self._cluster.resource, self._arn(KeyPurpose.DISKS), ready)

    def _make_node_pools(self) -> NodePools:
        args = NodePoolsArgs(
            scope=self._scope,
            cluster=self._cluster.name,
            security_group=self._cluster.security_group,
            subnets=self._network.node_subnets,
            disk_key=self._arn(KeyPurpose.DISKS),
            pools=self._settings.cpu_pools,
            ready=self._node_addons.made,
        )
        # A node pulls its first images through the network's routes and endpoints.
        return NodePools("node-pools", args, opts=self._child(self._network))

    def _make_gpu_pools(self) -> GpuPools:
        args = GpuPoolsArgs(
            scope=self._scope,
            cluster=self._cluster.name,
            security_group=self._cluster.security_group,
            vpc_id=self._network.vpc_id,
            zones=self._network.zones,
            subnets=self._network.node_subnets,
            disk_key=self._arn(KeyPurpose.DISKS),
            role_arn=self._node_pools.role_arn,
            pools=self._settings.gpu_pools,
            ready=[*self._node_addons.made, self._network],
        )
        return GpuPools("gpu-pools", args, opts=self._child())

    def _make_storage(self) -> Storage:
        storage = self._settings.storage
        args = StorageArgs(
            scope=self._scope,
            key=self._arn(KeyPurpose.STORAGE),
            noncurrent_days=storage.noncurrent_days,
            log_retention_days=self._settings.log_retention_days,
            replica_region=storage.replica_region,
            replica_key=self._keys.replica_arn,
            cache_subnet=self._network.node_subnets[0] if storage.fast_cache else None,
            vpc_id=self._network.vpc_id,
            clients=self._cluster.security_group,
            leaving=[tenant.name for tenant in self._settings.tenants if tenant.data_deletable],
        )
        return Storage("storage", args, opts=self._child())

    def _make_database(self) -> Database:
        database = self._settings.database
        args = DatabaseArgs(
            scope=self._scope,
            key=self._arn(KeyPurpose.DATABASE),
            vpc_id=self._network.vpc_id,
            subnets=self._network.data_subnets,
            clients=self._cluster.security_group,
            sku=database.sku,
            storage_gb=database.storage_gb,
            backup_retention_days=database.backup_retention_days,
        )
        return Database("database", args, opts=self._child())

    def _make_cache(self) -> Cache:
        args = CacheArgs(
            scope=self._scope,
            key=self._arn(KeyPurpose.DATABASE),
            vpc_id=self._network.vpc_id,
            subnets=self._network.data_subnets,
            clients=self._cluster.security_group,
            sku=self._settings.cache.sku,
        )
        return Cache("cache", args, opts=self._child())

    def _make_identity(self) -> Identity:
        args = IdentityArgs(
            scope=self._scope,
            cluster=self._cluster.name,
            lifetime=self._cluster.resource,
            server=read_statements(self._storage.bucket_arn, MODELS_PREFIX, self._arn(KeyPurpose.STORAGE)),
            gateway=[
                Statement("Database", ["rds-db:connect"], [self._database.connect_arn]),
                Statement("Cache", ["elasticache:Connect"], self._cache.connect_arns),
            ],
        )
        return Identity("identity", args, opts=self._child())

    def _make_ingress(self) -> Ingress:
        args = IngressArgs(
            scope=self._scope,
            vpc_id=self._network.vpc_id,
            public_subnets=self._network.public_subnets,
            private_subnets=self._network.node_subnets,
            pods=self._cluster.security_group,
            logs_bucket=self._storage.logs_bucket,
            host=self._settings.ingress.host,
            front_only=self._settings.ingress.front_only,
            drain_timeout_s=self._settings.gateway.drain_timeout_s,
        )
        # Access logs are refused before the bucket's policy lets them in.
        return Ingress("ingress", args, opts=self._child(self._network, self._storage))

    def _make_tenants(self) -> Tenants:
        args = TenantsArgs(
            scope=self._scope,
            tenants=self._settings.tenants,
            cluster=self._cluster.name,
            lifetime=self._cluster.resource,
            bucket=self._storage.bucket,
            bucket_arn=self._storage.bucket_arn,
            rotation_days=self._settings.encryption.rotation_days,
            deletion_window_days=self._settings.encryption.deletion_window_days,
        )
        return Tenants("tenants", args, opts=self._child())

    def _make_tunnel(self) -> Tunnel | None:
        if self._settings.api.access is not ApiAccess.PRIVATE:
            return None
        args = TunnelArgs(
            scope=self._scope,
            vpc_id=self._network.vpc_id,
            subnets=self._network.node_subnets,
            cluster_security_group=self._cluster.security_group,
            disk_key=self._arn(KeyPurpose.DISKS),
        )
        return Tunnel("tunnel", args, opts=self._child(self._network))

    def _make_controllers(self) -> k8s.Provider:
        """Put into the cluster what a node pool and a load balancer need there; return the workloads' provider."""
        lifetime, plans = self._cluster.resource, self._gpu_pools.plans
        inside = self._cluster.provider if self._settings.phase is Phase.COMPLETE else None
        balancing = LoadBalancerController(
            "load-balancer-controller",
            LoadBalancerControllerArgs(
                scope=self._scope,
                cluster=self._cluster.name,
                lifetime=lifetime,
                vpc_id=self._network.vpc_id,
                target_group=self._ingress.target_group,
                provider=inside,
                ready=(self._addons,),
            ),
            opts=self._child(),
        )
        scaling = Autoscaler(
            "autoscaler",
            AutoscalerArgs(
                scope=self._scope,
                cluster=self._cluster.name,
                lifetime=lifetime,
                kubernetes=self._settings.kubernetes.version,
                provider=inside,
                plans=plans,
                ready=(self._addons,),
            ),
            opts=self._child(),
        )
        before: list[pulumi.Resource] = [self._addons, self._gpu_pools, self._identity, balancing, scaling]
        if self._tunnel is not None:
            before.append(self._tunnel)  # what is in the cluster is deleted through it
        if inside is not None:
            if plans:
                efa = any(plan.network_cards for plan in plans)
                plugins = GpuEnablement(
                    "gpu-enablement",
                    GpuEnablementArgs(self._scope, inside, lifetime, efa),
                    opts=self._child(),
                )
                before.append(plugins)
            make_volume_class(
                self._arn(KeyPurpose.DISKS),
                pulumi.ResourceOptions(parent=self, provider=inside, deleted_with=lifetime, depends_on=[self._addons]),
            )
            Capacity(
                "capacity",
                CapacityArgs(inside, lifetime, plans, [*self._gpu_pools.groups.values(), scaling]),
                opts=self._child(),
            )
        return k8s.Provider(
            "workloads",
            kubeconfig=self._cluster.kubeconfig,
            cluster_identifier=self._cluster.resource.arn,
            enable_server_side_apply=True,
            enable_secret_mutable=True,
            enable_config_map_mutable=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=before),
        )

    def _image(self, image: str) -> pulumi.Output[str]:
        return pulumi.Output.from_input(image_in(self._registry.host, image))
