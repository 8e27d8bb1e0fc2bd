"""A private authority, and server certificates under it, on NIST P-256.

A file of its own, imported when one is made: a preview asks how long a certificate lasts, and does without the
library of cryptography.
"""

import ipaddress
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from toolchain.modelfleet_provider.resource_type import Outputs

_AUTHORITY_LIFETIME = timedelta(days=3650)
_SERVER_LIFETIME = timedelta(days=397)
"""Clients refuse server certificates of more than 398 days (CA/Browser Forum baseline requirements, 6.3.2)."""
_CLOCK_SKEW = timedelta(minutes=5)


def issue_first(hosts: list[str]) -> Outputs:
    """Make an authority and a server certificate for these hosts under it."""
    key = ec.generate_private_key(ec.SECP256R1())
    return _issue(hosts, _authority(key), key)


def issue_again(hosts: list[str], ca_certificate: str, ca_private_key: str) -> Outputs:
    """Issue a server certificate under an authority (PEM); one that ends before it would makes room for another."""
    authority = x509.load_pem_x509_certificate(ca_certificate.encode())
    key = serialization.load_pem_private_key(ca_private_key.encode(), password=None)
    if (
        not isinstance(key, ec.EllipticCurvePrivateKey)
        or authority.not_valid_after_utc < datetime.now(UTC) + _SERVER_LIFETIME
    ):
        return issue_first(hosts)
    return _issue(hosts, authority, key)


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
