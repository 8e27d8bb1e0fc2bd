"""Findings as GitHub's workflow commands: on their line, and never another command."""

from documents import Finding
from fleet.review.annotations import annotation


def test_finding_is_on_its_line() -> None:
    found = Finding("tenants/acme.yaml", 7, "stacks[0]", "'moon' is no stack; stacks here: local, global")
    assert annotation(found) == (
        "::error file=tenants/acme.yaml,line=7::stacks[0]: 'moon' is no stack; stacks here: local, global"
    )


def test_finding_without_a_line_is_on_its_file() -> None:
    assert annotation(Finding("Pulumi.x.yaml", None, "", "no such file")) == "::error file=Pulumi.x.yaml::no such file"


def test_hostile_texts_stay_texts() -> None:
    found = Finding("a,line=1::b", None, "", "100 %\n::set-env name=PATH::evil\r")
    assert annotation(found) == "::error file=a%2Cline=1%3A%3Ab::100 %25%0A::set-env name=PATH::evil%0D"
