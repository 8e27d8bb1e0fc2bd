"""What a runbook says, in the order in which it is done: its commands, what they print, what happens meanwhile.

A runbook is Markdown. Beside its text it has

* ```` ```console ```` blocks: after `$ ` a command, continued where a line ends with a backslash; below it what it
  prints, standard output and error together. `…` stands for anything in a line, alone for any number of lines.
  `[exit status N]` is what the command ends with if not 0. Nothing printed: nothing is compared.
* `<!-- given: WORDS -->`: what happens at this point; `tests/runbooks/troubles.py` lists the function that does it.
* `<!-- edit: FILE -->` before a ```` ```yaml ```` block: places in this stack file, and what is to stand there.
* `<!-- not run: REASON -->` before any other block.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ANYTHING: Final = "…"
_PARTS: Final = re.compile(
    r"<!-- (?P<mark>given|edit|not run): (?P<words>.*?) -->"
    r"|^(?P<indent> *)```(?P<language>\w*)\n(?P<block>.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)
_STATUS: Final = re.compile(r"\[exit status (\d+)\]")


class RunbookError(Exception):
    """A runbook isn't written as runbooks are; the text says where and what would be right."""


@dataclass(frozen=True)
class Given:
    """Something happens.

    Attributes:
        line: its line in the file.
        words: what.
    """

    line: int
    words: str


@dataclass(frozen=True)
class Edit:
    """A person edits a file.

    Attributes:
        line: its line in the runbook.
        file: the file, relative to the repository.
        text: YAML of the keys and values that go into it.
    """

    line: int
    file: str
    text: str


@dataclass(frozen=True)
class Command:
    """A person runs a command.

    Attributes:
        line: its line in the file.
        text: what is typed.
        printed: what is printed; empty if that isn't said.
        status: its exit status.
    """

    line: int
    text: str
    printed: tuple[str, ...] = ()
    status: int = 0


@dataclass(frozen=True)
class NotRun:
    """A block that no test runs.

    Attributes:
        line: its line in the file.
        reason: why.
        commands: its lines.
    """

    line: int
    reason: str
    commands: tuple[str, ...]


Step = Given | Edit | Command | NotRun


def steps(file: Path) -> list[Step]:
    """Read a runbook.

    Raises:
        RunbookError: a block is neither run nor says why it isn't.
    """
    text = file.read_text(encoding="utf-8")
    found: list[Step] = []
    before: re.Match[str] | None = None
    for part in _PARTS.finditer(text):
        line = text.count("\n", 0, part.start()) + 1
        if part["mark"]:
            if part["mark"] == "given":
                found.append(Given(line, " ".join(part["words"].split())))
            before = part
            continue
        mark, words = (before["mark"], " ".join(before["words"].split())) if before else (None, "")
        block = re.sub(rf"^{part['indent']}", "", part["block"], flags=re.MULTILINE)
        if mark == "not run":
            found.append(NotRun(line, words, tuple(filter(None, block.splitlines()))))
        elif mark == "edit" and part["language"] == "yaml":
            found.append(Edit(line, words, block))
        elif part["language"] == "console":
            found.extend(_commands(block, line + 1))
        else:
            raise RunbookError(
                f"{file}:{line}: this block is run by no test: make it ```console with `$ ` before each command, or "
                "say why before it: <!-- not run: REASON -->"
            )
        before = None
    return found


def _commands(block: str, first: int) -> Iterator[Command]:
    lines = iter(enumerate(block.splitlines(), start=first))
    begun: tuple[int, str] | None = None
    printed: list[str] = []
    for number, line in lines:
        if not line.startswith("$ "):
            printed.append(line)
            continue
        if begun:
            yield _command(*begun, printed)
        text, printed = line.removeprefix("$ "), []
        while text.endswith("\\"):
            text += "\n" + next(lines)[1]
        begun = number, text
    if begun:
        yield _command(*begun, printed)


def _command(line: int, text: str, printed: list[str]) -> Command:
    lines = [each for each in printed if each.strip()]
    if lines and (status := _STATUS.fullmatch(lines[-1])):
        return Command(line, text, tuple(lines[:-1]), int(status[1]))
    return Command(line, text, tuple(lines))


def differences(expected: tuple[str, ...], printed: str) -> str | None:
    """Say what of an output isn't as the runbook has it, None if all is; blank lines and widths don't count."""
    if not expected:
        return None
    lines = [_flat(line) for line in printed.splitlines() if line.strip()]
    at, gap = 0, False
    for wanted in expected:
        if wanted.strip() == ANYTHING:
            gap = True
            continue
        pattern = re.compile(".*".join(map(re.escape, _flat(wanted).split(ANYTHING))))
        places = range(at, len(lines)) if gap else range(at, min(at + 1, len(lines)))
        place = next((place for place in places if pattern.fullmatch(lines[place])), None)
        if place is None:
            return f"{wanted!r} isn't there"
        at, gap = place + 1, False
    if not gap and at < len(lines):
        return f"the runbook doesn't have {lines[at]!r}"
    return None


def _flat(line: str) -> str:
    return " ".join(line.split())
