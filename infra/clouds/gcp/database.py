"""The gateway's PostgreSQL: Cloud SQL in two zones, under a key of ours, reached by a private endpoint only.

Nobody logs in with a password: the gateway's identity is a database user (IAM authentication). The instance has no
address in the network; Private Service Connect gives it one, and a private DNS zone its name.
"""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.clouds.gcp.scope import Scope
from infra.config import DatabaseSettings

DATABASE = "modelfleet"
PORT = 5432
_VERSION = "POSTGRES_17"
_USUAL_TIER = "db-perf-optimized-N-2"
"""2 vCPUs and 16 GB, the smallest of Enterprise Plus (cloud.google.com/sql/docs/postgres/instance-settings)."""
_PLUS_TIERS = "db-perf-optimized-"
_ENTERPRISE_LOG_DAYS = 7
"""Enterprise keeps transaction logs for 7 days, Enterprise Plus for 35
(cloud.google.com/sql/docs/postgres/backup-recovery/pitr)."""
_FINAL_BACKUP_DAYS = 30
_FLAGS = {
    "cloudsql.iam_authentication": "on",
    # CIS Google Cloud Platform Foundation Benchmark, section 6.2: who came, who left, and what changed the schema.
    "log_connections": "on",
    "log_disconnections": "on",
    "log_statement": "ddl",
    "log_min_error_statement": "error",
}


@dataclass(frozen=True)
class DatabaseArgs:
    """What the database is made of.

    Attributes:
        settings: The stack file's `database`.
        key: Id of its key.
        granted: What has to be there before Cloud SQL can use it.
        network: Id of the VPC.
        network_link: Self link of the VPC.
        subnet: Subnet of its endpoint.
        user: E-mail of the service account that logs in.
        zones: Zones of the primary and of the standby.
    """

    settings: DatabaseSettings
    key: pulumi.Input[str]
    granted: list[pulumi.Resource]
    network: pulumi.Input[str]
    network_link: pulumi.Input[str]
    subnet: pulumi.Input[str]
    user: pulumi.Output[str]
    zones: tuple[str, ...]


