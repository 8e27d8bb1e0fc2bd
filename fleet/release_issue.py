"""A release that was taken back, told where the team reads: one issue per rollout."""

from typing import TYPE_CHECKING

from fleet.review.github import GitHub
from release.record import Outcome

if TYPE_CHECKING:
    from release.journal import Concluded


def report(github: GitHub, number: int, end: "Concluded", run: str = "") -> str:
    """Open the rollout's issue, or bring it up to date; give its address.

    Args:
        github: The repository.
        number: The rollout's.
        end: How it ended.
        run: Address of the job that ran it.

    Raises:
        GitHubError: GitHub refused.
    """
    stuck = end.outcome is Outcome.STUCK
    title = f"Rollout {number} " + ("is stuck: going back failed" if stuck else "was taken back")
    parts = [f"<!-- modelfleet: rollout {number} -->", f"```text\n{end.reason}\n```"]
    if end.commands:
        parts.append("Run, one after the other:\n\n```sh\n" + "\n".join(end.commands) + "\n```")
    parts.append("`fleet release status` and `fleet release history STACK` have each region's record and evidence.")
    if run:
        parts.append(f"Ran in {run}.")
    return github.put_issue(parts[0], title, "\n\n".join(parts), ("release", "stuck") if stuck else ("release",))
