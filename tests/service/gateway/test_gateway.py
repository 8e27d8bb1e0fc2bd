"""The gateway as a process of its own: in front of a real model server, and of servers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import httpx
import openai
import pytest

from infra.cluster.isolation import GATEWAY_HEALTH_PATH
from service.gateway.settings import GatewaySettings
from service.gateway.tls import ServerCertificate
from tests.service.conftest import (
    MODEL_NAME,
    Certificate,
    ServiceProcess,
    StartService,
    eventually,
    make_certificate,
)

if TYPE_CHECKING:
    from pathlib import Path

_KEY = "mf-test-key-0123456789"
_ASK = {"model": MODEL_NAME, "prompt": "def f(", "max_tokens": 8, "seed": 1}
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def write_keys(path: Path, **keys: str) -> Path:
    """``tenant=key`` pairs as a keys file, replaced at once as Kubernetes does."""
    entries = [
        {"id": f"k-{tenant}", "tenant": tenant, "sha256": hashlib.sha256(key.encode()).hexdigest()}
        for tenant, key in keys.items()
    ]
    return replace(path, json.dumps({"keys": entries}))


def replace(path: Path, text: str) -> Path:
    """At once: a file that is written in place is seen empty first, and counted as one change more."""
    new = path.with_suffix(".new")
    new.write_text(text)
    return new.replace(path)


class Door:
    """A gateway and the ways to it."""

    def __init__(self, process: ServiceProcess, ca: Path) -> None:
        self.process = process
        self.url = f"https://localhost:{process.port}"
        self.admin = f"http://127.0.0.1:{process.event('listening')['admin_port']}"
        self.trust = ssl.create_default_context(cafile=str(ca))

    def client(self, key: str = _KEY, **options: Any) -> httpx.Client:
        headers = {"authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.url, verify=self.trust, headers=headers, timeout=60, **options)

    def async_client(self) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {_KEY}"}
        return httpx.AsyncClient(base_url=self.url, verify=self.trust, headers=headers, timeout=300)

    def metric(self, name: str) -> float:
        lines = httpx.get(f"{self.admin}/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((name + "{", name + " ")))


class OpenDoor:
    """Starts gateways with settings that suit tests."""

    def __init__(self, start: StartService, certificate: Certificate, folder: Path) -> None:
        self._start = start
        self._certificate = certificate
        self.keys = folder / "keys.json"

    def __call__(self, upstream: str, **settings: object) -> Door:
        if not self.keys.exists():
            write_keys(self.keys, demo=_KEY)
        defaults: dict[str, object] = {
            "ADMIN_PORT": 0,
            "TLS_CERT_FILE": self._certificate.cert,
            "TLS_KEY_FILE": self._certificate.key,
            "KEYS_FILE": self.keys,
            "UPSTREAM": upstream,
            "RELOAD_INTERVAL_S": 0.05,
            "DRAIN_LINGER_S": 0.2,
        }
        return Door(self._start("gateway", **(defaults | settings)), self._certificate.ca)


@pytest.fixture
def open_door(start_service: StartService, certificate: Certificate, tmp_path: Path) -> OpenDoor:
    return OpenDoor(start_service, certificate, tmp_path)


@contextlib.asynccontextmanager
async def upstream(handler: Handler) -> AsyncGenerator[str]:
    """A server that behaves as the handler does, which is badly."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def head_of(reader: asyncio.StreamReader) -> str:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = next((line for line in head.lower().splitlines() if line.startswith("content-length:")), ":0")
    await reader.readexactly(int(length.partition(":")[2]))
    return head


