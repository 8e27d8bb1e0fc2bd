"""What pods reach on each cloud: the region's way out, made into network policies, recorded without an engine."""

from collections.abc import Callable
from functools import cache

import pytest

from infra.cluster import Isolation
from tests.infra.clouds.aws import recording as aws
from tests.infra.clouds.azure import recording as azure
from tests.infra.clouds.gcp import recording as gcp
from tests.infra.cluster.any_region import policies, reached
from tests.infra.recording import Recorder


@cache
def on_aws() -> Recorder:
    from infra.clouds.aws import AwsRegion  # noqa: PLC0415 - each SDK takes seconds to import

    settings = aws.settings_of("aws-us-east-1")
    return aws.record("aws-us-east-1", lambda: Isolation("isolation", region=AwsRegion("region", settings)))


@cache
def on_azure() -> Recorder:
    from infra.clouds.azure import AzureRegion  # noqa: PLC0415

    settings = azure.settings_of(azure.STACK)
    return azure.record(
        lambda options: Isolation("isolation", region=AzureRegion("region", settings, options)), azure.STACK
    )


@cache
def on_gcp() -> Recorder:
    from infra.clouds.gcp import GcpRegion  # noqa: PLC0415

    given = gcp.settings()
    return gcp.record(lambda: Isolation("isolation", region=GcpRegion("region", given)))


S3 = {"3.5.0.0/19": {443}, "52.216.0.0/15": {443}}
AGENT = {"169.254.170.23/32": {80}}
DATA_SUBNETS = [f"10.16.{number}.0/24" for number in (132, 133, 134)]
ENTRA = {cidr: {443} for cidr in ("20.20.32.0/19", "20.190.128.0/18", "20.231.128.0/19", "40.126.0.0/18")}
METADATA = {"169.254.169.254/32": {80, 8080}}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (on_aws, S3 | AGENT),
        (on_azure, {"10.32.96.0/19": {443}} | ENTRA),
        (on_gcp, {"10.48.255.254/32": {443}} | METADATA),
    ],
)
def test_model_servers_reach_weights_and_their_identity(
    record: Callable[[], Recorder], expected: dict[str, set[int]]
) -> None:
    assert reached(policies(record())["model-server"]) == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (on_aws, {cidr: {5432, 6379} for cidr in DATA_SUBNETS} | AGENT),
        (on_azure, {"10.32.96.0/19": {5432, 10000}} | ENTRA),
        (on_gcp, {"10.48.192.0/24": {5432, 6379}} | METADATA),
    ],
)
def test_the_gateway_reaches_data_services_and_its_identity(
    record: Callable[[], Recorder], expected: dict[str, set[int]]
) -> None:
    assert reached(policies(record())["gateway"]) == expected
