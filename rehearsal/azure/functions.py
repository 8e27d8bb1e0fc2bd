"""What Azure's functions answer; a program that calls another one is told to add a row."""

import base64
from collections.abc import Mapping
from typing import Any, Final

# What AKS hands out where local accounts are off: it names no secret, and asks `kubelogin` for a token.
_KUBECONFIG: Final = """apiVersion: v1
kind: Config
clusters: [{name: simulated, cluster: {server: "https://aks.simulated.invalid:443"}}]
users: [{name: simulated, user: {exec: {command: kubelogin, args: [get-token, --login, devicecode]}}}]
contexts: [{name: simulated, context: {cluster: simulated, user: simulated}}]
current-context: simulated
"""

FUNCTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "azure-native:authorization:getClientConfig": {
        "clientId": "{uuid:client}",
        "objectId": "{uuid:object}",
        "subscriptionId": "{account}",
        "tenantId": "{uuid:tenant}",
    },
    "azure-native:containerservice:listManagedClusterUserCredentials": {
        "kubeconfigs": [{"name": "clusterUser", "value": base64.b64encode(_KUBECONFIG.encode()).decode()}]
    },
    "azure-native:authorization:getClientToken": {"token": "simulated"},
}
