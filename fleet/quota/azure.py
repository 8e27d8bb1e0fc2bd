"""Azure: the Compute service's usages of a location, limits and current values together, in pages.

https://learn.microsoft.com/rest/api/compute/usage/list
"""

from fleet.console import FleetError
from fleet.quota.rest import get_json, token_of
from fleet.quota.standing import Limit

AZURE_MANAGEMENT = "https://management.azure.com"
_VERSION = "2024-07-01"
_TOKEN = (
    "az", "account", "get-access-token", "--resource", AZURE_MANAGEMENT, "--query", "accessToken", "--output", "tsv",
)  # fmt: skip
_NEEDED = "Microsoft.Compute/locations/usages/read (role Reader)"


def azure_limits(region: str, subscription: str, *, address: str = AZURE_MANAGEMENT) -> dict[str, Limit]:
    """Ask for every usage of a location, under the identity of the Azure CLI.

    Raises:
        FleetError: nobody is logged in, or Azure refuses.
    """
    token = token_of(_TOKEN)
    url: str | None = (
        f"{address}/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{region}/usages"
        f"?api-version={_VERSION}"
    )
    found: dict[str, Limit] = {}
    while url:
        page = get_json(url, token, needed=_NEEDED)
        try:
            for usage in page["value"]:
                name = usage["name"]
                found[name["value"]] = Limit(usage["limit"], usage["currentValue"], name.get("localizedValue", ""))
        except (KeyError, TypeError) as error:
            raise FleetError(f"{url} answered in another shape than documented ({error})") from error
        url = page.get("nextLink")
    return found
