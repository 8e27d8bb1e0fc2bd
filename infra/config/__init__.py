"""Typed stack settings: what a stack file may say, and what a bad value is told."""

from documents import Finding, SettingsError
from infra.config.account import BudgetSettings, CiSettings, GuardRailSettings, TenantTag
from infra.config.data import CacheSettings, DatabaseSettings, EncryptionSettings, StorageSettings
from infra.config.front import CloudFrontSettings, FrontSettings, Routing
from infra.config.load import from_pulumi, from_stack_file
from infra.config.monitoring import MetricsVolume, MonitoringSettings
from infra.config.network import ApiAccess, ApiSettings, IngressSettings, NatMode, NetworkSettings
from infra.config.placement import Cloud, Phase, StackKind
from infra.config.pools import CpuPoolSettings, CpuPoolsSettings, GpuPoolSettings, Replacement, Rung
from infra.config.quota_checks import QuotaDemand, gpu_demands
from infra.config.settings import StackSettings
from infra.config.workloads import (
    Architecture,
    ClusterSettings,
    GatewaySettings,
    KubernetesSettings,
    ModelSettings,
    ServingSettings,
    TenantKeySettings,
    image_in,
)
from tenants import Tenant

__all__ = [
    "ApiAccess",
    "ApiSettings",
    "Architecture",
    "BudgetSettings",
    "CacheSettings",
    "CiSettings",
    "Cloud",
    "CloudFrontSettings",
    "ClusterSettings",
    "CpuPoolSettings",
    "CpuPoolsSettings",
    "DatabaseSettings",
    "EncryptionSettings",
    "Finding",
    "FrontSettings",
    "GatewaySettings",
    "GpuPoolSettings",
    "GuardRailSettings",
    "IngressSettings",
    "KubernetesSettings",
    "MetricsVolume",
    "ModelSettings",
    "MonitoringSettings",
    "NatMode",
    "NetworkSettings",
    "Phase",
    "QuotaDemand",
    "Replacement",
    "Routing",
    "Rung",
    "ServingSettings",
    "SettingsError",
    "StackKind",
    "StackSettings",
    "StorageSettings",
    "Tenant",
    "TenantKeySettings",
    "TenantTag",
    "from_pulumi",
    "from_stack_file",
    "gpu_demands",
    "image_in",
]
