"""Limits that AWS documents in words: sizes of policy documents, and attributes that its APIs take as texts."""

from collections.abc import Mapping
from typing import Final

from rehearsal.rules import Rule

_IAM: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"
_KMS: Final = "https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html"
_BUCKET: Final = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/add-bucket-policy.html"
_BUDGET_FILTERS: Final = "https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-create-filters.html"


def _document(most: int, source: str) -> Rule:
    """A policy document; IAM doesn't count spaces, the others do, and ours have none."""
    return Rule(source=source, pattern=r"[\t\n\r -\u00ff]+", max_length=most)


LIMITS: Final[Mapping[str, Mapping[str, Rule]]] = {
    "aws:iam/policy:Policy": {"policy": _document(6_144, _IAM)},
    "aws:iam/role:Role": {"assumeRolePolicy": _document(2_048, _IAM)},
    "aws:iam/rolePolicy:RolePolicy": {"policy": _document(10_240, _IAM)},
    "aws:kms/key:Key": {"policy": _document(32_768, _KMS)},
    "aws:kms/replicaKey:ReplicaKey": {"policy": _document(32_768, _KMS)},
    "aws:s3/bucketPolicy:BucketPolicy": {"policy": _document(20_480, _BUCKET)},
    "aws:lb/targetGroup:TargetGroup": {
        "deregistrationDelay": Rule(
            source="https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html",
            minimum=0,
            maximum=3600,
        )
    },
    "aws:budgets/budget:Budget": {
        "limitAmount": Rule(
            source="https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Spend.html",
            pattern=r"[0-9]+(\.[0-9]+)?",
        ),
        # Others have values of other forms, and budgets here have no others.
        "costFilters.name": Rule(source=_BUDGET_FILTERS, values=("TagKeyValue",)),
        # Whose tag it is (`user:` for ours), its key and its value; without the first the budget counts nothing.
        "costFilters.values": Rule(
            source=_BUDGET_FILTERS, pattern=r"(user|aws):[\w.:/=+@-]{1,128}\$[\w .:/=+@-]{0,256}"
        ),
    },
}
