"""Where an image comes from: the predicate of an in-toto statement, SLSA provenance v1.

https://slsa.dev/spec/v1.0/provenance. It says what was built, from which commit, base and lock, and who ran it. Only
GitHub's runner makes more of it than a claim of whoever holds the key: there the workflow is the signer's identity.
"""

import hashlib
import os
import subprocess
from collections.abc import Mapping
from typing import Any

from toolchain.images.built_image import BuiltImage
from toolchain.images.recipe import source_date_epoch
from toolchain.locations import clone_dir

SLSA_TYPE = "slsaprovenance1"
"""What cosign calls this kind of attestation."""
_BUILD_TYPE = "https://modelfleet.dev/images/v1"
_LOCAL_BUILDER = "https://modelfleet.dev/builders/by-hand"


def provenance(image: BuiltImage, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Write the predicate.

    Args:
        image: Whose.
        environment: Variables that GitHub's runner sets; where they are missing, somebody built by hand.
    """
    lock = hashlib.sha256((clone_dir() / "uv.lock").read_bytes()).hexdigest()
    dependencies: list[dict[str, Any]] = [
        {"uri": "uv.lock", "digest": {"sha256": lock}},
        {"uri": "base image", "digest": {"sha256": image.base_digest.partition(":")[2]}},
        {"uri": "sources of the image", "digest": {"sha256": image.source_digest.partition(":")[2]}},
    ]
    if commit := _clean_commit():
        dependencies.insert(0, {"uri": _repository(environment), "digest": {"gitCommit": commit}})
    run: dict[str, Any] = {"builder": {"id": _LOCAL_BUILDER}}
    if "GITHUB_RUN_ID" in environment:
        server, repository = environment["GITHUB_SERVER_URL"], environment["GITHUB_REPOSITORY"]
        attempt = environment.get("GITHUB_RUN_ATTEMPT", "1")
        run = {
            "builder": {"id": f"{server}/{environment['GITHUB_WORKFLOW_REF']}"},
            "metadata": {
                "invocationId": f"{server}/{repository}/actions/runs/{environment['GITHUB_RUN_ID']}/attempts/{attempt}"
            },
        }
    return {
        "buildDefinition": {
            "buildType": _BUILD_TYPE,
            "externalParameters": {"image": image.name, "sourceDateEpoch": source_date_epoch()},
            "internalParameters": {},
            "resolvedDependencies": dependencies,
        },
        "runDetails": run,
    }


def _clean_commit() -> str:
    """The commit that the checkout is; empty where something in it is changed, so that no commit is what was built."""
    clone = ["git", "-C", str(clone_dir())]
    changed = subprocess.run([*clone, "status", "--porcelain"], capture_output=True, text=True, check=False)
    head = subprocess.run([*clone, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return "" if changed.returncode or changed.stdout or head.returncode else head.stdout.strip()


def _repository(environment: Mapping[str, str]) -> str:
    if "GITHUB_REPOSITORY" in environment:
        return f"git+{environment['GITHUB_SERVER_URL']}/{environment['GITHUB_REPOSITORY']}"
    return "git+file:checkout"
