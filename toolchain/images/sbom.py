"""An image's bill of materials: SPDX 2.3, as JSON, of the packages that are really in it.

https://spdx.github.io/spdx-spec/v2.3/, package URLs by https://github.com/package-url/purl-spec. The same image gives
the same document: its time is the image's, its name space the image's digest.
"""

import datetime as dt
import re
from typing import Any
from urllib.parse import quote

from toolchain.images.built_image import BuiltImage
from toolchain.images.contents import ImageContents, Package, normalized
from toolchain.images.errors import ArchiveError
from toolchain.images.recipe import recipe_of, source_date_epoch

SPDX_TYPE = "spdxjson"
"""What cosign calls this kind of attestation."""
_NO_CLAIM = "NOASSERTION"
_ROOT = "SPDXRef-image"


def sbom(image: BuiltImage, contents: ImageContents, *, version: str) -> dict[str, Any]:
    """Write the document.

    Args:
        image: Whose.
        contents: What is in it.
        version: Of this project, which made the document.
    """
    created = dt.datetime.fromtimestamp(source_date_epoch(), dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    hexadecimal = image.digest.partition(":")[2]
    root = {
        "SPDXID": _ROOT,
        "name": image.name,
        "versionInfo": image.digest,
        "downloadLocation": _NO_CLAIM,
        "filesAnalyzed": False,
        "primaryPackagePurpose": "CONTAINER",
        "licenseConcluded": _NO_CLAIM,
        "licenseDeclared": contents.config.get("Labels", {}).get("org.opencontainers.image.licenses", _NO_CLAIM),
        "copyrightText": _NO_CLAIM,
        "checksums": [{"algorithm": "SHA256", "checksumValue": hexadecimal}],
        "externalRefs": [_reference(f"pkg:oci/{image.name}@{quote(image.digest, safe='')}")],
    }
    packages = [_entry(package) for package in contents.packages]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{image.name}@{image.digest}",
        "documentNamespace": f"https://modelfleet.dev/spdx/{image.name}/{hexadecimal}",
        "creationInfo": {"created": created, "creators": [f"Tool: modelfleet-{version}"]},
        "documentDescribes": [_ROOT],
        "packages": [root, *packages],
        "relationships": [
            {
                "spdxElementId": "SPDXRef-DOCUMENT",
                "relationshipType": "DESCRIBES",
                "relatedSpdxElement": _ROOT,
            },
            *(
                {"spdxElementId": _ROOT, "relationshipType": "CONTAINS", "relatedSpdxElement": package["SPDXID"]}
                for package in packages
            ),
        ],
    }


def check_locked(image: BuiltImage, contents: ImageContents) -> None:
    """Check that every Python package in an image is one that uv.lock pins for it, at that version.

    Raises:
        ArchiveError: it holds another one: it was not built from this checkout's lock.
        DependenciesError: uv.lock can't be read.
    """
    wanted = recipe_of(image.name).locked_packages(cpu=False)
    # One package may be pinned at several versions, each for some Pythons.
    pinned = {(normalized(name), version) for name, version in re.findall(r"^([\w.-]+)==(\S+)", wanted, re.MULTILINE)}
    strange = [
        f"{package.name} {package.version}"
        for package in contents.packages
        # Where torch's own CPU wheel is taken, its version has `+cpu` at its end.
        if package.kind == "pypi"
        and not package.bundled
        and (package.name, package.version.partition("+")[0]) not in pinned
    ]
    if strange:
        raise ArchiveError(
            f"image '{image.name}' holds packages that this checkout's uv.lock doesn't pin: {', '.join(strange)}; "
            "build it from this checkout"
        )


def _entry(package: Package) -> dict[str, Any]:
    return {
        "SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", f"{package.kind}-{package.name}-{package.version}"),
        "name": package.name,
        "versionInfo": package.version,
        "downloadLocation": _NO_CLAIM,
        "filesAnalyzed": False,
        "licenseConcluded": _NO_CLAIM,
        "licenseDeclared": package.license or _NO_CLAIM,
        "copyrightText": _NO_CLAIM,
        "externalRefs": [_reference(_url(package))],
    }


def _url(package: Package) -> str:
    version = quote(package.version, safe="")
    if package.kind == "deb":
        return f"pkg:deb/debian/{quote(package.name, safe='')}@{version}?arch=amd64&distro=debian-12"
    return f"pkg:pypi/{package.name}@{version}"


def _reference(url: str) -> dict[str, str]:
    return {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": url}
