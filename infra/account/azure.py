"""What an Azure subscription has once: who deploys, what it may cost, what watches it, what every region counts on.

GitHub's workflows get tokens by their own identity (learn.microsoft.com/entra/workload-id/
workload-identity-federation-create-trust-user-assigned-managed-identity): one identity per environment, which only jobs
of that environment of that repository may use. No secret is stored anywhere.
"""

import datetime as dt
from collections.abc import Callable, Mapping

import pulumi
from pulumi_azure_native import (
    Provider,
    authorization,
    features,
    managedidentity,
    resources,
    security,
)

from infra.account.azure_budgets import make_budgets
from infra.account.azure_permissions import (
    DEPLOYER_ACTIONS,
    only_roles_of_regions,
    preview_actions,
)
from infra.account.azure_state_place import READ_ACTIONS, READ_DATA_ACTIONS, StatePlace
from infra.clouds.azure.identity import AUDIENCE
from infra.clouds.azure.own_roles import OWN_ROLE_ACTIONS
from infra.clouds.azure.roles import PrincipalType, Role, role_id
from infra.clouds.azure.scope import Scope
from infra.config import CiSettings, StackSettings

_ISSUER = "https://token.actions.githubusercontent.com"
_PREVIEW = "preview"
"""The environment whose identity may only look."""

_FEATURES = (("Microsoft.Compute", "EncryptionAtHost"),)
"""What a subscription must ask for before nodes can have it (learn.microsoft.com/azure/aks/enable-host-encryption)."""

_DEFENDER_PLANS: Mapping[str, str | None] = {
    "Arm": "PerSubscription",
    "Containers": None,
    "KeyVaults": "PerKeyVault",
    "OpenSourceRelationalDatabases": None,
    "StorageAccounts": "DefenderForStorageV2",
}
"""Plans and their variants (learn.microsoft.com/azure/defender-for-cloud/defender-for-cloud-introduction)."""

_REQUIRED_TAGS = ("environment", "owner")
_REQUIRE_TAG_ON_GROUPS = "96670d01-0a4d-4649-9c89-2d3abc0a5025"
"""Built-in policy "Require a tag on resource groups" (learn.microsoft.com/azure/governance/policy/samples)."""
_SECURITY_BENCHMARK = "1f3afdf9-d0c9-4c3d-847f-89da613e70a8"
"""Built-in initiative "Microsoft cloud security benchmark": it reports and stops nothing."""
_GROUPS_OF_AZURE = ("NetworkWatcherRG",)
"""Groups that Azure makes by itself, without tags."""


