"""What each cloud calls an account, and how its id looks."""

import re

from infra.config.placement import Cloud

# AWS: 12 digits. Azure: a UUID. Google: 6 to 30 characters (https://cloud.google.com/resource-manager/docs/creating-managing-projects).
_ACCOUNTS = {
    Cloud.AWS: (re.compile(r"[0-9]{12}"), "the account's 12 digits, in quotes"),
    Cloud.AZURE: (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "the subscription's id, a lower-case UUID"),
    Cloud.GCP: (
        re.compile(r"[a-z][-a-z0-9]{4,28}[a-z0-9]"),
        "the project's id: 6 to 30 lower-case letters, digits and '-'",
    ),
}


def account_problem(cloud: Cloud, account: str) -> str | None:
    """Tell what is wrong with an account's id, and what would be right; None if nothing is."""
    pattern, right = _ACCOUNTS[cloud]
    if pattern.fullmatch(account):
        return None
    return f"{account!r} is no account of {cloud}: give {right}" if account else f"is missing: give {right}"
