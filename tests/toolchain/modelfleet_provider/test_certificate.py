"""Certificates are checked by a client that trusts nothing but their authority."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from toolchain.modelfleet_provider.certificate import Certificate
from toolchain.modelfleet_provider.resource_type import InputError

HOSTS = ["localhost", "127.0.0.1"]


def make(hosts: list[str]) -> dict[str, Any]:
    return dict(Certificate().create({"hosts": hosts}, lambda _: None)[1])


def handshake(outputs: dict[str, Any], host: str, folder: Path) -> None:
    chain, key = folder / "tls.crt", folder / "tls.key"
    chain.write_text(outputs["certificate"], encoding="utf-8")
    key.write_text(outputs["privateKey"], encoding="utf-8")
    server_side, client_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    server_side.load_cert_chain(chain, key)
    client_side = ssl.create_default_context(cadata=outputs["caCertificate"])
    client_in, client_out, server_in, server_out = (ssl.MemoryBIO() for _ in range(4))
    client = client_side.wrap_bio(client_in, client_out, server_hostname=host)
    server = server_side.wrap_bio(server_in, server_out, server_side=True)
    done = {"client": False, "server": False}
    while not all(done.values()):
        for name, side in (("client", client), ("server", server)):
            try:
                side.do_handshake()
                done[name] = True
            except ssl.SSLWantReadError:
                pass
            server_in.write(client_out.read())
            client_in.write(server_out.read())


@pytest.mark.parametrize("host", HOSTS)
def test_a_client_that_trusts_the_authority_accepts_each_host(host: str, tmp_path: Path) -> None:
    handshake(make(HOSTS), host, tmp_path)


def test_another_host_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(make(HOSTS), "example.invalid", tmp_path)


def test_new_hosts_keep_the_authority(tmp_path: Path) -> None:
    first = make(["localhost"])
    second = dict(Certificate().update("localhost", {"hosts": ["other.invalid"]}, first, lambda _: None))
    assert second["caCertificate"] == first["caCertificate"]
    assert second["privateKey"] != first["privateKey"]
    handshake({**second, "caCertificate": first["caCertificate"]}, "other.invalid", tmp_path)


def test_it_is_renewed_in_its_last_month_only() -> None:
    outputs = make(HOSTS)
    assert Certificate().stale(outputs) is None
    soon = (datetime.now(UTC) + timedelta(days=29)).isoformat()
    assert "ends on" in (Certificate().stale({**outputs, "notAfter": soon}) or "")


def test_it_lives_no_longer_than_clients_accept() -> None:
    certificate = x509.load_pem_x509_certificate(make(HOSTS)["certificate"].encode())
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= timedelta(days=398)


def test_no_host_is_refused() -> None:
    with pytest.raises(InputError, match="hosts: is empty"):
        Certificate().check({"hosts": []})
