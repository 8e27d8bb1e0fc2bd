"""A Sigstore of a test's own, for the real cosign: tokens of a job, a certificate authority, a timestamp authority.

What it stands for: GitHub's service that gives a job its token (`ACTIONS_ID_TOKEN_REQUEST_URL`), Fulcio's
`/api/v2/signingCert`, and an RFC 3161 authority (openssl's). What it can't show: whether GitHub's tokens and the public
good's services are like that, and the two logs (Rekor and the one of certificates), which it doesn't have.
"""

import base64
import json
import secrets
import subprocess
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from toolchain.images.sigstore import GITHUB_ISSUER

_ISSUER_OID: Final = ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
"""Of a certificate's extension that names who gave the token
(https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md)."""
_TIMESTAMPS: Final = """\
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
"""


@dataclass(frozen=True)
class Signer:
    """A certificate with its key.

    Attributes:
        certificate: The certificate.
        key: Its private key.
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def authority(cls, name: str) -> Self:
        """Make one that certifies others, by its own word."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = _usage(certify=True)
        builder = _certificate(name, name, key.public_key(), days=365).add_extension(usage, critical=True)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        return cls(builder.sign(key, hashes.SHA256()), key)

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def name(self) -> str:
        """Its common name."""
        return str(self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


@dataclass
class OwnSigstore:
    """The services, and the two files by which cosign finds and checks them.

    Attributes:
        folder: Where its files are.
        cosign: The program that makes the two files.
        issuer: Who gives tokens.
        workflow: Whose job asks for a token: `owner/name/.github/workflows/file@ref`.
        given: Tokens that were given and are good, with what they are for.
    """

    folder: Path
    cosign: Path
    issuer: str = GITHUB_ISSUER
    workflow: str = "owner/name/.github/workflows/images.yml@refs/heads/main"
    given: dict[str, Mapping[str, str]] = field(default_factory=dict)
    address: str = ""
    _authority: Signer = field(default_factory=lambda: Signer.authority("own fulcio"))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def signing_config(self) -> Path:
        """Where the services are."""
        return self.folder / "signing-config.json"

    @property
    def trusted_root(self) -> Path:
        """Their certificates."""
        return self.folder / "trusted-root.json"

    @property
    def job(self) -> Mapping[str, str]:
        """The variables of a job that may have a token."""
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.address}/token?job=1",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "the job's",
        }

    @contextmanager
    def served(self) -> Generator[Self]:
        """Serve on this machine."""
        sigstore = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.headers["Authorization"] == "bearer the job's" and self.path.endswith("&audience=sigstore"):
                    self._send(200, json.dumps({"value": sigstore.token()}).encode())
                else:
                    self._send(403, b"{}")

            def do_POST(self) -> None:
                sent = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/timestamp":
                    self._send(201, sigstore.timestamp(sent), "application/timestamp-reply")
                    return
                claims = sigstore.given.get(self.headers["Authorization"].removeprefix("Bearer "))
                if self.path != "/api/v2/signingCert" or claims is None:
                    self._send(401, b'{"message": "no token of ours"}')
                    return
                self._send(200, json.dumps(sigstore.certified(json.loads(sent), claims)).encode())

            def _send(self, status: int, content: bytes, kind: str = "application/json") -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.address = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            self._write_files()
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def token(self) -> str:
        """Give a job its token: a JWT with the claims by which a workflow is known; its signature nobody reads."""
        claims = {
            "iss": self.issuer,
            "aud": "sigstore",
            "sub": "repo:owner/name:ref:refs/heads/main",
            "job_workflow_ref": self.workflow,
            "nonce": secrets.token_hex(8),
        }
        parts = ({"alg": "RS256", "typ": "JWT"}, claims)
        token = ".".join([*(_base64(json.dumps(part).encode()) for part in parts), _base64(b"signature")])
        self.given[token] = claims
        return token

    def certified(self, request: Mapping[str, Mapping[str, object]], claims: Mapping[str, str]) -> object:
        """Certify a key for some minutes, whose holder has signed the token's subject; Fulcio's answer."""
        wanted = request["publicKeyRequest"]
        content, proof = wanted["publicKey"], base64.b64decode(str(wanted["proofOfPossession"]))
        assert isinstance(content, Mapping)
        public = serialization.load_pem_public_key(str(content["content"]).encode())
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(proof, claims["sub"].encode(), ec.ECDSA(hashes.SHA256()))
        workflow = x509.UniformResourceIdentifier(f"https://github.com/{claims['job_workflow_ref']}")
        issuer = claims["iss"].encode()
        builder = _certificate("", self._authority.name, public, days=0, minutes=10)
        builder = builder.add_extension(x509.SubjectAlternativeName([workflow]), critical=True)
        builder = builder.add_extension(_usage(), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        utf8_string = b"\x0c" + bytes([len(issuer)]) + issuer  # ASN.1, up to 127 bytes
        builder = builder.add_extension(x509.UnrecognizedExtension(_ISSUER_OID, utf8_string), critical=False)
        certificate = Signer(builder.sign(self._authority.key, hashes.SHA256()), self._authority.key)
        chain = [certificate.pem.decode(), self._authority.pem.decode()]
        return {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}

    def timestamp(self, query: bytes) -> bytes:
        """Say when something was seen, as RFC 3161 has it."""
        with self._lock:
            (self.folder / "query.tsq").write_bytes(query)
            command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query.tsq"]
            options = ["-signer", "tsa.pem", "-inkey", "tsa.key", "-chain", "tsa-root.pem", "-out", "reply.tsr"]
            subprocess.run([*command, *options], cwd=self.folder, check=True, capture_output=True)
            return (self.folder / "reply.tsr").read_bytes()

    def _write_files(self) -> None:
        self.folder.mkdir(parents=True)
        (self.folder / "fulcio.pem").write_bytes(self._authority.pem)
        self._write_timestamp_authority()
        begins = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        service = f"api-version=1,start-time={begins},operator=own"
        self._made("signing-config", f"--fulcio=url={self.address},{service}",
                   f"--oidc-provider=url={self.address},{service}",
                   f"--tsa=url={self.address}/timestamp,{service}", "--tsa-config=EXACT:1",
                   f"--out={self.signing_config}")  # fmt: skip
        self._made("trusted-root", f"--fulcio=url={self.address},certificate-chain={self.folder}/fulcio.pem",
                   f"--tsa=url={self.address}/timestamp,certificate-chain={self.folder}/tsa-chain.pem",
                   f"--out={self.trusted_root}")  # fmt: skip

    def _write_timestamp_authority(self) -> None:
        root, key = Signer.authority("own time"), ec.generate_private_key(ec.SECP256R1())
        builder = _certificate("own time stamps", root.name, key.public_key(), days=365)
        builder = builder.add_extension(_usage(), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        leaf = Signer(builder.sign(root.key, hashes.SHA256()), key)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        for name, content in (
            ("tsa.pem", leaf.pem),
            ("tsa.key", private),
            ("tsa-root.pem", root.pem),
            ("tsa-chain.pem", leaf.pem + root.pem),
            ("tsa.cnf", _TIMESTAMPS.format(folder=self.folder).encode()),
            ("serial", b"01\n"),
        ):
            (self.folder / name).write_bytes(content)

    def _made(self, kind: str, *options: str) -> None:
        done = subprocess.run([self.cosign, kind, "create", *options], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def _certificate(
    name: str, issuer: str, key: ec.EllipticCurvePublicKey, *, days: int, minutes: int = 0
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=days, minutes=minutes))
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])


def _usage(*, certify: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certify,
        key_cert_sign=certify,
        crl_sign=certify,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
