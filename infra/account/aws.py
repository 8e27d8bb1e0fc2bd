"""What an AWS account has once, and once per Region: who deploys, what it may cost, what nobody can switch off.

GitHub's workflows get credentials for as long as a job by their own identity (docs.github.com/actions/how-tos/
secure-your-work/security-harden-deployments/oidc-in-aws): one role per environment, that only jobs of that
environment of that repository may assume, and people with a second factor. No key is stored anywhere.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.account.aws_boundary import boundary_statements
from infra.account.aws_budgets import make_budgets
from infra.account.aws_permissions import deployer_statements
from infra.account.aws_state_place import StatePlace
from infra.clouds.aws.buckets import Bucket, BucketArgs
from infra.clouds.aws.keys import KeyArgs, autoscaling_statements, make_key
from infra.clouds.aws.policy_document import Statement, document, service_trust, trust
from infra.clouds.aws.scope import Scope, boundary_name, deployer_role_name
from infra.config import CiSettings, StackSettings

_GITHUB = "token.actions.githubusercontent.com"
_PREVIEW = "preview"
"""The environment whose role may only look."""
_LOOK = ("job-function/ViewOnlyAccess", "SecurityAudit")
"""Everything about resources, nothing of what is stored in them; of that, states alone are added
(docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_job-functions.html)."""
_SERVICE_ROLES = ("autoscaling.amazonaws.com", "spot.amazonaws.com")
"""Services whose own role must be there before the first region: node disks' key policies name the first."""
_SESSION_S = 6 * 3600
"""The most that a session may last: as long as a job on GitHub's runners may
(docs.github.com/actions/reference/limits). Each workflow asks for what its job takes."""
_DETECTED = ("EKS_AUDIT_LOGS", "S3_DATA_EVENTS", "RDS_LOGIN_EVENTS", "EBS_MALWARE_PROTECTION")
"""docs.aws.amazon.com/guardduty/latest/ug/guardduty-features-activation-model.html"""


