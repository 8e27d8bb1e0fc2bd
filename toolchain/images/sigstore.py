"""Who may sign without a key, and by whose word: the public good's Sigstore, or one of a network's own.

Without a key a certificate authority (Fulcio) certifies the identity that a token proves, for some minutes, and the key
that it certifies is thrown away once it has signed. That it was used within those minutes is what a log (Rekor) or a
timestamp authority (RFC 3161) says; that no certificate was given out unseen, a log of certificates (RFC 6962).

A Sigstore of one's own is described by two files, which `cosign signing-config create` and `cosign trusted-root create`
make: where its services are, for who signs; their certificates and keys, for who verifies.
https://docs.sigstore.dev/about/bundle/, https://github.com/sigstore/protobuf-specs.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from toolchain.images.errors import SignatureError

GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
"""Who gives a GitHub workflow the token that proves its identity."""


@dataclass(frozen=True)
class Keyless:
    """Signing by the identity of the job that signs.

    Attributes:
        signing_config: File that names a Sigstore's services; None for the public good's.
        trusted_root: File with its certificates and keys: what was signed is checked by it at once.

    Raises:
        SignatureError: one file is named without the other.
    """

    signing_config: Path | None = None
    trusted_root: Path | None = None

    def __post_init__(self) -> None:
        if (self.signing_config is None) != (self.trusted_root is None):
            raise SignatureError(
                "a Sigstore of one's own takes both of its files: the signing config, which says where its services "
                "are, and the trusted root, by which what they gave is checked"
            )

    def options(self) -> list[str]:
        """Give cosign's options.

        Raises:
            SignatureError: a file isn't there.
        """
        # With a token or not at all: by itself cosign would ask a person, and wait for minutes.
        options = ["--fulcio-auth-flow=token"]
        if self.signing_config is not None and self.trusted_root is not None:
            options += ["--signing-config", str(_there(self.signing_config, "signing config"))]
            options += ["--trusted-root", str(_there(self.trusted_root, "trusted root"))]
        return options


@dataclass(frozen=True)
class Identity:
    """Who must have signed without a key.

    Attributes:
        subject: Regular expression of the certificate's whole subject: the workflow's address and ref.
        issuer: Who has given the token that proved it.
        trusted_root: File with the certificates and keys of a Sigstore; None for the public good's.
    """

    subject: str
    issuer: str = GITHUB_ISSUER
    trusted_root: Path | None = None

    def options(self) -> list[str]:
        """Give cosign's options: what the trusted root names is demanded, and only what it doesn't is left out.

        Raises:
            SignatureError: the trusted root isn't there, is none, or can't tell when something was signed.
        """
        # cosign looks for a pattern anywhere, and others may be named so that they contain our name.
        who = ["--certificate-identity-regexp", f"^(?:{self.subject})$", "--certificate-oidc-issuer", self.issuer]
        if self.trusted_root is None:
            return who
        file = _there(self.trusted_root, "trusted root")
        named = _services(file)
        options = [*who, "--trusted-root", str(file)]
        if "ctlogs" not in named:
            options.append("--insecure-ignore-sct")
        if "tlogs" not in named:
            if "timestampAuthorities" not in named:
                raise SignatureError(
                    f"{file} names neither a log (tlogs) nor a timestamp authority (timestampAuthorities): "
                    "certificates live for minutes, and nobody could say whether one was valid when it signed"
                )
            options += ["--insecure-ignore-tlog", "--use-signed-timestamps"]
        return options


def _services(trusted_root: Path) -> frozenset[str]:
    """Give the kinds of services that a trusted root has certificates or keys of."""
    try:
        content = json.loads(trusted_root.read_text(encoding="utf-8"))
        return frozenset(kind for kind, named in content.items() if named)
    except (ValueError, AttributeError) as error:
        raise SignatureError(
            f"{trusted_root} is no trusted root ({error}): `cosign trusted-root create` makes one"
        ) from error


def _there(file: Path, what: str) -> Path:
    if not file.is_file():
        raise SignatureError(f"{file}: no such {what}")
    return file
