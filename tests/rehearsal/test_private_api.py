"""A private cluster's simulated API server answers through its tunnel, and in no other way."""

import json
import os
from pathlib import Path

import pytest

from fleet.engine import UpdateFailedError
from fleet.rehearse import Identity, Rehearsal
from fleet.tunnel import TunnelRecords
from fleet.tunnel.reach import reached
from rehearsal.clusters.mode import ClusterMode
from rehearsal.world import World

PROGRAMS = Path(__file__).parent / "programs"
PROGRAM = """
import json
import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

cluster = aws.eks.Cluster(
    "c",
    name="c",
    role_arn="arn:aws:iam::111122223333:role/cluster",
    vpc_config={
        "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        "endpoint_private_access": True,
        "endpoint_public_access": False,
    },
)
aws.autoscaling.Group("t", name="t", min_size=1, max_size=1, vpc_zone_identifiers=["subnet-0123456789abcdef0"],
                      launch_template={"name": "t"})
kubeconfig = cluster.endpoint.apply(lambda endpoint: json.dumps({
    "current-context": "c",
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    "clusters": [{"name": "c", "cluster": {"server": endpoint}}],
    "users": [{"name": "c", "user": {}}],
}))
pulumi.export("kubeconfig", kubeconfig)
pulumi.export("tunnel", {"kind": "session-manager", "region": "us-east-1", "machine": "t"})
if pulumi.Config("rehearsed").get("inside"):
    provider = k8s.Provider("c", kubeconfig=kubeconfig, cluster_identifier=cluster.arn)
    k8s.core.v1.Namespace("n", metadata={"name": "n"}, opts=pulumi.ResourceOptions(provider=provider))
"""


NAMESPACE = "kubernetes:core/v1:Namespace"
NOT_REACHED = {
    ClusterMode.REMEMBERED: r"no such host(.|\n)*answers through its tunnel only",
    ClusterMode.REAL: r"eks\.simulated\.invalid.*cannot be reached",
}


@pytest.mark.parametrize(
    "mode",
    [
        ClusterMode.REMEMBERED,
        pytest.param(
            ClusterMode.REAL,
            marks=[
                pytest.mark.cluster,
                pytest.mark.slow,
                pytest.mark.skipif(os.geteuid() != 0, reason="namespaces are made by root"),
            ],
        ),
    ],
)
def test_objects_are_kept_only_through_the_tunnel(
    mode: ClusterMode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELFLEET_STATE", str(tmp_path / "state"))
    project = tmp_path / "program"
    project.mkdir()
    (project / "Pulumi.yaml").write_text((PROGRAMS / "aws" / "Pulumi.yaml").read_text())
    (project / "Pulumi.test.yaml").write_text("config:\n  aws:region: us-east-1\n")
    (project / "__main__.py").write_text(PROGRAM)
    world = World.named("test")
    with world.held():
        identity = Identity("111122223333", "us-east-1")
        rehearsal = Rehearsal.open("test", world, identity, project=project, clusters=mode)
        rehearsal.up()
        file = world.stack_file("test")
        file.write_text(file.read_text().replace("config:\n", "config:\n  rehearsed:inside: yes\n"))

        with pytest.raises(UpdateFailedError, match=NOT_REACHED[mode]):
            rehearsal.up()
        assert NAMESPACE not in json.dumps(rehearsal.engine.export("test")["deployment"]["resources"])

        with reached(rehearsal.engine, "test", TunnelRecords(world.folder / "tunnels")) as engine:
            Rehearsal("test", world, engine, ()).up()
        assert NAMESPACE in json.dumps(rehearsal.engine.export("test")["deployment"]["resources"])