class AwsAccount(pulumi.ComponentResource):
    """Identity for CI, budgets, and guard rails in every Region that is used.

    Attributes:
        deployer_roles: ARN of each environment's role.
    """

    deployer_roles: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, settings: StackSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        scope = Scope.of(pulumi.get_stack(), settings)
        provider = aws.Provider("aws", region=scope.region, allowed_account_ids=[scope.account])
        own = pulumi.ResourceOptions(provider=provider, transformations=[scope.tagging])
        super().__init__("modelfleet:aws:Account", name, None, pulumi.ResourceOptions.merge(opts, own))
        self._scope, self._settings = scope, settings
        self._own = pulumi.ResourceOptions(parent=self)
        regions = tuple(dict.fromkeys((settings.region, *settings.regions)))
        self.deployer_roles = {} if settings.ci is None else self._make_ci(settings.ci, regions)
        make_budgets(scope, settings, self)
        self._make_account_rails()
        for region in regions:
            RegionRails(
                region,
                RegionRailsArgs(
                    scope=scope,
                    region=region,
                    others=tuple(other for other in regions if other != region),
                    rotation_days=settings.encryption.rotation_days,
                    deletion_window_days=settings.encryption.deletion_window_days,
                    threat_detection=settings.guard_rails.threat_detection,
                ),
                opts=self._own,
            )
        if settings.guard_rails.configuration_record:
            self._make_configuration_record(regions)
        self.register_outputs({"deployerRoles": self.deployer_roles})

    def _make_ci(self, ci: CiSettings, regions: tuple[str, ...]) -> dict[str, pulumi.Output[str]]:
        issuer = aws.iam.OpenIdConnectProvider(
            "github", url=f"https://{_GITHUB}", client_id_lists=["sts.amazonaws.com"], opts=self._own
        )
        return {
            environment: self._make_deployer(environment, ci, issuer.arn, regions) for environment in ci.environments
        }

    def _make_deployer(
        self, environment: str, ci: CiSettings, issuer: pulumi.Output[str], regions: tuple[str, ...]
    ) -> pulumi.Output[str]:
        workflow = Statement(
            "Workflows",
            ["sts:AssumeRoleWithWebIdentity"],
            principals={"Federated": issuer},
            conditions={
                "StringEquals": {
                    f"{_GITHUB}:aud": "sts.amazonaws.com",
                    f"{_GITHUB}:sub": f"repo:{ci.repository}:environment:{environment}",
                }
            },
        )
        # Whose own policy lets them; and only with a second factor.
        people = Statement(
            "People",
            ["sts:AssumeRole"],
            principals={"AWS": self._scope.iam_arn("root")},
            conditions={"Bool": {"aws:MultiFactorAuthPresent": "true"}},
        )
        # `aws eks get-token --role-arn` takes the role again, as a session of it, which has no second factor. Not as
        # the principal: IAM refuses a role that isn't there yet
        # (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html).
        itself = Statement(
            "Itself",
            ["sts:AssumeRole"],
            principals={"AWS": self._scope.iam_arn("root")},
            conditions={
                "StringEquals": {"aws:PrincipalArn": self._scope.iam_arn(f"role/{deployer_role_name(environment)}")}
            },
        )
        role = aws.iam.Role(
            f"deploy-{environment}",
            name=deployer_role_name(environment),
            assume_role_policy=trust(workflow, people, *(() if environment == _PREVIEW else (itself,))),
            max_session_duration=_SESSION_S,
            tags={"environment": environment},  # whose it is, not who made it: or it would be kept from itself
            opts=self._own,
        )
        state = ci.state_stack_of(self._settings.cloud)
        if environment == _PREVIEW:
            aws.iam.RolePolicy(
                f"deploy-{environment}-state",
                name="state",
                role=role.name,
                policy=document(*StatePlace(self._scope, state).read()),
                opts=self._own,
            )
            for policy in _LOOK:
                aws.iam.RolePolicyAttachment(
                    f"deploy-{environment}-{policy.rsplit('/', 1)[-1]}",
                    role=role.name,
                    policy_arn=self._scope.managed_policy(policy),
                    opts=self._own,
                )
        else:
            aws.iam.Policy(
                f"boundary-{environment}",
                name=boundary_name(environment),
                description=f"The most that roles of environment {environment} may do",
                policy=document(*boundary_statements(self._scope, environment, regions, state)),
                opts=self._own,
            )
            for part, statements in deployer_statements(self._scope, environment, regions, state).items():
                # Of its own, not inline: all that is inside of a role shares 10,240 characters.
                policy = aws.iam.Policy(
                    f"deploy-{environment}-{part}",
                    name=f"{deployer_role_name(environment)}-{part}",
                    description=f"What deployments to {environment} may do: {part}",
                    policy=document(*statements),
                    opts=self._own,
                )
                aws.iam.RolePolicyAttachment(
                    f"deploy-{environment}-{part}", role=role.name, policy_arn=policy.arn, opts=self._own
                )
        return role.arn

    def _make_account_rails(self) -> None:
        aws.s3.AccountPublicAccessBlock(
            "buckets",
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._own,
        )
        for service in _SERVICE_ROLES:
            aws.iam.ServiceLinkedRole(
                service.split(".", 1)[0],
                aws_service_name=service,
                # Machines of other stacks run under it: it goes with the account, not with this stack.
                opts=pulumi.ResourceOptions(parent=self, protect=not self._scope.delete_data),
            )

    def _make_configuration_record(self, regions: tuple[str, ...]) -> None:
        """Record every resource's history (docs.aws.amazon.com/config/latest/developerguide/gs-cli-prereq.html)."""
        scope, settings = self._scope, self._settings
        key = make_key(
            "configuration",
            KeyArgs(
                scope=scope,
                alias=scope.name("configuration"),
                description="configuration history",
                services=("s3",),
                rotation_days=settings.encryption.rotation_days,
                deletion_window_days=settings.encryption.deletion_window_days,
            ),
            self,
        )
        role = aws.iam.Role(
            "configuration",
            name=scope.name("configuration"),
            assume_role_policy=service_trust("config.amazonaws.com", account=scope.account),
            opts=self._own,
        )
        aws.iam.RolePolicyAttachment(
            "configuration",
            role=role.name,
            policy_arn=scope.managed_policy("service-role/AWS_ConfigRole"),
            opts=self._own,
        )
        bucket = Bucket(
            "configuration",
            BucketArgs(scope, "configuration", key.arn, None, noncurrent_days=settings.storage.noncurrent_days),
            opts=self._own,
        )
        aws.iam.RolePolicy(
            "configuration",
            role=role.name,
            policy=document(
                Statement("Look", ["s3:GetBucketAcl", "s3:ListBucket"], [bucket.arn]),
                Statement("Deliver", ["s3:PutObject"], [pulumi.Output.concat(bucket.arn, "/AWSLogs/*")]),
                Statement("Encrypt", ["kms:GenerateDataKey", "kms:Decrypt"], [key.arn]),
            ),
            opts=self._own,
        )
        for region in regions:
            recorder = aws.cfg.Recorder(
                f"recorder-{region}",
                name=scope.name(),
                role_arn=role.arn,
                recording_group=aws.cfg.RecorderRecordingGroupArgs(
                    all_supported=True, include_global_resource_types=region == settings.region
                ),
                region=region,
                opts=self._own,
            )
            channel = aws.cfg.DeliveryChannel(
                f"channel-{region}",
                name=scope.name(),
                s3_bucket_name=bucket.name,
                s3_kms_key_arn=key.arn,
                region=region,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[recorder]),
            )
            aws.cfg.RecorderStatus(
                f"recording-{region}",
                name=recorder.name,
                is_enabled=True,
                region=region,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[channel]),
            )


