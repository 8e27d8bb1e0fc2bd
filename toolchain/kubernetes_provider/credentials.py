"""How a connection proves who it is: TLS client certificates, tokens, and programs that print either.

The exec protocol is https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

import asyncio
import base64
import datetime as dt
import json
import os
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from toolchain.kubernetes_provider.kubeconfig import Connection, ExecPlugin, KubeconfigError

EXEC_API_VERSIONS: Final = frozenset(
    f"client.authentication.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1")
)
EXEC_TIMEOUT_S: Final = 60.0
"""A cloud's token program makes a network call or two; one that asks a question would wait for ever."""
TOKEN_FILE_AGE_S: Final = 60.0
"""How long a token file's content is believed: the kubelet rotates it, client-go reads it once a minute."""
EXPIRY_MARGIN_S: Final = 30.0
"""A token is renewed this long before it ends, so that no request carries one that ends on the way."""


@dataclass(frozen=True, slots=True)
class _ExecCredential:
    token: str | None
    certificate: bytes | None
    key: bytes | None
    expires_at: float | None

    def fresh(self) -> bool:
        return self.expires_at is None or time.time() < self.expires_at - EXPIRY_MARGIN_S


class Credentials:
    """The credentials of one connection, renewed as they end."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._exec: _ExecCredential | None = None
        self._file_token: tuple[float, str] | None = None
        self._lock = asyncio.Lock()

    async def ssl_context(self) -> ssl.SSLContext:
        """Give the TLS settings of the connection, with the client certificate if there is one."""
        connection = self._connection
        context = ssl.create_default_context()
        if connection.certificate_authority is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            try:
                context.load_verify_locations(cadata=connection.certificate_authority.decode("ascii"))
            except (ssl.SSLError, UnicodeDecodeError):
                raise KubeconfigError(
                    f"context {connection.context!r}: certificate-authority is not a PEM certificate"
                ) from None
        if connection.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        certificate, key = connection.client_certificate, connection.client_key
        if connection.exec_plugin is not None:
            issued = await self._exec_credential(connection.exec_plugin)
            certificate, key = issued.certificate or certificate, issued.key or key
        if certificate is not None and key is not None:
            _load_client_certificate(context, certificate, key, connection.context)
        return context

    async def authorization(self) -> str | None:
        """Give the Authorization header's value, None where TLS alone says who we are.

        Raises:
            KubeconfigError: the token file cannot be read, or the exec program failed.
        """
        connection = self._connection
        if connection.token_file is not None:
            return f"Bearer {self._read_token(connection.token_file)}"
        if connection.token is not None:
            return f"Bearer {connection.token}"
        if connection.exec_plugin is not None:
            issued = await self._exec_credential(connection.exec_plugin)
            return f"Bearer {issued.token}" if issued.token else None
        if connection.username is not None and connection.password is not None:
            pair = f"{connection.username}:{connection.password}".encode()
            return f"Basic {base64.b64encode(pair).decode()}"
        return None

    def reject(self) -> bool:
        """Forget what the server refused (401); tell whether asking again could help."""
        renewable = self._exec is not None or self._file_token is not None
        self._exec = None
        self._file_token = None
        return renewable

    def _read_token(self, path: Path) -> str:
        if self._file_token is not None and time.monotonic() - self._file_token[0] < TOKEN_FILE_AGE_S:
            return self._file_token[1]
        try:
            token = path.read_text().strip()
        except OSError as error:
            raise KubeconfigError(f"tokenFile {path}: {error.strerror}") from None
        self._file_token = (time.monotonic(), token)
        return token

    async def _exec_credential(self, plugin: ExecPlugin) -> _ExecCredential:
        async with self._lock:  # many requests start at once; the program runs once for all of them
            if self._exec is None or not self._exec.fresh():
                self._exec = await _run_exec_plugin(plugin, self._connection)
            return self._exec


def _load_client_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes, name: str) -> None:
    # The ssl module reads files only. An anonymous one in memory keeps the key off every disk.
    descriptor = os.memfd_create("client-certificate", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, certificate.rstrip() + b"\n" + key)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    except ssl.SSLError as error:
        reason = error.reason or error
        raise KubeconfigError(f"context {name!r}: client certificate or key is unusable: {reason}") from None
    finally:
        os.close(descriptor)


async def _run_exec_plugin(plugin: ExecPlugin, connection: Connection) -> _ExecCredential:
    if plugin.api_version not in EXEC_API_VERSIONS:
        known = ", ".join(sorted(EXEC_API_VERSIONS))
        raise KubeconfigError(f"exec: apiVersion {plugin.api_version!r} is not one of {known}")
    specification: dict[str, Any] = {"interactive": False}
    if plugin.provide_cluster_info:
        cluster: dict[str, Any] = {"server": connection.server}
        if connection.certificate_authority is not None:
            authority = base64.b64encode(connection.certificate_authority).decode()
            cluster["certificate-authority-data"] = authority
        specification["cluster"] = cluster
    information = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": specification}
    environment = {**os.environ, **plugin.environment, "KUBERNETES_EXEC_INFO": json.dumps(information)}
    try:
        process = await asyncio.create_subprocess_exec(
            plugin.command,
            *plugin.arguments,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        hint = f" {plugin.install_hint}" if plugin.install_hint else ""
        raise KubeconfigError(f"exec: {plugin.command}: {error.strerror}.{hint}") from None
    try:
        output, errors = await asyncio.wait_for(process.communicate(), EXEC_TIMEOUT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise KubeconfigError(f"exec: {plugin.command} gave no credentials in {EXEC_TIMEOUT_S:.0f} s") from None
    if process.returncode != 0:
        said = errors.decode(errors="replace").strip()[-2000:]
        raise KubeconfigError(f"exec: {plugin.command} ended with {process.returncode}: {said}")
    return _parse_exec_credential(output, plugin.command)


def _parse_exec_credential(output: bytes, command: str) -> _ExecCredential:
    try:
        status = json.loads(output)["status"]
        expiry = status.get("expirationTimestamp")
        expires_at = dt.datetime.fromisoformat(expiry).timestamp() if expiry else None
        certificate, key = status.get("clientCertificateData"), status.get("clientKeyData")
        return _ExecCredential(
            token=status.get("token"),
            certificate=certificate.encode() if certificate else None,
            key=key.encode() if key else None,
            expires_at=expires_at,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise KubeconfigError(f"exec: {command} printed no ExecCredential with a status") from None
