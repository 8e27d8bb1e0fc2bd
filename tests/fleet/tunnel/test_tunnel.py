"""A tunnel leads to one server by its own name, all else past it, and leaves nothing behind."""

import asyncio
import http.client
import os
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue
from urllib.parse import urlsplit

import pytest
import yaml

from fleet.tunnel import ApiServer, Tunnel, TunnelError, TunnelRecord, TunnelRecords
from fleet.tunnel.route import Tool
from tests.fleet.tunnel.conftest import HOST, PrivateServer, TestRoute, listener_of


@pytest.fixture
def records(tmp_path: Path) -> TunnelRecords:
    return TunnelRecords(tmp_path / "tunnels")


def made(
    route: TestRoute, server: PrivateServer, records: TunnelRecords, tell: Callable[[str], None] = lambda _: None
) -> Tunnel:
    async def pause(_: float) -> None:
        await asyncio.sleep(0)

    return Tunnel(
        stack="one",
        server=ApiServer.of(server.kubeconfig),
        kubeconfig=server.kubeconfig,
        route=route,
        records=records,
        tell=tell,
        pause=pause,
    )


@contextmanager
def for_everyone(tunnel: Tunnel) -> Generator[TunnelRecord]:
    """Keep a tunnel open as `fleet tunnel` does, beside the test."""
    opened, loop = threading.Event(), asyncio.new_event_loop()
    records: list[TunnelRecord] = []

    def on_open(record: TunnelRecord) -> None:
        records.append(record)
        opened.set()

    async def keep() -> None:
        await tunnel.keep_open(on_open)

    keeping = loop.create_task(keep())

    def run() -> None:
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(keeping)
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert opened.wait(60)
        yield records[0]
    finally:
        loop.call_soon_threadsafe(keeping.cancel)
        thread.join()


def asked_by_proxy(environment: Mapping[str, str], authority: Path, host: str = HOST, port: int = 443) -> int:
    """Ask as a client that honours HTTPS_PROXY does; TLS is checked against the host's own name."""
    way = urlsplit(environment["HTTPS_PROXY"])
    context = ssl.create_default_context(cafile=authority)
    connection = http.client.HTTPSConnection(way.hostname or "", way.port, context=context, timeout=25)
    connection.set_tunnel(host, port)
    connection.request("GET", "/version")
    return connection.getresponse().status


