"""The gate, on images that keep to every rule but one; the bill of materials, of what is really in them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.toolchain.images.tiny_image import CONFIG, FILES, LABELS, PYTHON, make_image, metadata
from toolchain.images import BuiltImage, dependencies
from toolchain.images.contents import Package, read_contents
from toolchain.images.errors import ArchiveError
from toolchain.images.gate import findings
from toolchain.images.provenance import provenance
from toolchain.images.recipe import recipe_of
from toolchain.images.sbom import sbom

Make = Callable[..., BuiltImage]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Make an image; the lock pins what FILES holds."""
    monkeypatch.setattr(dependencies, "requirements", lambda *_, **__: "typing-thing==1.0 \\\n    --hash=sha256:aa\n")
    return lambda files=FILES, config=None: make_image(tmp_path, files, config)


def told(image: BuiltImage) -> list[str]:
    return [finding.text for finding in findings(image, read_contents(image))]


def test_an_image_that_keeps_to_every_rule(make: Make) -> None:
    assert told(make()) == []


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"User": ""}, "runs as 'root'"),
        ({"User": "nonroot"}, "`runAsNonRoot` needs a number"),
        ({"User": "0:0"}, "runs as '0:0'"),
        ({"Entrypoint": ["/bin/sh", "-c", "python3"]}, "one process, by ENTRYPOINT in its list form"),
        ({"Healthcheck": {"Test": ["CMD", "x"]}}, "has a HEALTHCHECK"),
        ({"Volumes": {"/data": {}}}, "declares volumes"),
        (
            {"Labels": {**LABELS, "org.opencontainers.image.licenses": ""}},
            "no label org.opencontainers.image.licenses:",
        ),
    ],
)
def test_each_rule_of_how_it_starts(make: Make, config: dict[str, Any], text: str) -> None:
    (found,) = told(make(config={**CONFIG, **config}))
    assert text in found


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("bin/sh", "programs beside usr/bin/python3 and usr/bin/python3.11: bin/sh"),
        ("usr/bin/apt-get", "programs beside usr/bin/python3 and usr/bin/python3.11: usr/bin/apt-get"),
        ("setuid:opt/tool", "files that run as their owner: opt/tool"),
    ],
)
def test_each_rule_of_what_is_in_it(make: Make, file: str, text: str) -> None:
    (found,) = told(make({**FILES, file: "x"}))
    assert text in found


def test_one_that_has_grown_is_told_by_how_much(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    image = make()
    small = replace(recipe_of("gateway"), largest_bytes=image.size_bytes - 1)
    monkeypatch.setattr("toolchain.images.gate.recipe_of", lambda _: small)
    (found,) = told(image)
    assert "MB at most" in found
    # NVIDIA's libraries are as large as they are.
    gpu = make({**FILES, f"{PYTHON}/nvidia_cublas-13.0.dist-info/METADATA": metadata("nvidia-cublas", "13.0")})
    monkeypatch.setattr("toolchain.images.gate.check_locked", lambda *_: None)
    assert told(gpu) == []


def test_limits_are_those_that_the_project_promises() -> None:
    assert recipe_of("server").largest_bytes <= 450_000_000


@pytest.mark.parametrize(("name", "version"), [("stranger", "1.0"), ("Typing_Thing", "1.1")])
def test_a_package_that_the_lock_does_not_pin_is_refused(make: Make, name: str, version: str) -> None:
    image = make({**FILES, f"{PYTHON}/{name}-{version}.dist-info/METADATA": metadata(name, version)})
    with pytest.raises(ArchiveError, match=f"doesn't pin: .*{version}"):
        told(image)


def test_contents_are_read_from_the_layers(make: Make) -> None:
    assert read_contents(make()).packages == (
        Package("deb", "libc6", "2.36-9+deb12u9"),
        Package("deb", "tzdata", "2025b-0"),
        Package("pypi", "brought", "2.0", "MIT", bundled=True),
        Package("pypi", "typing-thing", "1.0", "MIT"),
    )


def test_a_program_that_is_not_ours_is_the_one_that_starts(make: Make) -> None:
    files = {
        **FILES,
        "usr/bin/prometheus": "",
        "var/lib/dpkg/status.d/prometheus": "Package: prometheus\nVersion: 2.42\n",
    }
    config = {**CONFIG, "Entrypoint": ["/usr/bin/prometheus"]}
    image = replace(make(files, config), name="prometheus")
    assert Package("deb", "prometheus", "2.42") in read_contents(image).packages
    # One of Debian's alone has no locked packages: those that the tiny image brings are strangers.
    with pytest.raises(ArchiveError, match="doesn't pin"):
        told(image)
    bare = {name: content for name, content in files.items() if not name.startswith(PYTHON)}
    assert told(replace(make(bare, config), name="prometheus")) == []
    (found,) = told(make(FILES, config))
    assert found.startswith("starts ['/usr/bin/prometheus']")


# What SPDX 2.3's own schema asks of a document and a package, as far as this one uses it.
SPDX = {
    "required": ["SPDXID", "creationInfo", "dataLicense", "name", "spdxVersion", "documentNamespace", "packages"],
    "properties": {
        "spdxVersion": {"const": "SPDX-2.3"},
        "documentNamespace": {"pattern": "^https://[^#]+$"},
        "creationInfo": {"required": ["created", "creators"]},
        "packages": {
            "items": {
                "required": ["SPDXID", "name", "downloadLocation"],
                "properties": {"SPDXID": {"pattern": "^SPDXRef-[A-Za-z0-9.-]+$"}},
            }
        },
    },
}


def test_the_bill_of_materials_names_each_package_once_and_the_image_itself(make: Make) -> None:
    image = make()
    document = sbom(image, read_contents(image), version="1.2.3")
    jsonschema.validate(document, SPDX)
    urls = [package["externalRefs"][0]["referenceLocator"] for package in document["packages"]]
    assert urls == [
        f"pkg:oci/gateway@{image.digest.replace(':', '%3A')}",
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u9?arch=amd64&distro=debian-12",
        "pkg:deb/debian/tzdata@2025b-0?arch=amd64&distro=debian-12",
        "pkg:pypi/brought@2.0",
        "pkg:pypi/typing-thing@1.0",
    ]
    ids = {package["SPDXID"] for package in document["packages"]}
    assert len(ids) == len(urls)
    assert {each["relatedSpdxElement"] for each in document["relationships"]} == ids


def test_the_same_image_gives_the_same_bill(make: Make) -> None:
    image = make()
    texts = {json.dumps(sbom(image, read_contents(image), version="1")) for _ in range(2)}
    assert len(texts) == 1


def test_provenance_says_who_built_what_from_what(make: Make) -> None:
    image = make()
    runner = {
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "example/modelfleet",
        "GITHUB_WORKFLOW_REF": "example/modelfleet/.github/workflows/images.yml@refs/heads/main",
        "GITHUB_RUN_ID": "7",
    }
    made = provenance(image, runner)
    assert made["runDetails"] == {
        "builder": {"id": "https://github.com/example/modelfleet/.github/workflows/images.yml@refs/heads/main"},
        "metadata": {"invocationId": "https://github.com/example/modelfleet/actions/runs/7/attempts/1"},
    }
    digests = [each["digest"] for each in made["buildDefinition"]["resolvedDependencies"]]
    assert {"sha256": "b" * 64} in digests
    assert {"sha256": "a" * 64} in digests
    assert provenance(image, {})["runDetails"] == {"builder": {"id": "https://modelfleet.dev/builders/by-hand"}}
