"""The keys of a stack file (`Pulumi.<stack>.yaml`) and their meaning.

Keys are written in camelCase under the project's namespace (`modelfleet:serving`), as Pulumi's own are. What one key
may say stands in its type; what needs two keys, the catalogue or another file is in `checks.py`, and both are
applied before the first resource (`load.py`).
"""

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from documents.values import FileModel, Name
from infra.config.account import BudgetSettings, CiSettings, GuardRailSettings
from infra.config.data import CacheSettings, DatabaseSettings, EncryptionSettings, StorageSettings
from infra.config.front import FrontSettings
from infra.config.monitoring import MonitoringSettings
from infra.config.network import ApiAccess, ApiSettings, IngressSettings, NetworkSettings
from infra.config.placement import Cloud, Phase, StackKind
from infra.config.pools import CpuPoolsSettings, GpuPoolSettings
from infra.config.workloads import (
    DEMO_KEYS,
    ClusterSettings,
    GatewaySettings,
    KubernetesSettings,
    ModelSettings,
    ServingSettings,
    TenantKeySettings,
)
from tenants import Tenant, TenantState


class StackSettings(FileModel):
    """Everything that a stack file says, and the tenants that name the stack."""

    cloud: Cloud = Field(description="Where this stack lives; of a global stack, whose DNS directs clients")
    kind: StackKind = Field(
        StackKind.REGION,
        description="region, account (what an account has once), global (the front of all regions), or state (where "
        "stacks keep their state, made by `fleet bootstrap`)",
    )
    region: Name = Field("local", description="The cloud's name of the region; `local` on one machine")
    account: str = Field(
        "", description="AWS account id, Azure subscription id or Google Cloud project id; required in clouds"
    )
    environment: Name = Field("production", description="Tag `environment` of every resource")
    owner: str = Field("platform", min_length=1, max_length=63, description="Tag `owner` of every resource")
    tags: dict[str, str] = Field(
        default_factory=dict, description="More tags (labels on Google Cloud) of every resource"
    )
    regions: tuple[Name, ...] = Field(
        (), description="Account stacks: further regions whose once-per-region settings are made"
    )

    network: NetworkSettings = Field(default_factory=NetworkSettings, description=NetworkSettings.__doc__)
    api: ApiSettings = Field(default_factory=ApiSettings, description=ApiSettings.__doc__)
    ingress: IngressSettings = Field(default_factory=IngressSettings, description=IngressSettings.__doc__)
    kubernetes: KubernetesSettings = Field(default_factory=KubernetesSettings, description=KubernetesSettings.__doc__)
    gpu_pools: tuple[GpuPoolSettings, ...] = Field((), description="GPU machines, a ladder of pools per entry")
    gpu_quota: dict[str, int] = Field(
        default_factory=dict,
        description="Limits of the quotas that gpuPools draw on, by the cloud's name (`fleet catalog show SKU`): pools "
        "at their most and one replacement by `surge` must fit. Empty: not checked",
    )
    cpu_pools: CpuPoolsSettings = Field(default_factory=CpuPoolsSettings, description=CpuPoolsSettings.__doc__)
    encryption: EncryptionSettings = Field(default_factory=EncryptionSettings, description=EncryptionSettings.__doc__)
    storage: StorageSettings = Field(default_factory=StorageSettings, description=StorageSettings.__doc__)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings, description=DatabaseSettings.__doc__)
    cache: CacheSettings = Field(default_factory=CacheSettings, description=CacheSettings.__doc__)
    log_retention_days: int = Field(
        365, ge=1, le=3653, description="Days that the cluster's and services' logs are kept"
    )

    budget: BudgetSettings | None = Field(None, description=BudgetSettings.__doc__)
    ci: CiSettings | None = Field(None, description="Account stacks: " + (CiSettings.__doc__ or ""))
    guard_rails: GuardRailSettings = Field(default_factory=GuardRailSettings, description=GuardRailSettings.__doc__)
    front: FrontSettings | None = Field(None, description="Global stacks: " + (FrontSettings.__doc__ or ""))

    kube_context: str = Field(
        "", description="Local stacks: a context of your kubeconfig to use instead of the embedded cluster"
    )
    host: str = Field(
        "", description="With kubeContext: name or address that clients reach the gateway by; empty means localhost"
    )
    registry: str = Field(
        "", description="Container registry that images are pushed to; needed with kubeContext and 'build'"
    )
    cluster: ClusterSettings = Field(default_factory=ClusterSettings, description=ClusterSettings.__doc__)
    model: ModelSettings = Field(default_factory=ModelSettings, description=ModelSettings.__doc__)
    serving: ServingSettings = Field(default_factory=ServingSettings, description=ServingSettings.__doc__)
    gateway: GatewaySettings = Field(default_factory=GatewaySettings, description=GatewaySettings.__doc__)
    monitoring: MonitoringSettings = Field(default_factory=MonitoringSettings, description=MonitoringSettings.__doc__)
    keys: tuple[TenantKeySettings, ...] = Field(
        DEMO_KEYS,
        description="API keys to make. A tenant without one gets one of its own name; `demo` is for local stacks only",
    )

    backend: str = Field(
        "", description="State stacks: where their own state is, once it is there. Written by `fleet bootstrap`"
    )
    delete_data: bool = Field(
        False, description="Lifts the protection of data before it is taken down; set by `fleet down --delete-data`"
    )
    kept: tuple[Name, ...] = Field(
        (),
        description="Names that the cloud keeps from an earlier life of this stack (deleted vaults, identity pools): "
        "taken back, or left alone. Written by `fleet down --delete-data`",
    )
    phase: Phase = Field(
        Phase.COMPLETE,
        description="How much of a private region an update makes: `cloud` stops before what runs in the cluster, as "
        "the way to its API server is only being made. Written by `fleet up` and `fleet tunnel`",
    )

    # From tenants/*.yaml, put here by `load.py`; a stack file can't write it.
    tenants: SkipJsonSchema[tuple[Tenant, ...]] = Field((), description="Tenants whose files name this stack")
    budgeted: SkipJsonSchema[tuple[Tenant, ...]] = Field(
        (), description="Account stacks: tenants with a budget that a region of the account hosts"
    )

    def tags_of(self, stack: str) -> dict[str, str]:
        """Tags of everything that a stack makes: the file's own, and those that no file can replace."""
        return {**self.tags, "environment": self.environment, "owner": self.owner, "modelfleet-stack": stack}

    @property
    def api_keys(self) -> tuple[TenantKeySettings, ...]:
        """The API keys to make: those that the file names, and one for each tenant that has none there."""
        named = () if self.cloud is not Cloud.LOCAL and self.keys == DEMO_KEYS else self.keys
        served = {key.tenant for key in named}
        return (
            *named,
            *(TenantKeySettings(id=one.name, tenant=one.name) for one in self.tenants if one.name not in served),
        )

    @property
    def tunnelled(self) -> bool:
        """Whether the API server answers inside of the region's network only: elsewhere it takes a tunnel.

        GKE's has an endpoint outside of it that lets pass whom IAM lets pass.
        """
        private = self.kind is StackKind.REGION and self.api.access is ApiAccess.PRIVATE
        return private and self.cloud in {Cloud.AWS, Cloud.AZURE}

    def serves(self, tenant: str) -> bool:
        """Tell whether a tenant's requests get through: not from its suspension on."""
        return all(one.state is TenantState.ACTIVE for one in self.tenants if one.name == tenant)
