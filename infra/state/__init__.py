"""Where all stacks keep their state, and the key under which they keep their secrets: stacks of kind `state`.

The one stack that can't begin in the place that it makes: `fleet bootstrap` brings it up with a state on this machine
and then moves that into the bucket (docs/adr/0013-state-backend.md).
"""

import pulumi

from infra.config import Cloud, StackSettings

__all__ = ["create_state"]


def create_state(settings: StackSettings) -> None:
    """Make what a stack file of kind `state` describes; only that cloud's SDK is imported."""
    match settings.cloud:
        case Cloud.AWS:
            from infra.state.aws import AwsState  # noqa: PLC0415

            made = AwsState("state", settings)
        case Cloud.AZURE:
            from infra.state.azure import AzureState  # noqa: PLC0415

            made = AzureState("state", settings)
        case Cloud.GCP:
            from infra.state.gcp import GcpState  # noqa: PLC0415

            made = GcpState("state", settings)
        case Cloud.LOCAL:  # refused with the settings
            return
    pulumi.export("backend", made.backend)
    pulumi.export("secretsProvider", made.secrets_provider)
