"""The clouds, behind one interface."""

from infra.clouds.region import Region
from infra.config import Cloud, StackSettings

__all__ = ["Region", "create_region"]


def create_region(settings: StackSettings) -> Region:
    """Make the region that a stack file describes; only that cloud's SDK is imported."""
    match settings.cloud:
        case Cloud.LOCAL:
            from infra.clouds.local import LocalRegion  # noqa: PLC0415 - each cloud's SDK costs a second to import

            return LocalRegion("region", settings)
        case cloud:
            msg = f"modelfleet:cloud: {cloud} has no region here yet: this version serves 'local' only"
            raise NotImplementedError(msg)