async def respond(
    writer: asyncio.StreamWriter, body: bytes, *, status: str = "200 OK", headers: str = "content-type: text/plain"
) -> None:
    writer.write(f"HTTP/1.1 {status}\r\n{headers}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()
    writer.close()


def server_url(server: ServiceProcess) -> str:
    return f"http://127.0.0.1:{server.port}"


def test_openai_s_client_through_tls(server: ServiceProcess, open_door: OpenDoor) -> None:
    door = open_door(server_url(server), MAX_BODY_BYTES=100_000)
    client = openai.OpenAI(
        base_url=f"{door.url}/v1", api_key=_KEY, http_client=openai.DefaultHttpxClient(verify=door.trust), max_retries=0
    )
    assert [model.id for model in client.models.list()] == [MODEL_NAME]
    whole = client.completions.create(model=MODEL_NAME, prompt="def f(", max_tokens=8, seed=1)
    chunks = list(client.completions.create(model=MODEL_NAME, prompt="def f(", max_tokens=8, seed=1, stream=True))
    assert "".join(chunk.choices[0].text for chunk in chunks) == whole.choices[0].text
    with pytest.raises(openai.BadRequestError) as refused:
        client.completions.create(model=MODEL_NAME, prompt="x", max_tokens=-1)
    assert refused.value.param == "max_tokens"
    with pytest.raises(openai.APIStatusError) as large:
        client.completions.create(model=MODEL_NAME, prompt="x" * 5_000_000)
    assert (large.value.status_code, large.value.code) == (413, "request_too_large")
    with pytest.raises(openai.AuthenticationError) as unknown:
        client.with_options(api_key="mf-wrong").models.list()
    assert unknown.value.code == "invalid_api_key"

    def two_pieces() -> Any:
        yield b"x" * 99_000
        yield b"x" * 5_000_000

    with door.client() as raw:
        assert raw.post("/v1/completions", content=two_pieces()).status_code == 413
        tokens = raw.post("/tokenize", json={"prompt": "def"}).json()["tokens"]
        assert raw.post("/detokenize", json={"tokens": tokens}).json() == {"prompt": "def"}
        embedded = raw.post("/v1/embeddings", json={"model": MODEL_NAME, "input": "x"})
        assert (embedded.status_code, embedded.json()["error"]["code"]) == (400, "unsupported_task")
        answer = raw.get("/v1/models", headers={"x-request-id": "trace-me"})
        assert answer.headers["x-request-id"] == "trace-me"
    assert any(event.get("request_id") == "trace-me" for event in server.events())
    assert any(event.get("request_id") == "trace-me" for event in door.process.events())
    assert door.metric("modelfleet_gateway_requests_total") >= 6
    assert door.metric("modelfleet_gateway_authentication_failures_total") == 1
    for log in (server.log(), door.process.log()):
        assert _KEY not in log


def test_only_the_api_is_let_through(server: ServiceProcess, open_door: OpenDoor) -> None:
    door = open_door(server_url(server))
    with door.client() as client:
        for path in ("/metrics", "/readyz", "/openapi.json", "/", "/v1/models/../../metrics", "/v1/x"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_url"), path
        assert client.get("/v1/%6dodels").status_code == 404
        answer = client.delete("/v1/completions")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    with door.client("") as client:
        assert client.get("/v1/models", headers={"authorization": ""}).status_code == 401
        assert client.get("/v1/models", headers={"authorization": f"Basic {_KEY}"}).status_code == 401


async def test_a_path_can_t_climb_out_of_the_api(open_door: OpenDoor) -> None:
    """Clients drop `..` themselves, and so does the one that asks the server: bytes of an attacker's choice don't."""
    heads: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await head_of(reader))
        await respond(writer, b"answer")

    def ask(door: Door, path: str) -> int:
        connection = http.client.HTTPSConnection("localhost", door.process.port, context=door.trust, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={"authorization": f"Bearer {_KEY}"})
            return connection.getresponse().status

    async with upstream(handle) as url:
        door = await asyncio.to_thread(open_door, url)
        for path in ("/v1/models/a/../../../metrics", "/v1/models/a/./b", "/v1/models/a/..", "/v1/models/a/.../b"):
            assert await asyncio.to_thread(ask, door, path) == 404, path
        assert heads == []
        assert await asyncio.to_thread(ask, door, "/v1/models/owner/a..b-1.5") == 200
    assert heads[0].startswith("GET /v1/models/owner/a..b-1.5 ")


async def test_a_header_in_no_encoding_is_the_server_s_to_judge(open_door: OpenDoor) -> None:
    heads: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        await respond(writer, b"answer")

    async with upstream(handle) as url:
        door = await asyncio.to_thread(open_door, url)
        async with door.async_client() as client:
            answer = await client.get("/v1/models", headers=[(b"content-type", b"text/\xe9"), (b"accept", b"\xff")])
    assert (answer.status_code, answer.text) == (200, "answer")
    assert b"text/\xe9" in heads[0]
    assert not [event for event in door.process.events() if event["event"] == "request failed"]


def test_key_and_chain_may_be_in_one_file(certificate: Certificate, tmp_path: Path) -> None:
    one = tmp_path / "tls.pem"
    one.write_bytes(certificate.key.read_bytes() + certificate.cert.read_bytes())
    served = ServerCertificate(one, one)
    served.reload()
    assert served.context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_load_balancers_learn_without_a_key_whether_it_takes_requests(open_door: OpenDoor) -> None:
    door = open_door("http://127.0.0.1:9")
    with httpx.Client(base_url=door.url, verify=door.trust) as anybody:
        for method in ("GET", "HEAD"):
            answer = anybody.request(method, GATEWAY_HEALTH_PATH)
            assert (answer.status_code, answer.content) == (200, b"")
        assert anybody.post(GATEWAY_HEALTH_PATH).status_code == 405
        assert anybody.get(f"{GATEWAY_HEALTH_PATH}/").status_code == 401, "nothing else is told without a key"
    assert door.metric("modelfleet_gateway_requests_total") == 1, "who asks for health is not counted"


def test_tls_below_1_2_and_plain_http_are_refused(server: ServiceProcess, open_door: OpenDoor) -> None:
    door = open_door(server_url(server))
    old = ssl.create_default_context()
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{door.url}/v1/models", verify=old)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{door.url}/v1/models")  # not signed by anybody that is known
    with pytest.raises(httpx.TransportError):
        httpx.get(door.url.replace("https", "http"))


