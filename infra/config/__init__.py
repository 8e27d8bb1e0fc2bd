"""Typed stack settings: what a stack file may say, and what a bad value is told."""

from infra.config.errors import Finding, SettingsError
from infra.config.load import from_pulumi, from_stack_file
from infra.config.settings import (
    Cloud,
    ClusterSettings,
    GatewaySettings,
    ModelSettings,
    ServingSettings,
    StackSettings,
    TenantKeySettings,
)

__all__ = [
    "Cloud",
    "ClusterSettings",
    "Finding",
    "GatewaySettings",
    "ModelSettings",
    "ServingSettings",
    "SettingsError",
    "StackSettings",
    "TenantKeySettings",
    "from_pulumi",
    "from_stack_file",
]
