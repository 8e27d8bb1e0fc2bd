"""What a drill's clients count, against a server that answers in turn rightly, wrongly and not at all."""

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fleet.release_drill.clients import Clients, Seen
from release.gate.probe import Door

RIGHT, WRONG = "return 1", "return 2"


def door(server: ThreadingHTTPServer) -> Door:
    return Door(f"http://127.0.0.1:{server.server_address[1]}", "key", "model", "sha256:0")


@contextmanager
def seen_by(*turns: str) -> Generator[tuple[Seen, int]]:
    """What a client has seen of so many answers, which are these by turns; an empty one is an error."""
    asked, counted = [0], threading.Condition()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            with counted:
                text = turns[asked[0] % len(turns)]
                asked[0] += 1
                counted.notify_all()
            body = json.dumps({"choices": [{"text": text}]}).encode()
            self.send_response(200 if text else 500)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            del format, args

    api = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    serving = threading.Thread(target=api.serve_forever)
    serving.start()
    try:
        with Clients({"canary": door(api)}, {"canary": RIGHT}, every_s=0.001) as clients, counted:
            assert counted.wait_for(lambda: asked[0] >= 9, timeout=60)
        yield clients.seen["canary"], asked[0]
    finally:
        api.shutdown()
        serving.join()
        api.server_close()


def test_right_answers() -> None:
    with seen_by(RIGHT) as (seen, asked):
        assert (seen.answered, seen.wrong, seen.failed, seen.bad_s) == (asked, 0, 0, 0.0)


def test_wrong_ones_and_errors() -> None:
    with seen_by(RIGHT, WRONG, "") as (seen, asked):
        assert seen.answered + seen.wrong + seen.failed == asked
        assert min(seen.answered, seen.wrong, seen.failed) >= 3
        assert seen.bad_s > 0


def test_nobody_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    closed.server_close()
    counted, bad = threading.Event(), Seen.bad

    def told(self: Seen, at: float, *, wrong: bool) -> None:
        bad(self, at, wrong=wrong)
        counted.set()

    monkeypatch.setattr(Seen, "bad", told)
    with Clients({"canary": door(closed)}, {"canary": RIGHT}, every_s=0.001) as clients:
        assert counted.wait(60)
    assert clients.seen["canary"].failed >= 1
    assert clients.seen["canary"].answered == 0
