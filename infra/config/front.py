"""The `global` stack: one name, one front per cloud, and how clients are sent to regions."""

from collections.abc import Iterable, Iterator
from enum import StrEnum

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from documents.values import FileModel, HostName
from infra.config.placement import Cloud
from tenants import Tenant, TenantState


class Routing(StrEnum):
    """How a client is sent to a front: the nearest, by weight, or the first that is healthy."""

    LATENCY = "latency"
    WEIGHTED = "weighted"
    FAILOVER = "failover"


class CloudFrontSettings(FileModel):
    """One cloud's front (CDN, WAF, TLS) and the region stacks behind it."""

    cloud: Cloud = Field(description="Cloud of this front and of its regions")
    account: str = Field(min_length=1, description="Account, subscription or project that owns the front")
    region: str = Field(min_length=1, description="Region of what the front keeps in one (logs, resource group)")
    stacks: tuple[str, ...] = Field(min_length=1, description="Region stacks behind it, in order of preference")
    nearest: str = Field(
        "",
        description="With routing `latency`: the region of the DNS's own cloud that is nearest to this front; needed "
        "where the front is another cloud's",
    )
    weight: int = Field(100, ge=0, le=255, description="With routing `weighted`: this front's share")


class FrontSettings(FileModel):
    """The one door to all regions."""

    domain: HostName = Field(description="The domain whose DNS zone is made here; clients use the name `api` below it")
    routing: Routing = Field(Routing.LATENCY, description="latency, weighted, or failover (in the order of `fronts`)")
    fronts: tuple[CloudFrontSettings, ...] = Field(min_length=1, description="One per cloud")
    # Route 53 asks an alias's health every 10 or 30 s; a longer TTL would outlive what health checks save.
    ttl_s: int = Field(60, ge=30, le=3600, description="Seconds that resolvers may keep an answer")
    requests_per_5_minutes: int = Field(
        2000, ge=100, le=2_000_000, description="Requests of one client address before the WAF blocks it"
    )
    blocked_countries: tuple[str, ...] = Field((), description="ISO 3166 codes of countries that get no answer")

    # From tenants/*.yaml, put here by `load.py`; a stack file can't write it.
    tenants: SkipJsonSchema[tuple[Tenant, ...]] = Field((), description="Tenants with names of their own (`domain`)")

    @property
    def clients(self) -> str:
        """The name that clients use: below the domain, since the domain's own can't lead to another cloud's name."""
        return f"api.{self.domain}"

    def with_names_of(self, tenants: Iterable[Tenant]) -> "FrontSettings":
        """Take up the tenants that have a name of their own and are hosted behind these fronts, until they leave."""
        behind = {stack for front in self.fronts for stack in front.stacks}
        named = (each for each in tenants if each.domain is not None and each.state is not TenantState.LEAVING)
        return self.model_copy(update={"tenants": tuple(each for each in named if behind & set(each.stacks))})

    def served_by(self, front: CloudFrontSettings) -> Iterator[tuple[Tenant, str]]:
        """Give the tenants, with their names, that every region of a front hosts: whichever answers knows them."""
        for tenant in self.tenants:
            if tenant.domain is not None and set(front.stacks) <= set(tenant.stacks):
                yield tenant, tenant.domain

    def names_of(self, front: CloudFrontSettings) -> tuple[str, ...]:
        """Give the names that a front has a certificate for and answers to: everybody's, then tenants' own."""
        return (self.clients, *(name for _, name in self.served_by(front)))
