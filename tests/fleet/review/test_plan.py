"""A plan as a document: what is grave comes first, and nothing in it is read as Markdown of ours."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from fleet.commands.review import app
from fleet.console import FleetError
from fleet.engine import Summary, UpdateFailedError
from fleet.review.comment import MARK, comment
from fleet.review.plan import Change, Plan
from fleet.steps import Step
from fleet.update_view import PolicyFinding

_BUCKET = "aws:s3/bucket:Bucket"


def _step(operation: str, name: str, *properties: str, kind: str = _BUCKET) -> Step:
    return Step(f"urn:pulumi:s::modelfleet::{kind}::{name}", operation, 1, 2, 0, 1, properties)


def test_parts_of_a_replacement_are_one_change() -> None:
    steps = (
        _step("create-replacement", "pool", "instanceTypes"),
        _step("delete-replaced", "pool"),
        _step("create", "new"),
        _step("update", "tags", "tags.owner"),
        _step("delete", "old"),
    )
    plan = Plan.of("s", Summary({"same": 7}, 1, steps))
    assert [(each.operation, each.name) for each in plan.changes] == [
        ("replace", "pool"),
        ("delete", "old"),
        ("create", "new"),
        ("update", "tags"),
    ]
    assert plan.changes[0].properties == ("instanceTypes",)
    assert plan.headline == "1 to replace, 1 to delete, 1 to create, 1 to update"
    assert plan.unchanged == 7


def test_providers_and_refreshes_are_no_changes() -> None:
    steps = (_step("create", "aws", kind="pulumi:providers:aws"), _step("refresh", "bucket"))
    assert Plan.of("s", Summary({}, 1, steps)).headline == "no change"


def test_refused_preview_is_a_plan_with_an_error() -> None:
    finding = PolicyFinding("no-public-storage", mandatory=True, resource="Bucket models", message="is public")

    def refused() -> Summary:
        raise UpdateFailedError("preview of s failed", Summary({}, 1, (_step("create", "models"),), (finding,)))

    plan = Plan.of_preview("s", refused)
    assert plan.error == "preview of s failed"
    assert plan.headline == "would be refused"
    assert plan.findings[0].policy == "no-public-storage"
    assert "**refused** by policy `no-public-storage`" in plan.as_markdown()


def test_preview_that_never_began_is_a_plan_with_an_error_too() -> None:
    def locked() -> Summary:
        raise FleetError("stack s is being updated by another host")

    plan = Plan.of_preview("s", locked)
    assert (plan.headline, plan.error) == ("no plan", "stack s is being updated by another host")


def test_comment_names_each_stack_that_has_no_plan(tmp_path: Path) -> None:
    Plan(stack="a").save(tmp_path / "a.json")
    ran = CliRunner().invoke(app, ["comment", str(tmp_path / "a.json"), "--stacks", "a,b"])
    assert ran.exit_code == 0, ran.output
    assert "| `a` | no change |" in ran.output
    assert "| `b` | **no plan** |" in ran.output
    assert "### `b`: no plan" in ran.output
    assert "No stack is touched." in CliRunner().invoke(app, ["comment", "--stacks", ""]).output


def test_saved_plan_is_read_again(tmp_path: Path) -> None:
    plan = Plan(
        stack="s",
        changes=(Change(operation="delete", type=_BUCKET, name="models", properties=("a", "b")),),
        findings=(PolicyFinding(policy="p", mandatory=False, resource="", message="m"),),
    )
    file = tmp_path / "plans" / "s.json"
    plan.save(file)
    assert Plan.read(file) == plan


@pytest.mark.parametrize("text", ["", "[]", '{"stack": 1}', '{"stack": "s", "else": 1}'])
def test_file_that_is_no_plan_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "s.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(FleetError, match="is no plan"):
        Plan.read(file)


def test_missing_file_is_told_how_to_make() -> None:
    with pytest.raises(FleetError, match="fleet preview STACK --save"):
        Plan.read(Path("/nonexistent/s.json"))


def test_losses_are_bold_and_not_folded() -> None:
    lost = Plan(stack="s", changes=(Change(operation="delete", type=_BUCKET, name="models"),)).as_markdown()
    assert "| **delete** | **models** |" in lost
    assert "<details>" not in lost
    assert "<details>" in Plan(stack="s", changes=(Change(operation="create", type="t", name="n"),)).as_markdown()


def test_foreign_texts_stay_texts() -> None:
    hostile = "@everyone [click](https://example.com) <img src=x> `code` **bold**\n# heading"
    plan = Plan(
        stack="s",
        changes=(Change(operation="update", type="t", name="a | b", properties=("x`y|z",)),),
        findings=(PolicyFinding(policy="p", mandatory=True, resource="r", message=hostile),),
        error="``` out of the fence",
    )
    text = plan.as_markdown()
    assert "@everyone" not in text
    assert "[click](" not in text
    assert "\\<img" in text
    assert "\n# heading" not in text
    assert "````text" in text
    assert "a \\| b" in text


def test_comment_tells_the_grave_first_and_stays_within_the_limit() -> None:
    small = Plan(stack="a", changes=(Change(operation="create", type="t", name="n"),))
    grave = Plan(stack="z", changes=(Change(operation="delete", type="t", name="n"),))
    text = comment([small, grave, Plan(stack="m", unchanged=5)], commit="0123456789abcdef", costs={"m": "+ 5 USD"})
    assert text.startswith(MARK)
    assert "of 0123456789ab" in text
    assert text.index("### `z`") < text.index("### `a`")
    assert "| `m` | no change | pass |" in text
    assert "+ 5 USD" in text
    many = [
        Plan(
            stack=f"s{n}", changes=tuple(Change(operation="delete", type="t" * 50, name=f"{i:200}") for i in range(99))
        )
        for n in range(9)
    ]
    text = comment(many)
    assert len(text) <= 65_536
    assert "more stacks" in text


def test_comment_of_nothing() -> None:
    assert "No stack is touched." in comment([])
