"""What every resource of a Google Cloud stack shares: its project, its names, its labels, how its data is guarded."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi

from infra.config import StackSettings

_NAME_LIMIT = 63
"""RFC 1035 labels, which names in Compute Engine, GKE and Cloud Storage are
(cloud.google.com/compute/docs/naming-resources, cloud.google.com/storage/docs/buckets#naming)."""
_CLUSTER_NAME_LIMIT = 40
"""cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters#Cluster."""
_ACCOUNT_ID_LIMIT = 30
"""Service account ids have 6 to 30 characters (cloud.google.com/iam/docs/service-accounts-create)."""
_COMPACT_LIMIT = 20
"""Endpoints for Google APIs have 1 to 20 lower-case letters and digits
(cloud.google.com/vpc/docs/configure-private-service-connect-apis)."""
_LABEL_LIMIT = 63
"""cloud.google.com/resource-manager/docs/labels-overview#requirements: lower-case letters, digits, '_' and '-'."""
_OUTSIDE_LABELS = re.compile(r"[^a-z0-9_-]")


@dataclass(frozen=True)
class Scope:
    """One stack's place in one project.

    Attributes:
        stack: Name of the stack; part of every name, so that stacks can share a project.
        project: Project id.
        project_number: Number of the project, which its service agents are named after.
        region: Region, such as europe-west4.
        environment: Name of the environment; the account stack has a deployment identity for each.
        labels: Labels that every resource carries.
        delete_data: Whether data may go: lifts `protect` and the cloud's own delete protection.
        kept: Names that the cloud keeps from an earlier life of the stack, and that are not free.
    """

    stack: str
    project: str
    project_number: pulumi.Output[str]
    region: str
    environment: str
    labels: Mapping[str, str] = field(default_factory=dict)
    delete_data: bool = False
    kept: frozenset[str] = frozenset()

    @classmethod
    def of(cls, stack: str, settings: StackSettings, project_number: pulumi.Output[str]) -> "Scope":
        """The scope that a stack file describes."""
        return cls(
            stack=stack,
            project=settings.account,
            project_number=project_number,
            region=settings.region,
            environment=settings.environment,
            labels=labels_of(stack, settings),
            delete_data=settings.delete_data,
            kept=frozenset(settings.kept),
        )

    def name(self, part: str = "") -> str:
        """A name that is unique in the project, and the same in every update."""
        return stack_name(self.stack, part)

    @property
    def cluster_name(self) -> str:
        """Name of the cluster."""
        return shortened(self.name(), _CLUSTER_NAME_LIMIT)

    def bucket_name(self, part: str) -> str:
        """Bucket names are unique in the whole cloud: the project's id, which is too, makes them ours."""
        return shortened(f"{self.project}-{self.stack}-{part}", _NAME_LIMIT)

    def account_id(self, part: str) -> str:
        """Id of a service account."""
        return shortened(f"mf-{self.stack}-{part}", _ACCOUNT_ID_LIMIT)

    def compact_name(self, part: str) -> str:
        """A name of letters and digits only."""
        return (part + _hash(self.stack, _COMPACT_LIMIT))[:_COMPACT_LIMIT]

    def service_agent(self, service: str) -> pulumi.Output[str]:
        """IAM member of a Google service's own identity in this project.

        Args:
            service: Domain of the agent, such as `compute-system`
                (cloud.google.com/iam/docs/service-agents).
        """
        return pulumi.Output.concat(
            "serviceAccount:service-", self.project_number, f"@{service}.iam.gserviceaccount.com"
        )

    def workload(self, namespace: str, service_account: str) -> pulumi.Output[str]:
        """IAM member of a Kubernetes service account, under Workload Identity Federation for GKE.

        The cluster's pods are principals of IAM themselves: no key and no Google service account is in between
        (cloud.google.com/kubernetes-engine/docs/concepts/workload-identity#principal-id-examples).
        """
        return pulumi.Output.concat(
            "principal://iam.googleapis.com/projects/",
            self.project_number,
            f"/locations/global/workloadIdentityPools/{self.project}.svc.id.goog",
            f"/subject/ns/{namespace}/sa/{service_account}",
        )

    def data(self, parent: pulumi.Resource, *, import_id: str | None = None) -> pulumi.ResourceOptions:
        """Options of a resource that holds data, or without which data can't be read.

        Args:
            parent: Component that it belongs to.
            import_id: Id of the one that exists already and is taken over; None makes a new one.
        """
        return pulumi.ResourceOptions(parent=parent, protect=not self.delete_data, import_=import_id)


def labels_of(stack: str, settings: StackSettings) -> Mapping[str, str]:
    """Labels of everything that a stack makes, in the characters that labels may have."""
    return {_label(key): _label(value) for key, value in settings.tags_of(stack).items()}


def stack_name(stack: str, part: str = "") -> str:
    """Name of a stack's resource."""
    return shortened("-".join(filter(None, ("modelfleet", stack, part))), _NAME_LIMIT)


def shortened(text: str, limit: int) -> str:
    """Fit `text` into `limit` characters: its end gives way to a hash of the whole, so that no two become one."""
    return text if len(text) <= limit else f"{text[: limit - 6].rstrip('-')}-{_hash(text, 5)}"


def _hash(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def _label(text: str) -> str:
    return _OUTSIDE_LABELS.sub("-", text.lower())[:_LABEL_LIMIT]
