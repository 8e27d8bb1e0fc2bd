"""What a Google Cloud project has once: services, guard rails, budgets, and how CI gets in without a key.

Regions of the project come and go by stacks of their own; what two of them would both make is here. The project itself
and its billing are the organisation's.
"""

from collections.abc import Mapping

import pulumi
import pulumi_gcp as gcp

from infra.account.gcp_budgets import Budgets
from infra.account.gcp_state_place import StatePlace
from infra.account.tenant_budgets import watched_tenants
from infra.clouds.gcp.kept_keys import free_name
from infra.clouds.gcp.scope import Scope
from infra.config import CiSettings, Cloud, GuardRailSettings, StackSettings

_ISSUER = "https://token.actions.githubusercontent.com"
_READER = "preview"
"""The GitHub environment whose workflows may only look."""

_SERVICES = (
    "artifactregistry",
    "billingbudgets",
    "binaryauthorization",
    "certificatemanager",
    "cloudkms",
    "cloudresourcemanager",
    "compute",
    "container",
    "containeranalysis",
    "containerscanning",
    "dns",
    "essentialcontacts",
    "iam",
    "iamcredentials",
    "logging",
    "memorystore",
    "monitoring",
    "networkconnectivity",
    "networksecurity",
    "orgpolicy",
    "serviceusage",
    "sqladmin",
    "storage",
    "sts",
)
"""APIs that regions, fronts and CI use."""
_AGENTS = ("artifactregistry", "container", "memorystore", "networkconnectivity", "sqladmin")
"""Services whose own identity is made when it is asked for, and has to be there before a key can be opened to it
(cloud.google.com/iam/docs/create-service-agents)."""

_ENFORCED = (
    "compute.disableSerialPortAccess",
    "compute.requireShieldedVm",
    "compute.skipDefaultNetworkCreation",
    "iam.automaticIamGrantsForDefaultServiceAccounts",
    "iam.disableServiceAccountKeyCreation",
    "iam.disableServiceAccountKeyUpload",
    "sql.restrictPublicIp",
    "storage.publicAccessPrevention",
    "storage.uniformBucketLevelAccess",
)
"""Constraints that are on or off
(cloud.google.com/resource-manager/docs/organization-policy/org-policy-constraints)."""
_OLD_TLS = ("TLS_VERSION_1", "TLS_VERSION_1_1")

_READER_ROLES = (
    "roles/artifactregistry.reader",
    "roles/browser",
    "roles/certificatemanager.viewer",
    "roles/cloudkms.viewer",
    "roles/cloudsql.viewer",
    "roles/compute.viewer",
    "roles/container.clusterViewer",
    "roles/dns.reader",
    "roles/iam.securityReviewer",
    "roles/logging.viewer",
    "roles/memorystore.viewer",
)
"""What a preview asks the cloud; data is in none of them."""
_DEPLOYER_ROLES = (
    "roles/artifactregistry.admin",
    "roles/certificatemanager.editor",
    "roles/cloudkms.admin",
    "roles/cloudsql.admin",
    "roles/compute.admin",
    "roles/container.admin",
    "roles/dns.admin",
    "roles/iam.serviceAccountAdmin",
    "roles/iam.serviceAccountUser",
    "roles/logging.configWriter",
    "roles/memorystore.admin",
    "roles/networkconnectivity.consumerNetworkAdmin",
    "roles/networksecurity.admin",
    "roles/serviceusage.serviceUsageConsumer",
    "roles/storage.admin",
)
"""What a region or a front is made with; none of them is a basic role."""
_NOT_ON_STATE = frozenset({"roles/cloudkms.admin", "roles/storage.admin"})
"""Those of them that would reach the bucket and the keys of all states too."""
_GRANTED_BY_REGIONS = (
    "roles/cloudsql.client",
    "roles/cloudsql.instanceUser",
    "roles/container.clusterViewer",
    "roles/container.defaultNodeServiceAccount",
    "roles/memorystore.dbConnectionUser",
)
"""The only roles on the project that a deployment may give or take."""


