"""What runs is named by its content."""

import re
from collections.abc import Iterator
from typing import Final

from infra.policy.inputs import Inputs
from infra.policy.requirement import none_of, table
from infra.policy.rule import Rule, Severity, Subject

_DIGEST: Final = re.compile(r".+@sha256:[0-9a-f]{64}")
_CONTAINERS: Final = ("containers", "initContainers", "ephemeralContainers")
_POD_SPECS: Final = (
    "spec",  # Pod, and custom resources that hold a pod's fields
    "spec.template.spec",  # Deployment, StatefulSet, DaemonSet, ReplicaSet, Job
    "template.spec",  # PodTemplate
    "spec.jobTemplate.spec.template.spec",  # CronJob
    "spec.leaderWorkerTemplate.leaderTemplate.spec",  # LeaderWorkerSet
    "spec.leaderWorkerTemplate.workerTemplate.spec",
    "spec.replicatedJobs[].template.spec.template.spec",  # JobSet
)


def _images(spec: Inputs) -> Iterator[tuple[str, str]]:
    for kind in _CONTAINERS:
        for container in spec.blocks(f"{kind}[]"):
            yield f"{container.path}.image", container.text("image")
    for volume in spec.blocks("volumes[].image"):
        yield f"{volume.path}.reference", volume.text("reference")


def _pods(subject: Subject) -> Iterator[str]:
    for path in _POD_SPECS:
        for spec in subject.inputs.blocks(path):
            for where, image in _images(spec):
                if not _DIGEST.fullmatch(image):
                    yield f"{where} is {_problem(image)}"


def _release(_subject: Subject) -> Iterator[str]:
    yield "what a Helm release runs can't be seen before it runs: make its objects resources, as helm.v4.Chart does"


def _problem(image: str) -> str:
    if not image:
        return "not set"
    name, _, tag = image.rpartition(":")
    if not name or "/" in tag:
        return f"{image!r}: without a tag or digest it means `latest`"
    return f"{image!r}: `latest` is whatever was pushed last" if tag == "latest" else f"{image!r}: tags can be moved"


def _machine_image(subject: Subject) -> Iterator[str]:
    image = subject.inputs.text("imageId")
    if image.startswith("resolve:ssm:"):
        yield "imageId is looked up when a machine starts: two nodes of a pool may differ"


IMAGES_BY_DIGEST = Rule(
    id="image-by-digest",
    severity=Severity.HIGH,
    demand="Every container of every pod names its image by digest; no `latest`, no tag.",
    why="What was tested is what runs, on every node and after every restart, whoever can push to the registry.",
    remedy="Write `name@sha256:…` (`fleet image list` shows the digests).",
    checks={"kubernetes:*": _pods, "kubernetes:helm.sh/v3:Release": _release},
    sources=("https://kubernetes.io/docs/concepts/containers/images/#image-digests",),
)

NODE_IMAGE_PINNED = Rule(
    id="node-image-pinned",
    severity=Severity.MEDIUM,
    demand="Machines start from a named image, not from the newest.",
    why="A driver that changes on a scale-up breaks CUDA on half of a pool.",
    remedy="Name the image or release; let a change of it make a new pool.",
    checks={
        "aws:ec2/launchTemplate:LaunchTemplate": _machine_image,
        **table({"aws:eks/nodeGroup:NodeGroup": (none_of("launchTemplate.version", "$Latest", "$Default"),)}),
    },
    sources=("https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html",),
)

RULES = (IMAGES_BY_DIGEST, NODE_IMAGE_PINNED)
