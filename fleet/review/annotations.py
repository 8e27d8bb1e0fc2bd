"""A finding as an annotation: GitHub shows it on the line of the file that it is about.

The form is that of docs.github.com/actions/reference/workflows-and-actions/workflow-commands.
"""

from documents import Finding


def annotation(finding: Finding) -> str:
    """Give the workflow command that puts a finding on its line."""
    place = f"file={_property(finding.file)}"
    if finding.line is not None:
        place += f",line={finding.line}"
    text = f"{finding.path}: {finding.problem}" if finding.path else finding.problem
    return f"::error {place}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
