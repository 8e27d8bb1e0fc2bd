"""What a bad file is told: the file, the line, the key's path, what is wrong and what would be right."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import UnionType
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]
Lines = Mapping[Path, int]


@dataclass(frozen=True)
class Finding:
    """One mistake in a file; `path` is the key's, as the file writes it."""

    file: str
    line: int | None
    path: str
    problem: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.path}: {self.problem}" if self.path else f"{where}: {self.problem}"


class SettingsError(Exception):
    """A file that can't be used; its text lists every finding, one a line."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join(map(str, findings)))
        self.findings = tuple(findings)


def explain(
    error: ValidationError, model: type[BaseModel], *, file: str, lines: Lines, namespace: str
) -> SettingsError:
    """Put pydantic's findings into the words of the file; `namespace` goes before each path (`modelfleet:`)."""
    return SettingsError(
        [
            finding_at(detail["loc"], _problem(detail, _model_at(model, detail["loc"][:-1])), file, lines, namespace)
            for detail in error.errors()
        ]
    )


def finding_at(path: Path, problem: str, file: str, lines: Lines, namespace: str = "") -> Finding:
    """Say where in a file a problem is: at its key, or at the nearest key around it that the file has."""
    return Finding(file, _line(path, lines), namespace + dotted(path) if path else "", problem)


def dotted(path: Path) -> str:
    """Write a path as people do: `gpuPools[0].sku`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else (f".{step}" if text else step)
    return text


def _line(path: Path, lines: Lines) -> int | None:
    for end in range(len(path), 0, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return None


def _problem(detail: ErrorDetails, parent: type[BaseModel] | None) -> str:
    match detail["type"]:
        case "extra_forbidden":
            return _unknown_key(str(detail["loc"][-1]), parent)
        case "missing":
            return "is missing"
        case "value_error":
            return detail["msg"].removeprefix("Value error, ")
        case "enum":
            context: Mapping[str, Any] = detail.get("ctx") or {}
            return f"{detail['input']!r} is none of {context.get('expected')}"
        case _:
            message = detail["msg"]
            return f"{detail['input']!r}: {message[0].lower()}{message[1:]}"


def _unknown_key(key: str, parent: type[BaseModel] | None) -> str:
    known = [] if parent is None else [field.alias or name for name, field in parent.model_fields.items()]
    close = get_close_matches(key, known, n=1)
    if close:
        return f"unknown key; did you mean {close[0]!r}?"
    return f"unknown key; known here: {', '.join(sorted(known))}" if known else "unknown key"


def _model_at(model: type[BaseModel], path: Iterable[str | int]) -> type[BaseModel] | None:
    current: type[BaseModel] | None = model
    for step in path:
        if isinstance(step, int) or current is None:
            continue
        annotation = next(
            (field.annotation for name, field in current.model_fields.items() if step in {name, field.alias}), None
        )
        current = _inner_model(annotation)
    return current


def _inner_model(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) is not None or isinstance(annotation, UnionType):
        return next(filter(None, map(_inner_model, get_args(annotation))), None)
    return None
