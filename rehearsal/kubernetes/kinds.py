"""What is particular to a kind: fields that the API server refuses to change, and status that programs read.

The immutable fields are those of the API reference (https://kubernetes.io/docs/reference/kubernetes-api/).
"""

from collections.abc import Mapping
from typing import Any, Final

REPLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "Deployment": ("spec.selector",),
    "DaemonSet": ("spec.selector",),
    "StatefulSet": ("spec.selector", "spec.serviceName", "spec.volumeClaimTemplates", "spec.podManagementPolicy"),
    "Job": ("spec.selector", "spec.template", "spec.completions"),
    "Service": ("spec.clusterIP",),
    "PersistentVolumeClaim": ("spec.accessModes", "spec.storageClassName", "spec.volumeName", "spec.volumeMode"),
    "PersistentVolume": ("spec.csi", "spec.hostPath", "spec.nfs", "spec.volumeMode"),
    "StorageClass": ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode"),
    "PriorityClass": ("value", "preemptionPolicy"),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
    "Secret": ("type",),
    "RuntimeClass": ("handler",),
    "IngressClass": ("spec.controller",),
}
CLUSTER_SCOPED: Final = frozenset(
    {
        "APIService",
        "ClusterRole",
        "ClusterRoleBinding",
        "ComputeClass",
        "CSIDriver",
        "CustomResourceDefinition",
        "EC2NodeClass",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "Namespace",
        "NodeClass",
        "NodePool",
        "PersistentVolume",
        "PriorityClass",
        "RuntimeClass",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    }
)
"""Kinds whose objects live in no namespace."""
COMPUTED: Final[Mapping[str, Mapping[str, Any]]] = {
    "Service": {"status": {"loadBalancer": {"ingress": [{"hostname": "lb-{hex:10}.simulated.invalid"}]}}},
    "Ingress": {"status": {"loadBalancer": {"ingress": [{"hostname": "lb-{hex:10}.simulated.invalid"}]}}},
    "Gateway": {"status": {"addresses": [{"type": "Hostname", "value": "gw-{hex:10}.simulated.invalid"}]}},
    "Deployment": {"status": {"observedGeneration": 1}},
    "StatefulSet": {"status": {"observedGeneration": 1}},
    "DaemonSet": {"status": {"observedGeneration": 1}},
    "Namespace": {"status": {"phase": "Active"}},
    "PersistentVolumeClaim": {"status": {"phase": "Bound"}},
}
