"""The one door to all regions: the stack of kind `global`, one front per cloud."""

from pathlib import Path

from infra.config import Cloud, StackSettings

__all__ = ["create_front"]


def create_front(settings: StackSettings, project_root: Path) -> None:
    """Make the fronts that a stack file of kind `global` describes; only their clouds' SDKs are imported.

    Args:
        settings: What the stack file says.
        project_root: The folder of all stack files.
    """
    match settings.cloud:
        case Cloud.AWS:
            from infra.front.by_route53 import join  # noqa: PLC0415
        case Cloud.AZURE:
            from infra.front.by_traffic_manager import join  # noqa: PLC0415
        case Cloud.GCP | Cloud.LOCAL:  # refused with the settings
            return
    join(settings, project_root)
