"""The pack at work: the real engine runs it over programs, and what it says stops them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.policy.rules import RULES
from tests.infra.policy.programs_of import CLOUDS, PROJECT, STACK, Resource, Violation, compliant, violations
from toolchain.flavour import Flavour
from toolchain.locations import clone_dir
from toolchain.pulumi_home import pulumi_environment

pytestmark = pytest.mark.cluster  # the engine is one of the built tools
DEADLINE_S = 300
RULES_BY_ID = {rule.id: rule for rule in RULES}
PACK = clone_dir() / "infra" / "policy"

PROGRAM = """
import json, pulumi

rows = json.load(open("resources.json"))
made = {}

def filled(value):
    if isinstance(value, str) and value.startswith("${"):
        return made[value[2:-1]].id
    if isinstance(value, dict):
        return {key: filled(inner) for key, inner in value.items()}
    return [filled(inner) for inner in value] if isinstance(value, list) else value

for row in rows:
    options = pulumi.ResourceOptions(protect=row["protect"], version="1.0.0")
    made[row["name"]] = pulumi.CustomResource(row["kind"], row["name"], filled(row["properties"]), options)
"""


class Project:
    """A stack whose resources are rows of a file, under plugins that accept all of them."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        plugins = folder / "plugins"
        plugins.mkdir(parents=True)
        for package in ("aws", "azure-native", "gcp", "kubernetes"):
            script = plugins / f"pulumi-resource-{package}"
            script.write_text(
                f"#!/bin/sh\nexec env PYTHONPATH={clone_dir()} {sys.executable} "
                f'{clone_dir()}/tests/infra/policy/accepting_plugin.py {package} "$@"\n'
            )
            script.chmod(0o755)
        runtime = {"name": "python", "options": {"virtualenv": sys.prefix, "toolchain": "pip"}}
        providers = [{"name": name, "path": "plugins"} for name in ("aws", "azure-native", "gcp", "kubernetes")]
        (folder / "Pulumi.yaml").write_text(
            json.dumps({"name": PROJECT, "runtime": runtime, "plugins": {"providers": providers}})
        )
        (folder / "__main__.py").write_text(PROGRAM)
        self._pulumi("stack", "init", STACK)
        self._pulumi("config", "set", "modelfleet:cloud", "aws")

    def run(self, operation: str, resources: Iterable[Resource], pack: Path = PACK) -> "Run":
        rows = [
            {"name": row.name, "kind": row.kind, "properties": row.properties, "protect": row.protect}
            for row in ordered(resources)
        ]
        (self.folder / "resources.json").write_text(json.dumps(rows))
        log = self.folder / "events"
        log.unlink(missing_ok=True)
        arguments = ["--policy-pack", str(pack), "--event-log", str(log)]
        if operation == "up":
            arguments += ["--yes", "--skip-preview"]
        done = self._pulumi(operation, *arguments, check=False)
        events = [json.loads(line) for line in log.read_text().splitlines()]
        return Run(done.returncode, done.stdout, [event["policyEvent"] for event in events if "policyEvent" in event])

    def made(self) -> set[str]:
        """Names of the resources that are in the state."""
        state = json.loads(self._pulumi("stack", "export").stdout)
        rows = state["deployment"].get("resources", ())
        return {row["urn"].rpartition("::")[2] for row in rows if row["custom"] and ":providers:" not in row["type"]}

    def _pulumi(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env={**self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout
        return done


class Run:
    """What the engine said."""

    def __init__(self, status: int, printed: str, events: Sequence[Mapping[str, Any]]) -> None:
        self.status = status
        self.printed = printed
        self.mandatory = [event for event in events if event["enforcementLevel"] == "mandatory"]
        self.advice = [event for event in events if event["enforcementLevel"] == "advisory"]

    def broken(self) -> set[tuple[str, str]]:
        """Rules and the names of resources that break them."""
        return {
            (rule_of(event["message"]), event.get("resourceUrn", "").rpartition("::")[2]) for event in self.mandatory
        }


def rule_of(message: str) -> str:
    """A finding's message is the policy's description, then the rule's name and what is wrong."""
    return message.splitlines()[1].partition(" ")[0]


def ordered(resources: Iterable[Resource]) -> Iterator[Resource]:
    """Resources after those that they are made from."""
    waiting = {resource.name: resource for resource in resources}
    while waiting:
        name = next(
            name
            for name, resource in waiting.items()
            if not any(f"${{{other}}}" in json.dumps(resource.properties) for other in waiting if other != name)
        )
        yield waiting.pop(name)


def beside_each_other(found: Iterable[Violation]) -> tuple[list[Resource], set[tuple[str, str]]]:
    """All violations in one program: each with copies of what it needs, under names of their own."""
    resources: list[Resource] = []
    expected: set[tuple[str, str]] = set()
    for number, violation in enumerate(found):
        names = {name: f"{name}-{number}" for name in needed(violation)}
        for name, renamed in names.items():
            row = violation.program[name]
            text = json.dumps(row.properties)
            for other, new in names.items():
                text = text.replace(f"${{{other}}}", f"${{{new}}}")
            resources.append(replace(row, name=renamed, properties=json.loads(text)))
        expected.add((violation.rule, names[violation.resource]))
    return resources, expected


def needed(violation: Violation) -> set[str]:
    """The changed resource, what it is made from, and where a rule looks for it, what is made from it."""
    program = violation.program
    uses = {
        name: {other for other in program if f"${{{other}}}" in json.dumps(row.properties)}
        for name, row in program.items()
    }
    names = {violation.resource}
    if program[violation.resource].kind in RULES_BY_ID[violation.rule].member_checks:
        names |= {name for name, used in uses.items() if violation.resource in used}
    waiting = set(names)
    while waiting:
        waiting = {other for name in waiting for other in uses[name]} - names
        names |= waiting
    return names


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELFLEET_STATE", str(tmp_path_factory.mktemp("state")))
        for name in [name for name in os.environ if name.startswith("PULUMI_")]:
            patch.delenv(name)
        yield {**os.environ, **pulumi_environment(Flavour.BUILT), "PULUMI_DEBUG_COMMANDS": "true"}


@pytest.fixture
def project(tmp_path: Path, environment: dict[str, str]) -> Project:
    backend = tmp_path / "backend"
    backend.mkdir()
    return Project(tmp_path / "prog", {**environment, "PULUMI_BACKEND_URL": f"file://{backend}"})


def pack_with(folder: Path, *exemptions: str) -> Path:
    """The pack with other exemptions."""
    folder.mkdir()
    (folder / "PulumiPolicy.yaml").write_text(
        json.dumps({"runtime": {"name": "python", "options": {"virtualenv": sys.prefix, "toolchain": "pip"}}})
    )
    (folder / "exemptions.yaml").write_text("exemptions:\n" + "".join(f"- {row}\n" for row in exemptions))
    (folder / "__main__.py").write_text(
        f"import sys\nsys.path.insert(0, {str(clone_dir())!r})\n"
        "from datetime import date\nfrom pathlib import Path\nfrom infra.policy.pack import serve\n"
        "serve(date(2026, 6, 1), Path(__file__).with_name('exemptions.yaml'))\n"
    )
    return folder


def renamed(properties: Mapping[str, Any], cloud: str) -> Mapping[str, Any]:
    return json.loads(json.dumps(properties).replace("${", f"${{{cloud}-"))


def test_programs_that_keep_to_all_rules_pass_a_preview_and_an_update(project: Project) -> None:
    resources = [
        replace(resource, name=f"{cloud}-{resource.name}", properties=renamed(resource.properties, cloud))
        for cloud in CLOUDS
        for resource in compliant(cloud).values()
    ]
    for operation in ("preview", "up"):
        run = project.run(operation, resources)
        assert run.mandatory == []
        assert run.advice == []
        assert run.status == 0, run.printed


def test_programs_that_break_a_rule_are_stopped(project: Project) -> None:
    """Every violation of every cloud in one preview, each found by its rule and on its resource."""
    resources, expected = beside_each_other(found for cloud in CLOUDS for found in violations(cloud))
    run = project.run("preview", resources)
    assert run.status != 0
    assert expected - run.broken() == set()
    assert "error: preview failed" in run.printed


WILDCARD = json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
LATE = (
    Resource("document", "aws:s3/bucketLogging:BucketLogging", {"reportedId": WILDCARD}),
    Resource("late", "aws:iam/rolePolicy:RolePolicy", {"role": "reader", "policy": "${document}"}),
)
TAGS = {"environment": "test", "owner": "test", "modelfleet-stack": "test"}
OPEN = Resource("open", "aws:sqs/queue:Queue", {"tags": TAGS})


def test_what_a_preview_cannot_judge_it_says_and_the_update_judges(project: Project) -> None:
    preview = project.run("preview", LATE)
    assert preview.status == 0, preview.printed
    (advice,) = preview.advice
    assert "judged by the update, before the resource is made: iam-no-wildcard waits for policy" in advice["message"]
    assert advice["resourceUrn"].endswith("::late")
    update = project.run("up", LATE)
    assert update.status != 0
    assert update.broken() == {("iam-no-wildcard", "late")}
    assert project.made() == {"document"}


def test_exemptions_are_reported_and_an_expired_one_stops_the_run(project: Project, tmp_path: Path) -> None:
    reason = "reason: the vendor takes no key yet"
    used = f"{{rule: customer-managed-key, resource: 'urn:pulumi:dev::*::open', {reason}, expires: 2026-06-01}}"
    unused = f"{{rule: tls-1.2, resource: 'urn:pulumi:dev::*::other', {reason}, expires: 2027-06-01}}"
    run = project.run("preview", [OPEN], pack_with(tmp_path / "valid", used, unused))
    assert run.status == 0, run.printed
    said = [event["message"] for event in run.advice]
    assert [f"({number} resources of this stack)" in message for number, message in zip((1, 0), said, strict=True)]
    assert "customer-managed-key for urn:pulumi:dev::*::open until 2026-06-01: the vendor takes no key yet" in said[0]
    expired = used.replace("2026-06-01", "2026-05-31")
    run = project.run("preview", [OPEN], pack_with(tmp_path / "expired", expired))
    assert run.status != 0
    assert ("customer-managed-key", "open") in run.broken()
    assert "an exemption has expired: customer-managed-key for urn:pulumi:dev::*::open" in run.printed


def test_a_file_of_exemptions_that_cannot_be_used_stops_the_run(project: Project, tmp_path: Path) -> None:
    run = project.run("preview", [], pack_with(tmp_path / "bad", "{rule: nonsense}"))
    assert run.status != 0
    assert "exemptions.yaml:2: exemptions[0]" in run.printed
