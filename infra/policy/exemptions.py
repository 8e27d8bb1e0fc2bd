"""Exemptions: a rule, the resources that needn't keep to it, why, and until when.

They stand in `exemptions.yaml`, where a review sees them. Each run reports the ones that are in force; one that has
expired is itself a violation, so that it is renewed with a reason or removed with its cause.
"""

from collections.abc import Collection, Sequence
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from documents import SettingsError, YamlDocument, explain
from documents.findings import finding_at
from documents.values import FileModel

FILE: Final = Path(__file__).with_name("exemptions.yaml")


class Exemption(FileModel):
    """A rule that some resources needn't keep to for a while."""

    rule: str = Field(description="Id of the rule, as in docs/policies.md")
    resource: str = Field(
        pattern=r"^urn:pulumi:",
        description="URN of the resource; * stands for any text: urn:pulumi:aws-*::modelfleet::*::access-logs",
    )
    reason: str = Field(min_length=20, description="Why, for whoever finds it in a year")
    expires: date = Field(description="Last day on which it holds")

    def covers(self, rule: str, urn: str) -> bool:
        """Tell whether it is about this rule and resource."""
        return rule == self.rule and fnmatchcase(urn, self.resource)

    def __str__(self) -> str:
        return f"{self.rule} for {self.resource} until {self.expires}: {self.reason}"


class _File(FileModel):
    exemptions: tuple[Exemption, ...] = Field((), description=Exemption.__doc__)


def read(file: Path, rules: Collection[str]) -> Sequence[Exemption]:
    """Read and check the exemptions.

    Raises:
        SettingsError: the file is no YAML, has a key that nobody knows, or names a rule that isn't there.
    """
    document = YamlDocument.read(file)
    try:
        exemptions = _File.model_validate(document.content).exemptions
    except ValidationError as error:
        raise explain(error, _File, file=document.file, lines=document.lines, namespace="") from error
    unknown = [
        finding_at(
            ("exemptions", index, "rule"),
            f"there is no rule {exemption.rule!r}; docs/policies.md lists them",
            document.file,
            document.lines,
        )
        for index, exemption in enumerate(exemptions)
        if exemption.rule not in rules
    ]
    if unknown:
        raise SettingsError(unknown)
    return exemptions
