"""What a cloud account has once, whatever regions it holds: stacks of kind `account`."""

import pulumi

from infra.config import Cloud, StackSettings

__all__ = ["create_account"]


def create_account(settings: StackSettings) -> None:
    """Make what a stack file of kind `account` describes; only that cloud's SDK is imported."""
    match settings.cloud:
        case Cloud.AWS:
            from infra.account.aws import AwsAccount  # noqa: PLC0415

            AwsAccount("account", settings)
        case Cloud.AZURE:
            from infra.account.azure import AzureAccount  # noqa: PLC0415

            AzureAccount("account", settings)
        case Cloud.GCP:
            from infra.account.gcp import GcpAccount  # noqa: PLC0415

            GcpAccount("account", settings)
        case Cloud.LOCAL:  # refused with the settings
            return
    pulumi.export("account", settings.account)
