"""An API server of a private network: real TLS under an authority of its own, reached through a route of the test's."""

import base64
import os
import ssl
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from fleet.tunnel.route import Tool
from toolchain.cluster.certificates import Authority, Identity

HOST = "api.cluster.internal"
"""A name that only the private network knows."""

FORWARD = """
import socket, sys, threading

def copy(source, target):
    while data := source.recv(65536):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)

with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print("forwarding", flush=True)
    while True:
        ours, _ = listener.accept()
        theirs = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
        threading.Thread(target=copy, args=(ours, theirs), daemon=True).start()
        threading.Thread(target=copy, args=(theirs, ours), daemon=True).start()
"""
"""What a cloud's program does, on this machine."""


class _Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"gitVersion": "v1.34.4"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that it has
        del format, args


@dataclass(frozen=True)
class PrivateServer:
    port: int
    authority: Path

    @property
    def kubeconfig(self) -> str:
        cluster = {
            "server": f"https://{HOST}:443",
            "certificate-authority-data": base64.b64encode(self.authority.read_bytes()).decode(),
        }
        return yaml.safe_dump(
            {
                "clusters": [
                    {"name": "other", "cluster": {"server": "https://other"}},
                    {"name": "c", "cluster": cluster},
                ],
                "users": [{"name": "u", "user": {"token": "t"}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )


@dataclass
class TestRoute:
    """A route whose program is a script; each start is counted."""

    __test__ = False
    script: str
    arguments: Sequence[str] = ()
    title: str = "the test's way"
    tools: Sequence[Tool] = (Tool("sh", "with every system"),)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    started: int = 0

    def command(self, port: int) -> Sequence[str]:
        self.started += 1
        return [sys.executable, "-c", self.script, str(port), *self.arguments]


@pytest.fixture
def private_server(tmp_path: Path) -> Iterator[PrivateServer]:
    authority = Authority(tmp_path, "authority").ensure()
    authority.issue(Identity("server", "server", dns_names=(HOST,)))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answering) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield PrivateServer(server.server_address[1], authority.certificate)
        server.shutdown()


@pytest.fixture
def route(private_server: PrivateServer) -> TestRoute:
    return TestRoute(FORWARD, (str(private_server.port),))


def listener_of(port: int) -> int:
    """Give the process that listens on a port, 2**22 (no process can have it) if there is none."""
    inodes = {
        fields[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if (fields := line.split())[1] == f"0100007F:{port:04X}" and fields[3] == "0A"
    }
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.readlink().name.removeprefix("socket:[").rstrip("]") in inodes:
                return int(link.parts[2])
        except OSError:
            continue
    return 2**22
