"""Google Cloud: a region's Compute Engine quotas, limit and usage together.

https://docs.cloud.google.com/compute/docs/reference/rest/v1/regions/get
"""

from fleet.console import FleetError
from fleet.quota.rest import get_json, token_of
from fleet.quota.standing import Limit

COMPUTE_ENGINE = "https://compute.googleapis.com"
_TOKEN = ("gcloud", "auth", "print-access-token")
_NEEDED = "compute.regions.get (role Compute Viewer)"


def gcp_limits(region: str, project: str, *, address: str = COMPUTE_ENGINE) -> dict[str, Limit]:
    """Ask for every quota of a region, under the identity of the Google Cloud CLI.

    Raises:
        FleetError: nobody is logged in, or Google Cloud refuses.
    """
    url = f"{address}/compute/v1/projects/{project}/regions/{region}"
    told = get_json(url, token_of(_TOKEN), needed=_NEEDED)
    try:
        return {quota["metric"]: Limit(quota["limit"], quota["usage"]) for quota in told["quotas"]}
    except (KeyError, TypeError) as error:
        raise FleetError(f"{url} answered in another shape than documented ({error})") from error
