"""The one door to all regions: the stack of kind `global`, one front per cloud."""

from infra.config import StackSettings

__all__ = ["create_front"]


def create_front(settings: StackSettings) -> None:
    """Make the fronts that a stack file of kind `global` describes; only their clouds' SDKs are imported."""
    raise NotImplementedError(f"the front {settings.front} can't be made yet")
