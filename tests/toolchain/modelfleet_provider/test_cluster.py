"""Whose an embedded cluster is; what one does stands in tests/toolchain/cluster."""

from pathlib import Path

import pytest

from toolchain.cluster import EmbeddedCluster
from toolchain.cluster.errors import ClusterOwnedError
from toolchain.modelfleet_provider.cluster import Cluster


@pytest.fixture
def claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddedCluster:
    """A cluster that was never started, and is stack one's."""
    monkeypatch.setenv("MODELFLEET_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MODELFLEET_RUN", str(tmp_path / "run"))
    cluster = EmbeddedCluster("shared")
    assert cluster.owner is None
    assert not cluster.exists
    cluster.claim("one")
    return cluster


def test_another_stack_can_t_have_it(claimed: EmbeddedCluster) -> None:
    inputs = {"clusterName": "shared", "simulatedGpus": 0, "stack": "two"}
    with pytest.raises(ClusterOwnedError, match="belongs to stack one"):
        Cluster().create(inputs, print)
    claimed.claim("one")
    assert claimed.owner == "one"


def test_another_stack_s_end_leaves_it(claimed: EmbeddedCluster) -> None:
    Cluster().delete("shared", {"clusterName": "shared", "stack": "two"})
    assert claimed.exists
    assert claimed.owner == "one"


def test_its_own_stack_s_end_removes_it(claimed: EmbeddedCluster) -> None:
    Cluster().delete("shared", {"clusterName": "shared", "stack": "one"})
    assert not claimed.exists


def test_a_preview_knows_that_a_stopped_cluster_comes_back_as_itself(claimed: EmbeddedCluster) -> None:
    outputs = {"clusterName": "shared", "clusterId": "shared-0123456789ab"}
    assert Cluster().kept(outputs) == {}  # its data is gone: it will be another one
    claimed.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
    claimed.kubeconfig.write_text("")
    assert Cluster().kept(outputs) == {"clusterId": "shared-0123456789ab"}
