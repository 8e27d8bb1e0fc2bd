"""AWS: Service Quotas tells limits, CloudWatch what is used of them.

https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from fleet.console import FleetError
from fleet.quota.needs import Need
from fleet.quota.standing import Limit

_UNTOLD = frozenset({"NoSuchResourceException"})
"""What Service Quotas answers of a quota that it doesn't have in this region."""
_USAGE_WINDOW = timedelta(hours=1)


def aws_limits(region: str, account: str, needs: Sequence[Need]) -> dict[str, Limit]:
    """Ask for the quotas that are needed, with the credentials that botocore finds.

    Raises:
        FleetError: botocore isn't installed, there are no credentials, they are another account's, or AWS refuses.
    """
    try:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - of the clouds' packages
        from botocore.session import get_session  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise FleetError("asking AWS needs botocore: run `make setup-all`") from error
    session = get_session()
    try:
        caller = session.create_client("sts", region_name=region).get_caller_identity()["Account"]
        if caller != account:
            raise FleetError(f"these credentials are of account {caller}, the stack is in {account}: use the others")
        quotas = session.create_client("service-quotas", region_name=region)
        metrics = session.create_client("cloudwatch", region_name=region)
        found = {}
        for need in needs:
            service, _, code = need.quota.partition("/")
            try:
                quota = quotas.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]
            except ClientError as error:
                if error.response["Error"]["Code"] in _UNTOLD:
                    continue
                raise
            found[need.quota] = Limit(quota["Value"], _used(metrics, quota), quota.get("QuotaName", ""))
    except (BotoCoreError, ClientError) as error:
        raise FleetError(
            f"AWS tells no quotas of {region}: {error}; it takes credentials with servicequotas:GetServiceQuota and "
            "cloudwatch:GetMetricStatistics"
        ) from error
    return found


def _used(metrics: Any, quota: Mapping[str, Any]) -> float | None:
    """What CloudWatch has recorded of a quota's use in the last hour; None where the quota has no metric."""
    usage = quota.get("UsageMetric")
    if not usage:
        return None
    now = datetime.now(UTC)
    statistic = usage.get("MetricStatisticRecommendation", "Maximum")
    told = metrics.get_metric_statistics(
        Namespace=usage["MetricNamespace"],
        MetricName=usage["MetricName"],
        Dimensions=[{"Name": name, "Value": value} for name, value in usage["MetricDimensions"].items()],
        StartTime=now - _USAGE_WINDOW,
        EndTime=now,
        Period=int(_USAGE_WINDOW.total_seconds()),
        Statistics=[statistic],
    )
    # Nothing is recorded of what was never used.
    return max((point[statistic] for point in told["Datapoints"]), default=0.0)