def test_the_last_key_can_be_taken_away(open_door: OpenDoor) -> None:
    """As the suspension of a region's only tenant does; a gateway that starts then lets nobody in either."""
    door = open_door("http://127.0.0.1:9", RETRY_WINDOW_S=0)
    with door.client() as client:
        assert client.get("/v1/models").status_code == 503, "let in; there is no server"
        replace(open_door.keys, '{"keys": []}')
        eventually(lambda: client.get("/v1/models").status_code == 401, timeout_s=60)
    with open_door("http://127.0.0.1:9").client() as client:
        assert client.get("/v1/models").status_code == 401


def test_keys_and_certificate_are_re_read(server: ServiceProcess, start_service: StartService, tmp_path: Path) -> None:
    mine = make_certificate(tmp_path / "tls")
    open_door = OpenDoor(start_service, mine, tmp_path)
    door = open_door(server_url(server))
    with door.client() as old, door.client("mf-new-key") as new:
        assert (old.get("/v1/models").status_code, new.get("/v1/models").status_code) == (200, 401)
        write_keys(open_door.keys, demo="mf-new-key")
        eventually(lambda: old.get("/v1/models").status_code == 401)
        assert new.get("/v1/models").status_code == 200
        replace(open_door.keys, "{broken")
        eventually(lambda: door.metric("modelfleet_gateway_reloads_total") == 2)
        assert new.get("/v1/models").status_code == 200
    make_certificate(tmp_path / "tls")
    eventually(lambda: door.metric("modelfleet_gateway_reloads_total") >= 3)

    def trusted() -> bool:
        door.trust = ssl.create_default_context(cafile=str(mine.ca))
        with contextlib.suppress(httpx.ConnectError), door.client("mf-new-key") as client:
            return client.get("/v1/models").status_code == 200
        return False

    eventually(trusted)


