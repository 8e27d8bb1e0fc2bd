"""The cluster's certificate authorities, its daemons' certificates and kubeconfigs, and the key of its secrets.

Keys never leave the ``pki`` folder (0700), but for the ones inside kubeconfigs (0600). Leaf certificates are made
anew at a start that finds them for other addresses or close to their end.
"""

import base64
import datetime as dt
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_AUTHORITY_LIFETIME = dt.timedelta(days=3650)
_LEAF_LIFETIME = dt.timedelta(days=365)
_RENEW_BEFORE = dt.timedelta(days=30)
_BACKDATE = dt.timedelta(hours=1)  # for clocks that a suspended machine has let fall behind
_SECRET_KEY_BYTES = 32  # what secretbox (XSalsa20 and Poly1305) takes


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a leaf certificate is for.

    Attributes:
        name: the file's name, without a suffix.
        common_name: the user, for Kubernetes.
        groups: the user's groups, for Kubernetes.
        dns_names: host names it serves.
        addresses: addresses it serves.
    """

    name: str
    common_name: str
    groups: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    addresses: tuple[IPv4Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority whose key and certificate are ``<name>.key`` and ``<name>.crt`` in ``folder``."""

    folder: Path
    name: str

    @property
    def certificate(self) -> Path:
        """The authority's certificate."""
        return self.folder / f"{self.name}.crt"

    @property
    def key(self) -> Path:
        """The authority's private key."""
        return self.folder / f"{self.name}.key"

    def ensure(self) -> "Authority":
        """Make the authority unless it is there."""
        if not (self.certificate.exists() and self.key.exists()):
            key = ec.generate_private_key(ec.SECP256R1())
            subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"modelfleet {self.name}")])
            usage = x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            )
            certificate = (
                _builder(subject, subject, key.public_key(), _AUTHORITY_LIFETIME)
                .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
                .add_extension(usage, critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
                .sign(key, hashes.SHA256())
            )
            write_private(self.key, _pem(key))
            _write(self.certificate, certificate.public_bytes(serialization.Encoding.PEM))
        return self

    def issue(self, identity: Identity) -> None:
        """Make ``<identity>.crt`` and ``.key`` unless they are there, for the same names, and not near their end."""
        path = self.folder / f"{identity.name}.crt"
        names = _alternative_names(identity)
        if path.exists() and _still_good(path.read_bytes(), names):
            return
        authority = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        authority_key = serialization.load_pem_private_key(self.key.read_bytes(), password=None)
        if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{self.key} holds no elliptic curve key, which is the only kind made here")
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name(
            [
                *(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in identity.groups),
                x509.NameAttribute(NameOID.COMMON_NAME, identity.common_name),
            ]
        )
        builder = (
            _builder(subject, authority.subject, key.public_key(), _LEAF_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]),
                critical=False,
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(authority_key, hashes.SHA256())
        write_private(self.folder / f"{identity.name}.key", _pem(key))
        _write(path, certificate.public_bytes(serialization.Encoding.PEM))


def ensure_signing_key(private: Path, public: Path) -> None:
    """Make the key pair that signs service account tokens, unless it is there."""
    if private.exists() and public.exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    write_private(private, _pem(key))
    _write(
        public,
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    )


def ensure_encryption_configuration(path: Path) -> None:
    """Make the configuration by which the API server encrypts Secrets in etcd, with a key of this cluster's own.

    ``identity`` comes second, so that nothing is ever written in the clear, and what might have been can be read.
    """
    if path.exists():
        return
    key = base64.b64encode(secrets.token_bytes(_SECRET_KEY_BYTES)).decode()
    configuration = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [
            {
                "resources": ["secrets"],
                "providers": [{"secretbox": {"keys": [{"name": "key1", "secret": key}]}}, {"identity": {}}],
            }
        ],
    }
    write_private(path, yaml.safe_dump(configuration).encode())


def kubeconfig(server: str, cluster: str, authority: Path, certificate: Path, key: Path) -> bytes:
    """Return a kubeconfig that carries its certificates inside."""

    def embedded(path: Path) -> str:
        return base64.b64encode(path.read_bytes()).decode()

    user = certificate.stem
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": cluster, "cluster": {"server": server, "certificate-authority-data": embedded(authority)}}
        ],
        "users": [
            {
                "name": user,
                "user": {"client-certificate-data": embedded(certificate), "client-key-data": embedded(key)},
            }
        ],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
        "current-context": cluster,
    }
    return yaml.safe_dump(content, sort_keys=False).encode()


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, all of it or nothing."""
    _write(path, content, mode=0o600)


def _write(path: Path, content: bytes, mode: int = 0o644) -> None:
    if path.exists() and path.read_bytes() == content:
        return
    half = path.with_name(f".{path.name}.new")
    half.unlink(missing_ok=True)
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    half.replace(path)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, lifetime: dt.timedelta
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + lifetime)
    )


def _alternative_names(identity: Identity) -> list[x509.GeneralName]:
    return [
        *(x509.DNSName(name) for name in identity.dns_names),
        *(x509.IPAddress(address) for address in identity.addresses),
    ]


def _still_good(certificate_pem: bytes, names: Iterable[x509.GeneralName]) -> bool:
    certificate = x509.load_pem_x509_certificate(certificate_pem)
    if certificate.not_valid_after_utc - dt.datetime.now(dt.UTC) < _RENEW_BEFORE:
        return False
    try:
        found = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        found = []
    return found == list(names)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
