"""The `global` stack: one name, one front per cloud, and how clients are sent to regions."""

from enum import StrEnum

from pydantic import Field

from documents.values import FileModel, HostName
from infra.config.placement import Cloud


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

    @property
    def clients(self) -> str:
        """The name that clients use: below the domain, since the domain's own can't lead to another cloud's name."""
        return f"api.{self.domain}"
