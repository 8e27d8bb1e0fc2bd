"""The local stack's own resources keep to every rule, with no exemption."""

import runpy
from datetime import date
from typing import Any

import pulumi
import pytest

from infra.policy.evaluation import Evaluation
from infra.policy.rule import Setting
from infra.policy.rules import RULES
from tests.infra import recording
from tests.infra.policy.programs_of import Resource, stack, subject
from toolchain.flavour import CHECKED_VARIABLE
from toolchain.locations import clone_dir

_DIGEST = "0" * 64
_COMPUTED: dict[str, dict[str, Any]] = {
    "modelfleet:local:Cluster": {"clusterId": "local-1", "kubeconfig": "{}", "gatewayAddress": "10.250.0.64"},
    "modelfleet:local:Image": {"reference": f"modelfleet.local/image@sha256:{_DIGEST}", "sourceDigest": "sha256:1"},
    "modelfleet:local:ModelWeights": {"folder": "/bucket/demo", "digest": f"sha256:{_DIGEST}"},
    "modelfleet:access:ApiKey": {"key": "mf-secret", "sha256": _DIGEST},
}


class Recorder(recording.Recorder):
    """The local stack's resources."""

    def outputs(self, args: pulumi.runtime.MockResourceArgs) -> dict[str, Any]:
        return {**super().outputs(args), **_COMPUTED.get(args.typ, {})}


def test_the_local_stack_needs_no_exemption(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    monkeypatch.setenv("PULUMI_CONFIG", '{"modelfleet:cloud": "local"}')
    monkeypatch.setenv(CHECKED_VARIABLE, "local")
    monkeypatch.setattr(pulumi, "get_stack", lambda: "local")
    recording.run(lambda: runpy.run_path(str(clone_dir() / "infra"), run_name="__main__"), recorder, stack="local")
    made = {f"{typ}::{name}": Resource(name, typ, args.inputs) for (typ, name), args in recorder.made.items()}
    setting = Setting(cloud="local")
    judge = Evaluation(RULES, (), date(2026, 1, 1))
    whole = stack(made, setting)
    assert any(member.kind == "kubernetes:apps/v1:Deployment" for member in whole.members)
    verdicts = [judge.judge(subject(resource, setting)) for resource in made.values()]
    verdicts += [judge.judge_member(member, whole) for member in whole.members]
    assert [str(found) for verdict in verdicts for found in verdict.violations] == []
