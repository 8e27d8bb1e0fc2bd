"""The region's images: an Artifact Registry repository with a key of ours, tags that can't move, and scanning.

Nothing is cleaned up by age or for want of a tag: what runs is named by digest, and a roll-back needs what ran before.
"""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra.clouds.gcp.scope import Scope

REPOSITORY = "images"


@dataclass(frozen=True)
class RegistryArgs:
    """How images are kept.

    Attributes:
        key: Id of their key.
        granted: What has to be there before Artifact Registry can use it.
        readers: IAM members that may pull, by name.
    """

    key: pulumi.Input[str]
    granted: list[pulumi.Resource]
    readers: dict[str, pulumi.Input[str]]


class Registry(pulumi.ComponentResource):
    """Docker repository and who may pull from it."""

    repository: pulumi.Output[str]
    prefix: str

    def __init__(self, name: str, scope: Scope, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:gcp:Registry", name, None, opts)
        # The stack is in the repository's name: two stacks of one region and project have images of their own.
        repository_id = scope.name(REPOSITORY)
        repository = gcp.artifactregistry.Repository(
            name,
            repository_id=repository_id,
            location=scope.region,
            format="DOCKER",
            mode="STANDARD_REPOSITORY",
            description=f"Images of {scope.stack}",
            kms_key_name=args.key,
            docker_config=gcp.artifactregistry.RepositoryDockerConfigArgs(immutable_tags=True),
            # Scanned where the project has Artifact Analysis, which the account stack switches on.
            vulnerability_scanning_config=gcp.artifactregistry.RepositoryVulnerabilityScanningConfigArgs(
                enablement_config="INHERITED"
            ),
            labels=dict(scope.labels),
            opts=pulumi.ResourceOptions.merge(scope.data(self), pulumi.ResourceOptions(depends_on=args.granted)),
        )
        self.repository = repository.name
        self.prefix = f"{scope.region}-docker.pkg.dev/{scope.project}/{repository_id}"
        for reader, member in args.readers.items():
            gcp.artifactregistry.RepositoryIamMember(
                f"pull-{reader}",
                repository=repository.name,
                location=scope.region,
                role="roles/artifactregistry.reader",
                member=member,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({"repository": self.repository})

    def reference(self, image: str) -> str:
        """The whole reference of an image by digest; one that names no host is in this registry."""
        host, slash, _ = image.partition("/")
        # As container tools tell a host from a path: by a dot or a port.
        return image if slash and ("." in host or ":" in host) else f"{self.prefix}/{image}"
