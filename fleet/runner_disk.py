"""A workflow's job works on a machine that is gone afterwards: what stays must not be kept there.

Without a backend of its own the engine keeps states, and the passphrase of the secrets in them, on this machine's disk.
That is right for a stack of this machine. A job would find none of a cloud's stacks there, and make all of it again.
"""

import os
import re
from pathlib import Path
from typing import Final

from fleet.console import FleetError

_SECRETS_PROVIDER: Final = re.compile(r"^secretsprovider:", re.MULTILINE)
"""What the engine writes into the file of a stack whose secrets a cloud's key encrypts."""


def check_backend_lasts(what: str) -> None:
    """Check that a workflow's job keeps states elsewhere than on its runner, whose disk goes with the job.

    Args:
        what: What the job works on.

    Raises:
        FleetError: it would begin anew, beside what the cloud has already.
    """
    if _runs_in_workflow() and not os.environ.get("PULUMI_BACKEND_URL"):
        raise FleetError(
            f"{what} would be kept on this runner, where nothing of it is known and nothing stays: set the "
            "repository's variable PULUMI_BACKEND_URL to where stacks are kept, as `fleet bootstrap` printed it"
        )


def check_secrets_last(name: str, file: Path) -> None:
    """Check that a workflow's job can read the secrets of a stack, and that the next one can.

    Args:
        name: The stack's.
        file: Its file.

    Raises:
        FleetError: they would be under a passphrase that is made on the runner and goes with it.
    """
    given = os.environ.get("PULUMI_CONFIG_PASSPHRASE") or os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE")
    if _runs_in_workflow() and not given and not _SECRETS_PROVIDER.search(file.read_text(encoding="utf-8")):
        raise FleetError(
            f"{file.name} names no secretsprovider, so secrets of stack {name} would be under a passphrase of "
            f"this runner alone: make it once by `pulumi stack init {name} --secrets-provider URL`, as `fleet "
            "bootstrap` printed it, and commit what that writes into the file"
        )


def _runs_in_workflow() -> bool:
    """Whether this is a job of GitHub's (docs.github.com/actions/reference/workflows-and-actions/variables)."""
    return os.environ.get("GITHUB_ACTIONS") == "true"
