"""AWS's service models, as botocore carries them: what each operation takes, with enumerations, patterns and ranges."""

from functools import cached_property
from importlib.metadata import version

from rehearsal.published import Node


class ServiceModels:
    """The source of rules for AWS; places are `service.Operation` or `service.Shape`, with members after more dots."""

    @cached_property  # reading a package's metadata takes a millisecond, and every check asks
    def version(self) -> str:
        """The models are those of the installed botocore."""
        return f"botocore {version('botocore')}"

    def node(self, place: str) -> Node | None:
        """Give the input of an operation, or a shape, of a service."""
        from rehearsal.service_shapes import node_at  # noqa: PLC0415 - with the first rule that isn't on disk

        return node_at(place)
