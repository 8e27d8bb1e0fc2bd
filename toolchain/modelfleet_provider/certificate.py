"""`local:Certificate`: a server certificate under a private authority.

Input: hosts (names and addresses). Outputs: certificate and caCertificate (PEM), privateKey and caPrivateKey
(PEM, secret), notAfter (ISO 8601). The authority stays when hosts change, so that clients go on trusting it.
"""

import ipaddress
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from toolchain.modelfleet_provider.resource_type import InputError, Inputs, Outputs, Progress, ResourceType

_AUTHORITY_LIFETIME = timedelta(days=3650)
_SERVER_LIFETIME = timedelta(days=397)
"""Clients refuse server certificates of more than 398 days (CA/Browser Forum baseline requirements, 6.3.2)."""
_RENEW_BEFORE_END = timedelta(days=30)
_CLOCK_SKEW = timedelta(minutes=5)


class Certificate(ResourceType):
    """Authority and server certificate on NIST P-256."""

    outputs = ("certificate", "privateKey", "caCertificate", "caPrivateKey", "notAfter")
    secrets = frozenset({"privateKey", "caPrivateKey"})

    def check(self, inputs: Inputs) -> Inputs:
        """Refuse a certificate for nobody."""
        hosts = inputs.get("hosts")
        if hosts is not None and not hosts:
            raise InputError("hosts", "is empty: name at least one host")
        return {**inputs, "hosts": list(dict.fromkeys(hosts))} if hosts else inputs

    def stale(self, outputs: Outputs) -> str | None:
        """Ask for a new one in its last month."""
        end = datetime.fromisoformat(outputs["notAfter"])
        return f"ends on {end:%Y-%m-%d}" if datetime.now(UTC) > end - _RENEW_BEFORE_END else None

    def create(self, inputs: Inputs, progress: Progress) -> tuple[str, Outputs]:
        """Make an authority and a certificate under it."""
        del progress
        key = ec.generate_private_key(ec.SECP256R1())
        return inputs["hosts"][0], _issue(inputs["hosts"], _authority(key), key)

    def update(self, resource_id: str, inputs: Inputs, outputs: Outputs, progress: Progress) -> Outputs:
        """Issue a new certificate under the same authority."""
        del resource_id, progress
        authority = x509.load_pem_x509_certificate(outputs["caCertificate"].encode())
        key = serialization.load_pem_private_key(outputs["caPrivateKey"].encode(), password=None)
        if (
            not isinstance(key, ec.EllipticCurvePrivateKey)
            or authority.not_valid_after_utc < datetime.now(UTC) + _SERVER_LIFETIME
        ):
            key = ec.generate_private_key(ec.SECP256R1())
            authority = _authority(key)
        return _issue(inputs["hosts"], authority, key)


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "modelfleet local authority")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _issue(hosts: list[str], authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey) -> Outputs:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(
            authority.subject,
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "modelfleet gateway")]),
            key.public_key(),
            x509.random_serial_number(),
        )
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _SERVER_LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_subject(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return {
        "certificate": _pem(certificate),
        "privateKey": _private_pem(key),
        "caCertificate": _pem(authority),
        "caPrivateKey": _private_pem(authority_key),
        "notAfter": certificate.not_valid_after_utc.isoformat(),
    }


def _subject(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
