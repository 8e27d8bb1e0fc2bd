"""One GET of a cloud's management API, under the identity that its command line has."""

import subprocess
from collections.abc import Sequence
from typing import Any

import httpx

from fleet.console import FleetError

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)


def token_of(command: Sequence[str]) -> str:
    """Have a cloud's own command line give an access token.

    Raises:
        FleetError: it is missing, or nobody is logged in.
    """
    shown = " ".join(command)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise FleetError(f"`{shown}` gives the access token, and {command[0]} is not installed") from error
    if done.returncode or not done.stdout.strip():
        raise FleetError(f"`{shown}` gives no access token: {done.stderr.strip() or 'it printed nothing'}")
    return done.stdout.strip()


def get_json(url: str, token: str, *, needed: str) -> dict[str, Any]:
    """Get a resource.

    Args:
        url: Of it.
        token: Access token.
        needed: The permission that the request takes, for whoever is refused.

    Raises:
        FleetError: the API can't be reached, refuses, or answers something else than an object.
    """
    try:
        answer = httpx.get(url, headers={"authorization": f"Bearer {token}"}, timeout=_TIMEOUT)
        answer.raise_for_status()
        content = answer.json()
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        hint = f"; it takes {needed}" if status in {401, 403} else ""
        raise FleetError(f"{url} answered HTTP {status}{hint}: {error.response.text[:300]}") from error
    except (httpx.HTTPError, ValueError) as error:
        raise FleetError(f"{url} gives no answer: {error or type(error).__name__}") from error
    if not isinstance(content, dict):
        raise FleetError(f"{url} answered something else than an object")
    return content
