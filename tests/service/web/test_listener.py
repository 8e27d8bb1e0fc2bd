"""What a port answers to bytes that are no request."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Generator, Iterator

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from service.web.listener import Listener
from service.web.settings import ServiceSettings
from service.web.tls_handshake import MOST_HANDSHAKES
from tests.service.conftest import Certificate

# What httpx keeps an idle connection for, and so do the SDKs that are built on it; and CloudFront.
_HTTPX_S, _FRONT_END_S = 5, 120


async def _greeting(scope: Scope, receive: Receive, send: Send) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


@contextlib.contextmanager
def _greeter(
    keep_alive_s: int, max_connections: int = 100, *, header_timeout_s: float = 10, tls: ssl.SSLContext | None = None
) -> Generator[int]:
    listener = Listener(
        _greeting,
        host="127.0.0.1",
        port=0,
        header_timeout_s=header_timeout_s,
        keep_alive_s=keep_alive_s,
        max_connections=max_connections,
        tls=tls,
    )
    thread = threading.Thread(target=listener.run, args=([listener.socket],))
    thread.start()
    try:
        yield listener.socket.getsockname()[1]
    finally:
        listener.should_exit = True
        thread.join()


@pytest.fixture
def port() -> Iterator[int]:
    """A port that greets every request."""
    with _greeter(keep_alive_s=60) as number:
        yield number


def _answer(port: int, request: bytes) -> tuple[int, bytes]:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@pytest.mark.parametrize(
    ("request_", "status", "code", "said"),
    [
        (b"HELO there\r\n\r\n", 400, "invalid_http", "illegal request line"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "invalid_http", "Host"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nx: " + 400 * 1024 * b"y" + b"\r\n\r\n", 431, "headers_too_large", "64 KiB"),
    ],
)
def test_what_is_no_request_is_told_so_as_every_error_is(
    port: int, request_: bytes, status: int, code: str, said: str
) -> None:
    """With a body that an OpenAI client can read."""
    answered, body = _answer(port, request_)

    error = json.loads(body)["error"]
    assert (answered, error["code"], error["type"]) == (status, code, "invalid_request_error")
    assert said in error["message"]


def test_a_second_request_that_is_none_leaves_the_first_answer_whole(port: int) -> None:
    """Pipelined on one connection."""
    status, body = _answer(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\nnonsense\r\n\r\n")

    assert (status, body[:2]) == (200, b"hi")


def test_an_idle_connection_is_kept_for_as_long_as_it_is_told_and_no_longer() -> None:
    """The client sees its end."""
    with _greeter(keep_alive_s=1) as port, socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        received = b"".join(iter(lambda: connection.recv(65536), b""))

    assert received.endswith(b"hi")


def test_beyond_the_limit_the_connection_that_was_idle_for_longest_is_closed() -> None:
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    def greeted(connection: socket.socket) -> bool:
        received = b""
        with contextlib.suppress(ConnectionError):
            connection.sendall(request)
            while not received.endswith(b"hi") and (piece := connection.recv(65536)):
                received += piece
        return received.startswith(b"HTTP/1.1 200")

    with _greeter(keep_alive_s=60, max_connections=2) as port, contextlib.ExitStack() as stack:

        def another() -> socket.socket:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            assert greeted(connection)
            return connection

        first, second = another(), another()
        assert greeted(first)
        third = another()
        assert [greeted(second), greeted(third), greeted(first)] == [False, True, True]
        fourth = another()
        assert [greeted(third), greeted(first), greeted(fourth)] == [False, True, True]


def _tls(certificate: Certificate) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context and a client's."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate.cert, certificate.key)
    return server, ssl.create_default_context(cafile=str(certificate.ca))


def _greeted(port: int, client: ssl.SSLContext) -> bool:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as plain,
        client.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(65536), b"")).endswith(b"hi")


def _closed(connection: socket.socket) -> bool:
    with contextlib.suppress(ConnectionError):  # an end or a reset
        return connection.recv(1) == b""
    return True


def test_a_handshake_that_does_not_begin_is_not_waited_for(certificate: Certificate) -> None:
    """Such a connection costs memory before it has shown a key."""
    server, client = _tls(certificate)
    with (
        _greeter(keep_alive_s=60, header_timeout_s=0.5, tls=server) as port,
        socket.create_connection(("127.0.0.1", port), timeout=30) as silent,
    ):
        assert _closed(silent)
        assert _greeted(port, client)


def test_handshakes_beyond_the_limit_take_the_place_of_the_oldest(certificate: Certificate) -> None:
    server, client = _tls(certificate)
    with _greeter(keep_alive_s=60, header_timeout_s=600, tls=server) as port, contextlib.ExitStack() as stack:
        silent = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            for _ in range(MOST_HANDSHAKES + 2)
        ]
        assert [_closed(connection) for connection in silent[:2]] == [True, True]
        assert _greeted(port, client), "whoever speaks is heard"
        assert _closed(silent[2])
        silent[-1].settimeout(0.1)
        with pytest.raises(TimeoutError):
            silent[-1].recv(1)


def test_what_is_no_tls_is_closed_and_others_are_served(certificate: Certificate) -> None:
    server, client = _tls(certificate)
    with _greeter(keep_alive_s=60, tls=server) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            while not _closed(plain):  # an alert may come first
                pass
        assert _greeted(port, client)


def test_no_client_keeps_an_idle_connection_longer_than_the_services_do() -> None:
    """Who closes first may close on a request that is just being sent, which then ends in a reset."""
    default = ServiceSettings.model_fields["keep_alive_s"].default

    assert httpx.Limits().keepalive_expiry == _HTTPX_S
    assert default > max(_HTTPX_S, _FRONT_END_S)
