"""Comments and issues on GitHub: found again, changed in place, never somebody else's."""

from collections.abc import Iterator

import pytest

from fleet.review.drift import report
from fleet.review.github import GitHub, GitHubError
from fleet.review.plan import Change, Plan
from tests.fleet.review.simulated_github import SimulatedGitHub

_MARK = "<!-- mark -->"


@pytest.fixture(name="there")
def _there() -> SimulatedGitHub:
    return SimulatedGitHub()


@pytest.fixture(name="github")
def _github(there: SimulatedGitHub) -> Iterator[GitHub]:
    with there.served() as address, GitHub("owner/name", "token", api=address) as github:
        yield github


def test_comment_is_written_once_and_then_changed(there: SimulatedGitHub, github: GitHub) -> None:
    for number in range(5):  # more than a page holds
        there.add_comment(7, f"a person's {number}", login="person")
    first = github.put_comment(7, _MARK, f"{_MARK} one")
    second = github.put_comment(7, _MARK, f"{_MARK} two")
    assert first == second
    assert [each["body"] for each in there.comments.values() if each["user"]["login"] != "person"] == [f"{_MARK} two"]


def test_mark_in_somebody_elses_comment_changes_nothing_of_it(there: SimulatedGitHub, github: GitHub) -> None:
    forged = there.add_comment(7, f"{_MARK} forged", login="person")
    github.put_comment(7, _MARK, f"{_MARK} ours")
    assert there.comments[forged]["body"] == f"{_MARK} forged"
    assert len(there.comments) == 2


def test_comment_of_another_pull_request_is_left_alone(there: SimulatedGitHub, github: GitHub) -> None:
    other = there.add_comment(8, f"{_MARK} eight")
    github.put_comment(7, _MARK, f"{_MARK} seven")
    assert there.comments[other]["body"] == f"{_MARK} eight"


def test_drift_has_one_issue_which_is_closed_when_nothing_differs(there: SimulatedGitHub, github: GitHub) -> None:
    drifting = Plan(stack="aws-us-east-1", changes=(Change(operation="update", type="aws:s3/bucket:Bucket", name="m"),))
    opened = report(github, drifting, "https://example.com/runs/1")
    assert report(github, drifting) == opened
    other = report(github, drifting.model_copy(update={"stack": "gcp-europe-west4"}))
    assert other != opened
    assert report(github, Plan(stack="aws-us-east-1", unchanged=3)) == opened
    assert {number: issue["state"] for number, issue in there.issues.items()} == {1: "closed", 2: "open"}
    assert report(github, Plan(stack="aws-us-east-1", unchanged=3)) is None
    assert report(github, drifting) == f"{there.address}/issues/3"


def test_what_passes_is_tried_again_but_nothing_is_said_twice(there: SimulatedGitHub, github: GitHub) -> None:
    there.fails += [502, 503]
    github.put_comment(7, _MARK, f"{_MARK} one")
    assert [method for method, _ in there.calls] == ["GET", "GET", "GET", "POST"]
    there.calls.clear()
    there.comments.clear()
    with pytest.raises(GitHubError, match=r"refused POST .*500 Server Error"):
        _post_fails(there, github)
    assert [method for method, _ in there.calls] == ["GET", "POST"]


def _post_fails(there: SimulatedGitHub, github: GitHub) -> None:
    list(github._pages("issues/7/comments"))
    there.fails.append(500)
    github._call("POST", "issues/7/comments", body="x")


def test_refusal_tells_what_github_said(there: SimulatedGitHub) -> None:
    with (
        there.served() as address,
        GitHub("owner/name", "wrong", api=address) as github,
        pytest.raises(GitHubError, match="401 Bad credentials"),
    ):
        github.put_comment(1, _MARK, _MARK)


def test_missing_variables_are_named() -> None:
    with pytest.raises(GitHubError, match=r"GH_TOKEN .* and GITHUB_REPOSITORY"):
        GitHub.of_environment({"GITHUB_REPOSITORY": "owner/name"})


def test_unreachable_is_one_message(there: SimulatedGitHub) -> None:
    with there.served() as address:
        pass
    with GitHub("owner/name", "token", api=address) as github, pytest.raises(GitHubError, match="can't be reached"):
        github.put_issue(_MARK, "title", _MARK)
