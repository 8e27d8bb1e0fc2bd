"""A simulated GitHub: the calls that `fleet.review.github` makes, in the documented shapes, over real HTTP.

What it can't show: whether GitHub itself accepts them, and its rights, rates and secondary limits.
"""

import json
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

BOT = "github-actions[bot]"


@dataclass
class SimulatedGitHub:
    """One repository, owner/name.

    Attributes:
        issues: by number; pull requests are issues too.
        comments: by id.
        fails: statuses to answer with, once each, before anything else.
        page: how many entries a page has.
    """

    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: dict[int, dict[str, Any]] = field(default_factory=dict)
    fails: list[int] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    page: int = 2
    address: str = ""

    def add_comment(self, number: int, body: str, login: str = BOT) -> int:
        """Write a comment as somebody, and give its id."""
        comment_id = len(self.comments) + 1
        self.comments[comment_id] = {
            "id": comment_id, "issue": number, "body": body, "user": {"login": login},
            "html_url": f"{self.address}/issues/{number}#{comment_id}",
        }  # fmt: skip
        return comment_id

    def answer(self, method: str, target: str, content: Mapping[str, Any]) -> tuple[int, Any, str | None]:
        """Answer a call with status, content, and the address of the next page."""
        parts = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        path = parts.path.removeprefix("/repos/owner/name/").split("/")
        match method, path:
            case "GET", ["issues", number, "comments"]:
                found = [each for each in self.comments.values() if each["issue"] == int(number)]
                return self._page(found, parts.path, query)
            case "GET", ["issues"]:
                wanted = (query["state"], query["creator"])
                found = [each for each in self.issues.values() if (each["state"], each["user"]["login"]) == wanted]
                return self._page(found, parts.path, query)
            case "POST", _:
                return 201, self._add(path, content), None
            case "PATCH", ["issues", *_, number]:
                changed = (self.comments if "comments" in path else self.issues)[int(number)]
                changed |= content
                return 200, changed, None
            case _:
                return 404, {"message": "Not Found"}, None

    def _add(self, path: list[str], content: Mapping[str, Any]) -> Any:
        if path[-1] == "comments":
            return self.comments[self.add_comment(int(path[1]), content["body"])]
        number = len(self.issues) + 1
        address = f"{self.address}/issues/{number}"
        self.issues[number] = {
            "number": number,
            "state": "open",
            "user": {"login": BOT},
            "html_url": address,
            **content,
        }
        return self.issues[number]

    def _page(self, found: list[Any], path: str, query: Mapping[str, str]) -> tuple[int, Any, str | None]:
        number = int(query.get("page", "1"))
        rest = "&".join(f"{key}={value}" for key, value in query.items() if key != "page")
        more = len(found) > number * self.page
        following = f"{self.address}{path}?{rest}&page={number + 1}" if more else None
        return 200, found[(number - 1) * self.page : number * self.page], following

    @contextmanager
    def served(self) -> Generator[str]:
        """Answer over HTTP on this machine; gives the API's address."""
        github = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                content = json.loads(self.rfile.read(length)) if length else {}
                github.calls.append((self.command, urlsplit(self.path).path))
                if self.headers["Authorization"] != "Bearer token":
                    status, answer, following = 401, {"message": "Bad credentials"}, None
                elif github.fails:
                    status, answer, following = github.fails.pop(0), {"message": "Server Error"}, None
                else:
                    status, answer, following = github.answer(self.command, self.path, content)
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                if following is not None:
                    self.send_header("Link", f'<{following}>; rel="next"')
                self.end_headers()
                self.wfile.write(text)

            def do_GET(self) -> None:
                self._serve()

            def do_POST(self) -> None:
                self._serve()

            def do_PATCH(self) -> None:
                self._serve()

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                """Say nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            self.address = f"http://127.0.0.1:{server.server_port}"
            try:
                yield self.address
            finally:
                server.shutdown()
                thread.join()
