"""Signatures by the real cosign in a real registry; `make test-signatures` builds cosign where it is missing."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.toolchain.images.test_gate import FILES
from tests.toolchain.images.tiny_image import CONFIG, PYTHON, make_image, metadata
from toolchain import builder
from toolchain.images import BuiltImage, cosign, dependencies, push
from toolchain.images.cosign import Identity, KeyFile
from toolchain.images.errors import SignatureError
from toolchain.images.shipment import Verified, sign_shipment, verify_shipment

Make = Callable[..., BuiltImage]


@pytest.fixture
def real_cosign(monkeypatch: pytest.MonkeyPatch) -> None:
    """cosign on PATH, before the cache folder becomes another."""
    if shutil.which("cosign") is None:
        if not builder.is_built("cosign"):
            pytest.skip("cosign is neither on PATH nor built: `make test-signatures` builds it")
        monkeypatch.setenv("PATH", str(builder.ensure("cosign")), prepend=":")
    monkeypatch.setenv(cosign.PASSWORD_VARIABLE, "a pass phrase")


@pytest.fixture
def make(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    monkeypatch.setattr(dependencies, "requirements", lambda *_, **__: "typing-thing==1.0\n")
    return lambda files=FILES, config=None: make_image(own_cache, files, config)


@pytest.mark.usefixtures("real_cosign")
def test_a_shipment_is_verified_by_its_key_and_no_other(make: Make, registry: str, tmp_path: Path) -> None:
    reference = push(make(), registry)
    private, public = cosign.generate_key(tmp_path / "keys/images")
    _, another = cosign.generate_key(tmp_path / "keys/another")
    with pytest.raises(SignatureError, match="no signatures found"):
        cosign.verify(reference, KeyFile(public))

    said: list[str] = []
    sign_shipment(reference, KeyFile(private), said.append)
    assert said == ["signing", "attaching its bill of materials", "attaching its provenance"]

    verified = verify_shipment(reference, KeyFile(public))
    assert (verified.reference, verified.packages) == (reference, 4)
    assert verified.builder == "https://modelfleet.dev/builders/by-hand"
    assert isinstance(verified, Verified)
    with pytest.raises(SignatureError):
        verify_shipment(reference, KeyFile(another))
    # Another image of the same repository has no part in it.
    other = push(make({**FILES, "opt/more": "x"}), registry)
    with pytest.raises(SignatureError):
        cosign.verify(other, KeyFile(public))


def test_what_breaks_a_rule_is_not_signed(make: Make, tmp_path: Path) -> None:
    image = make(config={**CONFIG, "User": "0"})
    with pytest.raises(SignatureError, match="is not signed: it runs as '0'"):
        sign_shipment(f"127.0.0.1:9/gateway@{image.digest}", KeyFile(tmp_path / "images.key"), print)


def test_what_was_built_elsewhere_is_not_signed(make: Make, tmp_path: Path) -> None:
    make({**FILES, f"{PYTHON}/x-1.dist-info/METADATA": metadata("x", "1")})
    with pytest.raises(SignatureError, match="was not built on this machine"):
        sign_shipment("127.0.0.1:9/gateway@sha256:" + "0" * 64, KeyFile(tmp_path / "images.key"), print)


@pytest.mark.usefixtures("own_cache")
def test_mistakes_are_told_before_cosign_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(cosign.PASSWORD_VARIABLE, raising=False)
    by_digest = "registry.example/gateway@sha256:" + "0" * 64
    with pytest.raises(SignatureError, match="a tag may be another image tomorrow"):
        cosign.verify("registry.example/gateway:latest", Identity("."))
    with pytest.raises(SignatureError, match="no such key"):
        cosign.sign(by_digest, KeyFile(tmp_path / "none.key"))
    with pytest.raises(SignatureError, match="no such public key"):
        cosign.verify(by_digest, KeyFile(tmp_path / "none.pub"))
    with pytest.raises(SignatureError, match="COSIGN_PASSWORD is not set"):
        cosign.generate_key(tmp_path / "images")
    (tmp_path / "images.pub").write_text("mine")
    with pytest.raises(SignatureError, match="is there already"):
        cosign.generate_key(tmp_path / "images")
    assert (tmp_path / "images.pub").read_text() == "mine"


@pytest.mark.parametrize(
    ("subject", "good"),
    [
        ("https://github.com/a/b/.github/workflows/images.yml@refs/heads/main", True),
        ("https://github.com/a/b/.github/workflows/images.yml@refs/heads/main-2", False),
        ("https://evil.example/https://github.com/a/b/.github/workflows/images.yml@refs/heads/main", False),
    ],
)
def test_an_identity_is_the_whole_subject(monkeypatch: pytest.MonkeyPatch, subject: str, good: bool) -> None:
    given: list[str] = []
    monkeypatch.setattr(cosign, "_run", lambda arguments: given.extend(arguments) or "")
    wanted = r"https://github\.com/a/b/\.github/workflows/images\.yml@refs/heads/main"
    cosign.verify(f"registry.example/gateway@sha256:{'0' * 64}", Identity(wanted))
    pattern = given[given.index("--certificate-identity-regexp") + 1]
    assert bool(re.search(pattern, subject)) is good  # as cosign does, anywhere in it
