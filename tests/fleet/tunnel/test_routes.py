"""What the clouds' programs are asked, word by word, against stand-ins that know a simulated account."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from fleet.tunnel import ApiServer, TunnelError, route_of
from fleet.tunnel.errors import NotReadyError
from rehearsal import guard
from rehearsal.account import Account, Resource
from rehearsal.api_server import UnreachableError, private_cluster, require_reachable
from rehearsal.clusters.managed_cluster import AKS, EKS
from rehearsal.tunnel import install
from toolchain.flavour import VARIABLE, Flavour

HOST = "abc.gr7.us-east-1.eks.simulated.invalid"
CLUSTER_ARN = "arn:aws:eks:us-east-1:111122223333:cluster/c"
AKS_ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/c"
BASTION_ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/bastionHosts/b"
KUBECONFIG = json.dumps({"clusters": [{"cluster": {"server": f"https://{HOST}"}}]})


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / guard.MARK).write_text("{}")
    (tmp_path / "home").mkdir()
    return {
        "PATH": f"{install(tmp_path)}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path / "home"),
        guard.WORLD_VARIABLE: str(tmp_path),
        VARIABLE: str(Flavour.SIMULATED),
        "PULUMI_BACKEND_URL": guard.backend_url(tmp_path),
    }


def hold(world: Path, cloud: str, *resources: Resource) -> None:
    account = Account(world / "account.sqlite", cloud, "111122223333")
    for each in resources:
        account.create(each)
    account.close()


def eks(*, public: bool = False) -> Resource:
    outputs = {"arn": CLUSTER_ARN, "endpoint": f"https://{HOST}"}
    return Resource(EKS, "c", {"vpcConfig": {"endpointPublicAccess": public}}, outputs)


def machine() -> Resource:
    return Resource("aws:autoscaling/group:Group", "t", {"name": "t"}, {})


def test_session_manager_is_asked_as_its_model_says(tmp_path: Path, environment: dict[str, str]) -> None:
    server = ApiServer(HOST, 443)
    route = route_of({"kind": "session-manager", "region": "us-east-1", "machine": "t"}, server, environment)
    with pytest.raises(NotReadyError, match="no machine t runs"):
        route.command(16443)
    hold(tmp_path, "aws", machine())
    command = route.command(16443)
    assert command[:3] == ["aws", "ssm", "start-session"]
    assert json.loads(command[-1]) == {"host": [HOST], "portNumber": ["443"], "localPortNumber": ["16443"]}
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode == 254
    assert "no API server of this account" in refused.stderr


def test_a_bastion_tunnel_names_subscription_host_and_cluster(tmp_path: Path, environment: dict[str, str]) -> None:
    tunnel = {"kind": "bastion", "host": BASTION_ID, "target": AKS_ID}
    command = list(route_of(tunnel, ApiServer(HOST, 443), environment).command(16443))
    hold(tmp_path, "azure-native", Resource(AKS, AKS_ID, {}, {}))
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "bastionHosts/b was not found" in refused.stderr
    hold(
        tmp_path,
        "azure-native",
        Resource(
            "azure-native:network:BastionHost", BASTION_ID, {"bastionHostName": "b", "enableTunneling": False}, {}
        ),
    )
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "Native Client must be enabled" in refused.stderr


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(TunnelError, match="no way that this `fleet` knows"):
        route_of({"kind": "carrier-pigeon"}, ApiServer(HOST, 443), {})


def test_a_stand_in_refuses_to_work_outside_of_a_rehearsal(tmp_path: Path, environment: dict[str, str]) -> None:
    outside = {**environment, guard.WORLD_VARIABLE: ""}
    done = subprocess.run(
        [tmp_path / "bin" / "aws", "ec2", "describe-instances"],
        env=outside,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 254
    assert "no rehearsal is under way" in done.stderr


def test_only_private_clusters_take_a_tunnel(tmp_path: Path) -> None:
    hold(tmp_path, "aws", eks(public=True))
    assert private_cluster(tmp_path / "account.sqlite", CLUSTER_ARN) is None
    hold(
        tmp_path, "azure-native", Resource(AKS, AKS_ID, {"apiServerAccessProfile": {"enablePrivateCluster": True}}, {})
    )
    found = private_cluster(tmp_path / "account.sqlite", AKS_ID)
    assert found is not None
    with pytest.raises(UnreachableError, match=f"lookup {HOST}: no such host"):
        require_reachable(found, KUBECONFIG, {})
