"""The gateway's certificate."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from service.web.settings import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


class ServerCertificate:
    """A TLS context whose certificate can be replaced while it is in use."""

    def __init__(self, cert_file: Path, key_file: Path) -> None:
        """Loads the certificate.

        Raises:
            ConfigurationError: a file is missing or unfit, or the two don't belong together.
        """
        self._cert_file = cert_file
        self._key_file = key_file
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self._load_into(self.context)

    def reload(self) -> None:
        """Takes the files' present content for new connections; keeps the old one where it is unfit.

        Raises:
            ConfigurationError: as when it was made.
        """
        # Tried elsewhere first: a failed load may leave a context with a certificate and no matching key.
        self._load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        self._load_into(self.context)

    def _load_into(self, context: ssl.SSLContext) -> None:
        for what, path in (("certificate", self._cert_file), ("private key", self._key_file)):
            try:
                path.read_bytes()
            except OSError as error:
                raise ConfigurationError(
                    f"TLS {what} {path}: {error.strerror}; mount a PEM file there, or name another one"
                ) from None
        try:
            # A pass phrase can't be asked for here; without this OpenSSL would try to, on the terminal.
            context.load_cert_chain(self._cert_file, self._key_file, password=lambda: "")
        except (ssl.SSLError, OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or str(error)
            raise ConfigurationError(
                f"TLS certificate {self._cert_file} with key {self._key_file}: {reason}; both have to be PEM, "
                "unencrypted, and belong together"
            ) from None
