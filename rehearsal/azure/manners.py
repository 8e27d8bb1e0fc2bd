"""What Azure's refusals read like, and how long its operations take.

Error codes: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors.
"""

from typing import Final

from rehearsal.azure.times import TIMES
from rehearsal.journal import Operation
from rehearsal.manners import Manners
from rehearsal.mishaps import Fault

MANNERS: Final = Manners(
    errors={
        Fault.DENIED: 'Status=403 Code="AuthorizationFailed" Message="The client \'{uuid:client}\' with object id '
        "'{uuid:client}' does not have authorization to perform action 'Microsoft.{module}/{class}/{verb}' over scope "
        "'{id}' or the scope is invalid.\"",
        Fault.QUOTA: 'Status=409 Code="QuotaExceeded" Message="Operation could not be completed as it results in '
        'exceeding approved quota of {class} in this region (simulated)."',
        Fault.CAPACITY: 'Status=409 Code="ZonalAllocationFailed" Message="Allocation failed. We do not have sufficient '
        'capacity for the requested VM size in this zone (simulated)."',
        Fault.INTERNAL: 'Status=500 Code="InternalServerError" Message="Encountered internal server error (simulated). '
        "Diagnostic information: activityId '{uuid:request}'.\"",
        Fault.THROTTLED: 'Status=429 Code="TooManyRequests" Message="The request is being throttled as the limit has '
        "been reached for operation type '{verb}'.\"",
        # https://learn.microsoft.com/azure/role-based-access-control/troubleshooting: a principal that was just made
        Fault.UNSEEN: 'Status=400 Code="PrincipalNotFound" Message="What {class} {id} names does not exist in the '
        'directory (simulated)."',
        Fault.TIMEOUT: "waiting for {operation} of {class} {id}: context deadline exceeded, the resource's "
        "provisioningState is 'Updating' (simulated)",
    },
    verbs={Operation.CREATE: "write", Operation.UPDATE: "write", Operation.DELETE: "delete"},
    # MaxRetries of the Azure SDK for Go's policy, https://pkg.go.dev/github.com/Azure/azure-sdk-for-go/sdk/azcore/policy
    retries=3,
    takes=TIMES,
    settles={"azure-native:managedidentity:UserAssignedIdentity": 2},
)
