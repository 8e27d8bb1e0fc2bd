"""The few calls to GitHub's REST API that the workflows need, each safe to repeat.

Documented at docs.github.com/rest/issues/comments and docs.github.com/rest/issues/issues; the variables are those of
docs.github.com/actions/reference/workflows-and-actions/variables.
"""

import os
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx

from fleet.console import FleetError

_TIMEOUT_S: Final = 30.0
_TRIES: Final = 4
_PER_PAGE: Final = 100
_TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})
_BOT: Final = "github-actions[bot]"


class GitHubError(FleetError):
    """GitHub refused, or can't be reached; the message says what it said."""


class GitHub:
    """One repository on GitHub. Use as a context manager.

    Args:
        repository: owner/name.
        token: Whose rights are used.
        api: Where the API is.
        transport: What carries the calls; for tests.
    """

    def __init__(
        self,
        repository: str,
        token: str,
        *,
        api: str = "https://api.github.com",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._client = httpx.Client(
            base_url=f"{api.rstrip('/')}/repos/{repository}/",
            headers={
                "Authorization": f"Bearer {token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
            timeout=_TIMEOUT_S,
            transport=transport or httpx.HTTPTransport(retries=_TRIES),
        )

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Take repository, token and address from a job's variables.

        Raises:
            GitHubError: one is missing.
        """
        given = os.environ if environment is None else environment
        token = given.get("GH_TOKEN") or given.get("GITHUB_TOKEN")
        repository = given.get("GITHUB_REPOSITORY")
        if not token or not repository:
            raise GitHubError(
                "GitHub needs to know whose rights count, and where: set GH_TOKEN (${{ github.token }} in a workflow) "
                "and GITHUB_REPOSITORY=owner/name"
            )
        return cls(repository, token, api=given.get("GITHUB_API_URL", "https://api.github.com"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def put_comment(self, number: int, mark: str, text: str) -> str:
        """Write a comment, in place of the one of ours with the same mark; give its address.

        Only a comment that the workflows' own identity wrote is changed: a mark in somebody else's proves nothing.

        Args:
            number: Of the issue or pull request.
            mark: What the comment begins with.
            text: The comment; it begins with the mark.

        Raises:
            GitHubError: GitHub refused.
        """
        for found in self._pages(f"issues/{number}/comments"):
            if found["body"].startswith(mark) and found["user"]["login"] == _BOT:
                return self._call("PATCH", f"issues/comments/{found['id']}", body=text)["html_url"]
        return self._call("POST", f"issues/{number}/comments", body=text)["html_url"]

    def put_issue(self, mark: str, title: str, text: str, labels: tuple[str, ...] = ()) -> str:
        """Open an issue, or update the open one of ours with the same mark; give its address.

        Raises:
            GitHubError: GitHub refused.
        """
        if (found := self._open_issue(mark)) is not None:
            return self._call("PATCH", f"issues/{found['number']}", title=title, body=text)["html_url"]
        return self._call("POST", "issues", title=title, body=text, labels=list(labels))["html_url"]

    def close_issue(self, mark: str, reason: str) -> str | None:
        """Close the open issue of ours with this mark, and say why; None if there is none.

        Raises:
            GitHubError: GitHub refused.
        """
        if (found := self._open_issue(mark)) is None:
            return None
        self._call("POST", f"issues/{found['number']}/comments", body=reason)
        return self._call("PATCH", f"issues/{found['number']}", state="closed", state_reason="completed")["html_url"]

    def _open_issue(self, mark: str) -> Mapping[str, Any] | None:
        for issue in self._pages("issues", state="open", creator=_BOT):
            if "pull_request" not in issue and (issue["body"] or "").startswith(mark):
                return issue
        return None

    def _pages(self, path: str, **query: str) -> Iterator[Mapping[str, Any]]:
        address: str | None = path
        given: dict[str, str] | None = {**query, "per_page": str(_PER_PAGE)}
        while address is not None:
            answer = self._send("GET", address, params=given)
            yield from answer.json()
            address, given = answer.links.get("next", {}).get("url"), None

    def _call(self, method: str, path: str, **content: Any) -> Mapping[str, Any]:
        return self._send(method, path, json=content).json()

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        answer = None
        for _ in range(_TRIES if method in {"GET", "PATCH"} else 1):  # a POST that is repeated may say it twice
            try:
                answer = self._client.request(method, path, **request)
            except httpx.HTTPError as error:
                raise GitHubError(f"GitHub can't be reached: {error!r}") from error
            if answer.status_code not in _TRANSIENT:
                break
        assert answer is not None  # noqa: S101 - the loop runs at least once
        if answer.is_error:
            raise GitHubError(f"GitHub refused {method} {answer.url.path}: {answer.status_code} {_reason(answer)}")
        return answer


def job_address(environment: Mapping[str, str] | None = None) -> str:
    """Give the address of the job that this runs in, empty outside of one."""
    given = os.environ if environment is None else environment
    if "GITHUB_RUN_ID" not in given:
        return ""
    return f"{given['GITHUB_SERVER_URL']}/{given['GITHUB_REPOSITORY']}/actions/runs/{given['GITHUB_RUN_ID']}"


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]
