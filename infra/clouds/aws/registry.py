"""The region's own image registry: what runs here is pulled from here, by digest.

Replication and the kind of scanning are settings of a whole registry, once per account and Region: they are the
account stack's (`infra/account/aws.py`).
"""

import json
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.clouds.aws.scope import Scope

IMAGES = ("server", "gateway", "prometheus")
_UNTAGGED_DAYS = 30
_KEPT_IMAGES = 100
"""Releases that can be gone back to; an image in use isn't special to ECR."""


@dataclass(frozen=True)
class RegistryArgs:
    """What the registry is made from.

    Attributes:
        scope: The stack's place.
        key: Key of the images.
    """

    scope: Scope
    key: pulumi.Input[str]


class Registry(pulumi.ComponentResource):
    """A repository per image of ours.

    Attributes:
        host: Host and path that images are named under, without a slash at its end.
        repository_arns: Of each repository.
    """

    host: str
    repository_arns: list[pulumi.Output[str]]

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("modelfleet:aws:Registry", name, None, opts)
        scope = args.scope
        self.host = f"{scope.account}.dkr.ecr.{scope.region}.amazonaws.com/{scope.name()}"
        self.repository_arns = []
        for image in IMAGES:
            repository = aws.ecr.Repository(
                image,
                name=f"{scope.name()}/{image}",
                image_tag_mutability="IMMUTABLE",
                image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
                encryption_configurations=[
                    aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=args.key)
                ],
                force_delete=scope.delete_data,
                opts=scope.data(self),
            )
            aws.ecr.LifecyclePolicy(
                image,
                repository=repository.name,
                policy=json.dumps({"rules": _lifecycle()}),
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.repository_arns.append(repository.arn)
        self.register_outputs({"host": self.host})


def _lifecycle() -> list[dict[str, object]]:
    # docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
    untagged: dict[str, object] = {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": _UNTAGGED_DAYS,
    }
    surplus: dict[str, object] = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": _KEPT_IMAGES}
    return [
        {"rulePriority": priority, "description": text, "selection": selection, "action": {"type": "expire"}}
        for priority, (text, selection) in enumerate(
            [("untagged images", untagged), ("all but the latest releases", surplus)], start=1
        )
    ]
