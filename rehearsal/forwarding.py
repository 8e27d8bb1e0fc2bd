"""The far end of a simulated tunnel, where clusters are real: a local port that leads to one cluster's API server.

Bytes are passed on as they come: TLS is between the client and the API server, which proves by its certificate which
cluster it is.
"""

import socket
import socketserver
import threading
from collections.abc import Callable
from typing import Final

_CHUNK: Final = 65536
_CONNECT_LIMIT_S: Final = 5.0
_LOCAL: Final = "127.0.0.1"


def forward(port: int, address: Callable[[], tuple[str, int]], opened: Callable[[], None]) -> None:
    """Forward a local port until ended.

    Args:
        port: the port on 127.0.0.1.
        address: gives host and port of the API server, asked for each connection: it may be started meanwhile.
        opened: called once the port takes connections.
    """

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                far = socket.create_connection(address(), timeout=_CONNECT_LIMIT_S)
            except OSError:
                return  # a connection that is closed at once is what a client sees of a server that is away
            far.settimeout(None)
            with far:
                back = threading.Thread(target=_pump, args=(far, self.request), daemon=True)
                back.start()
                _pump(self.request, far)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server((_LOCAL, port), Handler) as server:
        opened()
        server.serve_forever()


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Pass on what comes until it ends, then say so to the other side."""
    try:
        while chunk := source.recv(_CHUNK):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        _close(source)
        _close(target)


def _close(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        connection.close()
