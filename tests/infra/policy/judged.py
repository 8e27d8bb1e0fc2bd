"""Runs a stack's program without an engine, and judges all that it makes by the policy pack's rules."""

import json
import runpy
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from google.protobuf import json_format
from pulumi_policy.deserialize import deserialize_properties

import infra.config
from infra.config import from_pulumi
from infra.policy.evaluation import Evaluation
from infra.policy.inputs import Inputs
from infra.policy.pack import kind_of
from infra.policy.rule import Member, Setting, Stack, Subject
from infra.policy.rules import RULES
from tests.infra import recording
from tests.infra.clouds.aws import recording as aws
from tests.infra.clouds.azure import recording as azure
from tests.infra.clouds.gcp import recording as gcp
from toolchain.flavour import CHECKED_VARIABLE
from toolchain.locations import clone_dir

RECORDERS: Mapping[str, Callable[[], pulumi.runtime.Mocks]] = {
    "aws": aws.Recorder,
    "azure": azure.Recorder,
    "gcp": gcp.Recorder,
}


class Monitor(pulumi.runtime.mocks.MockMonitor):
    """Keeps what the engine would show to the pack: inputs, protection and what inputs were made from."""

    def __init__(self, mocks: pulumi.runtime.Mocks, setting: Setting) -> None:
        super().__init__(mocks)
        self.setting = setting
        self.subjects: list[Subject] = []
        self.members: list[Member] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - gRPC's name
        response = super().RegisterResource(request)
        inputs = Inputs(deserialize_properties(json_format.MessageToDict(request.object)))
        kind = kind_of(request.type)
        uses = {key: frozenset(value.urns) for key, value in request.propertyDependencies.items()}
        self.subjects.append(
            Subject(kind, request.name, response.urn, inputs, protect=request.protect, setting=self.setting)
        )
        self.members.append(Member(kind, request.name, response.urn, inputs, uses))
        return response


def violations(name: str, monkeypatch: pytest.MonkeyPatch, *, folder: Path | None = None) -> list[str]:
    """Run a stack's program and judge all that it makes.

    Args:
        name: Its name.
        folder: Where its file and those of its tenants are, if not in the repository's root.
    """
    pytest.importorskip("pulumi_azure_native")
    files = folder or clone_dir()
    config = yaml.safe_load((files / f"Pulumi.{name}.yaml").read_text(encoding="utf-8"))["config"]
    setting = Setting(cloud=config["modelfleet:cloud"])
    monitor = Monitor(RECORDERS[setting.cloud](), setting)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(texts))
    monkeypatch.setenv(CHECKED_VARIABLE, name)
    monkeypatch.setattr(pulumi, "get_stack", lambda: name)
    monkeypatch.setattr(infra.config, "from_pulumi", lambda stack, _: from_pulumi(stack, files))
    recording.run(
        lambda: runpy.run_path(str(clone_dir() / "infra"), run_name="__main__"),
        monitor.mocks,
        stack=name,
        monitor=monitor,
    )
    assert len(monitor.subjects) > 5
    judge = Evaluation(RULES, (), date(2026, 1, 1))
    whole = Stack(tuple(monitor.members), setting)
    verdicts = [judge.judge(subject) for subject in monitor.subjects]
    verdicts += [judge.judge_member(member, whole) for member in whole.members]
    return [f"{violation.urn.rpartition('$')[2]}: {violation}" for each in verdicts for violation in each.violations]