class GcpAccount(pulumi.ComponentResource):
    """Services, guard rails, budgets and CI's identities of one project."""

    ci_provider: pulumi.Output[str] | None
    ci_accounts: Mapping[str, pulumi.Output[str]]

    def __init__(self, name: str, settings: StackSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        provider = gcp.Provider("gcp", project=settings.account, region=settings.region)
        super().__init__(
            "modelfleet:gcp:Account",
            name,
            None,
            pulumi.ResourceOptions.merge(pulumi.ResourceOptions(providers=[provider]), opts),
        )
        invoke = pulumi.InvokeOptions(provider=provider)
        project = gcp.organizations.get_project_output(project_id=settings.account, opts=invoke)
        scope = Scope.of(pulumi.get_stack(), settings, project.number)
        inside = pulumi.ResourceOptions(parent=self)
        services = ProjectServices("services", scope, settings.guard_rails, inside)
        after = pulumi.ResourceOptions(parent=self, depends_on=[services])
        GuardRails("guard-rails", scope, settings, after)
        tenants = watched_tenants(settings)
        if settings.budget:
            Budgets("budget", scope, settings.budget, tenants, after)
        ci = CiIdentity("ci", scope, settings.ci, after) if settings.ci else None
        self.ci_provider = ci.provider if ci else None
        self.ci_accounts = ci.accounts if ci else {}
        self.register_outputs({"project": settings.account})


class ProjectServices(pulumi.ComponentResource):
    """APIs that are switched on, and Google's own identities behind them."""

    def __init__(
        self, name: str, scope: Scope, guard_rails: GuardRailSettings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("modelfleet:gcp:ProjectServices", name, None, opts)
        wanted = [*_SERVICES]
        if guard_rails.threat_detection:
            wanted.append("securitycenter")
        if guard_rails.configuration_record:
            wanted.append("cloudasset")
        made = {
            service: gcp.projects.Service(
                service,
                project=scope.project,
                service=f"{service}.googleapis.com",
                # Others in the project may use it; switching it off would delete what they have.
                disable_on_destroy=False,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for service in wanted
        }
        for service in _AGENTS:
            gcp.projects.ServiceIdentity(
                service,
                project=scope.project,
                service=f"{service}.googleapis.com",
                opts=pulumi.ResourceOptions(parent=self, depends_on=[made[service]]),
            )
        self.register_outputs({"services": wanted})


class GuardRails(pulumi.ComponentResource):
    """Organisation policies on the project, who looked at what, how long logs live, and who is told."""

    def __init__(
        self, name: str, scope: Scope, settings: StackSettings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("modelfleet:gcp:GuardRails", name, None, opts)
        rule, values = gcp.orgpolicy.PolicySpecRuleArgs, gcp.orgpolicy.PolicySpecRuleValuesArgs
        for constraint in _ENFORCED:
            self._policy(scope, constraint, rule(enforce="TRUE"))
        self._policy(scope, "compute.vmExternalIpAccess", rule(deny_all="TRUE"))
        self._policy(scope, "gcp.restrictTLSVersion", rule(values=values(denied_values=list(_OLD_TLS))))
        inside = pulumi.ResourceOptions(parent=self)
        # Reads of keys, secrets' metadata and roles are rare and telling; reads of objects are a service's whole
        # traffic, and have their access logs.
        for service, types in {
            "allServices": ("ADMIN_READ", "DATA_WRITE"),
            "cloudkms.googleapis.com": ("ADMIN_READ", "DATA_READ", "DATA_WRITE"),
            "iam.googleapis.com": ("ADMIN_READ", "DATA_READ", "DATA_WRITE"),
        }.items():
            gcp.projects.IAMAuditConfig(
                service.partition(".")[0],
                project=scope.project,
                service=service,
                audit_log_configs=[gcp.projects.IAMAuditConfigAuditLogConfigArgs(log_type=kind) for kind in types],
                opts=inside,
            )
        for index, contact in enumerate(settings.budget.contacts if settings.budget else ()):
            gcp.essentialcontacts.Contact(
                f"contact-{index}",
                parent=f"projects/{scope.project}",
                email=contact,
                language_tag="en",
                notification_category_subscriptions=["SECURITY", "SUSPENSION", "TECHNICAL"],
                opts=inside,
            )
        self.register_outputs({"policies": len(_ENFORCED) + 2})

    def _policy(self, scope: Scope, constraint: str, rule: gcp.orgpolicy.PolicySpecRuleArgs) -> None:
        parent = pulumi.Output.concat("projects/", scope.project_number)
        gcp.orgpolicy.Policy(
            constraint.replace(".", "-"),
            name=pulumi.Output.concat(parent, "/policies/", constraint),
            parent=parent,
            spec=gcp.orgpolicy.PolicySpecArgs(inherit_from_parent=False, rules=[rule]),
            opts=pulumi.ResourceOptions(parent=self),
        )


class CiIdentity(pulumi.ComponentResource):
    """GitHub's workflows as identities of the project: one service account per environment, and no key."""

    provider: pulumi.Output[str]
    accounts: Mapping[str, pulumi.Output[str]]

    def __init__(
        self, name: str, scope: Scope, settings: CiSettings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("modelfleet:gcp:CiIdentity", name, None, opts)
        self._scope, self._settings = scope, settings
        inside = pulumi.ResourceOptions(parent=self)
        pool = gcp.iam.WorkloadIdentityPool(
            name,
            workload_identity_pool_id=free_name("modelfleet-github", scope.kept),
            display_name="GitHub Actions",
            description=f"Workflows of {settings.repository}",
            opts=inside,
        )
        # Every repository on GitHub has tokens of this issuer: the condition lets one in
        # (cloud.google.com/iam/docs/workload-identity-federation-with-deployment-pipelines#conditions).
        provider = gcp.iam.WorkloadIdentityPoolProvider(
            name,
            workload_identity_pool_id=pool.workload_identity_pool_id,
            workload_identity_pool_provider_id="github",
            display_name="GitHub Actions",
            oidc=gcp.iam.WorkloadIdentityPoolProviderOidcArgs(issuer_uri=_ISSUER),
            attribute_mapping={
                "google.subject": "assertion.sub",
                "attribute.environment": 'has(assertion.environment) ? assertion.environment : "none"',
                "attribute.repository": "assertion.repository",
            },
            attribute_condition=f'assertion.repository == "{settings.repository}" && has(assertion.environment)',
            opts=inside,
        )
        self.provider = provider.name
        self.accounts = {environment: self._account(environment, pool) for environment in settings.environments}
        self.register_outputs({"provider": self.provider, "accounts": dict(self.accounts)})

    def _account(self, environment: str, pool: gcp.iam.WorkloadIdentityPool) -> pulumi.Output[str]:
        scope = self._scope
        inside = pulumi.ResourceOptions(parent=self)
        account = gcp.serviceaccount.Account(
            environment,
            account_id=f"modelfleet-ci-{environment}"[:30],
            display_name=f"CI, environment {environment}",
            opts=inside,
        )
        subject = f"repo:{self._settings.repository}:environment:{environment}"
        gcp.serviceaccount.IAMMember(
            f"{environment}-github",
            service_account_id=account.name,
            role="roles/iam.workloadIdentityUser",
            member=pulumi.Output.concat("principal://iam.googleapis.com/", pool.name, "/subject/", subject),
            opts=inside,
        )
        state = StatePlace.of(scope, self._settings.state_stack_of(Cloud.GCP))
        if environment == _READER:
            for role in _READER_ROLES:
                self._give(environment, account, role)
            for role, where in state.read.items():
                self._give(environment, account, role, where)
        else:
            for role in _DEPLOYER_ROLES:
                self._give(environment, account, role, state.elsewhere if role in _NOT_ON_STATE else None)
            for role, where in state.use.items():
                self._give(environment, account, role, where)
            self._may_grant(environment, account)
        return account.email

    def _give(self, environment: str, account: gcp.serviceaccount.Account, role: str, where: str | None = None) -> None:
        condition = gcp.projects.IAMMemberConditionArgs
        gcp.projects.IAMMember(
            f"{environment}-{role.removeprefix('roles/')}",
            project=self._scope.project,
            role=role,
            member=account.member,
            condition=condition(title="states of stacks", expression=where) if where else None,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _may_grant(self, environment: str, account: gcp.serviceaccount.Account) -> None:
        """Let a deployment give the project's roles that regions need, and no other."""
        # cloud.google.com/iam/docs/setting-limits-on-granting-roles
        roles = ", ".join(f"'{role}'" for role in _GRANTED_BY_REGIONS)
        gcp.projects.IAMMember(
            f"{environment}-grants",
            project=self._scope.project,
            role="roles/resourcemanager.projectIamAdmin",
            member=account.member,
            condition=gcp.projects.IAMMemberConditionArgs(
                title="roles that regions give",
                expression=f"api.getAttribute('iam.googleapis.com/modifiedGrantsByRole', []).hasOnly([{roles}])",
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
