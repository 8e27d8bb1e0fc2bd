"""Credentials of registries, where container tools keep them: what `docker login` or `podman login` has written.

https://docs.docker.com/reference/cli/docker/login/#credential-stores; cosign reads the same file.
"""

import json
import os
import subprocess
from base64 import b64decode
from pathlib import Path
from typing import Any

from toolchain.images.errors import RegistryError

_FOLDER_VARIABLE = "DOCKER_CONFIG"
# docker's own name of Docker Hub, older than its host name.
_HUB = {"docker.io": "https://index.docker.io/v1/"}


def credentials_of(host: str) -> tuple[str, str] | None:
    """Give user and password (or token) of a registry; None where nobody is logged in to it.

    Raises:
        RegistryError: the file is damaged, or a credential helper that it names fails.
    """
    file = Path(os.environ.get(_FOLDER_VARIABLE) or Path.home() / ".docker") / "config.json"
    try:
        config: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RegistryError(
            f"{file} can't be read ({error}): log in again, or name another by {_FOLDER_VARIABLE}"
        ) from error
    server = _HUB.get(host, host)
    if helper := config.get("credHelpers", {}).get(host) or config.get("credsStore"):
        return _from_helper(f"docker-credential-{helper}", server)
    if not (encoded := config.get("auths", {}).get(server, {}).get("auth")):
        return None
    try:
        user, _, password = b64decode(encoded, validate=True).decode().partition(":")
    except ValueError as error:
        raise RegistryError(f"{file}: auths.{server}.auth is no base64 of user:password: log in again") from error
    return user, password


def _from_helper(program: str, server: str) -> tuple[str, str] | None:
    """Ask a credential helper: https://github.com/docker/docker-credential-helpers#development."""
    try:
        done = subprocess.run([program, "get"], input=server, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise RegistryError(f"{program} keeps the credentials of {server}, and is not on PATH") from error
    if done.returncode:
        if "not found" in done.stdout:  # what it answers of a server that nobody is logged in to
            return None
        raise RegistryError(f"{program} gives no credentials of {server}: {(done.stdout or done.stderr).strip()}")
    told = json.loads(done.stdout)
    return told["Username"], told["Secret"]
