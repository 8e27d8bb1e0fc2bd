"""Who may do what: named permissions for named identities, and no credential that can be carried away."""

import re
from collections.abc import Iterator

from infra.policy.iam_document import allows, allows_everybody, principals, statements
from infra.policy.inputs import Inputs
from infra.policy.requirement import absent, at_most, is_false, is_true, not_true, one_of, table
from infra.policy.rule import Check, Rule, Severity, Subject

_READS = re.compile(r"[a-z0-9-]+:(Describe|List|Get|Search|Lookup|BatchGet|View)[A-Za-z*]*")
_READS_DATA = re.compile(
    r"s3:Get(Object|\*)|secretsmanager:(BatchGet|Get)|ssm:GetParameter|dynamodb:(BatchGet|Get)|kinesis:Get"
    r"|logs:Get(LogEvents|QueryResults|\*)|ecr:(BatchGetImage|GetDownloadUrl)"
)
"""Reads that give away what is stored, so that they need to name it."""
_BROAD_AWS_POLICIES = re.compile(
    r"arn:aws[-a-z]*:iam::aws:policy/(job-function/)?(AdministratorAccess|PowerUserAccess|IAMFullAccess|SystemAdministrator"
    r"|[A-Za-z0-9]+FullAccess|[A-Za-z]+_FullAccess)"
)
_BROAD_AZURE_ROLES = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
}
"""learn.microsoft.com/azure/role-based-access-control/built-in-roles."""
_BROAD_GCP_ROLES = {"roles/owner", "roles/editor", "roles/viewer"}
"""Basic roles: thousands of permissions each (cloud.google.com/iam/docs/roles-overview)."""
_IMPERSONATION = {"roles/iam.serviceAccountTokenCreator", "roles/iam.serviceAccountKeyAdmin", "roles/iam.securityAdmin"}
_NOBODY = {"system:anonymous", "system:unauthenticated", "system:authenticated", "system:serviceaccounts"}
_WILD = "*?"
_EVERY_RESOURCE = re.compile(r"[*?]+|arn(:[^:]*){0,4}:[*?]+")
"""`*`, and names of one kind of resource or all that leave the last part open: `arn:aws:s3:::*`."""


# Wildcards.


def _wide_actions(statement: Inputs) -> Iterator[str]:
    for action in map(str, statement.known("Action")):
        service, _, operation = action.partition(":")
        if not service.strip(_WILD) or not operation.strip(_WILD):
            yield f"{statement.path} allows {action}"
    for path in ("NotAction", "NotResource", "NotPrincipal"):
        if statement.given(path):
            yield f"{statement.path} allows by {path}: whatever a cloud adds later is granted too"


def _identity_policy(inputs: Inputs, path: str) -> Iterator[str]:
    for statement in filter(allows, statements(inputs, path)):
        yield from _wide_actions(statement)
        resources = map(str, statement.known("Resource"))
        if not any(map(_EVERY_RESOURCE.fullmatch, resources)) or statement.given("Condition"):
            continue
        writes = [
            action
            for action in map(str, statement.known("Action"))
            if not _READS.fullmatch(action) or _READS_DATA.match(action)
        ]
        if writes:
            yield f"{statement.path} allows {', '.join(writes[:3])} on every resource, without a condition"


def _policy(subject: Subject) -> Iterator[str]:
    yield from _identity_policy(subject.inputs, "policy")


def _role(subject: Subject) -> Iterator[str]:
    role = subject.inputs
    for statement in statements(role, "assumeRolePolicy"):
        if allows_everybody(statement):
            yield f"{statement.path} lets everybody assume the role"
    yield from _identity_policy(role, "inlinePolicies[].policy")


def _attachment(subject: Subject) -> Iterator[str]:
    for path in ("policyArn", "policyArns[]", "managedPolicyArn", "managedPolicyArns[]"):
        for arn in map(str, subject.inputs.known(path)):
            if _BROAD_AWS_POLICIES.fullmatch(arn):
                yield f"{arn.rsplit('/', 1)[-1]} is attached"


def _key_policy(subject: Subject) -> Iterator[str]:
    """A key's own policy names the key by `*`; what counts is who may use it, and that only the account has `kms:*`."""
    for statement in filter(allows, statements(subject.inputs, "policy")):
        if allows_everybody(statement):
            yield f"{statement.path} lets everybody use the key"
        broad = "kms:*" in map(str, statement.known("Action"))
        if broad and not all(principal.endswith(":root") for principal in principals(statement)):
            yield f"{statement.path} allows kms:* to more than the account itself"


def _azure_assignment(subject: Subject) -> Iterator[str]:
    assignment = subject.inputs
    role = assignment.text("roleDefinitionId").rsplit("/", 1)[-1].lower()
    if role not in _BROAD_AZURE_ROLES:
        return
    scope = assignment.text("scope").strip("/").lower().split("/")
    if len(scope) <= 2 or scope[:2] == ["providers", "microsoft.management"]:  # subscriptions/<id>, nothing, or a group
        yield f"{_BROAD_AZURE_ROLES[role]} is assigned on a whole subscription or more"


