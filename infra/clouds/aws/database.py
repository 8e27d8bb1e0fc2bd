"""PostgreSQL for accounts and the ledger: two zones, encrypted, restorable to any second, no password anywhere.

Pods log in with tokens of their IAM role (docs.aws.amazon.com/AmazonRDS/latest/UserGuide/
UsingWithRDS.IAMDBAuth.html). The owner's password is made, kept and rotated by RDS in Secrets Manager and read by
nobody but who sets the database up.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.data_door import DataDoorArgs, make_data_door
from infra.clouds.aws.policy_document import service_trust
from infra.clouds.aws.scope import Scope

PORT = 5432
NAME = "modelfleet"
USER = "gateway"
"""Who the gateway logs in as: a database user that is granted `rds_iam`."""
_OWNER = "owner"
_VERSION = "17"
"""Major version; RDS takes its latest minor one, and later ones in the maintenance window."""
_SKU = "db.m6g.large"
_MONITORING_S = 60
_INSIGHTS_DAYS = 7
"""Free of charge (docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PerfInsights.Overview.cost.html)."""
_GROWTH = 4
"""Storage grows by itself up to this multiple (RDS autoscaling)."""


@dataclass(frozen=True)
class DatabaseArgs:
    """What the database is made from.

    Attributes:
        scope: The stack's place.
        key: Key of its storage, backups, insights and password.
        vpc_id: The region's VPC.
        subnets: Its subnets, in two zones at least.
        clients: Security group of the pods that use it.
        sku: Instance class; None for the usual.
        storage_gb: Storage to begin with.
        backup_retention_days: How far back it can be restored to any second.
    """

    scope: Scope
    key: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    subnets: list[pulumi.Output[str]]
    clients: pulumi.Input[str]
    sku: str | None
    storage_gb: int
    backup_retention_days: int


class Database(pulumi.ComponentResource):
    """RDS instance with a standby in another zone.

    Attributes:
        host: Private host name.
        port: TCP port.
        connect_arn: What an IAM policy must allow (rds-db:connect) to log in as `USER`.
    """

    host: pulumi.Output[str]
    port: pulumi.Output[int]
    connect_arn: pulumi.Output[str]

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:aws:Database", name, None, opts)
        scope, own = args.scope, pulumi.ResourceOptions(parent=self)
        group = make_data_door("database", DataDoorArgs(scope, "PostgreSQL", PORT, args.vpc_id, args.clients), own)
        subnets = aws.rds.SubnetGroup("database", name=scope.name(), subnet_ids=args.subnets, opts=own)
        monitoring = aws.iam.Role(
            "database-monitoring",
            name=scope.name("rds-monitoring"),
            assume_role_policy=service_trust("monitoring.rds.amazonaws.com", account=scope.account),
            permissions_boundary=scope.boundary_arn(),
            opts=own,
        )
        aws.iam.RolePolicyAttachment(
            "database-monitoring",
            role=monitoring.name,
            policy_arn=scope.managed_policy("service-role/AmazonRDSEnhancedMonitoringRole"),
            opts=own,
        )
        database = aws.rds.Instance(
            "database",
            identifier=scope.name(),
            engine="postgres",
            engine_version=_VERSION,
            instance_class=args.sku or _SKU,
            multi_az=True,
            db_name=NAME,
            username=_OWNER,
            manage_master_user_password=True,
            master_user_secret_kms_key_id=args.key,
            iam_database_authentication_enabled=True,
            allocated_storage=args.storage_gb,
            max_allocated_storage=args.storage_gb * _GROWTH,
            storage_type="gp3",
            storage_encrypted=True,
            kms_key_id=args.key,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[group.id],
            publicly_accessible=False,
            port=PORT,
            parameter_group_name=self._parameters(scope).name,
            ca_cert_identifier="rds-ca-rsa2048-g1",
            backup_retention_period=args.backup_retention_days,
            copy_tags_to_snapshot=True,
            delete_automated_backups=scope.delete_data,
            deletion_protection=not scope.delete_data,
            skip_final_snapshot=scope.delete_data,
            final_snapshot_identifier=scope.name("final"),
            auto_minor_version_upgrade=True,
            enabled_cloudwatch_logs_exports=["postgresql", "upgrade"],
            performance_insights_enabled=True,
            performance_insights_kms_key_id=args.key,
            performance_insights_retention_period=_INSIGHTS_DAYS,
            monitoring_interval=_MONITORING_S,
            monitoring_role_arn=monitoring.arn,
            opts=scope.data(self),
        )
        self.host, self.port = database.address, database.port
        self.connect_arn = pulumi.Output.concat(scope.arn("rds-db", "dbuser:"), database.resource_id, "/", USER)
        self.register_outputs({"host": self.host, "port": self.port})

    def _parameters(self, scope: Scope) -> aws.rds.ParameterGroup:
        # docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html
        values = {
            "rds.force_ssl": "1",
            "ssl_min_protocol_version": "TLSv1.2",
            "log_connections": "1",
            "log_disconnections": "1",
        }
        return aws.rds.ParameterGroup(
            "database",
            name=scope.name(f"postgres{_VERSION}"),
            family=f"postgres{_VERSION}",
            parameters=[
                aws.rds.ParameterGroupParameterArgs(name=name, value=value, apply_method="pending-reboot")
                for name, value in values.items()
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
