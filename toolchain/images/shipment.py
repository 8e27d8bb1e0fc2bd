"""An image as it is shipped: signed, with its bill of materials and its provenance beside it, and checked as such."""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from toolchain.images import cosign
from toolchain.images.built_image import BuiltImage, list_built
from toolchain.images.contents import read_contents
from toolchain.images.cosign import KeyFile
from toolchain.images.errors import SignatureError
from toolchain.images.gate import findings
from toolchain.images.provenance import SLSA_TYPE, provenance
from toolchain.images.sbom import SPDX_TYPE, sbom
from toolchain.images.sigstore import Identity, Keyless
from toolchain.locations import clone_dir


@dataclass(frozen=True)
class Verified:
    """What a verifier has learned of an image.

    Attributes:
        reference: Which, by digest.
        packages: Packages in its bill of materials, itself not counted.
        commit: The git commit that it was built from; empty where it was built from a changed checkout.
        builder: Who says so.
    """

    reference: str
    packages: int
    commit: str
    builder: str


def bill_of_materials(image: BuiltImage) -> dict[str, Any]:
    """Write an image's bill of materials.

    Raises:
        ArchiveError: it is damaged.
    """
    version = tomllib.loads((clone_dir() / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return sbom(image, read_contents(image), version=version)


def built_as(reference: str) -> BuiltImage:
    """Find the image on this disk that a reference names.

    Raises:
        SignatureError: it was not built here: nothing could be stated about it.
    """
    digest = reference.rpartition("@")[2]
    for image in list_built():
        if image.digest == digest:
            return image
    raise SignatureError(
        f"{reference} was not built on this machine, so nothing can be stated about what is in it: "
        "build and push it here first (`fleet image push`), and sign the reference that this prints"
    )


def sign_shipment(reference: str, by: KeyFile | Keyless, say: Callable[[str], None]) -> None:
    """Sign a pushed image and attach both statements; an image that breaks a rule is not signed.

    Signing again adds another signature: nothing is taken away.

    Raises:
        SignatureError: it was not built here, breaks a rule of the gate, or cosign refuses.
        ArchiveError: it holds packages that uv.lock doesn't pin.
    """
    image = built_as(reference)
    if broken := findings(image, read_contents(image)):
        told = "; ".join(f"it {finding.text}" for finding in broken)
        raise SignatureError(f"{reference} is not signed: {told}")
    say("signing")
    cosign.sign(reference, by)
    say("attaching its bill of materials")
    cosign.attest(reference, SPDX_TYPE, bill_of_materials(image), by)
    say("attaching its provenance")
    cosign.attest(reference, SLSA_TYPE, provenance(image), by)


def verify_shipment(reference: str, by: KeyFile | Identity) -> Verified:
    """Check an image's signature and both statements.

    Raises:
        SignatureError: one is missing, or is somebody else's.
    """
    cosign.verify(reference, by)
    materials = cosign.verify_attestation(reference, SPDX_TYPE, by)
    origin = cosign.verify_attestation(reference, SLSA_TYPE, by)
    resolved = origin["buildDefinition"]["resolvedDependencies"]
    commits = [each["digest"]["gitCommit"] for each in resolved if "gitCommit" in each["digest"]]
    return Verified(
        reference,
        len(materials["packages"]) - 1,
        commits[0] if commits else "",
        origin["runDetails"]["builder"]["id"],
    )
