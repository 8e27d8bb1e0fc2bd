"""What every resource of an AWS stack shares: its account, its names, its tags, and how its data is guarded."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi

from infra.config import StackSettings
from infra.marks import NAME_TAG


@dataclass(frozen=True)
class Scope:
    """One stack's place in one account.

    Attributes:
        stack: Name of the stack; part of every name, so that stacks can share an account.
        account: Twelve-digit account id.
        region: Region code, such as us-east-1.
        environment: Name of the environment; the account stack has a deployment role for each.
        tags: Tags that every resource carries.
        delete_data: Whether data may go: lifts `protect` and the cloud's own delete protection.
    """

    stack: str
    account: str
    region: str
    environment: str
    tags: Mapping[str, str] = field(default_factory=dict)
    delete_data: bool = False

    @classmethod
    def of(cls, stack: str, settings: StackSettings) -> "Scope":
        """The scope that a stack file describes."""
        return cls(
            stack=stack,
            account=settings.account,
            region=settings.region,
            environment=settings.environment,
            tags=settings.tags_of(stack),
            delete_data=settings.delete_data,
        )

    @property
    def partition(self) -> str:
        """First part of every ARN; regions of China and GovCloud have partitions of their own."""
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"

    @property
    def deployer_role_arn(self) -> str:
        """The role that the account stack makes for this environment's deployments (`infra/account/aws.py`)."""
        return self.iam_arn(f"role/{deployer_role_name(self.environment)}")

    def boundary_arn(self, environment: str = "") -> str:
        """The boundary of the roles of an environment, by default this one's (`infra/account/aws_boundary.py`)."""
        return self.iam_arn(f"policy/{boundary_name(environment or self.environment)}")

    def name(self, part: str = "") -> str:
        """A name that is unique in the account and region, and the same in every update."""
        return "-".join(filter(None, ("modelfleet", self.stack, part)))

    def bucket_name(self, part: str) -> str:
        """Bucket names are unique in the whole partition: the account makes them ours (at most 63 characters)."""
        return f"{self.name(part)}-{self.account}"

    def arn(self, service: str, resource: str, *, region: str | None = None) -> str:
        """The ARN of a resource of this account and region."""
        return f"arn:{self.partition}:{service}:{region or self.region}:{self.account}:{resource}"

    def iam_arn(self, resource: str) -> str:
        """The ARN of an IAM resource of this account."""
        return f"arn:{self.partition}:iam::{self.account}:{resource}"

    def managed_policy(self, name: str) -> str:
        """The ARN of a policy that AWS maintains."""
        return f"arn:{self.partition}:iam::aws:policy/{name}"

    def data(
        self, parent: pulumi.Resource, *, aliases: tuple[pulumi.Alias, ...] = (), guarded: bool = True
    ) -> pulumi.ResourceOptions:
        """Options of a resource that holds data; `guarded` says whether it is to be kept at all."""
        protect = guarded and not self.delete_data
        return pulumi.ResourceOptions(parent=parent, protect=protect, aliases=list(aliases))

    def tagging(self, args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        """Tag every child that can be tagged, with its own name too, by which it is found again.

        A transformation, not the provider's default tags: those appear neither in a preview nor to a policy.
        """
        if not args.type_.startswith("aws:") or "tags" not in args.props or args.type_ == "aws:autoscaling/group:Group":
            return None
        own = args.props["tags"]
        tags = {**self.tags, NAME_TAG: args.name, **(own if isinstance(own, Mapping) else {})}
        return pulumi.ResourceTransformationResult(props={**args.props, "tags": tags}, opts=args.opts)


def deployer_role_name(environment: str) -> str:
    """The role that deploys to an environment."""
    return f"modelfleet-deploy-{environment}"


def boundary_name(environment: str) -> str:
    """The permissions boundary of the roles that are made in an environment."""
    return f"modelfleet-boundary-{environment}"
