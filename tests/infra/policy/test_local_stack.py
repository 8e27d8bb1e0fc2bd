"""The local stack's own resources keep to every rule, with no exemption."""

import asyncio
import runpy
from datetime import date
from typing import Any

import pulumi
import pytest

from infra.policy.evaluation import Evaluation
from infra.policy.rule import Setting
from infra.policy.rules import RULES
from tests.infra.policy.programs_of import Resource, stack, subject
from toolchain.flavour import CHECKED_VARIABLE
from toolchain.locations import clone_dir

_DIGEST = "0" * 64
_COMPUTED: dict[str, dict[str, Any]] = {
    "modelfleet:local:Cluster": {"clusterId": "local-1", "kubeconfig": "{}", "gatewayAddress": "10.250.0.64"},
    "modelfleet:local:Image": {"reference": f"modelfleet.local/image@sha256:{_DIGEST}", "sourceDigest": "sha256:1"},
    "modelfleet:local:ModelWeights": {"folder": "/bucket/demo", "digest": f"sha256:{_DIGEST}"},
    "modelfleet:local:Certificate": {"certificate": "CERT", "privateKey": "KEY", "caCertificate": "CA"},
    "modelfleet:access:ApiKey": {"key": "mf-secret", "sha256": _DIGEST},
}


class Recorder(pulumi.runtime.Mocks):
    """Keeps what a program makes."""

    def __init__(self) -> None:
        self.made: dict[str, Resource] = {}

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        self.made[f"{args.typ}::{args.name}"] = Resource(args.name, args.typ, args.inputs)
        return f"{args.name}-id", {**args.inputs, **_COMPUTED.get(args.typ, {})}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(args)


def test_the_local_stack_needs_no_exemption(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    asyncio.set_event_loop(asyncio.new_event_loop())
    pulumi.runtime.set_mocks(recorder, project="modelfleet", stack="local")
    monkeypatch.setenv("PULUMI_CONFIG", '{"modelfleet:cloud": "local"}')
    monkeypatch.setenv(CHECKED_VARIABLE, "local")
    monkeypatch.setattr(pulumi, "get_stack", lambda: "local")

    @pulumi.runtime.test
    def run() -> None:
        runpy.run_path(str(clone_dir() / "infra"), run_name="__main__")

    run()
    setting = Setting(cloud="local")
    judge = Evaluation(RULES, (), date(2026, 1, 1))
    whole = stack(recorder.made, setting)
    assert any(member.kind == "kubernetes:apps/v1:Deployment" for member in whole.members)
    verdicts = [judge.judge(subject(resource, setting)) for resource in recorder.made.values()]
    verdicts += [judge.judge_member(member, whole) for member in whole.members]
    assert [str(found) for verdict in verdicts for found in verdict.violations] == []
