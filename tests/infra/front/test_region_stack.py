"""Where the front reads of the regions behind it."""

from typing import Any

import pulumi

from infra.config import CloudFrontSettings
from infra.front.region_stack import origins_of
from tests.infra import recording

SMALLEST = recording.ROOT / "examples" / "smallest-region"


class Recorder(recording.Recorder):
    """Answers as a region's stack."""

    def outputs(self, args: pulumi.runtime.MockResourceArgs) -> dict[str, Any]:
        assert args.inputs["name"] == "organization/modelfleet/aws-eu-central-1"
        return {"outputs": {"origin": {"dnsName": "mf.elb.amazonaws.com"}}}


def test_regions_are_those_of_the_project_that_is_brought_up() -> None:
    """A rehearsal's project has stack files of its own, and the program only by a link."""
    found: list[tuple[str, str]] = []
    front = CloudFrontSettings.model_validate(
        {"cloud": "aws", "account": "111122223333", "region": "us-east-1", "stacks": ["aws-eu-central-1"]}
    )

    def program() -> None:
        found.extend((stack, settings.region) for stack, settings, _ in origins_of(front, SMALLEST))

    recording.run(program, Recorder(), stack="global")
    assert found == [("aws-eu-central-1", "eu-central-1")]
    assert not (recording.ROOT / "Pulumi.aws-eu-central-1.yaml").exists(), "or this would prove nothing"
