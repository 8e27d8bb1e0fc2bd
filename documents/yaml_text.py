"""A YAML file with the line of every key, so that a mistake can be shown where it stands."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from documents.findings import Finding, Lines, Path, SettingsError, explain

Model = TypeVar("Model", bound=BaseModel)

# LibYAML reads ten times as fast as Python does; not every build of the package has it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class YamlDocument:
    """What a YAML file says.

    Attributes:
        file: Its name, for findings.
        content: Its value; an empty file is an empty mapping.
        lines: The line (from 1) of every key and list item, by path.
    """

    file: str
    content: Any
    lines: Lines = field(default_factory=dict)

    @classmethod
    def read(cls, file: FilePath) -> "YamlDocument":
        """Read a file.

        Raises:
            SettingsError: it is no UTF-8 text or no YAML.
            OSError: it can't be read.
        """
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise SettingsError([Finding(file.name, None, "", "not YAML: it is no UTF-8 text")]) from error
        return cls.parse(text, file.name)

    @classmethod
    def parse(cls, text: str, file: str) -> "YamlDocument":
        """Take a text that `file` holds.

        Raises:
            SettingsError: it is no YAML.
        """
        try:
            loader = _LOADER(text)
            node = loader.get_single_node()
            content = None if node is None else loader.construct_document(node)
        except yaml.MarkedYAMLError as error:
            line = None if error.problem_mark is None else error.problem_mark.line + 1
            raise SettingsError([Finding(file, line, "", f"not YAML: {error.problem}")]) from error
        except yaml.YAMLError as error:  # a character that YAML doesn't allow has no line
            raise SettingsError([Finding(file, None, "", f"not YAML: {str(error).splitlines()[0]}")]) from error
        return cls(file, {} if content is None else content, _lines_of(node))

    def as_json(self) -> "YamlDocument":
        """Give the same with what JSON would hold: a date, which YAML knows, becomes text."""
        return replace(self, content=json.loads(json.dumps(self.content, default=str)))

    def as_model(self, model: type[Model]) -> Model:
        """Take it for what a model describes.

        Raises:
            SettingsError: the model finds mistakes: all of them, each with its line.
        """
        try:
            return model.model_validate(self.content)
        except ValidationError as error:
            raise explain(error, model, file=self.file, lines=self.lines, namespace="") from error


def _lines_of(root: yaml.Node | None) -> Lines:
    lines: dict[Path, int] = {}

    def walk(node: yaml.Node, path: Path) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                inner = (*path, str(key.value))
                lines[inner] = key.start_mark.line + 1
                walk(value, inner)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                lines[*path, index] = value.start_mark.line + 1
                walk(value, (*path, index))

    if root is not None:
        walk(root, ())
    return lines
