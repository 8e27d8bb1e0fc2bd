"""An update as a person watches it: what is under way and why it waits, what is done, what went wrong."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from fleet.steps import Step, StepLog

_COLOUR_TAG = re.compile(r"<\{%.*?%\}>")
_NOT_JUDGED = re.compile(r"can't run policy '[^']*' from policy pack '[^']*' during preview: ")
_LOG_INTERVAL_S = 5.0
_WORDS = {  # operation of the engine: under way, done
    "create": ("creating", "created"),
    "update": ("updating", "updated"),
    "delete": ("deleting", "deleted"),
    "replace": ("replacing", "replaced"),
    "create-replacement": ("making the new", "made the new"),
    "delete-replaced": ("deleting the old", "deleted the old"),
    "read": ("reading", "read"),
    "refresh": ("refreshing", "refreshed"),
    "import": ("importing", "imported"),
}


@dataclass(frozen=True)
class PolicyFinding:
    """What a policy said.

    Attributes:
        policy: Its name.
        mandatory: Whether it stops the update.
        resource: Type and name of the resource, empty where it is about the whole stack.
        message: What is wrong, and what would be right.
    """

    policy: str
    mandatory: bool
    resource: str
    message: str


class UpdateView:
    """Live rows on a terminal, plain lines elsewhere. Use as a context manager around the operation.

    Attributes:
        problems: Error diagnostics, in order.
        findings: What policies said, in order.
        changes: Number of resources by operation, from the engine's own summary.
        duration_s: Seconds that the operation took.
    """

    def __init__(self, console: Console, *, preview: bool = False) -> None:
        self.problems: list[str] = []
        self.findings: list[PolicyFinding] = []
        self.changes: Mapping[str, int] = {}
        self.duration_s = 0
        self._console = console
        self._preview = preview
        self._log = StepLog()
        self._running: dict[str, tuple[str, str, float]] = {}  # urn -> (what, status, since)
        self._mentioned: dict[str, float] = {}
        self._live = Live(console=console, transient=True, refresh_per_second=5, get_renderable=self._rows)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, event: Mapping[str, Any]) -> None:
        """Take one engine event (apitype.EngineEvent as JSON)."""
        self._log.take(event)
        if step := event.get("resourcePreEvent"):
            self._begin(step["metadata"])
        elif step := event.get("resOutputsEvent"):
            self._end(step["metadata"], failed=False)
        elif step := event.get("resOpFailedEvent"):
            self._end(step["metadata"], failed=True)
        elif diagnostic := event.get("diagnosticEvent"):
            self._diagnose(diagnostic)
        elif finding := event.get("policyEvent"):
            self._judge(finding)
        elif summary := event.get("summaryEvent"):
            self.changes = {kind: number for kind, number in summary["resourceChanges"].items() if number}
            self.duration_s = summary["durationSeconds"]

    @property
    def steps(self) -> tuple[Step, ...]:
        """What was done so far."""
        return self._log.steps

    def _begin(self, step: Mapping[str, Any]) -> None:
        if step["op"] == "same":
            return
        what = f"{_words(step['op'])[0]} {_name(step['urn'])}"
        if self._preview and step["op"] != "refresh":  # of what is looked at, what differs comes as a step of its own
            detail = ", ".join(sorted(step.get("detailedDiff") or step.get("diffs") or ()))
            self._console.print(Text(f"  would be {_words(step['op'])[1]}: {_name(step['urn'])}"
                                     + (f" ({detail})" if detail else "")))  # fmt: skip
        self._running[step["urn"]] = (what, "", time.monotonic())

    def _end(self, step: Mapping[str, Any], *, failed: bool) -> None:
        running = self._running.pop(step["urn"], None)
        if running is None or self._preview or step["op"] == "same":  # a refresh looks at all, and finds most as it was
            return
        seconds = time.monotonic() - running[2]
        took = f" ({seconds:.1f} s)" if seconds >= 1 else ""
        if failed:
            self._console.print(Text(f"  failed: {running[0]}{took}", style="red"))
        elif step["type"].startswith(("pulumi:", "modelfleet:cluster:")) or step["type"] == "modelfleet:local:Region":
            return  # components: their parts are what took the time
        else:
            self._console.print(Text(f"  {_words(step['op'])[1]} {_name(step['urn'])}{took}"))

    def _diagnose(self, diagnostic: Mapping[str, Any]) -> None:
        message = _COLOUR_TAG.sub("", diagnostic["message"]).strip()
        urn = diagnostic.get("urn", "")
        if not message:
            return
        if diagnostic.get("ephemeral"):
            if urn in self._running:
                what, _, since = self._running[urn]
                self._running[urn] = (what, message.splitlines()[-1], since)
                self._mention(urn, message)
            return
        text = message if not urn or "::pulumi:pulumi:Stack::" in urn else f"{_name(urn)}: {message}"
        if diagnostic["severity"] == "error":
            self.problems.extend(text.splitlines())
        elif diagnostic["severity"] != "debug":
            self._console.print(Text(f"  {text}"), soft_wrap=True)

    def _judge(self, finding: Mapping[str, Any]) -> None:
        """Take what a policy says: its own name and description come first, the finding after them."""
        message = _COLOUR_TAG.sub("", finding["message"]).strip()
        text = _NOT_JUDGED.sub("", message.partition("\n")[2].strip() or message)
        urn = finding.get("resourceUrn", "")
        about = "" if not urn or "::pulumi:pulumi:Stack::" in urn else _name(urn)
        mandatory = finding["enforcementLevel"] == "mandatory"
        self.findings.append(PolicyFinding(finding["policyName"], mandatory, about, text))
        text = f"{about}: {text}" if about else text
        if mandatory:
            self.problems.append(f"policy: {text}")
        else:
            self._console.print(Text(f"  policy: {text}"), soft_wrap=True)

    def _mention(self, urn: str, message: str) -> None:
        """Tell a log what something waits for: often enough to see that it lives, rarely enough to read."""
        now = time.monotonic()
        if self._console.is_terminal or now - self._mentioned.get(urn, 0) < _LOG_INTERVAL_S:
            return
        self._mentioned[urn] = now
        self._console.print(Text(f"    {_name(urn)}: {message.splitlines()[-1]}"), soft_wrap=True)

    def _rows(self) -> Group:
        now = time.monotonic()
        return Group(
            *(
                Spinner("dots", Text(f" {what} {now - since:.0f} s" + (f": {status}" if status else "")))
                for what, status, since in list(self._running.values())
                if now - since >= 0.5  # what is over at once needs no row
            )
        )


def _words(operation: str) -> tuple[str, str]:
    return _WORDS.get(operation, (operation, operation))


def _name(urn: str) -> str:
    """`Deployment server` from `urn:pulumi:stack::project::…$kubernetes:apps/v1:Deployment::server`."""
    parts = urn.split("::")
    if len(parts) < 4:
        return urn
    return f"{parts[2].rsplit(':', 1)[-1]} {parts[3]}"
