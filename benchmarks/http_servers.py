"""What an HTTP server costs the processor: uvicorn on h11 (which we use), on httptools, and granian, side by side.

Each serves the same application: a short JSON answer, and a stream of events as long as a text. What is compared is
processor time of the server's processes for each request and each event, not latency: on a machine whose cores also
compute the model, that is what a server takes from it. Rounds alternate, so that all of them meet the same machine.
"""

import asyncio
import contextlib
import importlib.util
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import httpx

from benchmarks import report

_ROUNDS = 3
_STREAMS = 16
_EVENTS = 400
_REQUESTS = 400
_EVENT = (
    b'data: {"id":"cmpl-0","object":"text_completion","created":0,"model":"m","choices":[{"index":0,"text":" a"}]}\n\n'
)
_APPLICATION = "benchmarks.http_servers:application"
_UVICORN = ("uvicorn", "--log-level", "critical", "--no-access-log", "--loop", "uvloop", "--http")
_SERVERS: Mapping[str, tuple[str, ...]] = {
    "uvicorn, h11": (*_UVICORN, "h11"),
    "uvicorn, httptools": (*_UVICORN, "httptools"),
    "granian": ("granian", "--log-level", "critical", "--loop", "uvloop", "--no-ws", "--interface", "asgi"),
}
_START_LIMIT_S = 120.0


async def application(
    scope: Mapping[str, Any], _receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    """Answer ``/events`` with a stream, anything else with an empty JSON object; an ASGI application."""
    if scope["type"] != "http":
        return
    events = scope["path"] == "/events"
    kind = b"text/event-stream" if events else b"application/json"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    for _ in range(_EVENTS if events else 0):
        await send({"type": "http.response.body", "body": _EVENT, "more_body": True})
        await asyncio.sleep(0)  # as between two steps of an engine: no two events in one turn of the loop
    await send({"type": "http.response.body", "body": b"" if events else b"{}", "more_body": False})


def main() -> int:
    """Measure, print and write."""
    servers = {name: command for name, command in _SERVERS.items() if importlib.util.find_spec(command[0])}
    for name in _SERVERS.keys() - servers.keys():
        print(f"{name}: left out, it isn't installed")  # noqa: T201
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
    for _ in range(_ROUNDS):
        for name, command in servers.items():
            samples[name].append(_measure(command))
    figures = {
        name: {
            "cpu_us_per_request": round(statistics.median(request for request, _ in taken), 1),
            "cpu_us_per_event": round(statistics.median(event for _, event in taken), 1),
        }
        for name, taken in samples.items()
    }
    file = report.write("http_servers", {"rounds": _ROUNDS, "streams": _STREAMS, "servers": figures})
    for name, measured in figures.items():
        print(f"{name:20}", *(f"{key} {value:7.1f}" for key, value in measured.items()))  # noqa: T201
    print(file)  # noqa: T201
    return 0


def _measure(command: tuple[str, ...]) -> tuple[float, float]:
    """Microseconds of processor time for a request, and for an event."""
    with _server(command) as (pid, base):
        _ask_all(base)  # the first ones pay for imports and growing memory
        before = _cpu_s(pid)
        _ask_all(base)
        between = _cpu_s(pid)
        asyncio.run(_stream_all(base))
        after = _cpu_s(pid)
    return (between - before) / _REQUESTS * 1e6, (after - between) / (_STREAMS * _EVENTS) * 1e6


def _ask_all(base: str) -> None:
    with httpx.Client(base_url=base) as client:
        for _ in range(_REQUESTS):
            client.get("/").raise_for_status()


async def _stream_all(base: str) -> None:
    async with httpx.AsyncClient(base_url=base, timeout=_START_LIMIT_S) as client:
        answers = await asyncio.gather(*(client.get("/events") for _ in range(_STREAMS)))
    if any(answer.content != _EVENT * _EVENTS for answer in answers):
        raise SystemExit("a stream came incomplete")


@contextlib.contextmanager
def _server(command: tuple[str, ...]) -> Generator[tuple[int, str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    arguments = [sys.executable, "-m", *command, "--host", "127.0.0.1", "--port", str(port), _APPLICATION]
    process = subprocess.Popen(arguments)
    try:
        _await(base, process)
        yield process.pid, base
    finally:
        process.terminate()
        process.wait()


def _await(base: str, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + _START_LIMIT_S
    while process.poll() is None and time.monotonic() < give_up:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(base)
            return
        time.sleep(0.05)
    raise SystemExit(f"{process.args} does not answer")


def _cpu_s(pid: int) -> float:
    """Processor time of a process and of those that it has started (proc_pid_stat(5), fields 14 and 15)."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(_cpu_s(int(child)) for child in children)


if __name__ == "__main__":
    sys.exit(main())
