"""What Azure's functions answer; a program that calls another one is told to add a row."""

from collections.abc import Mapping
from typing import Any, Final

FUNCTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "azure-native:authorization:getClientConfig": {
        "clientId": "{uuid:client}",
        "objectId": "{uuid:object}",
        "subscriptionId": "{account}",
        "tenantId": "{uuid:tenant}",
    },
    "azure-native:authorization:getClientToken": {"token": "simulated"},
}
