"""What Google Cloud's refusals read like, and how long its operations take.

Error reasons: https://cloud.google.com/compute/docs/troubleshooting/troubleshooting-vm-creation and
https://cloud.google.com/apis/design/errors. The plugin puts the client library's words around them.
"""

from typing import Final

from rehearsal.gcp.times import TIMES
from rehearsal.journal import Operation
from rehearsal.manners import Manners
from rehearsal.mishaps import Fault

MANNERS: Final = Manners(
    errors={
        Fault.DENIED: "Error {verb} {class}: googleapi: Error 403: Required '{module}.{class}.{operation}' permission "
        "for '{id}', forbidden",
        Fault.QUOTA: "Error {verb} {class}: googleapi: Error 403: Quota of {class} exceeded. Limit: 0.0 in this "
        "region (simulated), quotaExceeded",
        Fault.CAPACITY: "Error waiting for {verb} {class}: The zone does not have enough resources available to "
        "fulfill the request (simulated), ZONE_RESOURCE_POOL_EXHAUSTED",
        Fault.INTERNAL: "Error {verb} {class}: googleapi: Error 500: Internal error encountered (simulated), "
        "backendError",
        Fault.THROTTLED: "Error {verb} {class}: googleapi: Error 429: Quota exceeded for quota metric 'Queries' and "
        "limit 'Queries per minute', rateLimitExceeded",
        # https://cloud.google.com/iam/docs/service-accounts-create: it may be used only some time after it was made
        Fault.UNSEEN: "Error {verb} {class}: googleapi: Error 400: What '{id}' names does not exist (simulated), "
        "badRequest",
        Fault.TIMEOUT: "Error waiting for {verb} {class} {id}: timeout while waiting for state to become 'DONE' (last "
        "state: 'RUNNING', simulated)",
    },
    verbs={Operation.CREATE: "creating", Operation.UPDATE: "updating", Operation.DELETE: "deleting"},
    # It tries again until an operation's own time is over; ten pauses of up to 30 s are about four minutes of it.
    retries=10,
    takes=TIMES,
    settles={"gcp:serviceaccount/account:Account": 2},
)