class AzureAccount(pulumi.ComponentResource):
    """Identity for CI, roles of our own, budgets, guard rails.

    Attributes:
        deployers: Client id of each environment's identity: what `azure/login` is given.
    """

    deployers: Mapping[str, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        settings: StackSettings,
        opts: pulumi.ResourceOptions | None = None,
        *,
        today: Callable[[], dt.date] = dt.date.today,
    ) -> None:
        scope = Scope.of(pulumi.get_stack(), settings)
        provider = Provider(
            "azure", subscription_id=scope.subscription, location=scope.location, disable_pulumi_partner_id=True
        )
        super().__init__(
            "modelfleet:azure:Account",
            name,
            None,
            pulumi.ResourceOptions.merge(
                pulumi.ResourceOptions(providers=[provider], transformations=[scope.placing]), opts
            ),
        )
        self._scope, self._settings = scope, settings
        self._own = pulumi.ResourceOptions(parent=self)
        for namespace, feature in _FEATURES:
            features.SubscriptionFeatureRegistration(
                f"feature-{feature}", provider_namespace=namespace, feature_name=feature, opts=self._own
            )
        for role, actions in OWN_ROLE_ACTIONS.items():
            self._role(role, role.guid(scope.subscription), f"modelfleet: {role.replace('-', ' ')}", actions)
        self.deployers = {} if settings.ci is None else self._ci(settings.ci)
        make_budgets(scope, settings, self, today())
        self._tags()
        if settings.guard_rails.threat_detection:
            self._threat_detection()
        if settings.guard_rails.configuration_record:
            self._configuration_record()
        self.register_outputs({"deployers": self.deployers})

    def _role(
        self, name: str, guid: str, description: str, actions: tuple[str, ...], data_actions: tuple[str, ...] = ()
    ) -> authorization.RoleDefinition:
        subscription = self._scope.subscription_id
        return authorization.RoleDefinition(
            f"role-{name}",
            scope=subscription,
            role_definition_id=guid,
            role_name=self._scope.name(name, longest=128),
            role_type="CustomRole",
            description=description,
            assignable_scopes=[subscription],
            permissions=[
                authorization.PermissionArgs(
                    actions=list(actions), not_actions=[], data_actions=list(data_actions) or None
                )
            ],
            opts=self._own,
        )

    def _ci(self, ci: CiSettings) -> Mapping[str, pulumi.Output[str]]:
        group = resources.ResourceGroup("ci", resource_group_name=self._scope.name("ci"), opts=self._own)
        looks = self._role(
            "preview", self._scope.guid("role-preview"), "Look at what a preview asks", preview_actions()
        )
        deploys = self._role("deployer", self._scope.guid("role-deployer"), "Make regions and fronts", DEPLOYER_ACTIONS)
        state = None if ci.state_stack is None else StatePlace.of(self._scope, ci.state_stack)
        clients = {}
        for environment in ci.environments:
            identity = managedidentity.UserAssignedIdentity(
                f"ci-{environment}",
                resource_group_name=group.name,
                resource_name_=self._scope.name(f"ci-{environment}", longest=128),
                opts=self._own,
            )
            managedidentity.FederatedIdentityCredential(
                f"ci-{environment}-github",
                resource_group_name=group.name,
                resource_name_=identity.name,
                federated_identity_credential_resource_name="github",
                issuer=_ISSUER,
                subject=f"repo:{ci.repository}:environment:{environment}",
                audiences=[AUDIENCE],
                opts=self._own,
            )
            if environment == _PREVIEW:
                self._allow(f"ci-{environment}-look", identity, looks.id)
                self._allow(f"ci-{environment}-read", identity, role_id(self._scope, Role.READER))
                if state:
                    self._may_read(environment, identity, state)
            else:
                # It gives roles away, but only those that regions' workloads have.
                self._allow(f"ci-{environment}-deploy", identity, deploys.id, only_roles_of_regions(self._scope))
                for role in (Role.ACR_PUSH, Role.STORAGE_BLOB_DATA_CONTRIBUTOR):  # images, weights
                    self._allow(f"ci-{environment}-{role.name.lower()}", identity, role_id(self._scope, role))
                self._allow(f"ci-{environment}-cluster", identity, role_id(self._scope, Role.AKS_RBAC_CLUSTER_ADMIN))
                if state:  # its files are written by the role for weights
                    uses = role_id(self._scope, Role.KEY_VAULT_CRYPTO_USER)
                    self._allow(f"ci-{environment}-secrets", identity, uses, on=state.secrets_key)
            clients[environment] = identity.client_id
        return clients

    def _may_read(self, environment: str, identity: managedidentity.UserAssignedIdentity, state: StatePlace) -> None:
        reads = self._role(
            "state-reader",
            self._scope.guid("role-state-reader"),
            "Read states and the secrets in them",
            READ_ACTIONS,
            READ_DATA_ACTIONS,
        )
        self._allow(f"ci-{environment}-states", identity, reads.id, on=state.container)
        self._allow(f"ci-{environment}-secrets", identity, reads.id, on=state.secrets_key)

    def _allow(
        self,
        name: str,
        identity: managedidentity.UserAssignedIdentity,
        role: pulumi.Input[str],
        condition: str | None = None,
        *,
        on: str = "",
    ) -> None:
        """Give a role, on the whole subscription unless a resource is named."""
        authorization.RoleAssignment(
            name,
            role_assignment_name=self._scope.guid(name),
            scope=on or self._scope.subscription_id,
            role_definition_id=role,
            principal_id=identity.principal_id,
            principal_type=PrincipalType.SERVICE,
            condition=condition,
            condition_version=None if condition is None else "2.0",
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )

    def _tags(self) -> None:
        subscription = self._scope.subscription_id
        for tag in _REQUIRED_TAGS:
            authorization.PolicyAssignment(
                f"require-{tag}",
                policy_assignment_name=f"modelfleet-tag-{tag}",
                display_name=f"Resource groups have the tag {tag}",
                scope=subscription,
                policy_definition_id=f"/providers/Microsoft.Authorization/policyDefinitions/{_REQUIRE_TAG_ON_GROUPS}",
                parameters={"tagName": authorization.ParameterValuesValueArgs(value=tag)},
                not_scopes=[f"{subscription}/resourceGroups/{group}" for group in _GROUPS_OF_AZURE],
                enforcement_mode=authorization.EnforcementMode.DEFAULT,
                opts=self._own,
            )

    def _threat_detection(self) -> None:
        for plan, variant in _DEFENDER_PLANS.items():
            security.Pricing(
                f"defender-{plan}",
                scope_id=self._scope.subscription_id.lstrip("/"),
                pricing_name=plan,
                pricing_tier=security.PricingTier.STANDARD,
                sub_plan=variant,
                opts=self._own,
            )
        if self._settings.budget is not None:
            security.SecurityContact(
                "security-contact",
                security_contact_name="default",
                emails=";".join(self._settings.budget.contacts),
                is_enabled=True,
                notifications_by_role=security.SecurityContactPropertiesNotificationsByRoleArgs(
                    state=security.State.ON, roles=[security.SecurityContactRole.OWNER]
                ),
                notifications_sources=[
                    security.NotificationsSourceAlertArgs(
                        source_type="Alert", minimal_severity=security.MinimalSeverity.MEDIUM
                    )
                ],
                opts=self._own,
            )

    def _configuration_record(self) -> None:
        authorization.PolicyAssignment(
            "security-benchmark",
            policy_assignment_name="modelfleet-benchmark",
            display_name="Microsoft cloud security benchmark",
            scope=self._scope.subscription_id,
            policy_definition_id=f"/providers/Microsoft.Authorization/policySetDefinitions/{_SECURITY_BENCHMARK}",
            enforcement_mode=authorization.EnforcementMode.DO_NOT_ENFORCE,
            opts=self._own,
        )
