"""The AWS region of this repository's stack file, recorded once for all tests of it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.infra.clouds.aws.recording import Recorder, record, settings_of

STACK = "aws-us-east-1"


@pytest.fixture(scope="session")
def make_region() -> Callable[..., Recorder]:
    def make(**changes: Any) -> Recorder:
        settings = settings_of(STACK, **changes)

        def program() -> None:
            from infra.clouds.aws import AwsRegion  # noqa: PLC0415 - the SDK takes a second to import

            AwsRegion("region", settings)

        return record(STACK, program)

    return make


@pytest.fixture(scope="session")
def region(make_region: Callable[..., Recorder]) -> Recorder:
    """The region of the stack file, with two tenants."""
    tenants = [{"name": "acme", "stacks": [STACK]}, {"name": "globex", "stacks": [STACK]}]
    return make_region(tenants=tenants)
