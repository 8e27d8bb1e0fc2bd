"""Whether what was deployed is what was wanted: a healthy region may be healthy because nothing reached it."""

from typing import Final, Protocol

from release.artefacts import Artefacts
from release.errors import RegionError
from release.gate.verdict import Result, Verdict
from release.record import Deployed

_CHECK: Final = "deployed"


class Deployment(Protocol):
    """What can say what it runs."""

    def deployed(self) -> Deployed:
        """Give what really runs; raises RegionError where that can't be found out."""
        ...


def as_wanted(wanted: Artefacts, deployment: Deployment) -> Verdict:
    """Compare the digests of images and model that were deployed with those that were wanted.

    Repositories aren't compared: a registry may hand on another's images under its own name.
    """
    try:
        found = deployment.deployed()
    except RegionError as error:
        return Verdict(check=_CHECK, result=Result.FAILED, reason=str(error))
    has = {image.rpartition("@")[2] for image in found.images.values()}
    missing = [digest for digest in wanted.digests if digest not in has]
    if wanted.model is not None and wanted.model != found.model:
        missing.append(wanted.model)
    if missing:
        return Verdict(
            check=_CHECK,
            result=Result.FAILED,
            reason=f"not what was wanted: {', '.join(missing)} isn't deployed",
            evidence={**found.images, "model": found.model},
        )
    return Verdict(check=_CHECK, result=Result.PASSED, reason="the wanted digests are deployed")
