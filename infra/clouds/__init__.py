"""The clouds, behind one interface."""

from infra.clouds.region import Region
from infra.config import Cloud, StackSettings

__all__ = ["Region", "create_region"]


def create_region(settings: StackSettings) -> Region:
    """Make the region that a stack file describes; only that cloud's SDK is imported: one costs a second and 70 MB."""
    match settings.cloud:
        case Cloud.LOCAL:
            from infra.clouds.local import LocalRegion  # noqa: PLC0415

            return LocalRegion("region", settings)
        case Cloud.AWS:
            from infra.clouds.aws import AwsRegion  # noqa: PLC0415

            return AwsRegion("region", settings)
        case Cloud.AZURE:
            from infra.clouds.azure import AzureRegion  # noqa: PLC0415

            return AzureRegion("region", settings)
        case Cloud.GCP:
            from infra.clouds.gcp import GcpRegion  # noqa: PLC0415

            return GcpRegion("region", settings)