def _azure_role(subject: Subject) -> Iterator[str]:
    for action in map(str, subject.inputs.known("permissions.actions")):
        if action == "*" or action.startswith("*/"):
            yield f"permissions.actions has {action!r}"


def _gcp_grant(subject: Subject) -> Iterator[str]:
    on_project = subject.kind.startswith(("gcp:projects/", "gcp:folder/", "gcp:organizations/"))
    roles = {subject.inputs.text("role")}
    for document in subject.inputs.documents("policyData"):  # what a whole policy of a resource is written in
        roles.update(map(str, document.known("bindings.role")))
    for role in sorted(roles):
        if role in _BROAD_GCP_ROLES:
            yield f"{role} is a basic role"
        if on_project and role in _IMPERSONATION:
            yield f"{role} on a whole project lets its holder become every service account"


def _kubernetes_role(subject: Subject) -> Iterator[str]:
    for rule in subject.inputs.blocks("rules[]"):
        wide = [path for path in ("verbs", "resources", "apiGroups") if "*" in map(str, rule.known(path))]
        if "verbs" in wide or "resources" in wide:
            yield f"{rule.path} has * for {' and '.join(wide)}"


def _kubernetes_binding(subject: Subject) -> Iterator[str]:
    binding = subject.inputs
    if binding.text("roleRef.name") == "cluster-admin":
        yield "it binds cluster-admin"
    for who in map(str, binding.known("subjects.name")):
        if who in _NOBODY:
            yield f"it binds {who}"


NO_WILDCARD = Rule(
    id="iam-no-wildcard",
    severity=Severity.CRITICAL,
    demand="Permissions name their actions, resources and holders: no wildcard, no basic or administrator role.",
    why="A pod or a workflow that is taken over must hold what it needs, not the account.",
    remedy="List the actions, name the resources, or narrow `*` by a condition; bind a role made for the purpose.",
    checks={
        "aws:iam/policy:Policy": _policy,
        "aws:iam/rolePolicy:RolePolicy": _policy,
        "aws:iam/groupPolicy:GroupPolicy": _policy,
        "aws:iam/userPolicy:UserPolicy": _policy,
        "aws:iam/role:Role": _role,
        "aws:*": _attachment,
        "aws:kms/key:Key": _key_policy,
        "aws:kms/replicaKey:ReplicaKey": _key_policy,
        "aws:kms/keyPolicy:KeyPolicy": _key_policy,
        "azure-native:authorization:RoleAssignment": _azure_assignment,
        "azure-native:authorization:PimRoleEligibilitySchedule": _azure_assignment,
        "azure-native:authorization:RoleDefinition": _azure_role,
        "gcp:*": _gcp_grant,
        "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole": _kubernetes_role,
        "kubernetes:rbac.authorization.k8s.io/v1:Role": _kubernetes_role,
        "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding": _kubernetes_binding,
        "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding": _kubernetes_binding,
    },
    sources=(
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html",
        "https://cloud.google.com/iam/docs/using-iam-securely",
        "https://kubernetes.io/docs/concepts/security/rbac-good-practices/",
    ),
)


# Credentials.

_STATIC_KEY = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\"private_key_id\"\s*:"
    r"|\bAccountKey=[A-Za-z0-9+/=]{40,}"
    r"|\bSharedAccessSignature=|[?&]sig=[A-Za-z0-9%]{30,}"
)
"""An AWS access key id, a Google service account's key file, an Azure storage key or shared access signature."""
_STATIC_VARIABLES = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AZURE_CLIENT_SECRET", "AZURE_STORAGE_KEY"}


def _made(what: str) -> Check:
    """Make the check of a type that should not be there at all."""

    def check(_subject: Subject) -> Iterator[str]:
        yield f"it makes {what}"

    return check


def _no_key_inside(subject: Subject) -> Iterator[str]:
    for path, text in subject.inputs.texts():
        if _STATIC_KEY.search(text):
            yield f"{path} has a cloud key in it"


def _no_key_in_pods(subject: Subject) -> Iterator[str]:
    yield from _no_key_inside(subject)
    for path, text in subject.inputs.texts():
        if path.endswith(".name") and text in _STATIC_VARIABLES:
            yield f"{path} is {text}"


