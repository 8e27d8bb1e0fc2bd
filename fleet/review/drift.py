"""What became different without us: the state compared with the cloud, and what an update would put right."""

from fleet.review.github import GitHub
from fleet.review.plan import Plan


def report(github: GitHub, plan: Plan, run: str = "") -> str | None:
    """Keep one open issue per stack that drifts; close it when nothing differs any more.

    Args:
        github: The repository.
        plan: What an update that first looks at the cloud would change.
        run: Address of the job that looked.

    Returns:
        The issue's address; None if there is none.

    Raises:
        GitHubError: GitHub refused.
    """
    mark = f"<!-- modelfleet: drift of {plan.stack} -->"
    seen = f"\n\nSeen by {run}." if run else ""
    if not plan.changes and not plan.error:
        return github.close_issue(mark, f"Nothing differs any more.{seen}")
    title = f"{plan.stack} could not be compared with the cloud" if plan.error else f"{plan.stack} drifts"
    text = (
        f"{mark}\nThis is what an update would change without any change of ours: somebody changed the cloud, or an "
        f"update was never made. Either is put right by `fleet refresh {plan.stack}` and then `fleet up {plan.stack}`, "
        "since an update alone doesn't look at the cloud; a change that should stay belongs into the stack file "
        f"(docs/runbooks/drift.md).\n\n{plan.as_markdown()}{seen}\n"
    )
    return github.put_issue(mark, title, text, ("drift",))
