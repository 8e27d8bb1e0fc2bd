"""What AWS's refusals read like, and how long its operations take.

Error codes: each service's API reference, and https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html.
The plugin puts the SDK's words around them.
"""

from typing import Final

from rehearsal.aws.times import TIMES
from rehearsal.journal import Operation
from rehearsal.manners import Manners
from rehearsal.mishaps import Fault

_CALL: Final = "{verb} {class} ({id}): operation error {module}: {action}, https response error StatusCode: "

MANNERS: Final = Manners(
    errors={
        Fault.DENIED: f"{_CALL}403, RequestID: {{uuid:request}}, api error AccessDeniedException: User: "
        "arn:aws:sts::simulated:assumed-role/simulated/rehearsal is not authorized to perform: {module}:{action}",
        Fault.QUOTA: f"{_CALL}400, RequestID: {{uuid:request}}, api error ServiceQuotaExceededException: the account "
        "has reached its quota of {class} in this Region (simulated)",
        Fault.CAPACITY: f"{_CALL}500, RequestID: {{uuid:request}}, api error InsufficientInstanceCapacity: We "
        "currently do not have sufficient capacity in the Availability Zone you requested (simulated)",
        Fault.INTERNAL: f"{_CALL}500, RequestID: {{uuid:request}}, api error InternalFailure: the request processing "
        "has failed because of an unknown error (simulated)",
        Fault.THROTTLED: f"{_CALL}400, RequestID: {{uuid:request}}, api error ThrottlingException: Rate exceeded",
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
        Fault.UNSEEN: f"{_CALL}400, RequestID: {{uuid:request}}, api error InvalidParameterValueException: what it "
        "names does not exist (simulated)",
        Fault.TIMEOUT: "waiting for {class} ({id}) {operation}: timeout while waiting for state to become 'ACTIVE' "
        "(last state: 'PENDING', simulated)",
    },
    verbs={Operation.CREATE: "Create", Operation.UPDATE: "Modify", Operation.DELETE: "Delete"},
    # max_retries, https://registry.terraform.io/providers/hashicorp/aws/latest/docs#max_retries-1
    retries=25,
    takes=TIMES,
    settles={
        "aws:iam/role:Role": 3,
        "aws:iam/policy:Policy": 1,
        "aws:iam/instanceProfile:InstanceProfile": 2,
        "aws:ec2/securityGroup:SecurityGroup": 1,
    },
)
