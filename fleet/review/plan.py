"""What an update would do to a stack, as a document: kept in a file between jobs, told in Markdown."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from fleet.console import FleetError
from fleet.engine import Summary, UpdateFailedError
from fleet.steps import Step
from fleet.update_view import PolicyFinding

_SHOWN: Final = 100
"""Rows of a table; a comment on GitHub holds 65,536 characters (docs.github.com/rest/issues/comments)."""
_PROPERTIES_SHOWN: Final = 8
_ORDER: Final = ("replace", "delete", "create", "update", "import", "read")
_PARTS_OF_REPLACEMENT: Final = frozenset({"create-replacement", "delete-replaced", "import-replacement"})
_LOSES: Final = frozenset({"replace", "delete"})
"""What can't be taken back."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Change(_Document):
    """What would happen to one resource.

    Attributes:
        operation: create, update, replace, delete, import or read.
        type: Its type token.
        name: Its name in the program.
        properties: Paths of what changes, where the engine says so.
    """

    operation: str
    type: str
    name: str
    properties: tuple[str, ...] = ()

    @property
    def loses(self) -> bool:
        """Whether something that is there would be gone."""
        return self.operation in _LOSES


class Plan(_Document):
    """What an update would do to a stack.

    Attributes:
        stack: Its name.
        changes: What would change; the gravest first.
        unchanged: How many resources would stay as they are.
        findings: What policies say.
        error: Why there is no plan, or why the update would not be begun; empty if it would.
    """

    stack: str
    changes: tuple[Change, ...] = ()
    unchanged: int = 0
    findings: tuple[PolicyFinding, ...] = ()
    error: str = ""

    @classmethod
    def of(cls, stack: str, preview: Summary, *, error: str = "") -> Self:
        """Make it from what the engine has previewed."""
        return cls(
            stack=stack,
            changes=tuple(_changes(preview.steps)),
            unchanged=preview.changes.get("same", 0),
            findings=preview.findings,
            error=error,
        )

    @classmethod
    def of_preview(cls, stack: str, preview: Callable[[], Summary]) -> Self:
        """Make it by previewing; whatever refuses it, the engine, a policy or a check before them, is part of it."""
        try:
            return cls.of(stack, preview())
        except UpdateFailedError as refusal:
            return cls.of(stack, refusal.done, error=str(refusal))
        except FleetError as refusal:
            return cls(stack=stack, error=str(refusal))

    @classmethod
    def missing(cls, stack: str) -> Self:
        """Make the one of a stack that should have been previewed, and of which there is nothing."""
        return cls(stack=stack, error="Its plan was not made: its job was cut off, or says why it failed.")

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read one that was saved.

        Raises:
            FleetError: the file is missing or is no plan.
        """
        try:
            return cls.model_validate_json(file.read_bytes())
        except OSError as error:
            raise FleetError(f"{file} can't be read ({error.strerror}): `fleet preview STACK --save {file}`") from error
        except ValidationError as error:
            raise FleetError(f"{file} is no plan that `fleet preview STACK --save` wrote: {error}") from error

    def save(self, file: Path) -> None:
        """Write it to a file; its folder is made if it is missing."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @property
    def counts(self) -> dict[str, int]:
        """How many resources would be touched, by operation, the gravest first."""
        return {
            operation: number
            for operation in dict.fromkeys((*_ORDER, *(each.operation for each in self.changes)))
            if (number := sum(each.operation == operation for each in self.changes))
        }

    @property
    def headline(self) -> str:
        """One line: what it comes to."""
        if self.error:
            return "no plan" if not self.changes else "would be refused"
        return ", ".join(f"{number} to {operation}" for operation, number in self.counts.items()) or "no change"

    def as_markdown(self) -> str:
        """Tell it in GitHub's Markdown: what would be lost in bold, long tables folded."""
        parts = [f"### `{self.stack}`: {self.headline}"]
        if self.error:
            parts.append(_fenced(self.error))
        if self.findings:
            parts.append("\n".join(_finding_line(each) for each in self.findings))
        if self.changes:
            parts.append(self._table())
        if self.unchanged:
            parts.append(f"{self.unchanged} unchanged.")
        return "\n\n".join(parts)

    def _table(self) -> str:
        rows = ["| what | resource | type | changes |", "|---|---|---|---|"]
        rows += [_row(each) for each in self.changes[:_SHOWN]]
        table = "\n".join(rows)
        if len(self.changes) > _SHOWN:
            table += f"\n\n… and {len(self.changes) - _SHOWN} more."
        if any(each.loses for each in self.changes):
            return table
        return f"<details><summary>{len(self.changes)} resources</summary>\n\n{table}\n\n</details>"


def _changes(steps: Sequence[Step]) -> list[Change]:
    replaced = {step.urn for step in steps if step.operation in _PARTS_OF_REPLACEMENT}
    found: dict[str, Change] = {}
    for step in steps:
        if step.type.startswith("pulumi:providers:") or step.operation == "refresh":
            continue  # a provider is how the engine reaches the cloud, not what is there
        operation = "replace" if step.urn in replaced else step.operation
        before = found.get(step.urn)
        properties = step.properties or (before.properties if before else ())
        found[step.urn] = Change(operation=operation, type=step.type, name=step.name, properties=properties)
    return sorted(found.values(), key=lambda each: (_rank(each.operation), each.type, each.name))


def _rank(operation: str) -> int:
    return _ORDER.index(operation) if operation in _ORDER else len(_ORDER)


def _row(change: Change) -> str:
    shown = ", ".join(f"`{_cell(path)}`" for path in change.properties[:_PROPERTIES_SHOWN])
    if (more := len(change.properties) - _PROPERTIES_SHOWN) > 0:
        shown += f" and {more} more"
    what, name = (f"**{change.operation}**", f"**{_cell(change.name)}**") if change.loses else (
        change.operation, _cell(change.name),
    )  # fmt: skip
    return f"| {what} | {name} | `{_cell(change.type)}` | {shown} |"


def _finding_line(finding: PolicyFinding) -> str:
    weight = "**refused**" if finding.mandatory else "advice"
    about = f"{_plain(finding.resource)}: " if finding.resource else ""
    return f"- {weight} by policy `{finding.policy}`: {about}{_plain(finding.message)}"


def _fenced(text: str) -> str:
    """Put a text that others wrote where Markdown can't read it, whatever backticks it has."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text}\n{fence}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'").replace("\n", " ")


def _plain(text: str) -> str:
    """Keep a text that others wrote from being Markdown: no mention, link or heading comes from it."""
    flat = " ".join(text.split())
    for sign in "\\`*_[]<>#|@!":
        flat = flat.replace(sign, f"\\{sign}" if sign != "@" else "@\u200b")
    return flat
