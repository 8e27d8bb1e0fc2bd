"""Stack files of their own, and a price list served on this machine."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from infra.config import StackSettings, from_stack_file

MODEL = {"digest": "sha256:" + "1" * 64}
IMAGES = {name: {"image": f"{name}@sha256:" + "2" * 64} for name in ("serving", "gateway", "monitoring")}
ACCOUNTS = {
    "aws": "111122223333",
    "azure": "00000000-0000-4000-8000-000000000001",
    "gcp": "modelfleet-production",
}
REGIONS = {"aws": "us-east-1", "azure": "westeurope", "gcp": "europe-west4"}

Settings = Callable[..., StackSettings]
Answer = tuple[int, bytes]


@pytest.fixture
def write_stack(tmp_path: Path) -> Callable[..., Path]:
    """Write Pulumi.<stack>.yaml with these keys over those that every region needs."""

    def write(stack: str, *, cloud: str = "aws", folder: Path = tmp_path, **keys: Any) -> Path:
        given = {"cloud": cloud, "region": REGIONS[cloud], "account": ACCOUNTS[cloud], **keys}
        if given.get("kind", "region") == "region":
            given = {"model": MODEL, **IMAGES, **given}
        file = folder / f"Pulumi.{stack}.yaml"
        file.write_text(yaml.safe_dump({"config": {f"modelfleet:{key}": value for key, value in given.items()}}))
        return file

    return write


@pytest.fixture
def settings(write_stack: Callable[..., Path]) -> Settings:
    return lambda **keys: from_stack_file(write_stack("one", **keys))


@pytest.fixture
def served() -> Iterator[Callable[[Callable[[str, dict[str, str]], Answer]], str]]:
    """Serve what a function answers to a path and its query; give the address."""
    servers: list[ThreadingHTTPServer] = []

    def serve(answer: Callable[[str, dict[str, str]], Answer]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = urlsplit(self.path)
                status, body = answer(asked.path, {k: v[0] for k, v in parse_qs(asked.query).items()})
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Nothing: pytest shows what matters."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()
