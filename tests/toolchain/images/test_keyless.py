"""Signing without a key, by the real cosign: a job's identity, certified and timed by a Sigstore of the test's own."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.toolchain.images.own_sigstore import OwnSigstore
from toolchain.images import BuiltImage, cosign, push
from toolchain.images.errors import SignatureError
from toolchain.images.shipment import sign_shipment, verify_shipment
from toolchain.images.sigstore import GITHUB_ISSUER, Identity, Keyless
from toolchain.locations import clone_dir

Make = Callable[..., BuiltImage]
MAIN = r"https://github\.com/owner/name/\.github/workflows/images\.yml@refs/heads/main"
BY_DIGEST = f"registry.example/gateway@sha256:{'0' * 64}"


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A job that has no identity yet, whatever runs these tests."""
    for variable in ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SIGSTORE_ID_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    return monkeypatch


def test_a_job_signs_by_its_identity_and_nobody_else_s_will_do(
    real_cosign: Path, make_shipped: Make, registry: str, job: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reference = push(make_shipped(), registry)
    with OwnSigstore(tmp_path / "own", real_cosign).served() as own:
        by = Keyless(own.signing_config, own.trusted_root)
        with pytest.raises(SignatureError, match="a job in GitHub Actions needs `permissions: id-token: write`"):
            sign_shipment(reference, by, print)
        for variable, value in own.job.items():
            job.setenv(variable, value)
        sign_shipment(reference, by, print)
        assert len(own.given) == 3, "a token for the signature, and one for each statement"
        main = Identity(MAIN, trusted_root=own.trusted_root)
    # Who verifies needs the trusted root alone: nothing of the Sigstore is running any more.
    verified = verify_shipment(reference, main)
    assert (verified.reference, verified.packages) == (reference, 4)
    for other in (
        replace(main, subject=MAIN.replace("main", "main-2")),
        replace(main, subject=MAIN.replace("images", "ci")),
        replace(main, issuer="https://another.example"),
    ):
        with pytest.raises(SignatureError, match=r"none of the expected identities matched|no matching"):
            verify_shipment(reference, other)
    with OwnSigstore(tmp_path / "another", real_cosign).served() as another:
        stranger = replace(main, trusted_root=another.trusted_root)
    with pytest.raises(SignatureError, match="cosign verify"):
        verify_shipment(reference, stranger)


@pytest.mark.parametrize(
    ("subject", "good"),
    [
        ("https://github.com/owner/name/.github/workflows/images.yml@refs/heads/main", True),
        ("https://github.com/owner/name/.github/workflows/images.yml@refs/heads/main-2", False),
        ("https://evil.example/https://github.com/owner/name/.github/workflows/images.yml@refs/heads/main", False),
    ],
)
def test_an_identity_is_the_whole_subject(subject: str, good: bool) -> None:
    options = Identity(MAIN).options()
    assert options[options.index("--certificate-oidc-issuer") + 1] == GITHUB_ISSUER
    pattern = options[options.index("--certificate-identity-regexp") + 1]
    assert bool(re.search(pattern, subject)) is good  # as cosign does, anywhere in it


def test_the_workflow_verifies_itself_under_its_own_name() -> None:
    """The pattern that images.yml gives is that of images.yml, of this repository, of its main branch."""
    text = (clone_dir() / ".github" / "workflows" / "images.yml").read_text(encoding="utf-8")
    job = yaml.safe_load(text)["jobs"]["image"]
    assert job["permissions"]["id-token"] == "write"
    (sign,) = [step["run"] for step in job["steps"] if "fleet image sign" in step.get("run", "")]
    (verify,) = [step["run"] for step in job["steps"] if "fleet image verify" in step.get("run", "")]
    assert sign == 'fleet image sign "$REFERENCE" --keyless'
    pattern = re.search(r'--identity "(.*)"$', verify)
    assert pattern is not None
    told = pattern[1].replace(r"${GITHUB_REPOSITORY//./\\.}", "owner/name")
    assert told == f"^{MAIN}$"


def test_what_a_trusted_root_names_is_demanded(tmp_path: Path) -> None:
    def options(**services: list[object]) -> list[str]:
        file = tmp_path / "root.json"
        file.write_text(json.dumps({"mediaType": "a trusted root", **services}), encoding="utf-8")
        return [one for one in Identity("x", trusted_root=file).options() if "insecure" in one or "signed" in one]

    key: list[object] = [{"key": 1}]
    assert options(ctlogs=key, tlogs=key, timestampAuthorities=key) == []
    assert options(tlogs=key) == ["--insecure-ignore-sct"]
    timed = ["--insecure-ignore-tlog", "--use-signed-timestamps"]
    assert options(ctlogs=key, timestampAuthorities=key) == timed
    with pytest.raises(SignatureError, match="neither a log"):
        options(ctlogs=key, tlogs=[])


def test_mistakes_are_told_before_cosign_is_asked(tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match="both of its files"):
        Keyless(signing_config=tmp_path / "config.json")
    missing = tmp_path / "none.json"
    with pytest.raises(SignatureError, match=r"none\.json: no such signing config"):
        cosign.sign(BY_DIGEST, Keyless(missing, missing))
    with pytest.raises(SignatureError, match=r"none\.json: no such trusted root"):
        cosign.verify(BY_DIGEST, Identity("x", trusted_root=missing))
    missing.write_text("[]", encoding="utf-8")
    with pytest.raises(SignatureError, match="is no trusted root"):
        cosign.verify(BY_DIGEST, Identity("x", trusted_root=missing))
