"""Signatures and attestations by cosign itself: the one on PATH, else built from its Go module.

With a key file nothing leaves the registry: no transparency log is written or asked, which a closed network could not
reach, so that whoever holds the key can sign at any time, unseen. Without one (`toolchain.images.sigstore`) a job signs
by its own identity, GitHub's runners for instance, and a verifier names that.

What cosign stores beside an image are OCI referrers of its digest (image specification 1.1), in registries that don't
know these under a tag `sha256-<digest>`.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolchain import builder
from toolchain.images.errors import SignatureError
from toolchain.images.sigstore import Identity, Keyless

PASSWORD_VARIABLE = "COSIGN_PASSWORD"  # noqa: S105 - a variable's name
"""Of a key file; cosign's own name of it. Empty: a key without one."""
_LOOPBACK = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?/")
_BY_DIGEST = re.compile(r"[a-z0-9][-a-z0-9._:/\[\]]*@sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class KeyFile:
    """A key of one's own: the private half signs, the public one verifies."""

    path: Path


def generate_key(prefix: Path) -> tuple[Path, Path]:
    """Make a key pair, `<prefix>.key` and `<prefix>.pub`, encrypted by $COSIGN_PASSWORD.

    Raises:
        SignatureError: one of the files is there already, or the password isn't set.
    """
    private, public = prefix.with_name(f"{prefix.name}.key"), prefix.with_name(f"{prefix.name}.pub")
    for file in (private, public):
        if file.exists():
            raise SignatureError(f"{file} is there already: a key is never overwritten; name another prefix")
    if PASSWORD_VARIABLE not in os.environ:
        raise SignatureError(
            f"{PASSWORD_VARIABLE} is not set: it encrypts the private key (set it to nothing for a key without one)"
        )
    private.parent.mkdir(parents=True, exist_ok=True)
    _run(["generate-key-pair", "--output-key-prefix", str(prefix)])
    return private, public


def sign(reference: str, by: KeyFile | Keyless) -> None:
    """Sign an image in a registry.

    Raises:
        SignatureError: the reference is not by digest, or cosign refuses.
    """
    _run(["sign", *_signing(by), *_registry(reference), reference])


def attest(reference: str, kind: str, predicate: Mapping[str, Any], by: KeyFile | Keyless) -> None:
    """Attach a signed statement (in-toto, in DSSE) to an image in a registry.

    Args:
        reference: By digest.
        kind: cosign's name of the predicate's type: `spdxjson`, `slsaprovenance1`.
        predicate: What is stated.
        by: What signs.

    Raises:
        SignatureError: the reference is not by digest, or cosign refuses.
    """
    with tempfile.TemporaryDirectory(prefix="modelfleet-attest-") as scratch:
        file = Path(scratch) / "predicate.json"
        file.write_text(json.dumps(predicate, sort_keys=True), encoding="utf-8")
        options = ["--type", kind, "--predicate", str(file)]
        _run(["attest", *_signing(by), *options, *_registry(reference), reference])


def verify(reference: str, by: KeyFile | Identity) -> None:
    """Check that an image has a signature of a key or an identity.

    Raises:
        SignatureError: it has none, or one of somebody else.
    """
    _run(["verify", *_verifying(by), *_registry(reference), reference])


def verify_attestation(reference: str, kind: str, by: KeyFile | Identity) -> dict[str, Any]:
    """Check that an image has a signed statement of a kind about this very digest; give its predicate.

    Raises:
        SignatureError: it has none, or one of somebody else or about another image.
    """
    options = ["--type", kind, *_verifying(by), *_registry(reference)]
    printed = _run(["verify-attestation", *options, reference])
    return _predicate(printed, reference, kind)


def _predicate(printed: str, reference: str, kind: str) -> dict[str, Any]:
    """Read the last statement that cosign printed; one line each, a DSSE envelope."""
    for line in reversed(printed.strip().splitlines()):
        try:
            statement = json.loads(b64decode(json.loads(line)["payload"]))
            subjects = {subject["digest"]["sha256"] for subject in statement["subject"]}
            predicate = statement["predicate"]
        except (ValueError, KeyError, TypeError):
            continue
        if reference.rpartition("@sha256:")[2] in subjects and isinstance(predicate, dict):
            return predicate
    raise SignatureError(f"{reference}: cosign verified a statement of kind {kind} that is not about this digest")


def _signing(by: KeyFile | Keyless) -> list[str]:
    if isinstance(by, Keyless):
        return ["--yes", *by.options()]
    if not by.path.is_file():
        raise SignatureError(f"{by.path}: no such key; `fleet image keygen` makes one")
    # A signing configuration would name the public good's log and time stamps.
    return ["--yes", "--key", str(by.path), "--tlog-upload=false", "--use-signing-config=false"]


def _verifying(by: KeyFile | Identity) -> list[str]:
    if isinstance(by, Identity):
        return by.options()
    if not by.path.is_file():
        raise SignatureError(f"{by.path}: no such public key; it is the .pub beside the key that signed")
    return ["--key", str(by.path), "--insecure-ignore-tlog=true"]


def _registry(reference: str) -> list[str]:
    if not _BY_DIGEST.fullmatch(reference):
        raise SignatureError(f"{reference!r} is no image by digest: a tag may be another image tomorrow")
    # As pushing does: without TLS on this machine, and nowhere else.
    return ["--allow-http-registry"] if _LOOPBACK.match(reference) else []


def _run(arguments: Sequence[str]) -> str:
    program = shutil.which("cosign") or str(builder.ensure("cosign") / "cosign")
    environment = {PASSWORD_VARIABLE: "", **os.environ}  # unset, it would ask a terminal
    done = subprocess.run(
        [program, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
        told = [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")] or lines[-1:]
        reason = " ".join(told) or f"exit code {done.returncode}"
        raise SignatureError(f"cosign {arguments[0]}: {reason}{_hint(reason)}")
    return done.stdout


def _hint(reason: str) -> str:
    """Say what to do where a job couldn't prove who it is: cosign speaks of a token that it was never given."""
    if "retrieving ID token" not in reason:
        return ""
    return (
        ". Nothing here proves an identity: a job in GitHub Actions needs `permissions: id-token: write`; elsewhere "
        "SIGSTORE_ID_TOKEN holds a token of an issuer that the certificate authority knows"
    )
