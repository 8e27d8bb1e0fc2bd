"""Where all stacks keep their state on AWS, in the permissions of those who deploy and of what they make."""

from dataclasses import replace

from infra.clouds.aws.policy_document import Statement, actions
from infra.clouds.aws.scope import Scope

_KEY_CHANGES = (
    *("Create*", "Delete*", "Modify*", "Update*", "Put*", "Tag*", "Untag*"),
    *("Disable*", "Enable*", "Replicate*", "Schedule*"),
)
_BUCKET_CHANGES = ("DeleteBucket*", "PutBucket*", "Put*Configuration")


class StatePlace:
    """The bucket, its access logs and the two keys, as `infra/state/aws.py` names them.

    Args:
        scope: The account stack's place.
        stack: The stack of kind `state`, in the same account.
    """

    def __init__(self, scope: Scope, stack: str) -> None:
        place = replace(scope, stack=stack)
        s3 = f"arn:{scope.partition}:s3:::"
        self._files = f"{s3}{place.bucket_name('state')}"
        self._buckets = [self._files, f"{s3}{place.bucket_name('logs')}"]
        aliases = [f"alias/{place.name(key)}" for key in ("state", "secrets")]
        self._alias_arns = [scope.arn("kms", alias, region="*") for alias in aliases]
        self._keys = [scope.arn("kms", "key/*", region="*")]
        # docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-resource-aliases
        self._by_alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": aliases}}

    def read(self) -> list[Statement]:
        """Read states and the secrets in them: a preview compares with them, and takes no lock."""
        return [
            Statement("StateBucket", ["s3:ListBucket", "s3:GetBucketLocation"], [self._files]),
            Statement("StateFiles", ["s3:GetObject"], [f"{self._files}/*"]),
            self._with_keys("Decrypt", "DescribeKey"),
        ]

    def use(self) -> list[Statement]:
        """Read and write states and the secrets in them."""
        return [
            Statement("StateFiles", actions("s3", ("GetObject", "PutObject", "DeleteObject")), [f"{self._files}/*"]),
            self._with_keys("Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey"),
        ]

    def limits(self) -> list[Statement]:
        """Change nothing of how they are kept, nor which keys the aliases mean."""
        return [
            Statement("StateBuckets", actions("s3", _BUCKET_CHANGES), self._buckets, effect="Deny"),
            Statement(
                "StateKeyChanges",
                actions("kms", _KEY_CHANGES),
                self._keys,
                conditions=self._by_alias,
                effect="Deny",
            ),
            Statement("StateAliases", ["kms:*Alias"], self._alias_arns, effect="Deny"),
        ]

    def keeps_out(self) -> list[Statement]:
        """Neither read nor write them."""
        everything = [resource for bucket in self._buckets for resource in (bucket, f"{bucket}/*")]
        return [
            Statement("NoStates", ["s3:*"], everything, effect="Deny"),
            Statement("NoStateKeys", ["kms:*"], self._keys, conditions=self._by_alias, effect="Deny"),
        ]

    def _with_keys(self, *verbs: str) -> Statement:
        return Statement("StateKeys", actions("kms", verbs), self._keys, conditions=self._by_alias)
