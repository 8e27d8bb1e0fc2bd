"""What a Kubernetes API server's refusals read like (https://kubernetes.io/docs/reference/using-api/)."""

from typing import Final

from rehearsal.journal import Operation
from rehearsal.manners import Manners
from rehearsal.mishaps import Fault

MANNERS: Final = Manners(
    errors={
        Fault.DENIED: '{class} "{id}" is forbidden: User "simulated" cannot {verb} resource in API group "{module}"',
        Fault.QUOTA: '{class} "{id}" is forbidden: exceeded quota: simulated, requested: 1, used: 1, limited: 1',
        Fault.CAPACITY: '{class} "{id}" is forbidden: exceeded quota: simulated, requested: 1, used: 1, limited: 1',
        Fault.INTERNAL: "the server is currently unable to handle the request ({verb} {class} {id})",
        Fault.THROTTLED: "the server has received too many requests and has asked us to try again later",
        Fault.UNSEEN: '{class} "{id}": what it names was not found',
        Fault.TIMEOUT: "{class} {id}: timed out waiting for the condition (simulated)",
    },
    verbs={Operation.CREATE: "create", Operation.UPDATE: "patch", Operation.DELETE: "delete"},
    # An HTTP client that is told to wait does so ten times, https://pkg.go.dev/k8s.io/client-go/rest#Request.MaxRetries.
    retries=10,
)