async def test_a_request_no_server_has_begun_to_answer_is_tried_again(open_door: OpenDoor) -> None:
    heads: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await head_of(reader))
        match len(heads):
            case 1:  # draining
                headers = "retry-after: 1\r\nx-modelfleet-retryable: it is draining"
                await respond(writer, b"{}", status="503 Service Unavailable", headers=headers)
            case 2:  # closed by a server that ends
                writer.close()
            case _:
                await respond(writer, b"answer", headers="content-type: text/plain\r\nserver: inside")

    async with upstream(handle) as url:
        door = await asyncio.to_thread(open_door, url)
        async with door.async_client() as client:
            invented = {"x-modelfleet-tenant": "evil", "x-modelfleet-priority": "interactive"}
            answer = await client.post("/v1/completions", json=_ASK, headers=invented)
    assert answer.text == "answer"
    assert "server" not in answer.headers
    assert len(heads) == 3
    assert "authorization" not in heads[0].lower()
    assert "x-modelfleet-tenant: demo" in heads[0].lower()
    assert "evil" not in heads[0]
    assert "x-modelfleet-priority: normal" in heads[0].lower()
    assert "interactive" not in heads[0]
    assert f"x-request-id: {answer.headers['x-request-id']}" in heads[0].lower()
    assert door.metric("modelfleet_gateway_upstream_retries_total") == 2


async def test_a_key_s_best_class_is_told_to_the_server(open_door: OpenDoor) -> None:
    heads: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await head_of(reader))
        await respond(writer, b"answer")

    content = json.loads(write_keys(open_door.keys, demo=_KEY).read_text())
    content["keys"][0]["priority"] = "interactive"
    open_door.keys.write_text(json.dumps(content))
    async with upstream(handle) as url:
        door = await asyncio.to_thread(open_door, url)
        async with door.async_client() as client:
            await client.post("/v1/completions", json=_ASK)
    assert "x-modelfleet-priority: interactive" in heads[0].lower()


async def test_a_server_s_own_refusal_is_passed_on(open_door: OpenDoor) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        await respond(writer, b"busy", status="503 Service Unavailable", headers="retry-after: 7")

    async with upstream(handle) as url:
        door = await asyncio.to_thread(open_door, url)
        async with door.async_client() as client:
            answer = await client.post("/v1/completions", json=_ASK)
    assert (answer.status_code, answer.text, answer.headers["retry-after"]) == (503, "busy", "7")


async def test_servers_that_always_go_away_are_given_up(open_door: OpenDoor) -> None:
    count = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        await head_of(reader)
        count += 1
        writer.close()

    async with upstream(handle) as url:
        door = await asyncio.to_thread(open_door, url, MAX_RESENDS=2)
        async with door.async_client() as client:
            answer = await client.post("/v1/completions", json=_ASK)
    assert (answer.status_code, answer.json()["error"]["code"], count) == (502, "upstream_closed", 3)


@pytest.mark.parametrize(("settings", "sent"), [({}, 2), ({"RESEND_WITHIN_S": 0}, 1)])
async def test_a_request_that_ends_servers_ends_two_of_them_at_most(
    open_door: OpenDoor, settings: dict[str, object], sent: int
) -> None:
    """And one only where it had been worked on for longer than a server takes that was just being stopped."""
    count = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        await head_of(reader)
        count += 1
        writer.close()

    async with upstream(handle) as url:
        door = await asyncio.to_thread(open_door, url, **settings)
        async with door.async_client() as client:
            answer = await client.post("/v1/completions", json=_ASK)
    assert (answer.status_code, answer.json()["error"]["code"], count) == (502, "upstream_closed", sent)