NO_STATIC_KEYS = Rule(
    id="no-static-credentials",
    severity=Severity.CRITICAL,
    demand="No long-lived cloud key exists: workloads, people and CI get short-lived credentials for their identity.",
    why="A key works for whoever copied it, from anywhere, until somebody notices.",
    remedy="Use Pod Identity, workload identity, OIDC federation, and sign-in by identity on data services.",
    checks={
        "aws:iam/accessKey:AccessKey": _made("an access key"),
        "aws:iam/userLoginProfile:UserLoginProfile": _made("a password"),
        "aws:iam/user:User": _made("a user, who needs a static credential"),
        "gcp:serviceaccount/key:Key": _made("a service account key"),
        "gcp:storage/hmacKey:HmacKey": _made("an HMAC key"),
        "aws:*": _no_key_inside,
        "azure-native:*": _no_key_inside,
        "gcp:*": _no_key_inside,
        "kubernetes:*": _no_key_in_pods,
        **table(
            {
                "azure-native:storage:StorageAccount": (is_false("allowSharedKeyAccess"),),
                "azure-native:containerregistry:Registry": (is_false("adminUserEnabled"),),
                "azure-native:containerservice:ManagedCluster": (is_true("disableLocalAccounts"),),
                "azure-native:dbforpostgresql:Server": (one_of("authConfig.passwordAuth", "Disabled"),),
                "azure-native:redisenterprise:Database": (one_of("accessKeysAuthentication", "Disabled"),),
                "aws:rds/instance:Instance": (
                    is_true("iamDatabaseAuthenticationEnabled"),
                    absent("password", "let RDS make and rotate it (manageMasterUserPassword)"),
                ),
                "aws:rds/cluster:Cluster": (is_true("iamDatabaseAuthenticationEnabled"),),
                "gcp:container/cluster:Cluster": (
                    not_true("masterAuth.clientCertificateConfig.issueClientCertificate"),
                    not_true("enableLegacyAbac"),
                ),
            }
        ),
    },
    sources=(
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html",
        "https://learn.microsoft.com/azure/storage/common/shared-key-authorization-prevent",
        "https://cloud.google.com/iam/docs/best-practices-for-managing-service-account-keys",
    ),
)


# Metadata services.


def _gke_metadata(subject: Subject) -> Iterator[str]:
    if subject.inputs.text("nodeConfig.workloadMetadataConfig.mode") != "GKE_METADATA":
        yield "nodeConfig.workloadMetadataConfig.mode must be GKE_METADATA"


METADATA = Rule(
    id="node-credentials-hidden",
    severity=Severity.HIGH,
    demand="Pods can't fetch their node's credentials from the metadata service.",
    why="A request forged inside any pod would otherwise act with the node's rights.",
    remedy="Require IMDSv2 with hop limit 1; use GKE's metadata server.",
    checks={
        **table(
            {
                "aws:ec2/launchTemplate:LaunchTemplate": (
                    one_of("metadataOptions.httpTokens", "required"),
                    one_of("metadataOptions.httpPutResponseHopLimit", "1", "1.0"),
                ),
                "aws:ec2/instance:Instance": (
                    one_of("metadataOptions.httpTokens", "required"),
                    at_most("metadataOptions.httpPutResponseHopLimit", 1),
                ),
            }
        ),
        "gcp:container/nodePool:NodePool": _gke_metadata,
    },
    sources=(
        "https://docs.aws.amazon.com/eks/latest/best-practices/identity-and-access-management.html",
        "https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity",
    ),
)


# CI.

_GITHUB = "token.actions.githubusercontent.com"
_REPOSITORY = re.compile(r"repo:[\w.-]+/[\w.-]+:.*[^*].*")
"""A subject that names a repository in full, and something of it (an environment or a branch)."""


def _ci_role(subject: Subject) -> Iterator[str]:
    for statement in filter(allows, statements(subject.inputs, "assumeRolePolicy")):
        federated = [str(value) for value in statement.known("Principal.Federated")]
        if not any(_GITHUB in value for value in federated):
            continue
        subjects = [
            str(value)
            for operator in ("StringEquals", "StringLike")
            for value in _condition(statement, operator, f"{_GITHUB}:sub")
        ]
        if not subjects or not all(_REPOSITORY.fullmatch(value) for value in subjects):
            yield f"{statement.path} trusts workflows without naming a repository and its environment (sub)"
        if not any(True for _ in _condition(statement, "StringEquals", f"{_GITHUB}:aud")):
            yield f"{statement.path} does not check the audience (aud)"


def _condition(statement: Inputs, operator: str, key: str) -> Iterator[object]:
    for block in statement.blocks(f"Condition.{operator}"):
        yield from block.property(key)


def _federated_credential(subject: Subject) -> Iterator[str]:
    if _GITHUB in subject.inputs.text("issuer") and not _REPOSITORY.fullmatch(subject.inputs.text("subject")):
        yield "subject does not name a repository and its environment"


def _pool_provider(subject: Subject) -> Iterator[str]:
    provider = subject.inputs
    if provider.given("oidc") and "assertion." not in provider.text("attributeCondition"):
        yield "attributeCondition does not restrict who is trusted"


CI_TRUST = Rule(
    id="ci-trust-scoped",
    severity=Severity.CRITICAL,
    demand="CI is trusted by repository and environment, never by issuer alone.",
    why="Every repository on GitHub gets tokens of the same issuer.",
    remedy="Condition the trust on the audience and on `repo:<owner>/<name>:environment:<environment>`.",
    checks={
        "aws:iam/role:Role": _ci_role,
        "azure-native:managedidentity:FederatedIdentityCredential": _federated_credential,
        "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": _pool_provider,
    },
    sources=(
        "https://docs.github.com/actions/security-for-github-actions/security-hardening-your-deployments/about-security-hardening-with-openid-connect",
    ),
)

RULES = (NO_WILDCARD, NO_STATIC_KEYS, METADATA, CI_TRUST)
