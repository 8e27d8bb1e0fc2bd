"""The three clouds are asked in their own words: moto for AWS, servers here for the other two."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.servicequotas.models import ServiceQuotasBackend
from typer.testing import CliRunner

from fleet import stacks
from fleet.app import app
from fleet.console import FleetError
from fleet.quota.aws import aws_limits
from fleet.quota.azure import azure_limits
from fleet.quota.gcp import gcp_limits
from fleet.quota.needs import Need
from fleet.quota.standing import Limit

Program = Callable[[str, str], None]
Served = Callable[[Callable[[str, dict[str, str]], tuple[int, bytes]]], str]
DIMENSIONS = {"Class": "Standard/OnDemand", "Resource": "vCPU", "Service": "EC2", "Type": "Resource"}
USAGE = {
    "MetricNamespace": "AWS/Usage",
    "MetricName": "ResourceCount",
    "MetricDimensions": DIMENSIONS,
    "MetricStatisticRecommendation": "Maximum",
}
POOL: dict[str, Any] = {"name": "l40s", "sku": "g6e.12xlarge", "min": 1, "max": 3, "driver": 580}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, float]]:
    """AWS by moto, which knows the VPC's quotas; EC2's are these."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    limits = {"L-DB2E81BA": 192.0, "L-1216C47A": 64.0, "L-0263D0A3": 5.0}
    ordinary = ServiceQuotasBackend.get_service_quota

    def with_ec2(self: ServiceQuotasBackend, service_code: str, quota_code: str) -> dict[str, Any]:
        if service_code == "ec2" and quota_code in limits:
            metric = {"UsageMetric": USAGE} if quota_code == "L-1216C47A" else {}
            return {"QuotaCode": quota_code, "QuotaName": "of EC2", "Value": limits[quota_code], **metric}
        return ordinary(self, service_code, quota_code)

    monkeypatch.setattr(ServiceQuotasBackend, "get_service_quota", with_ec2)
    with mock_aws():
        yield limits


@pytest.mark.usefixtures("aws")
def test_aws_tells_limits_and_what_is_used() -> None:
    dimensions = [{"Name": name, "Value": value} for name, value in DIMENSIONS.items()]
    earlier = datetime.now(UTC) - timedelta(minutes=1)  # times go over the wire in whole seconds
    boto3.client("cloudwatch", region_name="us-east-1").put_metric_data(
        Namespace="AWS/Usage",
        MetricData=[{"MetricName": "ResourceCount", "Dimensions": dimensions, "Value": 12, "Timestamp": earlier}],
    )
    names = ["vpc/L-F678F1CE", "ec2/L-1216C47A", "ec2/L-DB2E81BA", "ec2/L-UNTOLD"]
    found = aws_limits("us-east-1", "123456789012", [Need(name, "", 1) for name in names])
    assert found == {
        "vpc/L-F678F1CE": Limit(5.0, None, "VPCs per Region"),
        "ec2/L-1216C47A": Limit(64.0, 12.0, "of EC2"),
        "ec2/L-DB2E81BA": Limit(192.0, None, "of EC2"),
    }


@pytest.mark.usefixtures("aws")
def test_another_account_s_credentials_are_refused() -> None:
    with pytest.raises(FleetError, match="of account 123456789012, the stack is in 111122223333"):
        aws_limits("us-east-1", "111122223333", [])


def test_the_command_fails_where_an_update_would(
    aws: dict[str, float], write_stack: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stacks, "clone_dir", lambda: tmp_path)
    write_stack("one", account="123456789012", gpuPools=[POOL])

    def told() -> tuple[int, dict[str, dict[str, Any]]]:
        done = CliRunner().invoke(app, ["quota", "one", "--json"])
        assert done.stdout, repr(done.exception)
        return done.exit_code, {each["quota"]: each for each in json.loads(done.stdout)["quotas"]}

    assert told()[0] == 0  # 3 machines of 48 vCPUs, and one more while it is replaced
    aws["L-DB2E81BA"] = 191
    code, quotas = told()
    assert code == 1
    assert [name for name, each in quotas.items() if each["verdict"] == "fails"] == ["ec2/L-DB2E81BA"]
    assert "have it raised to 192, or lower `max`" in quotas["ec2/L-DB2E81BA"]["remedy"]


def test_azure_s_usages_are_read_page_by_page(served: Served, program: Program) -> None:
    asked: list[tuple[str, dict[str, str]]] = []
    address = ""

    def answer(path: str, query: dict[str, str]) -> tuple[int, bytes]:
        asked.append((path, query))
        name = "cores" if query.get("page") else "standardDDSv5Family"
        usage = {"limit": 100, "currentValue": 4, "name": {"value": name, "localizedValue": "As people call it"}}
        link = {} if query.get("page") else {"nextLink": f"{address}{path}?page=2"}
        return 200, json.dumps({"value": [usage], **link}).encode()

    address = served(answer)
    program("az", 'test "$*" = "account get-access-token --resource https://management.azure.com --query accessToken '
            '--output tsv" && echo secret')  # fmt: skip
    limit = Limit(100, 4, "As people call it")
    assert azure_limits("westeurope", "sub", address=address) == {"standardDDSv5Family": limit, "cores": limit}
    path = "/subscriptions/sub/providers/Microsoft.Compute/locations/westeurope/usages"
    assert asked[0] == (path, {"api-version": "2024-07-01"})


def test_google_cloud_s_region_tells_its_quotas(served: Served, program: Program) -> None:
    asked: list[str] = []

    def answer(path: str, _: dict[str, str]) -> tuple[int, bytes]:
        asked.append(path)
        quotas = [{"metric": "NVIDIA_L4_GPUS", "limit": 16.0, "usage": 1.0}]
        return 200, json.dumps({"name": "europe-west4", "quotas": quotas}).encode()

    program("gcloud", "echo secret")
    assert gcp_limits("europe-west4", "p", address=served(answer)) == {"NVIDIA_L4_GPUS": Limit(16.0, 1.0)}
    assert asked == ["/compute/v1/projects/p/regions/europe-west4"]


@pytest.mark.parametrize(
    ("script", "reply", "told"),
    [
        ("echo not logged in >&2; exit 1", (200, b"{}"), "gives no access token: not logged in"),
        ("echo secret", (403, b"no"), "answered HTTP 403; it takes compute.regions.get"),
        ("echo secret", (200, b"<html>"), "gives no answer"),
        ("echo secret", (200, b"{}"), "another shape than documented"),
    ],
)
def test_refusals_are_told(served: Served, program: Program, script: str, reply: tuple[int, bytes], told: str) -> None:
    program("gcloud", script)
    with pytest.raises(FleetError) as caught:
        gcp_limits("europe-west4", "p", address=served(lambda *_: reply))
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_missing_command_line_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FleetError, match="az is not installed"):
        azure_limits("westeurope", "sub")