class Database(pulumi.ComponentResource):
    """Instance, database, user, and the endpoint that leads to it."""

    instance: pulumi.Output[str]
    host: pulumi.Output[str]
    port: pulumi.Output[int]
    user: pulumi.Output[str]
    name: pulumi.Output[str]

    def __init__(self, name: str, scope: Scope, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:gcp:Database", name, None, opts)
        self._scope, self._args = scope, args
        instance = self._make_instance(name)
        self.instance = instance.name
        inside = pulumi.ResourceOptions(parent=self)
        database = gcp.sql.Database(
            name, name=DATABASE, instance=instance.name, deletion_policy=_kept(scope), opts=scope.data(self)
        )
        # PostgreSQL knows a service account by its e-mail without the last part
        # (cloud.google.com/sql/docs/postgres/add-manage-iam-users).
        self.user = args.user.apply(lambda email: email.removesuffix(".gserviceaccount.com"))
        gcp.sql.User(
            "gateway",
            instance=instance.name,
            name=self.user,
            type="CLOUD_IAM_SERVICE_ACCOUNT",
            # A role that owns objects can't be dropped; it goes with the instance.
            deletion_policy="ABANDON",
            opts=inside,
        )
        self.name = database.name
        self.host = self._endpoint(instance)
        self.port = pulumi.Output.from_input(PORT)
        self.register_outputs({"instance": self.instance, "host": self.host})

    def _make_instance(self, name: str) -> gcp.sql.DatabaseInstance:
        scope, settings = self._scope, self._args.settings
        tier = settings.sku or _USUAL_TIER
        plus = tier.startswith(_PLUS_TIERS)
        days = settings.backup_retention_days
        sql = gcp.sql
        return sql.DatabaseInstance(
            # No `name`: a deleted instance's is taken for a week (cloud.google.com/sql/docs/postgres/delete-instance),
            # so each gets a random end; the label says whose it is.
            name,
            database_version=_VERSION,
            region=scope.region,
            encryption_key_name=self._args.key,
            deletion_protection=not scope.delete_data,
            settings=sql.DatabaseInstanceSettingsArgs(
                tier=tier,
                edition="ENTERPRISE_PLUS" if plus else "ENTERPRISE",
                availability_type="REGIONAL",
                deletion_protection_enabled=not scope.delete_data,
                disk_type="PD_SSD",
                disk_size=settings.storage_gb,
                disk_autoresize=True,
                location_preference=sql.DatabaseInstanceSettingsLocationPreferenceArgs(
                    zone=self._args.zones[0], secondary_zone=self._args.zones[1]
                ),
                backup_configuration=sql.DatabaseInstanceSettingsBackupConfigurationArgs(
                    enabled=True,
                    location=scope.region,
                    start_time="02:00",
                    point_in_time_recovery_enabled=True,
                    transaction_log_retention_days=days if plus else min(days, _ENTERPRISE_LOG_DAYS),
                    backup_retention_settings=sql.DatabaseInstanceSettingsBackupConfigurationBackupRetentionSettingsArgs(
                        retained_backups=days, retention_unit="COUNT"
                    ),
                ),
                final_backup_config=sql.DatabaseInstanceSettingsFinalBackupConfigArgs(
                    enabled=not scope.delete_data,
                    retention_days=None if scope.delete_data else _FINAL_BACKUP_DAYS,
                ),
                ip_configuration=sql.DatabaseInstanceSettingsIpConfigurationArgs(
                    ipv4_enabled=False,
                    ssl_mode="ENCRYPTED_ONLY",
                    server_ca_mode="GOOGLE_MANAGED_CAS_CA",
                    psc_configs=[
                        sql.DatabaseInstanceSettingsIpConfigurationPscConfigArgs(
                            psc_enabled=True, allowed_consumer_projects=[scope.project]
                        )
                    ],
                ),
                database_flags=[
                    sql.DatabaseInstanceSettingsDatabaseFlagArgs(name=flag, value=value)
                    for flag, value in sorted(_FLAGS.items())
                ],
                insights_config=sql.DatabaseInstanceSettingsInsightsConfigArgs(
                    query_insights_enabled=True,
                    # What clients wrote has no place in a dashboard.
                    record_application_tags=False,
                    record_client_address=False,
                ),
                maintenance_window=sql.DatabaseInstanceSettingsMaintenanceWindowArgs(
                    day=7, hour=3, update_track="stable"
                ),
                user_labels=dict(scope.labels),
            ),
            opts=pulumi.ResourceOptions.merge(scope.data(self), pulumi.ResourceOptions(depends_on=self._args.granted)),
        )

    def _endpoint(self, instance: gcp.sql.DatabaseInstance) -> pulumi.Output[str]:
        """Give the instance an address in the network, and its name an answer."""
        scope, args = self._scope, self._args
        inside = pulumi.ResourceOptions(parent=self)
        address = gcp.compute.Address(
            "database",
            name=scope.name("database"),
            region=scope.region,
            address_type="INTERNAL",
            purpose="GCE_ENDPOINT",
            subnetwork=args.subnet,
            labels=dict(scope.labels),
            opts=inside,
        )
        rule = gcp.compute.ForwardingRule(
            "database",
            name=scope.name("database"),
            region=scope.region,
            network=args.network,
            ip_address=address.self_link,
            target=instance.psc_service_attachment_link,
            # The empty scheme is that of a Private Service Connect endpoint.
            load_balancing_scheme="",
            labels=dict(scope.labels),
            opts=inside,
        )
        # The name that the instance's certificate has
        # (cloud.google.com/sql/docs/postgres/configure-private-service-connect).
        zone = gcp.dns.ManagedZone(
            "database",
            name=scope.name("database"),
            dns_name=instance.dns_name,
            description="The database's name, answered by its endpoint",
            visibility="private",
            private_visibility_config=gcp.dns.ManagedZonePrivateVisibilityConfigArgs(
                networks=[gcp.dns.ManagedZonePrivateVisibilityConfigNetworkArgs(network_url=args.network_link)]
            ),
            labels=dict(scope.labels),
            opts=inside,
        )
        record = gcp.dns.RecordSet(
            "database",
            managed_zone=zone.name,
            name=instance.dns_name,
            type="A",
            ttl=300,
            rrdatas=[rule.ip_address],
            opts=inside,
        )
        return record.name.apply(lambda host: host.removesuffix("."))


def _kept(scope: Scope) -> str:
    return "DELETE" if scope.delete_data else "PREVENT"
