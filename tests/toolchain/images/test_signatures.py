"""Signatures by the real cosign in a real registry; `make test-signatures` builds cosign where it is missing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.toolchain.images.tiny_image import CONFIG, FILES, PYTHON, metadata
from toolchain.images import BuiltImage, cosign, push
from toolchain.images.cosign import KeyFile
from toolchain.images.errors import SignatureError
from toolchain.images.shipment import Verified, sign_shipment, verify_shipment
from toolchain.images.sigstore import Identity

Make = Callable[..., BuiltImage]


@pytest.mark.usefixtures("real_cosign")
def test_a_shipment_is_verified_by_its_key_and_no_other(make_shipped: Make, registry: str, tmp_path: Path) -> None:
    reference = push(make_shipped(), registry)
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
    other = push(make_shipped({**FILES, "opt/more": "x"}), registry)
    with pytest.raises(SignatureError):
        cosign.verify(other, KeyFile(public))


def test_what_breaks_a_rule_is_not_signed(make_shipped: Make, tmp_path: Path) -> None:
    image = make_shipped(config={**CONFIG, "User": "0"})
    with pytest.raises(SignatureError, match="is not signed: it runs as '0'"):
        sign_shipment(f"127.0.0.1:9/gateway@{image.digest}", KeyFile(tmp_path / "images.key"), print)


def test_what_was_built_elsewhere_is_not_signed(make_shipped: Make, tmp_path: Path) -> None:
    make_shipped({**FILES, f"{PYTHON}/x-1.dist-info/METADATA": metadata("x", "1")})
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