def test_clients_reach_the_server_by_its_own_name(
    route: TestRoute, private_server: PrivateServer, records: TunnelRecords, tmp_path: Path
) -> None:
    with for_everyone(made(route, private_server, records)) as record:
        assert asked_by_proxy(record.environment, private_server.authority) == 200
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
        with pytest.raises(TunnelError, match="open already"):
            asyncio.run(made(route, private_server, records).keep_open(lambda _: None))
    assert records.running("one") is None
    assert [each.name for each in (tmp_path / "tunnels").iterdir()] == ["one.lock"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", record.port))


def test_a_command_keeps_its_tunnel_to_itself(
    route: TestRoute, private_server: PrivateServer, records: TunnelRecords, tmp_path: Path
) -> None:
    """Another command would lose it in the middle of its work, and `fleet tunnel --stop` would end this one."""
    with (
        made(route, private_server, records).opened() as one,
        made(route, private_server, records).opened() as other,
    ):
        assert one != other
        assert asked_by_proxy(one, private_server.authority) == 200
        assert asked_by_proxy(other, private_server.authority) == 200
        assert records.running("one") is None
        assert not (tmp_path / "tunnels").exists()
    assert route.started == 2


def test_a_command_takes_the_tunnel_that_is_open_and_its_own_when_that_ends(
    route: TestRoute, private_server: PrivateServer, records: TunnelRecords
) -> None:
    told: list[str] = []
    own = TestRoute(route.script, route.arguments)
    with ExitStack() as command:
        with for_everyone(made(route, private_server, records)):
            environment = command.enter_context(made(own, private_server, records, told.append).opened())
            assert asked_by_proxy(environment, private_server.authority) == 200
            assert own.started == 0
            assert told == [f"by the tunnel that is open (process {os.getpid()})"]
        assert asked_by_proxy(environment, private_server.authority) == 200
    assert own.started == 1
    assert told[1:] == ["the tunnel that was open has ended: this command opens one of its own"]


def test_a_tunnel_to_another_server_is_not_taken(
    route: TestRoute, private_server: PrivateServer, records: TunnelRecords
) -> None:
    """A stack that was made anew has another API server; who kept the old one's tunnel open leads nowhere."""
    before = Tunnel(
        stack="one",
        server=ApiServer("before.cluster.internal", 443),
        kubeconfig=private_server.kubeconfig,
        route=TestRoute(route.script, route.arguments),
        records=records,
        tell=lambda _: None,
    )
    with for_everyone(before), made(route, private_server, records).opened() as environment:
        assert asked_by_proxy(environment, private_server.authority) == 200
    assert route.started == 1


def test_all_but_the_api_server_is_reached_while_the_tunnel_is_away(
    route: TestRoute, private_server: PrivateServer, records: TunnelRecords
) -> None:
    """As `down` deletes the tunnel's machine: what is left is deleted by the same proxy."""

    class Deleted(TestRoute):
        port = 0

        def command(self, port: int) -> Sequence[str]:
            if self.started > 0:
                raise TunnelError("`aws ec2 describe-instances` failed")
            self.port = port
            return super().command(port)

    told: SimpleQueue[str] = SimpleQueue()
    deleted = Deleted(route.script, route.arguments)
    with made(deleted, private_server, records, told.put).opened() as environment:
        assert asked_by_proxy(environment, private_server.authority) == 200
        os.kill(listener_of(deleted.port), signal.SIGKILL)
        while "describe-instances` failed" not in told.get(timeout=20):
            pass
        with pytest.raises(OSError, match=r"502 .*describe-instances` failed"):
            asked_by_proxy(environment, private_server.authority)
        with pytest.raises(ssl.SSLCertVerificationError, match=r"127\.0\.0\.1"):
            asked_by_proxy(environment, private_server.authority, "127.0.0.1", private_server.port)


def test_other_servers_are_reached_past_the_tunnel(
    route: TestRoute, private_server: PrivateServer, records: TunnelRecords
) -> None:
    """The cloud's own API is asked in the same environment; here it is the same server, by a name that is wrong."""
    with made(route, private_server, records).opened() as environment:
        with pytest.raises(ssl.SSLCertVerificationError, match=r"127\.0\.0\.1"):
            asked_by_proxy(environment, private_server.authority, "127.0.0.1", private_server.port)
        with pytest.raises(OSError, match="502"):
            asked_by_proxy(environment, private_server.authority, "nothing.invalid")


def test_an_idle_connection_ends_with_the_tunnel(
    route: TestRoute, private_server: PrivateServer, records: TunnelRecords
) -> None:
    with made(route, private_server, records).opened() as environment:
        way = urlsplit(environment["HTTPS_PROXY"])
        idle = socket.create_connection((way.hostname or "", way.port or 0), timeout=20)
        idle.sendall(f"CONNECT 127.0.0.1:{private_server.port} HTTP/1.1\r\n\r\n".encode())
        assert idle.recv(1024).startswith(b"HTTP/1.1 200 ")
    with idle:
        assert idle.recv(1) == b""


def test_missing_programs_are_all_named(
    route: TestRoute, private_server: PrivateServer, records: TunnelRecords
) -> None:
    route.tools = (Tool("sh", ""), Tool("session-manager-nowhere", "from its makers"), Tool("aws-nowhere", "too"))
    with (
        pytest.raises(TunnelError, match=r"session-manager-nowhere: from its makers\n  aws-nowhere: too"),
        made(route, private_server, records).opened(),
    ):
        pass


def test_an_answer_from_another_server_is_no_direct_way(private_server: PrivateServer) -> None:
    """Private ranges repeat: somebody else's server at the same address must not be taken for ours."""
    ours = ApiServer("localhost", private_server.port, private_server.authority.read_text())
    assert not ours.answers_directly()
