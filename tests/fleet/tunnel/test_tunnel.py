"""A tunnel leads to one server by its own name, is opened again, and leaves nothing behind."""

import http.client
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from fleet.tunnel import ApiServer, Tunnel, TunnelError, TunnelRecord, TunnelRecords
from fleet.tunnel.route import Tool
from tests.fleet.tunnel.conftest import HOST, PrivateServer, TestRoute


def made(route: TestRoute, server: PrivateServer, records: TunnelRecords) -> Tunnel:
    return Tunnel(
        stack="one",
        server=ApiServer.of(server.kubeconfig),
        kubeconfig=server.kubeconfig,
        route=route,
        records=records,
        tell=lambda _: None,
    )


def asked_by_proxy(record: TunnelRecord, authority: Path, host: str = HOST, port: int = 443) -> int:
    """Ask as a client that honours HTTPS_PROXY does; TLS is checked against the host's own name."""
    way = urlsplit(record.environment["HTTPS_PROXY"])
    context = ssl.create_default_context(cafile=authority)
    connection = http.client.HTTPSConnection(way.hostname or "", way.port, context=context, timeout=20)
    connection.set_tunnel(host, port)
    connection.request("GET", "/version")
    return connection.getresponse().status


def test_clients_reach_the_server_by_its_own_name(
    route: TestRoute, private_server: PrivateServer, tmp_path: Path
) -> None:
    records = TunnelRecords(tmp_path / "tunnels")
    with made(route, private_server, records).opened() as record:
        assert asked_by_proxy(record, private_server.authority) == 200
        assert records.running("one") == record
        through = yaml.safe_load(Path(record.kubeconfig).read_text())
        cluster = next(each["cluster"] for each in through["clusters"] if each["name"] == "c")
        assert cluster["tls-server-name"] == HOST
        context = ssl.create_default_context(cafile=private_server.authority)
        address = urlsplit(cluster["server"])
        with (
            socket.create_connection((address.hostname, address.port)) as plain,
            context.wrap_socket(plain, server_hostname=cluster["tls-server-name"]),
        ):
            pass
        with pytest.raises(TunnelError, match="open already"), made(route, private_server, records).opened():
            pass
    assert records.running("one") is None
    assert [each.name for each in (tmp_path / "tunnels").iterdir()] == ["one.lock"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", record.port))


def test_other_servers_are_reached_past_the_tunnel(
    route: TestRoute, private_server: PrivateServer, tmp_path: Path
) -> None:
    """The cloud's own API is asked in the same environment; here it is the same server, by a name that is wrong."""
    with made(route, private_server, TunnelRecords(tmp_path)).opened() as record:
        with pytest.raises(ssl.SSLCertVerificationError, match=r"127\.0\.0\.1"):
            asked_by_proxy(record, private_server.authority, "127.0.0.1", private_server.port)
        with pytest.raises(OSError, match="502"):
            asked_by_proxy(record, private_server.authority, "nothing.invalid")


def test_missing_programs_are_all_named(route: TestRoute, private_server: PrivateServer, tmp_path: Path) -> None:
    route.tools = (Tool("sh", ""), Tool("session-manager-nowhere", "from its makers"), Tool("aws-nowhere", "too"))
    with (
        pytest.raises(TunnelError, match=r"session-manager-nowhere: from its makers\n  aws-nowhere: too"),
        made(route, private_server, TunnelRecords(tmp_path)).opened(),
    ):
        pass


def test_an_answer_from_another_server_is_no_direct_way(private_server: PrivateServer) -> None:
    """Private ranges repeat: somebody else's server at the same address must not be taken for ours."""
    ours = ApiServer("localhost", private_server.port, private_server.authority.read_text())
    assert not ours.answers_directly()