def test_no_server_at_all(open_door: OpenDoor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    door = open_door(f"http://127.0.0.1:{port}", RETRY_WINDOW_S=0.3)
    with door.client() as client:
        answer = client.post("/v1/completions", json=_ASK)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0


async def test_time_outs(open_door: OpenDoor) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if "models" not in await head_of(reader):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {}\n\n")
            await writer.drain()
        await reader.read()

    async with upstream(handle) as url:
        door = await asyncio.to_thread(open_door, url, FIRST_BYTE_TIMEOUT_S=0.3, IDLE_TIMEOUT_S=0.4, HEARTBEAT_S=0.1)
        async with door.async_client() as client:
            late = await client.get("/v1/models")
            silent = await client.post("/v1/completions", json=_ASK)
    assert (late.status_code, late.json()["error"]["code"]) == (504, "upstream_timeout")
    assert silent.status_code == 200
    assert silent.text.startswith("data: {}\n\n: heartbeat\n\n: heartbeat\n\n")
    assert json.loads(silent.text.rpartition("data: ")[2])["error"]["code"] == "upstream_timeout"


async def test_pieces_are_passed_on_as_they_come_and_a_break_is_told(open_door: OpenDoor) -> None:
    seen = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        writer.write(b"9\r\ndata: 1\n\n\r\n")
        await writer.drain()
        await seen.wait()
        writer.write(b"7\r\ndata: 2\r\n")
        writer.close()

    async with upstream(handle) as url:
        door = await asyncio.to_thread(open_door, url)
        async with door.async_client() as client, client.stream("POST", "/v1/completions", json=_ASK) as answer:
            pieces = answer.aiter_text()
            assert await anext(pieces) == "data: 1\n\n"
            seen.set()
            rest = "".join([piece async for piece in pieces])
    assert rest.startswith("data: 2\n\ndata: ")
    assert json.loads(rest.rpartition("data: ")[2])["error"]["code"] == "upstream_closed"


async def test_an_answer_that_breaks_off_is_never_taken_for_whole(open_door: OpenDoor) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{")
        await writer.drain()
        writer.close()

    async with upstream(handle) as url:
        door = await asyncio.to_thread(open_door, url)
        async with door.async_client() as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.post("/v1/completions", json=_ASK)


async def test_a_client_that_leaves_ends_the_work_behind(open_door: OpenDoor) -> None:
    ended = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n")
        await writer.drain()
        await reader.read()
        ended.set()

    async with upstream(handle) as url:
        door = await asyncio.to_thread(open_door, url)
        async with door.async_client() as client:
            async with client.stream("POST", "/v1/completions", json=_ASK) as answer:
                await anext(answer.aiter_text())
            async with asyncio.timeout(20):
                await ended.wait()
    await asyncio.to_thread(eventually, lambda: door.metric("modelfleet_gateway_requests_in_flight") == 0)


async def test_more_requests_than_allowed_are_refused(open_door: OpenDoor) -> None:
    arrived, go = asyncio.Event(), asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        arrived.set()
        await go.wait()
        await respond(writer, b"answer")

    async with upstream(handle) as url:
        door = await asyncio.to_thread(open_door, url, MAX_CONCURRENT=1)
        async with door.async_client() as client:
            first = asyncio.ensure_future(client.post("/v1/completions", json=_ASK))
            await arrived.wait()
            second = await client.post("/v1/completions", json=_ASK)
            go.set()
            assert (await first).text == "answer"
    assert (second.status_code, second.json()["error"]["code"]) == (503, "overloaded")
    assert second.headers["retry-after"]


async def test_drain_finishes_what_runs_and_serves_what_still_comes(open_door: OpenDoor) -> None:
    go = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if "models" not in await head_of(reader):
            await go.wait()
        await respond(writer, b"answer")

    async with upstream(handle) as url:
        door = await asyncio.to_thread(open_door, url, DRAIN_LINGER_S=2, DRAIN_TIMEOUT_S=60)
        assert (await asyncio.to_thread(httpx.get, f"{door.admin}/readyz")).status_code == 200
        async with door.async_client() as client:
            running = asyncio.ensure_future(client.post("/v1/completions", json=_ASK))
            await asyncio.to_thread(eventually, lambda: door.metric("modelfleet_gateway_requests_in_flight") == 1)
            door.process.terminate()
            await asyncio.to_thread(eventually, lambda: httpx.get(f"{door.admin}/readyz").status_code == 503)
            assert (await client.get(GATEWAY_HEALTH_PATH)).status_code == 503, "load balancers look elsewhere"
            late = await client.get("/v1/models")
            assert (late.text, late.headers["connection"]) == ("answer", "close")
            go.set()
            assert (await running).text == "answer"
        assert await asyncio.to_thread(door.process.process.wait, 30) == 0


async def test_what_outlasts_the_drain_is_told(open_door: OpenDoor) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n")
        await writer.drain()
        await reader.read()

    async with upstream(handle) as url:
        door = await asyncio.to_thread(open_door, url, DRAIN_LINGER_S=0, DRAIN_TIMEOUT_S=0.3)
        async with door.async_client() as client, client.stream("POST", "/v1/completions", json=_ASK) as answer:
            pieces = answer.aiter_text()
            await anext(pieces)
            door.process.terminate()
            rest = "".join([piece async for piece in pieces])
        assert json.loads(rest.rpartition("data: ")[2])["error"]["code"] == "shutting_down"
        assert await asyncio.to_thread(door.process.process.wait, 30) == 0


@pytest.mark.slow
def test_a_rolling_update_loses_nothing(start_service: StartService, open_door: OpenDoor, model_folder: Path) -> None:
    """One address, as a Service gives, behind which the server is replaced by another under load."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    first = start_service("server", MODEL_URI=model_folder.as_uri(), PORT=port, DRAIN_LINGER_S=0.5)
    door = open_door(f"http://127.0.0.1:{port}", RETRY_WINDOW_S=240)
    first.event("ready")

    async def load() -> list[httpx.Response]:
        async with door.async_client() as client:
            asking = [asyncio.ensure_future(client.post("/v1/completions", json=_ASK)) for _ in range(20)]
            await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
            first.terminate()
            asking += [asyncio.ensure_future(client.post("/v1/completions", json=_ASK)) for _ in range(20)]
            await asyncio.to_thread(first.process.wait, 60)
            start_service("server", MODEL_URI=model_folder.as_uri(), PORT=port)
            asking += [asyncio.ensure_future(client.post("/v1/completions", json=_ASK)) for _ in range(20)]
            return await asyncio.gather(*asking)

    answers = asyncio.run(load())
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["choices"][0]["text"] for answer in answers}) == 1


def test_a_slow_head_and_a_slow_body_are_not_waited_for(server: ServiceProcess, open_door: OpenDoor) -> None:
    door = open_door(server_url(server), HEADER_TIMEOUT_S=0.4, BODY_TIMEOUT_S=0.4)
    port = door.process.port
    with socket.create_connection(("localhost", port)) as plain:
        plain.settimeout(30)
        connection = door.trust.wrap_socket(plain, server_hostname="localhost")
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nx-slow: ")
        with contextlib.suppress(OSError):  # aborted: an end or a reset
            assert connection.recv(100) == b""
    with socket.create_connection(("localhost", port)) as plain:
        plain.settimeout(30)
        connection = door.trust.wrap_socket(plain, server_hostname="localhost")
        head = (
            f"POST /v1/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {_KEY}\r\ncontent-length: 9\r\n\r\n{{"
        )
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    ("setting", "content", "named"),
    [
        ("KEYS_FILE", None, "keys file"),
        ("KEYS_FILE", "", "keys file"),
        ("KEYS_FILE", "{", "keys file"),
        ("KEYS_FILE", "{}", "Field required"),
        ("KEYS_FILE", '{"keys": [{"id": "a", "tenant": "b", "sha256": "plain-key"}]}', "keys.0.sha256"),
        ("TLS_CERT_FILE", None, "TLS certificate"),
        ("TLS_KEY_FILE", None, "TLS private key"),
        ("TLS_CERT_FILE", "no pem", "TLS certificate"),
        ("TLS_KEY_FILE", "other", "belong together"),
    ],
)
def test_unfit_files_are_one_clear_line(  # noqa: PLR0917 - one for each parametrised value
    start_service: StartService,
    certificate: Certificate,
    tmp_path: Path,
    setting: str,
    content: str | None,
    named: str,
) -> None:
    unfit = tmp_path / "unfit"
    if content == "other":
        content = make_certificate(tmp_path / "other").key.read_text()
    if content is not None:
        unfit.write_text(content)
    settings: dict[str, object] = {
        "TLS_CERT_FILE": certificate.cert,
        "TLS_KEY_FILE": certificate.key,
        "KEYS_FILE": write_keys(tmp_path / "keys.json", demo=_KEY),
        "ADMIN_PORT": 0,
    }
    gateway = start_service("gateway", **(settings | {setting: unfit}))
    assert gateway.process.wait(60) == 78
    line = gateway.log().strip().splitlines()[-1]
    assert line.startswith("service.gateway: ")
    assert named in line
    assert str(unfit) in line
    assert "plain-key" not in line
    assert "Traceback" not in gateway.log()


def test_help_lists_every_setting() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "service.gateway", "--help"], capture_output=True, text=True, check=True, env=os.environ
    ).stdout
    for name in GatewaySettings.model_fields:
        assert f"MODELFLEET_{name.upper()}" in shown
