"""The difference of two estimates, as a table in Markdown for a pull request."""

from dataclasses import dataclass

from fleet.cost.estimate import Amount, Estimate


@dataclass(frozen=True)
class Change:
    """One part's cost before and after; None where it is not there at all."""

    part: str
    before: Amount | None
    after: Amount | None

    @property
    def expected(self) -> float:
        """By how much the expected cost rises, in dollars a month; negative where it falls."""
        return (self.after or Amount()).expected - (self.before or Amount()).expected

    @property
    def high(self) -> float:
        """By how much the most that it may cost rises."""
        return (self.after or Amount()).high - (self.before or Amount()).high


def changes(before: Estimate | None, after: Estimate) -> list[Change]:
    """Compare two estimates part by part; what stays the same is left out, the largest change comes first."""
    old = {} if before is None else before.by_part()
    new = after.by_part()
    found = [Change(part, old.get(part), new.get(part)) for part in dict.fromkeys((*new, *old))]
    return sorted(
        (change for change in found if change.before != change.after),
        key=lambda each: (-max(abs(each.expected), abs(each.high)), each.part),
    )


def markdown(before: Estimate | None, after: Estimate, against: str) -> str:
    """Give the difference as a pull request shows it."""
    total = Change("total", None if before is None else before.total, after.total)
    head = f"### Cost of `{after.stack}` ({after.cloud} {after.region})"
    told = changes(before, after)
    if not told:
        lines = [head, "", f"No change against `{against}`: {_range(after.total)} a month."]
    else:
        rows = [_row(change) for change in told] + [_row(total, bold=True)]
        lines = [
            head,
            "",
            f"Dollars a month, expected (least to most), against `{against}`:",
            "",
            "| part | before | after | change |",
            "|---|---|---|---|",
            *rows,
        ]
    if after.unpriced:
        missing = ", ".join(sorted({f"{usage.part} {usage.sku}".strip() for usage in after.unpriced}))
        lines += ["", f"Not in it, for want of a price: {missing}."]
    return "\n".join(lines) + "\n"


def _row(change: Change, *, bold: bool = False) -> str:
    mark = "**" if bold else ""
    before, after = (("-" if amount is None else _range(amount)) for amount in (change.before, change.after))
    return f"| {mark}{change.part}{mark} | {before} | {after} | {mark}{change.expected:+,.0f}{mark} |"


def _range(amount: Amount) -> str:
    return f"${amount.expected:,.0f} (${amount.low:,.0f} to ${amount.high:,.0f})"