@dataclass(frozen=True)
class RegionRailsArgs:
    """What a Region's guard rails are made from.

    Attributes:
        scope: The account stack's place.
        region: The Region.
        others: The account's other Regions, which images are replicated into.
        rotation_days: Days between new versions of its key.
        deletion_window_days: Days in which the key's deletion can be cancelled.
        threat_detection: Whether GuardDuty watches.
    """

    scope: Scope
    region: str
    others: tuple[str, ...]
    rotation_days: int
    deletion_window_days: int
    threat_detection: bool


class RegionRails(pulumi.ComponentResource):
    """Settings that an account has once in each Region."""

    def __init__(self, name: str, args: RegionRailsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:aws:RegionRails", name, None, opts)
        self._args, self._own = args, pulumi.ResourceOptions(parent=self)
        region = args.region
        key = make_key(
            f"default-{region}",
            KeyArgs(
                scope=args.scope,
                alias=args.scope.name("default"),
                description="volumes and images that name no key of their own",
                services=("ec2", "ecr"),
                rotation_days=args.rotation_days,
                deletion_window_days=args.deletion_window_days,
                statements=autoscaling_statements(args.scope),
                region=region,
            ),
            self,
        )
        aws.ebs.EncryptionByDefault(f"volumes-{region}", enabled=True, region=region, opts=self._own)
        aws.ebs.DefaultKmsKey(f"volumes-{region}", key_arn=key.arn, region=region, opts=self._own)
        aws.ebs.SnapshotBlockPublicAccess(
            f"snapshots-{region}", state="block-all-sharing", region=region, opts=self._own
        )
        aws.ec2.ImageBlockPublicAccess(f"images-{region}", state="block-new-sharing", region=region, opts=self._own)
        aws.ec2.InstanceMetadataDefaults(
            f"metadata-{region}", http_tokens="required", http_put_response_hop_limit=1, region=region, opts=self._own
        )
        aws.accessanalyzer.Analyzer(
            f"access-{region}", analyzer_name=args.scope.name(), type="ACCOUNT", region=region, opts=self._own
        )
        self._make_registry(key)
        if args.threat_detection:
            self._make_detector()
        self.register_outputs({})

    def _make_registry(self, key: aws.kms.Key) -> None:
        """Scan all that is pushed, copy our images into the other Regions, and set what copies get there."""
        region = self._args.region
        aws.ecr.RegistryScanningConfiguration(
            f"scanning-{region}",
            scan_type="ENHANCED",  # the packages of languages too, and again when a new vulnerability is known
            rules=[
                aws.ecr.RegistryScanningConfigurationRuleArgs(
                    scan_frequency="CONTINUOUS_SCAN",
                    repository_filters=[
                        aws.ecr.RegistryScanningConfigurationRuleRepositoryFilterArgs(
                            filter="*", filter_type="WILDCARD"
                        )
                    ],
                )
            ],
            region=region,
            opts=self._own,
        )
        # Copies come into repositories of the same name; of the settings, ECR copies none by itself:
        # docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates.html.
        aws.ecr.RepositoryCreationTemplate(
            f"copies-{region}",
            prefix="modelfleet",
            applied_fors=["REPLICATION"],
            image_tag_mutability="IMMUTABLE",
            encryption_configurations=[
                aws.ecr.RepositoryCreationTemplateEncryptionConfigurationArgs(encryption_type="KMS", kms_key=key.arn)
            ],
            region=region,
            opts=self._own,
        )
        if self._args.others:
            rule = aws.ecr.ReplicationConfigurationReplicationConfigurationRuleArgs(
                destinations=[
                    aws.ecr.ReplicationConfigurationReplicationConfigurationRuleDestinationArgs(
                        region=other, registry_id=self._args.scope.account
                    )
                    for other in self._args.others
                ],
                repository_filters=[
                    aws.ecr.ReplicationConfigurationReplicationConfigurationRuleRepositoryFilterArgs(
                        filter="modelfleet", filter_type="PREFIX_MATCH"
                    )
                ],
            )
            aws.ecr.ReplicationConfiguration(
                f"replication-{region}",
                replication_configuration=aws.ecr.ReplicationConfigurationReplicationConfigurationArgs(rules=[rule]),
                region=region,
                opts=self._own,
            )

    def _make_detector(self) -> None:
        region = self._args.region
        detector = aws.guardduty.Detector(
            f"threats-{region}",
            enable=True,
            finding_publishing_frequency="FIFTEEN_MINUTES",
            region=region,
            opts=self._own,
        )
        for feature in _DETECTED:
            aws.guardduty.DetectorFeature(
                f"threats-{region}-{feature.lower()}",
                detector_id=detector.id,
                name=feature,
                status="ENABLED",
                region=region,
                opts=self._own,
            )
