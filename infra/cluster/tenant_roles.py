"""What a tenant's administrators may do in its namespace.

Kubernetes' own `admin` and `edit` roles are too wide for people who must not leave their namespace: both may write
network policies, and one more of these opens what ours close, since the policies of a namespace add up; `admin` may
hand its rights to anybody. See https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles
"""

from collections.abc import Sequence
from typing import Final

from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs

_READ: Final = ("get", "list", "watch")
_CHANGE: Final = (*_READ, "create", "update", "patch", "delete", "deletecollection")


def _rule(group: str, resources: Sequence[str], verbs: Sequence[str]) -> PolicyRuleArgs:
    return PolicyRuleArgs(api_groups=[group], resources=list(resources), verbs=list(verbs))


def administrator_rules() -> list[PolicyRuleArgs]:
    """Give the rules of a namespaced Role: whatever runs, and what it needs.

    The walls themselves (network policies, quota, limits) and the service account that the cloud trusts are looked at,
    not changed; roles and bindings are neither: who administers a tenant stands in its file.
    """
    return [
        _rule("", ["configmaps", "persistentvolumeclaims", "pods", "secrets", "services"], _CHANGE),
        _rule("", ["pods/attach", "pods/exec", "pods/portforward"], ["get", "create"]),
        _rule("", ["pods/eviction"], ["create"]),
        _rule("", ["pods/ephemeralcontainers"], ["get", "update", "patch"]),
        _rule("", ["endpoints", "events", "limitranges", "pods/log", "pods/status", "resourcequotas"], _READ),
        _rule("", ["resourcequotas/status", "serviceaccounts", "services/status"], _READ),
        _rule("apps", ["daemonsets", "deployments", "replicasets", "statefulsets"], _CHANGE),
        _rule("apps", ["deployments/scale", "replicasets/scale", "statefulsets/scale"], ["get", "update", "patch"]),
        _rule("autoscaling", ["horizontalpodautoscalers"], _CHANGE),
        _rule("batch", ["cronjobs", "jobs"], _CHANGE),
        _rule("policy", ["poddisruptionbudgets"], _CHANGE),
        _rule("discovery.k8s.io", ["endpointslices"], _READ),
        _rule("events.k8s.io", ["events"], _READ),
        _rule("networking.k8s.io", ["networkpolicies"], _READ),
    ]
