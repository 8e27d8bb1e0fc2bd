"""A pull request's comment: one for all its stacks, found again by its mark and updated in place."""

from collections.abc import Mapping, Sequence
from typing import Final

from fleet.review.plan import Plan

MARK: Final = "<!-- modelfleet: plans -->"
"""How the comment is found again; invisible where it is read."""
_LIMIT: Final = 65_536
"""Characters of a comment (docs.github.com/rest/issues/comments)."""


def comment(plans: Sequence[Plan], *, costs: Mapping[str, str] | None = None, commit: str = "") -> str:
    """Write the comment: a summary, then each stack; details are left out from the end where there are too many.

    Args:
        plans: What would change, a stack each.
        costs: What a stack would cost more or less, as Markdown, by stack.
        commit: The commit that was planned.
    """
    costs = costs or {}
    of = f" of {commit[:12]}" if commit else ""
    head = [MARK, f"## What this changes{of}", "", _summary(plans)]
    sections = [
        plan.as_markdown() + (f"\n\n{costs[plan.stack]}" if plan.stack in costs else "")
        for plan in sorted(plans, key=lambda each: (not each.error, not any(c.loses for c in each.changes), each.stack))
        if plan.changes or plan.error or plan.findings or plan.stack in costs
    ]
    text = "\n".join(head)
    for number, section in enumerate(sections):
        rest = f"\n\n{len(sections) - number} more stacks: their plans are in the job's summary."
        if len(text) + len(section) + len(rest) + 2 > _LIMIT:
            return text + rest
        text += f"\n\n{section}"
    return text + "\n"


def _summary(plans: Sequence[Plan]) -> str:
    if not plans:
        return "No stack is touched."
    rows = ["| stack | plan | policies |", "|---|---|---|"]
    for plan in sorted(plans, key=lambda each: each.stack):
        mandatory = sum(each.mandatory for each in plan.findings)
        advice = len(plan.findings) - mandatory
        says = ", ".join(
            text for number, text in ((mandatory, f"**{mandatory} refuse**"), (advice, f"{advice} advise")) if number
        )
        loses = any(each.loses for each in plan.changes)
        headline = f"**{plan.headline}**" if loses or plan.error else plan.headline
        rows.append(f"| `{plan.stack}` | {headline} | {says or 'pass'} |")
    return "\n".join(rows)
