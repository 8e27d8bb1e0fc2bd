"""What the front reads of the region stacks behind it: their files, and the outputs of their last update."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pulumi

from infra.config import CloudFrontSettings, StackSettings, from_stack_file

OriginOutput = pulumi.Output[Mapping[str, str]]


def origins_of(front: CloudFrontSettings, project_root: Path) -> Iterator[tuple[str, StackSettings, OriginOutput]]:
    """Give (stack, its settings, its origin's output) of each region behind a front, in order of preference.

    `project_root` is the folder of the stack files: a rehearsal has some of its own.
    A stack that was never brought up has no outputs: the engine says so by its name.
    """
    for stack in front.stacks:
        # Self-managed backends know one organization (pulumi.com/docs/iac/concepts/stacks/#stackreferences).
        reference = pulumi.StackReference(f"organization/{pulumi.get_project()}/{stack}")
        settings = from_stack_file(project_root / f"Pulumi.{stack}.yaml")
        yield stack, settings, reference.require_output("origin")
